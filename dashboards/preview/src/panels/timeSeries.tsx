import { DataTopic, FieldType, type DataFrame, type PanelProps } from '@grafana/data';
import {
  BarAlignment,
  GraphDrawStyle,
  GraphGradientMode,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LineInterpolation,
  StackingMode,
  VisibilityMode,
} from '@grafana/schema';
import type {
  Options,
} from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import { commonOptionsBuilder, TimeSeries } from '@grafana/ui';
import { panelPlugin } from '../fieldConfig';
import { Annotations } from './annotations';
import { Exemplars } from './exemplars';
import { NoData } from './noData';

function TimeSeriesPanel({ data, fieldConfig, height, options, timeRange, timeZone, width }: PanelProps<Options>) {
  const frames = data.series.filter((frame) => frame.length).map(withoutInfinities);
  if (!frames.length) {
    return <NoData fieldConfig={fieldConfig} />;
  }
  const events = (data.annotations ?? []).filter((frame) => frame.meta?.dataTopic === DataTopic.Annotations);
  return (
    <TimeSeries
      frames={frames}
      height={height}
      legend={options.legend}
      structureRev={1}
      timeRange={timeRange}
      timeZone={timeZone}
      width={width}
    >
      {(config) => (
        <>
          <Annotations config={config} frames={events.filter(({ name }) => name !== 'exemplar')} />
          <Exemplars config={config} frames={events.filter(({ name }) => name === 'exemplar')} />
        </>
      )}
    </TimeSeries>
  );
}

/** A number without a place on the axis is drawn as a gap. */
function withoutInfinities(frame: DataFrame): DataFrame {
  return {
    ...frame,
    fields: frame.fields.map((field) =>
      field.type === FieldType.number
        ? { ...field, values: field.values.map((value) => (Number.isFinite(value) ? value : null)) }
        : field
    ),
  };
}

const defaults: Partial<Options> = {
  legend: { showLegend: true, displayMode: LegendDisplayMode.List, placement: 'bottom', calcs: [] },
};

export const timeSeries = panelPlugin(TimeSeriesPanel, defaults, {
  color: 'palette-classic',
  shared: (builder) => {
    commonOptionsBuilder.addAxisConfig(builder, {});
    commonOptionsBuilder.addHideFrom(builder);
    commonOptionsBuilder.addStackingConfig(builder, { mode: StackingMode.None, group: 'A' });
  },
  custom: {
    barAlignment: BarAlignment.Center,
    barMaxWidth: undefined,
    barWidthFactor: 0.6,
    drawStyle: GraphDrawStyle.Line,
    fillBelowTo: undefined,
    fillOpacity: 0,
    gradientMode: GraphGradientMode.None,
    insertNulls: false,
    lineInterpolation: LineInterpolation.Linear,
    lineStyle: undefined,
    lineWidth: 1,
    pointSize: 5,
    showPoints: VisibilityMode.Auto,
    showValues: false,
    spanNulls: false,
    thresholdsStyle: { mode: GraphThresholdsStyleMode.Off },
    transform: undefined,
  },
});
