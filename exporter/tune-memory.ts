import { setFlagsFromString } from 'node:v8';

/**
 * Has V8 weigh buffers with the rest of the heap when it decides on its next full collection. By default one follows whenever buffers of 64 MiB were made, live or not, and here everything is buffers
 * that come and go: the collections, of a heap that hardly changes, took more CPU than all the work. For the whole process, and best before there is much to collect.
 */
export function tuneMemory(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
}
