/**
 * The process that is attacked: an agent's whole API over a history of some flows, on the Unix socket and TCP port that it is given by IPC. It answers each message of its
 * parent with what it holds, after a collection of garbage.
 */
import { create } from '@bufbuild/protobuf';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveAgent } from '../../../agent/serve/agent-server.ts';
import { FilterFailures } from '../../../agent/serve/filter-failures.ts';
import { EventLog } from '../../../agent/serve/event-log.ts';
import { NamespaceLog } from '../../../agent/serve/namespace-log.ts';
import { PeerLog } from '../../../agent/serve/peer-log.ts';
import { FlowRing, LossLedger } from '../../../history/index.ts';
import { NodeReportSchema } from '../../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { parseAddress, type TlsFiles } from '../../../rpc/index.ts';
import { batchOf } from '../../relay/support/flow-bytes.ts';
import { podFrame } from '../../support/build-frames.ts';

/** What the parent sends first. */
export interface TargetSetting {
  readonly unix: string;
  readonly tls: TlsFiles;
}

/** What the process holds now. */
export interface TargetState {
  readonly port: number;
  readonly connections: number;
  readonly heapBytes: number;
  readonly residentBytes: number;
  /** Longest time in which nothing else could be done since the last question. */
  readonly longestStallMs: number;
}

const FLOWS = 2000;
const gc = globalThis.gc;
if (gc === undefined) throw new Error('the target needs --expose-gc');

process.once('message', (setting: TargetSetting) => void serve(setting));
process.once('disconnect', () => process.exit(0));

async function serve({ unix, tls }: TargetSetting): Promise<void> {
  const ring = new FlowRing({ capacity: FLOWS, maxBytes: 4 * 1024 * 1024 });
  ring.append(
    batchOf(Array.from({ length: FLOWS }, (_, i) => podFrame(`pod-${i % 20}`, 80 + (i % 5), 1, i))),
  );
  const state = {
    nodeName: 'n1',
    version: '0.1.0',
    startedMs: Date.now(),
    ring,
    ledger: new LossLedger(),
    agentEvents: new EventLog<never>(10),
    debugEvents: new EventLog<never>(10),
    namespaces: new NamespaceLog(),
    peers: new PeerLog('east', 4244, true),
    report: () => create(NodeReportSchema),
    filterFailures: new FilterFailures(() => {}),
  };
  const server = await serveAgent(state, {
    listen: [parseAddress(unix), parseAddress('127.0.0.1:0')],
    insecure: true,
    tls,
  });
  const stalls = monitorEventLoopDelay({ resolution: 5 });
  stalls.enable();
  const [, tcp] = server.addresses;
  const answer = async (): Promise<void> => {
    // Twice, with a turn of the loop between: finalizers of sockets and streams run there.
    gc?.();
    await sleep(20);
    gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    const told: TargetState = {
      port: tcp.kind === 'tcp' ? tcp.port : 0,
      connections: server.connectionCount,
      heapBytes: heapUsed + external,
      residentBytes: rss,
      longestStallMs: stalls.max / 1e6,
    };
    stalls.reset();
    process.send?.(told);
  };
  process.on('message', () => void answer());
  await answer();
}
