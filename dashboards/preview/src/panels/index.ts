import type { PanelPlugin } from '@grafana/data';
import { barGauge } from './barGauge';
import { heatmap } from './heatmap';
import { stat } from './stat';
import { table } from './table';
import { timeSeries } from './timeSeries';

/** The kinds of panel that the preview can draw, by the type in the dashboard. */
export const plugins: Record<string, PanelPlugin> = {
  bargauge: barGauge,
  heatmap,
  stat,
  table,
  timeseries: timeSeries,
};
