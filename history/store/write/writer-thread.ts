/** The thread that writes a store: compressing and indexing take most of a core at high rates, and the disk may let a write wait. */
import { parentPort, workerData } from 'node:worker_threads';
import type { FromWriter, ToWriter, WriterData } from './store-messages.ts';
import { StoreWriter } from './store-writer.ts';

/** What was written reaches the disk within this time. */
const SYNC_MS = 1000;
const KEEP_BOUNDS_MS = 60_000;

const port = parentPort!;
const post = (message: FromWriter, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

function start(): StoreWriter | null {
  try {
    return StoreWriter.open(workerData as WriterData, (level, message, fields) =>
      post({ kind: 'log', level, message, fields }),
    );
  } catch (error) {
    post({ kind: 'failed', message: (error as Error).message });
    return null;
  }
}

function serve(writer: StoreWriter): void {
  const timers = [
    setInterval(() => writer.sync(), SYNC_MS),
    setInterval(() => writer.keepBounds(), KEEP_BOUNDS_MS),
  ];
  let isStopped = false;
  let isMaintaining = false;
  /** A step whenever nothing else is to be done; messages have their turn between two. */
  const maintain = (): void => {
    isMaintaining = !isStopped && writer.maintain();
    if (isMaintaining) setImmediate(maintain);
  };
  port.on('message', (message: ToWriter) => {
    switch (message.kind) {
      case 'append': {
        const { buffer, bytes, firstSeq } = message;
        const isWritten = writer.append(new Uint8Array(buffer, 0, bytes), firstSeq);
        post({ kind: 'appended', buffer, bytes, isWritten, state: writer.state }, [buffer]);
        return;
      }
      case 'repair':
        for (const firstSeq of message.firstSeqs) writer.repair(firstSeq);
        if (!isMaintaining) maintain();
        return;
      case 'stop':
        isStopped = true;
        for (const timer of timers) clearInterval(timer);
        writer.close();
        post({ kind: 'stopped', state: writer.state });
        port.close();
    }
  });
  post({ kind: 'ready', state: writer.state });
  maintain();
}

const writer = start();
if (writer !== null) serve(writer);
