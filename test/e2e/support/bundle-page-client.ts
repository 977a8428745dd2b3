import { join } from 'node:path';
import { build } from 'vite';

/** The page's client as one script. */
export async function bundlePageClient(): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: false,
      lib: { entry: join(import.meta.dirname, 'page-client.ts'), formats: ['iife'], name: 'page' },
    },
  });
  const outputs = Array.isArray(result) ? result : [result];
  for (const output of outputs) {
    if (!('output' in output)) continue;
    return output.output[0].code;
  }
  throw new Error('the bundler gave no script');
}
