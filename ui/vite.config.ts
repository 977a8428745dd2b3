import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Builds the UI into build/ui, from where agents and relays serve it. Nothing in it comes from elsewhere, and nothing is inlined: the pages' Content-Security-Policy allows neither. */
export default defineConfig({
  root: new URL('.', import.meta.url).pathname,
  base: './',
  plugins: [react()],
  build: {
    outDir: new URL('../build/ui', import.meta.url).pathname,
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2023',
    chunkSizeWarningLimit: 800, // kB before gzip; served from memory on the same machine or network
  },
});
