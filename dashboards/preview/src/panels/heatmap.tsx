import { formattedValueToString, getValueFormat, type DataFrame, type PanelProps } from '@grafana/data';
import { AxisPlacement, ScaleDirection, ScaleOrientation } from '@grafana/schema';
import {
  defaultOptions,
  type Options,
} from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import { commonOptionsBuilder, UPlotChart, UPlotConfigBuilder, useTheme2, VizLayout } from '@grafana/ui';
import { useMemo } from 'react';
import type uPlot from 'uplot';
import { panelPlugin } from '../fieldConfig';
import { boundOf } from '../frames';
import { ColorScale } from './colorScale';
import { NoData } from './noData';
import { paletteOf } from './palette';

/** Buckets over time, a row each: the cells are painted here, since Grafana publishes no heatmap. */
function HeatmapPanel({ data, fieldConfig, height, options, timeRange, timeZone, width }: PanelProps<Options>) {
  const theme = useTheme2();
  const frame = data.series.find(({ length }) => length);
  const palette = useMemo(() => paletteOf(options.color, theme), [options, theme]);
  const cells = useMemo(() => frame && cellsOf(frame, options), [frame, options]);
  const config = useMemo(() => {
    const builder = new UPlotConfigBuilder(timeZone);
    if (!frame || !cells) {
      return builder;
    }
    const bounds = frame.fields.slice(1).map(({ name }) => boundOf(name));
    const time = { orientation: ScaleOrientation.Horizontal, direction: ScaleDirection.Right };
    const rows = { orientation: ScaleOrientation.Vertical, direction: ScaleDirection.Up };
    builder.addScale({
      ...time,
      scaleKey: 'x',
      isTime: true,
      range: () => [timeRange.from.valueOf(), timeRange.to.valueOf()],
    });
    builder.addScale({ ...rows, scaleKey: 'y', range: () => [0, bounds.length] });
    builder.addAxis({ scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, theme, timeZone });
    builder.addAxis({
      scaleKey: 'y',
      placement: options.yAxis?.axisPlacement ?? AxisPlacement.Left,
      label: options.yAxis?.axisLabel,
      size: options.yAxis?.axisWidth,
      theme,
      splits: (plot) => thinned(bounds.length, plot.height),
      values: (_, splits) => splits.map((row) => boundLabel(row, bounds, options)),
    });
    builder.addHook('drawAxes', (plot) => paintCells(plot, cells, palette, options.cellGap ?? 1));
    const exemplars = (data.annotations ?? []).filter(({ name }) => name === 'exemplar');
    const color = theme.visualization.getColorByName(options.exemplars.color);
    builder.addHook('draw', (plot) => exemplars.forEach((exemplar) => paintExemplars(plot, exemplar, bounds, color)));
    return builder;
  }, [frame, cells]);
  if (!frame || !cells) {
    return <NoData fieldConfig={fieldConfig} />;
  }
  const legend = options.legend.show ? (
    <VizLayout.Legend maxHeight="20%" placement="bottom">
      <ColorScale
        display={(value) => formattedValueToString(getValueFormat(options.cellValues?.unit ?? 'short')(value))}
        max={cells.max}
        min={cells.min}
        palette={palette}
      />
    </VizLayout.Legend>
  ) : null;
  return (
    <VizLayout height={height} legend={legend} width={width}>
      {(width, height) => <UPlotChart config={config} data={[frame.fields[0].values]} height={height} width={width} />}
    </VizLayout>
  );
}

interface Cells {
  times: number[];
  /** Milliseconds that a cell spans, around its time. */
  span: number;
  counts: number[][];
  min: number;
  max: number;
}

/** Take the cells that have a colour: those above the options' least value. */
function cellsOf(frame: DataFrame, { color, filterValues }: Options): Cells {
  const [times, ...counts] = frame.fields.map(({ values }) => values as number[]);
  const floor = filterValues?.le ?? 1e-9;
  const shown = counts.flat().filter((count) => count > floor);
  const gaps = times.slice(1).map((time, index) => time - times[index]);
  return {
    times,
    span: gaps.length ? Math.min(...gaps) : 60_000,
    counts: counts.map((row) => row.map((count) => (count > floor ? count : NaN))),
    min: color.min ?? shown.reduce((least, count) => Math.min(least, count), Infinity),
    max: color.max ?? shown.reduce((most, count) => Math.max(most, count), -Infinity),
  };
}

function paintCells(plot: uPlot, { times, span, counts, min, max }: Cells, palette: string[], gap: number): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  counts.forEach((row, index) => {
    const top = Math.round(plot.valToPos(index + 1, 'y', true));
    const bottom = Math.round(plot.valToPos(index, 'y', true));
    row.forEach((count, column) => {
      if (Number.isNaN(count)) {
        return;
      }
      const left = Math.round(plot.valToPos(times[column] - span / 2, 'x', true));
      const right = Math.round(plot.valToPos(times[column] + span / 2, 'x', true));
      const share = max > min ? (count - min) / (max - min) : 1;
      ctx.fillStyle = palette[Math.round(Math.min(Math.max(share, 0), 1) * (palette.length - 1))];
      ctx.fillRect(left, top, Math.max(1, right - left - gap), Math.max(1, bottom - top - gap));
    });
  });
  ctx.restore();
}

function paintExemplars(plot: uPlot, frame: DataFrame, bounds: number[], color: string): void {
  const [times, values] = frame.fields.map(({ values }) => values as number[]);
  const SIZE = 8;
  plot.ctx.fillStyle = color;
  times.forEach((time, index) => {
    const row = bounds.findIndex((bound) => values[index] <= bound);
    const x = plot.valToPos(time, 'x', true);
    const y = plot.valToPos(row + 0.5, 'y', true);
    plot.ctx.fillRect(x - SIZE / 2, y - SIZE / 2, SIZE, SIZE);
  });
}

/** The rows whose bound is labelled: every one, or fewer where they would touch. */
function thinned(rows: number, height: number): number[] {
  let splits = Array.from({ length: rows + 1 }, (_, row) => row);
  while (splits.length > 3 && (height - 15) / splits.length < 10) {
    splits = splits.filter((_, index) => index % 2 === 0);
  }
  return splits;
}

/** The bound at the top of a row, in the axis's unit; Prometheus's first bucket begins at 0. */
function boundLabel(row: number, bounds: number[], { yAxis }: Options): string {
  const bound = row === 0 ? Math.min(0, bounds[0]) : bounds[row - 1];
  if (bound === Infinity) {
    return '+Inf';
  }
  return formattedValueToString(getValueFormat(yAxis?.unit ?? 'short')(bound, yAxis?.decimals));
}

export const heatmap = panelPlugin(HeatmapPanel, defaultOptions, {
  shared: (builder) => commonOptionsBuilder.addHideFrom(builder),
  custom: { scaleDistribution: undefined },
});
