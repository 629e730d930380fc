import { createDataFrame, DataTopic, FieldType, formatLabels, type DataFrame } from '@grafana/data';
import type { Exemplar, Series } from './prometheus';
import type { Target } from './targets';

/** A frame for each series, as Grafana's Prometheus data source makes them. */
export function seriesFrames(target: Target, series: Series[], step: number): DataFrame[] {
  return series.map(({ metric, values }) => {
    const name = legendOf(target, metric);
    return createDataFrame({
      refId: target.refId,
      name,
      fields: [
        { ...timeField(values), config: { interval: step * 1000 } },
        {
          name: 'Value',
          type: FieldType.number,
          labels: metric,
          config: name ? { displayNameFromDS: name } : {},
          values: values.map(([, value]) => value),
        },
      ],
    });
  });
}

/** One frame with a column for each label; its value's name says which query it is, where there are several. */
export function tableFrame(target: Target, series: Series[], single: boolean): DataFrame {
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const rows = series.flatMap(({ metric, values }) => values.map((value) => ({ metric, value })));
  return createDataFrame({
    refId: target.refId,
    fields: [
      timeField(rows.map(({ value }) => value)),
      ...labels.map((label) => ({
        name: label,
        type: FieldType.string,
        config: { filterable: true },
        values: rows.map(({ metric }) => metric[label] ?? ''),
      })),
      {
        name: single ? 'Value' : `Value #${target.refId}`,
        type: FieldType.number,
        values: rows.map(({ value }) => value[1]),
      },
    ],
  });
}

/** One frame with a column for each bucket by rising bound; Prometheus's buckets are cumulative, these are not. */
export function heatmapFrames(target: Target, series: Series[]): DataFrame[] {
  const buckets = series
    .map(({ metric, values }) => ({ le: metric.le, counts: new Map(values) }))
    .sort((left, right) => boundOf(left.le) - boundOf(right.le));
  const times = [...new Set(series.flatMap(({ values }) => values.map(([time]) => time)))].sort((a, b) => a - b);
  if (!times.length) {
    return [];
  }
  const frame = createDataFrame({
    refId: target.refId,
    fields: [
      timeField(times.map((time) => [time, 0])),
      ...buckets.map(({ le, counts }, index) => ({
        name: le,
        type: FieldType.number,
        values: times.map((time) => Math.max(0, (counts.get(time) ?? 0) - (buckets[index - 1]?.counts.get(time) ?? 0))),
      })),
    ],
  });
  return [frame];
}

/** The exemplars of a query, with a column for each of their labels. */
export function exemplarFrame(target: Target, exemplars: Exemplar[]): DataFrame {
  const labels = [...new Set(exemplars.flatMap((exemplar) => Object.keys(exemplar.labels)))].sort();
  return createDataFrame({
    refId: target.refId,
    name: 'exemplar',
    meta: { dataTopic: DataTopic.Annotations },
    fields: [
      timeField(exemplars.map(({ timestamp, value }) => [timestamp, value])),
      { name: 'Value', type: FieldType.number, values: exemplars.map(({ value }) => value) },
      ...labels.map((label) => ({
        name: label,
        type: FieldType.string,
        values: exemplars.map((exemplar) => exemplar.labels[label] ?? ''),
      })),
    ],
  });
}

/** The upper bound that a bucket's label says. */
export function boundOf(le: string): number {
  return Number(le.replace('Inf', 'Infinity'));
}

function timeField(values: Array<[number, number]>) {
  return { name: 'Time', type: FieldType.time, config: {}, values: values.map(([time]) => time * 1000) };
}

/** The name of a series; empty where Grafana is to find a short one by itself. */
function legendOf({ legendFormat, expr }: Target, metric: Record<string, string>): string {
  if (legendFormat === '__auto') {
    return Object.keys(metric).length ? '' : expr;
  }
  if (legendFormat) {
    return legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label: string) => metric[label] ?? '');
  }
  const { __name__: name = '', ...labels } = metric;
  return Object.keys(metric).length ? name + (Object.keys(labels).length ? formatLabels(labels) : '') : expr;
}
