import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { parseAddress, RpcConnection } from '../../../rpc/index.ts';
import { seededRandom } from '../../bpf/support/mutate-packet.ts';
import { createTestAuthority } from '../../support/make-certificates.ts';
import { askFor, GET_FLOWS } from '../../support/number-stream.ts';
import { type Attack, nextAttack } from './attacks.ts';
import type { TargetState } from './target.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** Ends after this many attacks, or after the time, whichever comes first. */
  readonly attacks: number;
  readonly timeMs: number;
  /** Told now and then how it goes. */
  readonly onProgress?: (line: string) => void;
}

/** What the target held before and after. */
export interface FuzzResult {
  readonly attacks: number;
  readonly byKind: Readonly<Record<string, number>>;
  /** Descriptors of the target's process: open sockets are among them. */
  readonly descriptors: { readonly before: number; readonly after: number };
  readonly connectionsLeft: number;
  readonly heapBytes: { readonly before: number; readonly after: number };
  readonly residentBytes: { readonly before: number; readonly after: number };
  readonly longestStallMs: number;
  /** What the target wrote on stderr. */
  readonly stderr: string;
}

const AT_ONCE = 8;
/** Attacks before the first measure: code is compiled and caches are filled by then. */
const WARM_UP = 200;
const PROBE_EVERY = 200;
/** Longer than a busy machine takes to come round. */
const PROBE_TIMEOUT_MS = 60_000;
/** How long a client that waits does. */
const WAIT_MS = 150;

/**
 * Attacks a server process. Throws an Error with the seed and the attack's number when the server dies or does not answer a good call any more.
 * Everything sent follows from the seed; what meets what inside the server does not.
 */
export async function runFuzz({ seed, attacks, timeMs, onProgress }: FuzzOptions): Promise<FuzzResult> {
  const authority = await createTestAuthority();
  const unix = join(authority.dir, 'target.sock');
  const child = fork(join(import.meta.dirname, 'target.ts'), [], {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
  try {
    child.send({ unix, tls: await authority.issue('server', 'server') });
    const { port } = await answerOf(child);
    const random = seededRandom(seed);
    const byKind: Record<string, number> = {};
    const endMs = performance.now() + timeMs;
    let done = 0;
    let longestStallMs = 0;
    const run = async (limit: number): Promise<void> => {
      while (done < limit && performance.now() < endMs) {
        const attack = nextAttack(random);
        const number = done++;
        byKind[attack.kind] = (byKind[attack.kind] ?? 0) + 1;
        await strike(attack, attack.isTcp === true ? { port } : { path: unix });
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`the server died (seed ${seed}, attack ${number}, ${attack.kind}): ${stderr}`);
        }
        if (number % PROBE_EVERY === 0) await probe(unix, `seed ${seed}, attack ${number}`);
        if (number % 5000 === 4999) onProgress?.(`${done} attacks`);
      }
    };
    const measure = async (): Promise<TargetState & { descriptors: number }> => {
      let state = await ask(child);
      // What is cut off by a time limit takes a moment.
      for (let i = 0; i < 100 && state.connections > 0; i++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        state = await ask(child);
      }
      longestStallMs = Math.max(longestStallMs, state.longestStallMs);
      return { ...state, descriptors: readdirSync(`/proc/${child.pid}/fd`).length };
    };
    const all = (limit: number): Promise<unknown> =>
      Promise.all(Array.from({ length: AT_ONCE }, () => run(limit)));
    await all(Math.min(WARM_UP, attacks));
    const before = await measure();
    await all(attacks);
    const after = await measure();
    await probe(unix, `seed ${seed}, the end`);
    return {
      attacks: done,
      byKind,
      descriptors: { before: before.descriptors, after: after.descriptors },
      connectionsLeft: after.connections,
      heapBytes: { before: before.heapBytes, after: after.heapBytes },
      residentBytes: { before: before.residentBytes, after: after.residentBytes },
      longestStallMs,
      stderr,
    };
  } catch (error) {
    await new Promise((resolve) => setTimeout(resolve, 500)); // for the last words of a server that died
    throw new Error(`${(error as Error).message}; the server's last words: ${stderr}`, { cause: error });
  } finally {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    authority.remove();
  }
}

/** The next message of the target. Throws when it ends instead. */
async function answerOf(child: ChildProcess): Promise<TargetState> {
  const over = new AbortController();
  const { signal } = over;
  const message = once(child, 'message', { signal });
  const gone = once(child, 'exit', { signal });
  try {
    const [state] = (await Promise.race([message, gone.then(() => [null])])) as [TargetState | null];
    if (state === null) throw new Error('the server is gone');
    return state;
  } finally {
    over.abort();
    await Promise.allSettled([message, gone]);
  }
}

function ask(child: ChildProcess): Promise<TargetState> {
  const answer = answerOf(child);
  child.send('state?');
  return answer;
}

/** A good call has to be answered as if nothing else were there. */
async function probe(unix: string, when: string): Promise<void> {
  const connection = new RpcConnection(parseAddress(`unix://${unix}`), {
    connectTimeoutMs: PROBE_TIMEOUT_MS,
  });
  let count = 0;
  try {
    await connection.stream(
      GET_FLOWS,
      askFor(10),
      { timeoutMs: PROBE_TIMEOUT_MS },
      (run) => void (count += run.count),
    );
    if (count !== 10) throw new Error(`${count} flows instead of 10`);
  } catch (error) {
    throw new Error(`a good call fails (${when}): ${(error as Error).message}`, { cause: error });
  } finally {
    connection.close();
  }
}

async function strike(attack: Attack, where: { port: number } | { path: string }): Promise<void> {
  const socket: Socket = connect(where);
  socket.on('error', () => {});
  socket.resume();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  for (const piece of attack.pieces) socket.write(piece);
  if (attack.leave === 'end') socket.end();
  if (attack.leave === 'reset') {
    // Once something of it is under way.
    setImmediate(() => socket.destroy());
  }
  const timer = setTimeout(() => socket.destroy(), WAIT_MS);
  await closed;
  clearTimeout(timer);
}
