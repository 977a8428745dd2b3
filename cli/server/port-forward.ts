import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const SERVICE = 'hubble-relay';

/** For kubectl to tell the port of a service. */
const LOOK_UP_MS = 12_000;
/** As much as is kept of what kubectl says. */
const MAX_OUTPUT_BYTES = 64 * 1024;

/** Where to, in Kubernetes; empty texts are left to kubectl. */
export interface PortForwardOptions {
  /** 0: any that is free. */
  readonly localPort: number;
  readonly context: string;
  readonly namespace: string;
  readonly kubeconfig: string;
}

/** A port of this machine that leads to the relay of a cluster. */
export interface PortForward {
  /** Such as `127.0.0.1:4245`. */
  readonly address: string;
  /** Ends it; so does the end of this process. */
  close(): void;
}

/**
 * Forwards a local port to the first port of the Kubernetes service `hubble-relay`. kubectl does it, since it knows every way there is of logging in to a cluster. Throws Error
 * with what kubectl says.
 */
export async function startPortForward(options: PortForwardOptions): Promise<PortForward> {
  const where = [
    ...(options.kubeconfig === '' ? [] : ['--kubeconfig', options.kubeconfig]),
    ...(options.context === '' ? [] : ['--context', options.context]),
    ...(options.namespace === '' ? [] : ['--namespace', options.namespace]),
  ];
  const remotePort = await servicePort(where);
  const local = options.localPort === 0 ? '' : String(options.localPort);
  const ports = `${local}:${remotePort}`;
  const child = spawn(
    'kubectl',
    [...where, 'port-forward', '--address', '127.0.0.1', `service/${SERVICE}`, ports],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const close = (): void => {
    child.kill();
  };
  process.once('exit', close);
  const localPort = await forwardedPort(child);
  return {
    address: `127.0.0.1:${localPort}`,
    close: () => {
      process.off('exit', close);
      close();
    },
  };
}

/** The service's first port. */
async function servicePort(where: readonly string[]): Promise<string> {
  const args = [...where, 'get', 'service', SERVICE, '--output', 'jsonpath={.spec.ports[0].port}'];
  const text = await new Promise<string>((resolve, reject) => {
    execFile('kubectl', args, { timeout: LOOK_UP_MS, maxBuffer: MAX_OUTPUT_BYTES }, (error, out, err) => {
      if (error === null) resolve(out.trim());
      else
        reject(
          failure(error.code === 'ENOENT' ? 'kubectl is not on the PATH' : lastLine(err) || error.message),
        );
    });
  });
  if (!/^\d{1,5}$/.test(text)) throw failure(`kubectl tells "${text}" for its port`);
  return text;
}

/** Waits until kubectl tells the local port. */
async function forwardedPort(child: ChildProcess): Promise<string> {
  let err = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    err = (err + text).slice(-MAX_OUTPUT_BYTES);
  });
  const ended = once(child, 'close').then(
    () => {
      throw failure(lastLine(err) || 'kubectl ended without a word');
    },
    (error: Error) => {
      throw failure(error.message);
    },
  );
  const told = (async () => {
    for await (const line of createInterface({ input: child.stdout! })) {
      const port = /^Forwarding from 127\.0\.0\.1:(\d+) ->/.exec(line)?.[1];
      if (port !== undefined) return port;
    }
    return ended;
  })();
  const port = await Promise.race([told, ended]);
  ended.catch(() => {}); // from now on it is the connection that tells
  child.stdout!.resume(); // one line for each connection, which nobody reads
  return port;
}

/** What kubectl says in the end, behind what it logged. */
function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)!;
}

function failure(why: string): Error {
  return new Error(`cannot forward a port to the Kubernetes service ${SERVICE}: ${why}`);
}
