import { createTheme, dateTimeForTimeZone, makeTimeRange, ThemeContext } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import type { Panel } from '@grafana/schema';
import { GlobalStyles } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { registerStandardFieldConfig } from './fieldConfig';
import { isRow, layOut } from './layout';
import { Page } from './page';
import { Prometheus } from './prometheus';
import { runAnnotation, type Source } from './queries';
import { registerTransformations } from './transformations';
import { resolveVariables } from './variables';

/** Draw the requested dashboard, and resolve when its last panel is drawn: to the problems, a line each. */
async function draw(prometheus: Prometheus): Promise<{ panels: number; problems: string[] }> {
  const { choices, dashboard, from, theme: mode, to } = window.previewRequest;
  const theme = createTheme({ colors: { mode } });
  const root = createRoot(document.getElementById('root')!);
  const within = (content: React.ReactNode) => (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      {content}
    </ThemeContext.Provider>
  );
  root.render(within(null));

  const range = makeTimeRange(dateTimeForTimeZone('utc', from * 1000), dateTimeForTimeZone('utc', to * 1000));
  const variables = resolveVariables(dashboard.templating?.list ?? [], choices);
  const source: Source = { prometheus, variables, range };
  const events = (dashboard.annotations?.list ?? []).filter(({ builtIn, enable }) => enable && !builtIn);
  const annotations = await Promise.all(
    events.map((annotation) => named(`annotation "${annotation.name}"`, runAnnotation(annotation, source)))
  );
  // Canvases cannot wait for a font: it has to be there before they measure or draw a text.
  await Promise.all(['400', '500'].map((weight) => document.fonts.load(`${weight} 14px Inter`)));

  const panels = layOut(dashboard).flatMap(({ item }) => (isRow(item) ? [] : [item]));
  const problems = await new Promise<string[]>((resolve) => {
    const found = new Map<Panel, string | undefined>();
    const onDrawn = (panel: Panel, problem?: string) => {
      found.set(panel, problem && `panel "${panel.title}": ${problem}`);
      if (found.size === panels.length) {
        resolve(panels.map((panel) => found.get(panel)).filter((line) => line !== undefined));
      }
    };
    root.render(within(<Page {...{ annotations, dashboard, source, onDrawn }} />));
    if (!panels.length) {
      resolve(['the dashboard has no panels']);
    }
  });
  await stillness();
  return { panels: panels.length, problems };
}

/** Say in an error what it is that failed. */
function named<Value>(name: string, pending: Promise<Value>): Promise<Value> {
  return pending.catch((error: Error) => {
    throw new Error(`${name}: ${error.message}`);
  });
}

/** How many frames without a change make the page still. */
const STILL = 5;

/** Wait until nothing changes any more: legends and tables measure themselves, and plots follow. */
async function stillness(): Promise<void> {
  let frames = 0;
  const observer = new MutationObserver(() => {
    frames = 0;
  });
  observer.observe(document.body, { attributes: true, characterData: true, childList: true, subtree: true });
  while (frames < STILL) {
    await new Promise(requestAnimationFrame);
    frames += 1;
  }
  observer.disconnect();
}

async function main(): Promise<void> {
  await initPluginTranslations('preview');
  registerStandardFieldConfig();
  registerTransformations();
  const prometheus = new Prometheus();
  const drawn = await draw(prometheus).catch((error: Error) => ({ panels: 0, problems: [error.message] }));
  window.previewResult = { ...drawn, queries: prometheus.queries };
}

void main();
