import { getFieldDisplayValues, VizOrientation, type FieldDisplay, type PanelProps } from '@grafana/data';
import type { SingleStatBaseOptions } from '@grafana/schema';
import type { useTheme2 } from '@grafana/ui';

/** The defaults that stat, gauge and bar gauge share. */
export const singleValueDefaults = {
  reduceOptions: { values: false, calcs: ['lastNotNull'], fields: '' },
  orientation: VizOrientation.Auto,
};

type Props = Pick<PanelProps, 'data' | 'fieldConfig' | 'replaceVariables' | 'timeZone'> & {
  options: SingleStatBaseOptions;
};

/** Reduce a panel's frames to the values that it shows; where there are none, to one that says so. */
export function singleValues(
  { data, fieldConfig, options, replaceVariables, timeZone }: Props,
  theme: ReturnType<typeof useTheme2>,
  { sparkline = false, percentChange = false } = {}
): FieldDisplay[] {
  return getFieldDisplayValues({
    data: data.series,
    fieldConfig,
    percentChange,
    reduceOptions: options.reduceOptions,
    replaceVariables,
    sparkline,
    theme,
    timeZone,
  });
}
