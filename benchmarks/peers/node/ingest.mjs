// prom-client of Node.js: an increment or an observation for each value of a row. Arguments: the folder of page bodies
// and the families as JSON. Speaks the lines of ../subject.py; --expose-gc lets it collect the last round's garbage.

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Counter, Histogram, Registry } from 'prom-client';

const { version } = createRequire(import.meta.url)('prom-client/package.json');
const [folder, described] = process.argv.slice(2);
const families = JSON.parse(described);

function instruments() {
  const registry = new Registry();
  const made = {};
  for (const { key, name, help, labels, buckets } of families) {
    const options = { name, help, labelNames: labels, registers: [registry] };
    made[key] = buckets.length ? new Histogram({ ...options, buckets }) : new Counter(options);
  }
  return made;
}

function add(to, row) {
  const { model, status, usage } = row;
  const skill = row.skill ?? 'none';
  const labels = { account: 'default', source: 'completions', model, skill, status, late: 'false' };
  to.completions.inc(labels);
  if (usage.prompt_tokens !== null) to.input_tokens.inc(labels, usage.prompt_tokens);
  if (usage.completion_tokens !== null) {
    to.output_tokens.inc(labels, usage.completion_tokens);
    to.output_length.observe(labels, usage.completion_tokens);
  }
  if (usage.credits_used !== null) {
    to.credits.inc(labels, usage.credits_used);
    to.cost.observe(labels, usage.credits_used);
  }
  if (row.latency_ms !== null) to.duration.observe(labels, row.latency_ms / 1000);
  if (row.time_to_first_token_ms !== null) to.time_to_first_token.observe(labels, row.time_to_first_token_ms / 1000);
  if (status === 'success' && usage.completion_tokens !== null && usage.completion_tokens <= 128) {
    const low = { account: 'default', source: 'completions', model, skill, late: 'false' };
    to.low_token.inc(low);
    if (row.latency_ms > 10_000) to.slow_low_token.inc(low);
  }
}

async function total(counter) {
  const { values } = await counter.get();
  return values.reduce((sum, { value }) => sum + value, 0);
}

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const pages = readdirSync(folder).filter((name) => /^page-.*\.json$/.test(name)).sort();
const bodies = pages.map((name) => readFileSync(join(folder, name)));
say({ ready: true, version: `${version} on Node.js ${process.versions.node}` });

for await (const line of createInterface({ input: process.stdin })) {
  const asked = bodies.slice(0, JSON.parse(line).pages);
  const to = instruments();
  globalThis.gc();
  const before = process.cpuUsage();
  const started = performance.now();
  for (const body of asked) {
    for (const row of JSON.parse(body).data) add(to, row);
  }
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  const check = {
    completions: await total(to.completions),
    input_tokens: await total(to.input_tokens),
    output_tokens: await total(to.output_tokens),
  };
  say({ seconds, cpu: (user + system) / 1e6, units: check.completions, check });
}
