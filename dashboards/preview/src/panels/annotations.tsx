import { colorManipulator, type DataFrame } from '@grafana/data';
import { useTheme2, type UPlotConfigBuilder } from '@grafana/ui';
import { useLayoutEffect } from 'react';
import type uPlot from 'uplot';

interface Props {
  config: UPlotConfigBuilder;
  frames: DataFrame[];
}

interface Region {
  time: number;
  timeEnd: number;
  color: string;
}

/** The height of the mark below the time axis's line, in pixels. */
const MARK = 5;

/** Draw annotations over a plot as Grafana does: a region within dashed lines, and a mark below the axis. */
export function Annotations({ config, frames }: Props) {
  const { getColorByName } = useTheme2().visualization;
  useLayoutEffect(() => {
    const regions = frames.flatMap(regionsOf).map((region) => ({ ...region, color: getColorByName(region.color) }));
    config.addHook('draw', (plot) => regions.forEach((region) => draw(plot, region)));
  }, [config, frames, getColorByName]);
  return null;
}

function draw({ bbox, ctx, valToPos }: uPlot, { time, timeEnd, color }: Region): void {
  const left = Math.max(bbox.left, valToPos(time, 'x', true));
  const right = Math.min(bbox.left + bbox.width, valToPos(timeEnd, 'x', true));
  const bottom = bbox.top + bbox.height;
  ctx.save();
  ctx.fillStyle = colorManipulator.alpha(color, 0.1);
  ctx.fillRect(left, bbox.top, right - left, bbox.height);
  ctx.fillStyle = color;
  ctx.fillRect(left, bottom, Math.max(right - left, MARK), MARK);
  ctx.strokeStyle = color;
  ctx.lineWidth = 2;
  ctx.setLineDash([5, 5]);
  for (const x of new Set([left, right])) {
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bottom);
    ctx.stroke();
  }
  ctx.restore();
}

function regionsOf(frame: DataFrame): Region[] {
  const [times, ends, colors] = frame.fields.map(({ values }) => values);
  return times.map((time, row) => ({ time, timeEnd: ends[row], color: colors[row] }));
}
