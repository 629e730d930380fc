import type { DataFrame } from '@grafana/data';
import type { Dashboard, Panel as PanelModel, RowPanel } from '@grafana/schema';
import { Icon, useTheme2 } from '@grafana/ui';
import { Header } from './header';
import { isRow, layOut, pixels } from './layout';
import { Panel } from './panel';
import type { Source } from './queries';

interface Props {
  annotations: DataFrame[];
  dashboard: Dashboard;
  source: Source;
  onDrawn: (panel: PanelModel, problem?: string) => void;
}

/** The space around the grid, in pixels. */
const MARGIN = 16;

/** A dashboard as Grafana shows it, all of its rows expanded. */
export function Page({ annotations, dashboard, source, onDrawn }: Props) {
  const theme = useTheme2();
  const width = window.innerWidth - 2 * MARGIN;
  const placed = layOut(dashboard).map(({ item, place }) => ({ item, box: pixels(place, width) }));
  const height = Math.max(0, ...placed.map(({ box }) => box.top + box.height));
  return (
    <div style={{ background: theme.colors.background.canvas }}>
      <Header dashboard={dashboard} range={source.range} variables={source.variables} />
      <div style={{ height, margin: `0 ${MARGIN}px`, paddingBottom: MARGIN, position: 'relative' }}>
        {placed.map(({ item, box }, index) => (
          <div key={index} style={{ position: 'absolute', ...box }}>
            {isRow(item) ? (
              <RowHeading row={item} />
            ) : (
              <Panel {...{ annotations, source, onDrawn }} height={box.height} panel={item} width={box.width} />
            )}
          </div>
        ))}
      </div>
    </div>
  );
}

function RowHeading({ row }: { row: RowPanel }) {
  const theme = useTheme2();
  return (
    <div style={{ alignItems: 'center', display: 'flex', gap: theme.spacing(1), height: '100%' }}>
      <Icon name="angle-down" />
      <span style={{ fontSize: theme.typography.h5.fontSize, fontWeight: theme.typography.fontWeightMedium }}>
        {row.title}
      </span>
    </div>
  );
}
