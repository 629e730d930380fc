import { colorManipulator, type GrafanaTheme2 } from '@grafana/data';
import {
  HeatmapColorMode,
  HeatmapColorScale,
  type HeatmapColorOptions,
} from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import * as chromatic from 'd3-scale-chromatic';

/** Grafana turns round a scheme whose end would be brighter, or darker, than the page. */
const ALWAYS = /^(BrBG|PiYG|PRGn|PuOr|RdBu|RdGy|RdYlBu|RdYlGn|Spectral|Rainbow|Sinebow)$/;
const ON_LIGHT = /^(Turbo|Cividis|Viridis|Magma|Inferno|Plasma|Warm|Cool|Cubehelix)$/;

/** The colours of a heatmap, from the least count to the most. */
export function paletteOf(options: HeatmapColorOptions, theme: GrafanaTheme2): string[] {
  const shares = Array.from({ length: options.steps }, (_, step) => step / (options.steps - 1));
  if (options.mode === HeatmapColorMode.Opacity) {
    const fill = theme.visualization.getColorByName(options.fill);
    const exponent = options.scale === HeatmapColorScale.Linear ? 1 : options.exponent;
    return shares.map((share) => colorManipulator.alpha(fill, share ** exponent));
  }
  const name = options.scheme === 'Cubehelix' ? 'CubehelixDefault' : options.scheme;
  const interpolate = (chromatic as unknown as Record<string, (share: number) => string>)[`interpolate${name}`];
  if (!interpolate) {
    throw new Error(`unknown colour scheme ${options.scheme}`);
  }
  const inverse = ALWAYS.test(options.scheme) || ON_LIGHT.test(options.scheme) === theme.isLight;
  const colors = shares.map(interpolate);
  return inverse !== Boolean(options.reverse) ? colors.reverse() : colors;
}
