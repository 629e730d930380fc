import { useTheme2 } from '@grafana/ui';

interface Props {
  palette: string[];
  min: number;
  max: number;
  display: (value: number) => string;
}

/** The legend of a heatmap: its colours, from the least count to the most. */
export function ColorScale({ display, max, min, palette }: Props) {
  const theme = useTheme2();
  const bands = palette.map((color, index) => {
    const [from, to] = [index, index + 1].map((step) => `${(100 * step) / palette.length}%`);
    return `${color} ${from} ${to}`;
  });
  return (
    <div style={{ fontSize: theme.typography.bodySmall.fontSize, maxWidth: 300, padding: '10px 0 0 25px' }}>
      <div style={{ background: `linear-gradient(90deg, ${bands.join(', ')})`, height: 9, opacity: 1 }} />
      <div style={{ color: theme.colors.text.primary, display: 'flex', justifyContent: 'space-between' }}>
        <span>{display(min)}</span>
        <span>{display(max)}</span>
      </div>
    </div>
  );
}
