// Draw a dashboard's JSON as a PNG; exit with 1, and a line for each problem, where the picture is not whole.

import { createHash } from 'node:crypto';
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import puppeteer from 'puppeteer-core';
import { bundle } from './build.mjs';
import { withText } from './png.mjs';
import { serve } from './serve.mjs';

const USAGE = `usage: node draw.mjs --prometheus URL --from SECONDS --to SECONDS --out FILE.png
                     [--theme dark|light] [--width PIXELS] [--var NAME=VALUE]... [--chromium PATH] dashboard.json`;

/** How long a dashboard may take to draw, in milliseconds. */
const DEADLINE = 60_000;

const CHROMIUMS = ['chromium', 'chromium-browser', 'google-chrome'];

const CHROMIUM_ARGUMENTS = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--force-color-profile=srgb',
  '--font-render-hinting=none',
  '--hide-scrollbars',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  '--lang=en-US',
  '--no-first-run',
  // Chromium's sandbox does not work as root.
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
];

function readArguments() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      chromium: { type: 'string' },
      from: { type: 'string' },
      out: { type: 'string' },
      prometheus: { type: 'string' },
      theme: { type: 'string', default: 'dark' },
      to: { type: 'string' },
      var: { type: 'string', multiple: true, default: [] },
      width: { type: 'string', default: '1440' },
    },
  });
  const [from, to, width] = [values.from, values.to, values.width].map(Number);
  const valid =
    positionals.length === 1 && values.prometheus && values.out && from < to && width > 0 &&
    ['dark', 'light'].includes(values.theme) && values.var.every((choice) => choice.includes('='));
  if (!valid) {
    throw new Error(USAGE);
  }
  const prometheus = new URL(values.prometheus.replace(/\/*$/, '/'));
  return { ...values, prometheus, from, to, width, file: positionals[0], choices: choicesOf(values.var) };
}

function choicesOf(variables) {
  const choices = {};
  for (const variable of variables) {
    const [name, ...value] = variable.split('=');
    (choices[name] ??= []).push(value.join('='));
  }
  return choices;
}

function findChromium() {
  const places = (process.env.PATH ?? '').split(delimiter);
  const found = CHROMIUMS.flatMap((name) => places.map((place) => join(place, name))).find(isExecutable);
  if (!found) {
    throw new Error(`no Chromium on PATH (${CHROMIUMS.join(', ')}); name one with --chromium`);
  }
  return found;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Open the page; return its picture where there is one, and what the page says of it, its own errors included. */
async function picture(address, { chromium, width }) {
  const browser = await puppeteer.launch({
    args: CHROMIUM_ARGUMENTS,
    env: { ...process.env, LANG: 'en_US.UTF-8', LANGUAGE: 'en_US', TZ: 'UTC' },
    executablePath: chromium ?? findChromium(),
    headless: true,
  });
  try {
    const page = await browser.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(`page: ${error.message}`));
    page.on('console', (message) => isOwn(message) && errors.push(`page: ${message.text()}`));
    page.on('requestfailed', (request) => errors.push(`page: ${request.failure()?.errorText} ${request.url()}`));
    page.on('response', (response) => {
      if (isMissing(response)) {
        errors.push(`page: ${response.status()} ${response.url()}`);
      }
    });
    await page.setViewport({ width, height: 1000 });
    await page.goto(address);
    await page.waitForFunction('window.previewResult !== undefined', { timeout: DEADLINE }).catch(() => {
      throw new Error([`not drawn within ${DEADLINE / 1000} s`, ...errors].join('\n'));
    });
    // Icons are fetched one by one, as they are first shown.
    await page.waitForNetworkIdle({ idleTime: 100, timeout: DEADLINE });
    const result = await page.evaluate('window.previewResult');
    const height = Math.ceil(await page.$eval('#root', (root) => root.getBoundingClientRect().height));
    const clip = { x: 0, y: 0, width, height };
    const png = height > 0 ? Buffer.from(await page.screenshot({ clip })) : undefined;
    return { ...result, png, problems: [...result.problems, ...errors] };
  } finally {
    await browser.close();
  }
}

/** Tell whether a console message is the page's own error, not Chromium's on a response. */
function isOwn(message) {
  return message.type() === 'error' && !message.text().startsWith('Failed to load resource');
}

/** Tell whether a file of the page is not there; a failed query is told by its panel. */
function isMissing(response) {
  return !response.ok() && !new URL(response.url()).pathname.startsWith('/api/');
}

async function main() {
  const options = readArguments();
  const json = readFileSync(options.file);
  const { choices, from, theme, to } = options;
  const request = { choices, from, theme, to, dashboard: JSON.parse(json) };
  const server = await serve({ files: await bundle(), prometheus: options.prometheus, request });
  try {
    const address = `http://127.0.0.1:${server.address().port}/`;
    const { panels, png, problems, queries } = await picture(address, options);
    if (png) {
      writeFileSync(options.out, withText(png, 'dashboard-sha256', createHash('sha256').update(json).digest('hex')));
    }
    problems.forEach((problem) => console.error(`${options.file}: ${problem}`));
    console.log(`${options.out}: ${panels} panels drawn, ${queries} queries run, ${problems.length} problems`);
    process.exitCode = problems.length ? 1 : 0;
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 2;
});
