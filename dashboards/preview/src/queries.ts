import { DataTopic, FieldType, createDataFrame, type DataFrame, type TimeRange } from '@grafana/data';
import type { AnnotationQuery, Panel } from '@grafana/schema';
import { exemplarFrame, heatmapFrames, seriesFrames, tableFrame } from './frames';
import type { Prometheus, Series } from './prometheus';
import { sampled } from './sampling';
import { intervalsOf, type Target } from './targets';
import { builtIns, interpolate, type Variable } from './variables';

/** Where a dashboard's queries run. */
export interface Source {
  prometheus: Prometheus;
  variables: Variable[];
  range: TimeRange;
}

/** What the queries of a panel found. */
export interface Answer {
  series: DataFrame[];
  exemplars: DataFrame[];
}

/** Run a panel's queries, for a plot of so many pixels. */
export async function runQueries(panel: Panel, width: number, source: Source): Promise<Answer> {
  const targets = ((panel.targets ?? []) as unknown as Target[]).filter(({ hide }) => !hide);
  const points = panel.maxDataPoints ?? Math.floor(width);
  const answers = await Promise.all(
    targets.map((target) => runTarget(target, targets.length === 1, panel.interval, points, source))
  );
  return {
    series: answers.flatMap(({ series }) => series),
    exemplars: answers.flatMap(({ exemplars }) => exemplars),
  };
}

async function runTarget(
  target: Target,
  single: boolean,
  panelInterval: string | undefined,
  points: number,
  { prometheus, variables, range }: Source
): Promise<Answer> {
  const intervals = intervalsOf(target, panelInterval, range, points);
  const expression = interpolate(target.expr, variables, builtIns(intervals, range));
  const [start, end] = alignedTo(intervals.step, range);
  const found = target.instant
    ? await prometheus.instant(expression, range.to.unix())
    : await prometheus.range(expression, start, end, intervals.step);
  const wanted = target.exemplar && !target.instant;
  const exemplars = wanted ? sampled(await prometheus.exemplars(expression, start, end), intervals.step) : [];
  return {
    series: framesOf(target, found, single, intervals.step),
    exemplars: exemplars.length ? [exemplarFrame(target, exemplars)] : [],
  };
}

function framesOf(target: Target, found: Series[], single: boolean, step: number): DataFrame[] {
  switch (target.format) {
    case 'table':
      return [tableFrame(target, found, single)];
    case 'heatmap':
      return heatmapFrames(target, found);
    default:
      return seriesFrames(target, found, step);
  }
}

/** Grafana asks for points at whole multiples of the step. */
function alignedTo(step: number, range: TimeRange): [number, number] {
  return [Math.floor(range.from.unix() / step) * step, Math.floor(range.to.unix() / step) * step];
}

/** An annotation's step, in seconds: Grafana's default. */
const ANNOTATION_STEP = 60;

/** Run an annotation's query: each time that a series is there without a break becomes a region. */
export async function runAnnotation(
  annotation: AnnotationQuery,
  { prometheus, variables, range }: Source
): Promise<DataFrame> {
  const query = annotation as AnnotationQuery & { expr?: string; target?: { expr?: string } };
  const expr = query.expr ?? query.target?.expr;
  if (!expr) {
    throw new Error('no query');
  }
  const [start, end] = alignedTo(ANNOTATION_STEP, range);
  const intervals = { step: ANNOTATION_STEP, rate: 4 * ANNOTATION_STEP };
  const expression = interpolate(expr, variables, builtIns(intervals, range));
  const found = await prometheus.range(expression, start, end, ANNOTATION_STEP);
  const regions = found.flatMap(regionsOf);
  return createDataFrame({
    name: annotation.name,
    meta: { dataTopic: DataTopic.Annotations },
    fields: [
      { name: 'time', type: FieldType.time, values: regions.map(([from]) => from * 1000) },
      { name: 'timeEnd', type: FieldType.time, values: regions.map(([, to]) => to * 1000) },
      { name: 'color', type: FieldType.string, values: regions.map(() => annotation.iconColor) },
    ],
  });
}

function regionsOf({ values }: Series): Array<[number, number]> {
  const regions: Array<[number, number]> = [];
  for (const [time, value] of values) {
    const last = regions.at(-1);
    if (value === 0) {
      continue;
    }
    if (last && time - last[1] <= ANNOTATION_STEP) {
      last[1] = time;
    } else {
      regions.push([time, time]);
    }
  }
  return regions;
}
