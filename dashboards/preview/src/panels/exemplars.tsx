import type { DataFrame } from '@grafana/data';
import { useTheme2, type UPlotConfigBuilder } from '@grafana/ui';
import { useLayoutEffect } from 'react';
import type uPlot from 'uplot';

interface Props {
  config: UPlotConfigBuilder;
  frames: DataFrame[];
}

/** From the middle of Grafana's diamond to its corners, in pixels. */
const REACH = 5;

/** Draw exemplars over a plot as Grafana does: a diamond each, at its value or at the edge that it is beyond. */
export function Exemplars({ config, frames }: Props) {
  const theme = useTheme2();
  useLayoutEffect(() => {
    const { blue77, blue95 } = theme.v1.palette;
    const color = theme.isDark ? blue95 : blue77;
    config.addHook('draw', (plot) => frames.forEach((frame) => draw(plot, frame, config.scaleKeys[1], color)));
  }, [config, frames, theme]);
  return null;
}

function draw({ bbox, ctx, valToPos }: uPlot, frame: DataFrame, scale: string, color: string): void {
  const [times, values] = frame.fields.map(({ values }) => values as number[]);
  ctx.save();
  ctx.fillStyle = color;
  times.forEach((time, index) => {
    const x = valToPos(time, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) {
      return;
    }
    const y = Math.min(Math.max(valToPos(values[index], scale, true), bbox.top), bbox.top + bbox.height);
    ctx.beginPath();
    ctx.moveTo(x, y - REACH);
    ctx.lineTo(x + REACH, y);
    ctx.lineTo(x, y + REACH);
    ctx.lineTo(x - REACH, y);
    ctx.fill();
  });
  ctx.restore();
}
