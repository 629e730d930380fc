import { getDisplayValueAlignmentFactors, VizOrientation, type PanelProps } from '@grafana/data';
import { BarGaugeDisplayMode, BarGaugeSizing } from '@grafana/schema';
import {
  defaultOptions,
  type Options,
} from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import { BarGauge, useTheme2, VizRepeater } from '@grafana/ui';
import { panelPlugin } from '../fieldConfig';
import { singleValueDefaults, singleValues } from './singleValues';

function BarGaugePanel(props: PanelProps<Options>) {
  const theme = useTheme2();
  const { data, height, options, width } = props;
  const values = singleValues(props, theme);
  const spacing = options.displayMode === BarGaugeDisplayMode.Lcd ? 2 : 10;
  const automatic = options.sizing === BarGaugeSizing.Auto;
  return (
    <VizRepeater
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      getValues={() => values}
      height={height}
      itemSpacing={spacing}
      maxVizHeight={automatic ? 300 : options.maxVizHeight}
      minVizHeight={automatic ? 16 : options.minVizHeight}
      minVizWidth={automatic ? 8 : options.minVizWidth}
      orientation={options.orientation}
      renderCounter={0}
      source={data}
      width={width}
      renderValue={({ value, alignmentFactors, count, height, orientation, width }) => (
        <BarGauge
          alignmentFactors={count > 1 ? alignmentFactors : undefined}
          display={value.view?.getFieldDisplayProcessor(value.colIndex ?? 0)}
          displayMode={options.displayMode}
          field={value.field}
          height={height}
          isOverflow={false}
          itemSpacing={spacing}
          lcdCellWidth={orientation === VizOrientation.Vertical ? 8 : 12}
          namePlacement={options.namePlacement}
          orientation={orientation}
          showUnfilled={options.showUnfilled}
          text={options.text}
          theme={theme}
          value={value.display}
          valueDisplayMode={options.valueMode}
          width={width}
        />
      )}
    />
  );
}

export const barGauge = panelPlugin(BarGaugePanel, { ...singleValueDefaults, ...defaultOptions });
