import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, extname, join, normalize } from 'node:path';

const require = createRequire(import.meta.url);
const icons = join(dirname(require.resolve('@grafana/ui/package.json')), 'dist/public/img/icons');
const inter = join(dirname(require.resolve('@fontsource/inter/package.json')), 'files');

/** Grafana serves Inter itself; these are the same font's files. */
const FONTS = {
  'Inter-Regular.woff2': 'inter-latin-400-normal.woff2',
  'Inter-Medium.woff2': 'inter-latin-500-normal.woff2',
  'Inter-Italic.woff2': 'inter-latin-400-italic.woff2',
  'Inter-MediumItalic.woff2': 'inter-latin-500-italic.woff2',
};
const TYPES = { '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };

/** Serve the page on a free port of this machine's loopback, Prometheus's API below it; return the server. */
export async function serve({ files, prometheus, request }) {
  const page = pageOf(request);
  const server = createServer(async ({ url }, response) => {
    try {
      const { pathname, search } = new URL(url, 'http://localhost');
      if (pathname.startsWith('/api/v1/')) {
        const gone = new AbortController();
        response.on('close', () => gone.abort());
        const answer = await fetch(new URL(`.${pathname}${search}`, prometheus), { signal: gone.signal });
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
        return;
      }
      const body = pathname === '/' ? page : await contentOf(pathname, files);
      response.writeHead(200, { 'content-type': TYPES[extname(pathname)] ?? 'text/html; charset=utf-8' }).end(body);
    } catch (error) {
      response.writeHead(error.code === 'ENOENT' ? 404 : 502).end(`${error.cause ?? error}`);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function contentOf(pathname, files) {
  const name = normalize(pathname).split('/').at(-1);
  if (pathname.startsWith('/public/build/img/icons/')) {
    return readFile(join(icons, normalize(pathname.slice('/public/build/img/icons/'.length))));
  }
  if (pathname.startsWith('/public/fonts/inter/')) {
    return readFile(join(inter, FONTS[name] ?? name));
  }
  return files[name] ?? Promise.reject(Object.assign(new Error(`no ${pathname}`), { code: 'ENOENT' }));
}

function pageOf(request) {
  // Inside a script, JSON must not close the script.
  const json = JSON.stringify(request).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en-US">
  <head>
    <meta charset="utf-8">
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/main.css">
    <style>
      body { margin: 0; }
      /* Tables leave out what is outside of the window, which is less high than the picture. */
      [role="grid"] { content-visibility: visible !important; }
    </style>
  </head>
  <body>
    <div id="root"></div>
    <script>window.previewRequest = ${json}; window.__grafana_public_path__ = '/public/';</script>
    <script src="/main.js"></script>
  </body>
</html>
`;
}
