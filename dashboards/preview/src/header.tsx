import type { TimeRange } from '@grafana/data';
import type { Dashboard } from '@grafana/schema';
import {
  Icon,
  InlineLabel,
  RefreshPicker,
  Select,
  Stack,
  TimeRangeLabel,
  ToolbarButton,
  useTheme2,
} from '@grafana/ui';
import type { Variable } from './variables';

interface Props {
  dashboard: Dashboard;
  range: TimeRange;
  variables: Variable[];
}

/** The top of Grafana's dashboard page: title, variables, links and time range. */
export function Header({ dashboard, range, variables }: Props) {
  const theme = useTheme2();
  return (
    <>
      <div
        style={{
          alignItems: 'center',
          background: theme.colors.background.primary,
          borderBottom: `1px solid ${theme.colors.border.weak}`,
          display: 'flex',
          gap: theme.spacing(1),
          height: 40,
          padding: theme.spacing(0, 2),
        }}
      >
        <Icon name="grafana" size="lg" />
        {['Home', 'Dashboards'].map((crumb) => (
          <span key={crumb} style={{ color: theme.colors.text.secondary }}>
            {crumb} <Icon name="angle-right" />
          </span>
        ))}
        <span>{dashboard.title}</span>
      </div>
      <div style={{ alignItems: 'flex-start', display: 'flex', gap: theme.spacing(1), padding: theme.spacing(2) }}>
        <div style={{ display: 'flex', flex: 1, flexWrap: 'wrap', gap: theme.spacing(1) }}>
          {variables.filter(({ model }) => !model.hide).map((variable) => (
            <Dropdown key={variable.model.name} variable={variable} />
          ))}
          {(dashboard.links ?? []).map((link, index) => (
            <ToolbarButton key={index} icon={link.asDropdown ? 'bars' : 'external-link-alt'} variant="canvas">
              {link.title}
            </ToolbarButton>
          ))}
        </div>
        <Stack gap={1}>
          <ToolbarButton icon="clock-nine" isOpen={false} variant="canvas">
            <TimeRangeLabel timeZone="utc" value={range} />
          </ToolbarButton>
          <RefreshPicker
            isOnCanvas
            onIntervalChanged={nothing}
            onRefresh={nothing}
            value={typeof dashboard.refresh === 'string' ? dashboard.refresh : ''}
          />
        </Stack>
      </div>
    </>
  );
}

function Dropdown({ variable: { model, text } }: { variable: Variable }) {
  const chosen = text.map((value) => ({ label: value, value }));
  return (
    <div style={{ display: 'flex' }}>
      <InlineLabel width="auto">{model.label || model.name}</InlineLabel>
      {model.multi ? (
        <Select isMulti={true as never} onChange={nothing} options={chosen} value={chosen as never} width="auto" />
      ) : (
        <Select onChange={nothing} options={chosen} value={chosen[0]} width="auto" />
      )}
    </div>
  );
}

/** The picture is still: nobody chooses anything. */
function nothing(): void {}
