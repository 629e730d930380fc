import type { Dashboard } from '@grafana/schema';

/** What draw.mjs asks the page to draw; times in Unix seconds. */
export interface PreviewRequest {
  dashboard: Dashboard;
  from: number;
  to: number;
  theme: 'dark' | 'light';
  /** Chosen values by variable; the others show All, or their first value. */
  choices: Record<string, string[]>;
}

/** What the page tells draw.mjs when everything is drawn. */
export interface PreviewResult {
  panels: number;
  queries: number;
  problems: string[];
}

declare global {
  interface Window {
    previewRequest: PreviewRequest;
    previewResult?: PreviewResult;
  }
}
