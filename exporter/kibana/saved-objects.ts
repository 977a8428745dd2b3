import { SETUP_VERSION } from '../sink/elasticsearch/streams.ts';
import { dashboards } from './dashboards/index.ts';
import { lensOf, type Reference } from './lens.ts';
import { type Dashboard, dataViews, type Panel } from './panel.ts';

/** A saved object of Kibana, as a line of an export file has it. */
export interface SavedObject {
  readonly id: string;
  readonly type: 'index-pattern' | 'dashboard';
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly references: readonly Reference[];
  readonly coreMigrationVersion: string;
  readonly typeMigrationVersion: string;
}

/** A Kibana takes what is older than itself and mends it, and refuses what is newer: these are of Kibana 8.8 and the first models after. */
const CORE_VERSION = '8.8.0';
const DATA_VIEW_VERSION = '7.11.0';
const DASHBOARD_VERSION = '10.1.0';

/** Columns of a dashboard's grid. */
const GRID_COLUMNS = 48;

/** Ends a dashboard's description: objects of Kibana have no better place for a version. */
export const stamp = (version: number): string => ` (Sluice dashboards, version ${version})`;

/** The version in a description; null when there is none. */
export function stampedVersion(description: string): number | null {
  const match = /\(Sluice dashboards, version (\d{1,9})\)$/.exec(description);
  return match === null ? null : Number(match[1]);
}

/** Everything that is shipped for Kibana: data views, then the dashboards that look at them. */
export function savedObjects(): readonly SavedObject[] {
  const views = Object.values(dataViews).map(({ id, name, title }): SavedObject => ({
    id,
    type: 'index-pattern',
    attributes: { title, name, timeFieldName: '@timestamp' },
    references: [],
    coreMigrationVersion: CORE_VERSION,
    typeMigrationVersion: DATA_VIEW_VERSION,
  }));
  return [...views, ...dashboards.map(dashboardObject)];
}

/** The same as Kibana imports it: an object a line. */
export function savedObjectsText(objects: readonly SavedObject[] = savedObjects()): string {
  return objects.map((object) => `${JSON.stringify(object)}\n`).join('');
}

function dashboardObject({ id, title, description, query, panels }: Dashboard): SavedObject {
  const lenses = panels.map((panel, i) => ({ panel, index: `p${i}`, lens: lensOf(panel) }));
  const places = placesOf(panels);
  return {
    id,
    type: 'dashboard',
    attributes: {
      title,
      description: description + stamp(SETUP_VERSION),
      panelsJSON: JSON.stringify(
        lenses.map(({ panel, index, lens }, i) => ({
          type: 'lens',
          panelIndex: index,
          title: panel.title,
          gridData: { ...places[i], i: index },
          embeddableConfig: { attributes: lens },
        })),
      ),
      optionsJSON: JSON.stringify({ useMargins: true, syncColors: true, hidePanelTitles: false }),
      timeRestore: true,
      timeFrom: 'now-1h',
      timeTo: 'now',
      kibanaSavedObjectMeta: {
        searchSourceJSON: JSON.stringify({ query: { query, language: 'kuery' }, filter: [] }),
      },
    },
    // By the panel that they belong to, as Kibana writes them.
    references: lenses.flatMap(({ index, lens }) =>
      lens.references.map((reference) => ({ ...reference, name: `${index}:${reference.name}` })),
    ),
    coreMigrationVersion: CORE_VERSION,
    typeMigrationVersion: DASHBOARD_VERSION,
  };
}

/** Places panels from left to right, in rows as high as their highest. */
function placesOf(panels: readonly Panel[]): { x: number; y: number; w: number; h: number }[] {
  let x = 0;
  let y = 0;
  let rowHeight = 0;
  return panels.map(({ width, height }) => {
    if (x + width > GRID_COLUMNS) {
      x = 0;
      y += rowHeight;
      rowHeight = 0;
    }
    const place = { x, y, w: width, h: height };
    x += width;
    rowHeight = Math.max(rowHeight, height);
    return place;
  });
}
