import type { Exemplar } from './prometheus';

/** Thin exemplars out as Grafana's Prometheus data source does: in each step, those of clearly different values. */
export function sampled(exemplars: Exemplar[], step: number): Exemplar[] {
  const apart = 2 * deviationOf(exemplars.map(({ value }) => value));
  const steps = new Map<number, Exemplar[]>();
  const falling = [...exemplars].sort((left, right) => right.value - left.value || left.timestamp - right.timestamp);
  for (const exemplar of falling) {
    const key = Math.floor(exemplar.timestamp / step);
    const kept = steps.get(key) ?? [];
    const last = kept.at(-1);
    if (!last || (apart > 0 && last.value - exemplar.value >= apart)) {
      kept.push(exemplar);
    }
    steps.set(key, kept);
  }
  return [...steps.values()].flat();
}

function deviationOf(values: number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0;
}
