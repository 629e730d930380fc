import {
  applyFieldOverrides,
  EventBusSrv,
  getPanelOptionsWithDefaults,
  LoadingState,
  type DataFrame,
  type DataTransformerConfig,
  type PanelData,
  type PanelPlugin,
} from '@grafana/data';
import type { Panel as PanelModel } from '@grafana/schema';
import { ErrorBoundary, PanelChrome, useTheme2 } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { plugins } from './panels';
import { runQueries, type Answer, type Source } from './queries';
import { transform } from './transformations';
import { interpolateText } from './variables';

interface Props {
  panel: PanelModel;
  annotations: DataFrame[];
  source: Source;
  width: number;
  height: number;
  /** Told once, when the panel is drawn, or why it cannot be. */
  onDrawn: (panel: PanelModel, problem?: string) => void;
}

/** A panel of the dashboard in Grafana's frame. */
export function Panel({ panel, annotations, source, width, height, onDrawn }: Props) {
  const plugin = plugins[panel.type];
  const [problem, setProblem] = useState(plugin ? undefined : `unknown panel type ${panel.type}`);
  const say = (text: string) => interpolateText(text, source.variables);
  useEffect(() => {
    if (problem) {
      onDrawn(panel, problem);
    }
  }, [problem]);
  return (
    <PanelChrome
      description={panel.description && say(panel.description)}
      displayMode={panel.transparent ? 'transparent' : 'default'}
      height={height}
      statusMessage={problem}
      title={say(panel.title ?? '')}
      width={width}
    >
      {(width, height) =>
        !problem && (
          <ErrorBoundary onError={({ message }) => setProblem(message)}>
            {({ error }) =>
              !error && (
                <PanelBody {...{ panel, plugin, annotations, source, width, height, onDrawn }} onProblem={setProblem} />
              )
            }
          </ErrorBoundary>
        )
      }
    </PanelChrome>
  );
}

interface BodyProps extends Props {
  plugin: PanelPlugin;
  onProblem: (problem: string) => void;
}

/** What is inside of the frame: the panel's data, drawn by its plugin. */
function PanelBody({ panel, plugin, annotations, source, width, height, onDrawn, onProblem }: BodyProps) {
  const theme = useTheme2();
  const [answer, setAnswer] = useState<Answer>();

  useEffect(() => {
    const fail = (error: unknown) => onProblem(error instanceof Error ? error.message : `${error}`);
    runQueries(panel, width, source)
      .then(async ({ series, exemplars }) => ({
        series: await transform(series, (panel.transformations ?? []) as DataTransformerConfig[]),
        exemplars,
      }))
      .then(setAnswer, fail);
  }, []);

  useEffect(() => {
    if (answer) {
      const empty = answer.series.every(({ length }) => length === 0) && !panel.fieldConfig?.defaults.noValue;
      onDrawn(panel, empty ? 'No data' : undefined);
    }
  }, [answer]);

  if (!answer) {
    return null;
  }
  const { options, fieldConfig } = getPanelOptionsWithDefaults({
    plugin,
    currentOptions: panel.options ?? {},
    currentFieldConfig: panel.fieldConfig as never,
    isAfterPluginChange: false,
  });
  const replaceVariables = (text: string) => interpolateText(text, source.variables);
  const series = applyFieldOverrides({
    data: answer.series,
    fieldConfig,
    fieldConfigRegistry: plugin.fieldConfigRegistry,
    replaceVariables,
    theme,
    timeZone: 'utc',
  });
  const data: PanelData = {
    series,
    annotations: [...annotations, ...answer.exemplars],
    state: LoadingState.Done,
    timeRange: source.range,
  };
  const Component = plugin.panel!;
  return (
    <div style={{ height, width }}>
      <Component
        data={data}
        eventBus={new EventBusSrv()}
        fieldConfig={fieldConfig}
        height={height}
        id={panel.id ?? 0}
        onChangeTimeRange={nothing}
        onFieldConfigChange={nothing}
        onOptionsChange={nothing}
        options={options}
        renderCounter={0}
        replaceVariables={replaceVariables}
        timeRange={source.range}
        timeZone="utc"
        title={panel.title ?? ''}
        transparent={panel.transparent ?? false}
        width={width}
      />
    </div>
  );
}

/** The picture is still: nobody changes anything. */
function nothing(): void {}
