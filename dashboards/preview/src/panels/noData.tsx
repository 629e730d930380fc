import type { FieldConfigSource } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';

/** What Grafana writes across a panel that has nothing to draw. */
export function NoData({ fieldConfig }: { fieldConfig: FieldConfigSource }) {
  const theme = useTheme2();
  return (
    <div
      style={{
        alignItems: 'center',
        color: theme.colors.text.secondary,
        display: 'flex',
        height: '100%',
        justifyContent: 'center',
      }}
    >
      {fieldConfig.defaults.noValue ?? 'No data'}
    </div>
  );
}
