import { rangeUtil, type TimeRange } from '@grafana/data';

/** A query of a panel, as Grafana's Prometheus data source stores it. */
export interface Target {
  refId: string;
  expr: string;
  legendFormat?: string;
  format?: 'time_series' | 'table' | 'heatmap';
  instant?: boolean;
  range?: boolean;
  exemplar?: boolean;
  hide?: boolean;
  /** Min step. */
  interval?: string;
}

/** How far apart the points of a query are, and over what it takes a rate; in seconds. */
export interface Intervals {
  step: number;
  rate: number;
}

/** The data source's scrape interval: Grafana's min step where a query gives none, in seconds. */
const SCRAPE_INTERVAL = 30;

/** Work out the step and $__rate_interval as Grafana's Prometheus data source does. */
export function intervalsOf(
  target: Target,
  panelInterval: string | undefined,
  range: TimeRange,
  points: number
): Intervals {
  const scrape = target.interval ? rangeUtil.intervalToSeconds(target.interval) : SCRAPE_INTERVAL;
  const fit = rangeUtil.calculateInterval(range, points, panelInterval).intervalMs / 1000;
  const step = Math.max(fit, scrape);
  return { step, rate: Math.max(step + scrape, 4 * scrape) };
}
