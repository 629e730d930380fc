import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));

/** Bundle the page; return its files by name (main.js, main.css), each a Uint8Array. */
export async function bundle() {
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: ['src/main.tsx'],
    outdir: 'bundle',
    bundle: true,
    write: false,
    jsx: 'automatic',
    target: 'es2022',
    define: { 'process.env.NODE_ENV': '"production"' },
    loader: { '.svg': 'dataurl', '.png': 'dataurl', '.woff': 'empty', '.woff2': 'empty', '.ttf': 'empty' },
    logLevel: 'error',
  });
  return Object.fromEntries(outputFiles.map(({ path, contents }) => [path.split('/').at(-1), contents]));
}
