import { getDisplayValueAlignmentFactors, type PanelProps } from '@grafana/data';
import { BigValueGraphMode, BigValueTextMode } from '@grafana/schema';
import {
  defaultOptions,
  type Options,
} from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import { BigValue, useTheme2, VizRepeater, type BigValueColorMode, type BigValueGraphMode as Graph } from '@grafana/ui';
import type { BigValueJustifyMode, BigValueTextMode as Text } from '@grafana/ui';
import { panelPlugin } from '../fieldConfig';
import { singleValueDefaults, singleValues } from './singleValues';

function StatPanel(props: PanelProps<Options>) {
  const theme = useTheme2();
  const { data, height, options, timeRange, width } = props;
  const values = singleValues(props, theme, {
    sparkline: options.graphMode !== BigValueGraphMode.None,
    percentChange: options.showPercentChange,
  });
  return (
    <VizRepeater
      autoGrid
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      getValues={() => values}
      height={height}
      itemSpacing={3}
      orientation={options.orientation}
      renderCounter={0}
      source={data}
      width={width}
      renderValue={({ value, alignmentFactors, count, height, width }) => (
        // @grafana/ui repeats the schema's enumerations, value for value, as types of its own.
        <BigValue
          alignmentFactors={alignmentFactors}
          colorMode={options.colorMode as unknown as BigValueColorMode}
          count={count}
          disableWideLayout={!options.wideLayout}
          graphMode={options.graphMode as unknown as Graph}
          height={height}
          justifyMode={options.justifyMode as unknown as BigValueJustifyMode}
          percentChangeColorMode={options.percentChangeColorMode}
          sparkline={value.sparkline && { ...value.sparkline, timeRange }}
          text={options.text}
          textMode={(options.textMode ?? BigValueTextMode.Auto) as unknown as Text}
          theme={theme}
          value={value.display}
          width={width}
        />
      )}
    />
  );
}

export const stat = panelPlugin(StatPanel, { ...singleValueDefaults, ...defaultOptions });
