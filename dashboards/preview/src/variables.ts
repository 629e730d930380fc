import type { TimeRange } from '@grafana/data';
import type { VariableModel } from '@grafana/schema';
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

/** Settle every variable's value: the chosen one, or All. */
export function resolveVariables(models: VariableModel[], choices: Record<string, string[]>): Variable[] {
  for (const name of Object.keys(choices)) {
    if (!models.some((model) => model.name === name)) {
      throw new Error(`the dashboard has no variable ${name}`);
    }
  }
  return models.map((model) => resolve(model, choices[model.name]));
}

function resolve(model: VariableModel, chosen: string[] | undefined): Variable {
  if (chosen) {
    return { model, text: chosen, expression: anyOf(chosen, model) };
  }
  if (model.type === 'datasource') {
    return { model, text: ['Prometheus'], expression: 'prometheus' };
  }
  if (model.includeAll && model.allValue) {
    return { model, text: ['All'], expression: model.allValue };
  }
  throw new Error(`variable ${model.name} has no All, and no --var says what it is`);
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
