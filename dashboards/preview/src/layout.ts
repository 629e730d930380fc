import type { Dashboard, GridPos, Panel, RowPanel } from '@grafana/schema';

/** A panel or a row's heading, at its place in the grid. */
export interface Placed<Item = Panel | RowPanel> {
  item: Item;
  place: GridPos;
}

/** Place every panel with all rows expanded, those below a collapsed row moved down. */
export function layOut(dashboard: Dashboard): Placed[] {
  const items = [...(dashboard.panels ?? [])].sort((left, right) => topOf(left) - topOf(right));
  const placed: Placed[] = [];
  let shift = 0;
  for (const item of items) {
    const place = moved(placeOf(item), shift);
    placed.push({ item, place });
    if (isRow(item) && item.panels?.length) {
      const inside = item.panels.map((panel) => ({ item: panel, place: placeOf(panel) }));
      // Grafana puts the first panel of an expanded row right below the heading, whatever its stored place.
      const first = Math.min(...inside.map(({ place }) => place.y));
      const offset = place.y + place.h - first;
      placed.push(...inside.map(({ item, place }) => ({ item, place: moved(place, offset) })));
      shift += Math.max(...inside.map(({ place }) => place.y + place.h)) - first;
    }
  }
  return placed;
}

export function isRow(item: Panel | RowPanel): item is RowPanel {
  return item.type === 'row';
}

const COLUMNS = 24;
const CELL = 30;
const GAP = 8;

/** Where a place is on the page, in pixels, as Grafana's grid has it. */
export function pixels({ x, y, w, h }: GridPos, pageWidth: number) {
  const column = (pageWidth + GAP) / COLUMNS;
  return {
    left: Math.round(x * column),
    top: y * (CELL + GAP),
    width: Math.round((x + w) * column) - Math.round(x * column) - GAP,
    height: h * (CELL + GAP) - GAP,
  };
}

function placeOf({ gridPos, title }: Panel | RowPanel): GridPos {
  if (!gridPos) {
    throw new Error(`panel ${title}: no gridPos`);
  }
  return gridPos;
}

function topOf(item: Panel | RowPanel): number {
  return placeOf(item).y;
}

function moved(place: GridPos, by: number): GridPos {
  return { ...place, y: place.y + by };
}
