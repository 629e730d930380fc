import type { TimeRange } from '@grafana/data';
import type { VariableModel } from '@grafana/schema';
import type { Prometheus } from './prometheus';
import type { Intervals } from './targets';

/** A dashboard variable with the value that it has in this picture. */
export interface Variable {
  model: VariableModel;
  /** What the dropdown shows. */
  text: string[];
  /** What a query gets. */
  expression: string;
}

const REFERENCE = /\$(\w+)|\$\{(\w+)(?:\.[^:}]+)?(?::(\w+))?\}/g;
const SPECIAL = /[\\^$*+?.()|[\]{}]/g;
const LABEL_VALUES = /^label_values\((?:(.+),\s*)?(\w+)\s*\)$/s;

/** Settle every variable's value, in order, since a query may name the variables before it. */
export async function resolveVariables(
  models: VariableModel[],
  choices: Record<string, string[]>,
  prometheus: Prometheus,
  range: TimeRange
): Promise<Variable[]> {
  const known: Variable[] = [];
  for (const name of Object.keys(choices)) {
    if (!models.some((model) => model.name === name)) {
      throw new Error(`the dashboard has no variable ${name}`);
    }
  }
  for (const model of models) {
    known.push(await resolve(model, choices[model.name], known, prometheus, range));
  }
  return known;
}

async function resolve(
  model: VariableModel,
  chosen: string[] | undefined,
  known: Variable[],
  prometheus: Prometheus,
  range: TimeRange
): Promise<Variable> {
  if (chosen) {
    return { model, text: chosen, expression: anyOf(chosen, model) };
  }
  switch (model.type) {
    case 'datasource':
      return { model, text: ['Prometheus'], expression: 'prometheus' };
    case 'query': {
      if (model.includeAll && model.allValue) {
        return { model, text: ['All'], expression: model.allValue };
      }
      const values = await optionsOf(model, known, prometheus, range);
      if (!values.length) {
        throw new Error(`variable ${model.name}: no value`);
      }
      return model.includeAll
        ? { model, text: ['All'], expression: anyOf(values, model) }
        : { model, text: [values[0]], expression: anyOf([values[0]], model) };
    }
    default: {
      const value = model.current?.value ?? model.query;
      if (typeof value !== 'string') {
        throw new Error(`variable ${model.name}: type ${model.type} without a current value`);
      }
      return { model, text: [value], expression: value };
    }
  }
}

async function optionsOf(
  model: VariableModel,
  known: Variable[],
  prometheus: Prometheus,
  range: TimeRange
): Promise<string[]> {
  const query = typeof model.query === 'string' ? model.query : String(model.query?.query);
  const [, selector, label] = LABEL_VALUES.exec(query) ?? [];
  if (!label) {
    throw new Error(`variable ${model.name}: cannot run ${query}, only label_values()`);
  }
  const expression = selector && interpolate(selector, known);
  return prometheus.labelValues(label, expression, range.from.unix(), range.to.unix());
}

/** Write values as Grafana does for Prometheus: a regular expression where several may be chosen. */
function anyOf(values: string[], model: VariableModel): string {
  if (!model.multi && !model.includeAll) {
    return values[0];
  }
  // Two backslashes: one is the regular expression's, the other the PromQL string's that holds it.
  const escaped = values.map((value) => value.replace(SPECIAL, '\\\\$&'));
  return escaped.length === 1 ? escaped[0] : `(${escaped.join('|')})`;
}

/** Put variables into an expression; raises on one that is not there. */
export function interpolate(expression: string, variables: Variable[], builtIn: Record<string, string> = {}): string {
  return expression.replace(REFERENCE, (reference: string, plain?: string, braced?: string) => {
    const name = plain ?? braced ?? '';
    const value = builtIn[name] ?? variables.find(({ model }) => model.name === name)?.expression;
    if (value === undefined) {
      throw new Error(`unknown variable ${reference}`);
    }
    return value;
  });
}

/** Put variables into a title or a link, as one reads them; a reference to anything else stays. */
export function interpolateText(text: string, variables: Variable[]): string {
  return text.replace(REFERENCE, (reference: string, plain?: string, braced?: string) => {
    const found = variables.find(({ model }) => model.name === (plain ?? braced));
    return found ? found.text.join(' + ') : reference;
  });
}

/** The variables that Grafana itself gives to a query. */
export function builtIns({ step, rate }: Intervals, range: TimeRange): Record<string, string> {
  const seconds = range.to.unix() - range.from.unix();
  return {
    __interval: `${step}s`,
    __interval_ms: `${step * 1000}`,
    __rate_interval: `${rate}s`,
    __range: `${seconds}s`,
    __range_s: `${seconds}`,
    __range_ms: `${seconds * 1000}`,
  };
}
