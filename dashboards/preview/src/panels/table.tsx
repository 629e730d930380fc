import { cacheFieldDisplayNames, type PanelProps } from '@grafana/data';
import { TableCellHeight, TableCellDisplayMode, type TableOptions } from '@grafana/schema';
import { commonOptionsBuilder } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { panelPlugin } from '../fieldConfig';
import { NoData } from './noData';

function TablePanel({ data, fieldConfig, height, options, timeRange, width }: PanelProps<TableOptions>) {
  const frame = data.series[options.frameIndex] ?? data.series[0];
  if (!frame?.length) {
    return <NoData fieldConfig={fieldConfig} />;
  }
  cacheFieldDisplayNames(data.series);
  return (
    <TableNG
      cellHeight={options.cellHeight}
      data={frame}
      enablePagination={options.enablePagination}
      fieldConfig={fieldConfig}
      height={height}
      initialSortBy={options.sortBy}
      noHeader={!options.showHeader}
      showTypeIcons={options.showTypeIcons}
      structureRev={1}
      timeRange={timeRange}
      width={width}
    />
  );
}

const defaults: Partial<TableOptions> = {
  cellHeight: TableCellHeight.Sm,
  frameIndex: 0,
  showHeader: true,
  showTypeIcons: false,
};

export const table = panelPlugin(TablePanel, defaults, {
  color: 'thresholds',
  shared: (builder) => commonOptionsBuilder.addHideFrom(builder),
  custom: {
    align: 'auto',
    cellOptions: { type: TableCellDisplayMode.Auto },
    displayMode: undefined,
    filterable: undefined,
    'footer.reducers': undefined,
    hidden: undefined,
    hideHeader: undefined,
    inspect: false,
    minWidth: undefined,
    styleField: undefined,
    tooltip: undefined,
    width: undefined,
    wrapHeaderText: undefined,
    wrapText: undefined,
  },
});
