import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { createDirectorySource } from '../cluster/index.ts';
import { type ClusterChange, type ClusterSource } from '../cluster/model.ts';
import { FlowRing, LossLedger } from '../history/index.ts';
import {
  AgentEventSchema,
  AgentEventType,
  type AgentEvent,
  type DebugEvent,
} from '../proto/gen/flow/flow_pb.ts';
import { Observer } from '../proto/gen/observer/observer_pb.ts';
import { Peer } from '../proto/gen/peer/peer_pb.ts';
import { Diagnostics } from '../proto/gen/sluice/v1/diagnostics_pb.ts';
import { Health } from '../proto/gen/grpc/health/v1/health_pb.ts';
import {
  createRpcServer,
  formatAddress,
  HealthState,
  reflectionRoutes,
  type RpcServer,
} from '../rpc/index.ts';
import { type AgentOptions, type ProcessIo } from './config.ts';
import { Datapath, type DatapathListeners } from './datapath/datapath.ts';
import { counters as counterIndex } from './decode/event-layout.ts';
import { checkKernel, describeMissing } from './kernel/kernel-check.ts';
import { KernelError } from './kernel/kernel-error.ts';
import { openPerfRings } from './kernel/perf-rings.ts';
import { type Link } from './kernel/netlink-message.ts';
import { logLine } from '../rpc/log.ts';
import { LossWatch } from './loss-watch.ts';
import { type PipelineThread, startPipeline } from './pipeline-thread.ts';
import { EventLog } from './serve/event-log.ts';
import { NamespaceLog } from './serve/namespace-log.ts';
import { agentRoutes, flowsHandler, type AgentState } from './serve/observer-service.ts';
import { absoluteNodeName, PeerLog } from './serve/peer-log.ts';
import { agentReport, ProblemLog } from './serve/status.ts';
import { endpointEvent, enrichmentChanges, ipcacheEvent } from './state-feed.ts';
import { VERSION } from '../rpc/version.ts';

export { type AgentOptions, type ProcessIo, type RemoteCluster } from './config.ts';
export { removePins } from './datapath/datapath.ts';

const WATERMARK_SHARE = 16;
const MAX_QUEUED_BYTES = 256 * 1024 * 1024;
const AGENT_EVENTS_KEPT = 4095;
const LOSS_INTERVAL_MS = 1000;
const CLOSE_GRACE_MS = 500;

/** Runs an agent until `io.signal` aborts. Returns the exit status: 0 for a clean end, 1 when it could not start or go on (told in the log). */
export async function runAgent(options: AgentOptions, io: ProcessIo): Promise<number> {
  const missing = checkKernel();
  if (missing.length > 0) {
    for (const line of describeMissing(missing).split('\n')) io.log(logLine('error', line));
    return 1;
  }
  const agent = new Agent(options, io);
  try {
    await agent.start();
    await agent.ended;
    return agent.failed ? 1 : 0;
  } catch (error) {
    const hint =
      error instanceof KernelError && error.kind === 'permission' ? ' (is this process root?)' : '';
    io.log(logLine('error', `${(error as Error).message}${hint}`));
    return 1;
  } finally {
    await agent.stop();
    io.log(logLine('info', 'agent stopped'));
  }
}

/** The parts of an agent, started and stopped in order. */
class Agent {
  private readonly options: AgentOptions;
  private readonly io: ProcessIo;
  private readonly nodeName: string;
  private readonly startedMs = Date.now();
  private readonly ring: FlowRing;
  private readonly ledger = new LossLedger();
  private readonly problems = new ProblemLog();
  private readonly agentEvents = new EventLog<AgentEvent>(AGENT_EVENTS_KEPT);
  private readonly namespaces = new NamespaceLog();
  private readonly peers: PeerLog;
  private readonly sources: ClusterSource[] = [];
  private readonly linkNames = new Map<number, string>();
  private datapath: Datapath | null = null;
  private pipeline: PipelineThread | null = null;
  private rings: { close(): void } | null = null;
  private losses: LossWatch | null = null;
  private server: RpcServer | null = null;
  private lossTimer: NodeJS.Timeout | undefined;
  private end: () => void = () => {};
  failed = false;
  readonly ended: Promise<void>;

  constructor(options: AgentOptions, io: ProcessIo) {
    this.options = options;
    this.io = io;
    this.nodeName = absoluteNodeName(options.clusterName, options.nodeName);
    this.ring = new FlowRing({ capacity: options.historyFlows, maxBytes: options.historyBytes });
    const tcp = options.listen.find((address) => address.kind === 'tcp');
    this.peers = new PeerLog(
      options.clusterName,
      tcp?.kind === 'tcp' ? tcp.port : null,
      options.tls !== undefined,
    );
    this.ended = new Promise((resolve) => {
      this.end = resolve;
      io.signal.addEventListener('abort', () => resolve(), { once: true });
      if (io.signal.aborted) resolve();
    });
  }

  async start(): Promise<void> {
    const datapath = new Datapath(this.options, this.datapathListeners());
    this.datapath = datapath;
    const { object } = datapath;
    // Before the rings are there: what the kernel refuses until then is told as refused.
    this.losses = new LossWatch(
      object.map('event_counters'),
      object.map('counters_told'),
      this.ring,
      this.ledger,
      this.nodeName,
    );
    const watermark = Math.max(4096, this.options.ringBytesPerCpu / WATERMARK_SHARE);
    const rings = openPerfRings(object.map('events'), this.options.ringBytesPerCpu, watermark);
    this.rings = rings;
    this.pipeline = startPipeline(
      {
        rings: rings.rings,
        epollFd: rings.epollFd,
        nodeName: this.nodeName,
        nodeLabels: [],
        emitter: { name: 'Sluice', version: VERSION },
        maxQueuedBytes: MAX_QUEUED_BYTES,
      },
      this.ring,
      {
        onNamespaces: (namespaces) => this.namespaces.add(namespaces, Date.now()),
        onFailure: (error) => this.fail(`ring thread: ${error.message}`),
      },
    );
    await this.followClusters();
    datapath.start();
    this.lossTimer = setInterval(() => this.tellLosses(), LOSS_INTERVAL_MS);
    await this.serve();
    this.agentEvents.add(
      create(AgentEventSchema, {
        type: AgentEventType.AGENT_STARTED,
        notification: { case: 'agentStart', value: { time: timestampFromMs(this.startedMs) } },
      }),
    );
  }

  /** Reads all clusters' state once, and follows it from then on. */
  private async followClusters(): Promise<void> {
    const { options } = this;
    const own = createDirectorySource({
      dir: options.stateDir,
      cluster: options.clusterName,
      clusterId: options.clusterId,
    });
    const remote = options.remoteClusters.map(({ name, id, stateDir }) => ({
      name,
      source: createDirectorySource({ dir: stateDir, cluster: name, clusterId: id, readOnly: true }),
    }));
    const all = [{ name: options.clusterName, source: own }, ...remote];
    this.sources.push(...all.map(({ source }) => source));
    await Promise.all(
      all.map(({ name, source }) => source.start((changes) => this.applyState(name, changes))),
    );
  }

  private applyState(cluster: string, changes: readonly ClusterChange[]): void {
    for (const change of changes) {
      if (change.kind === 'problems') {
        this.setProblems(`cluster ${cluster}`, change.problems);
      } else if (
        change.kind === 'node-upsert' &&
        change.node.cluster === this.options.clusterName &&
        change.node.name === this.options.nodeName
      ) {
        this.pipeline?.setNodeLabels(change.node.labels);
      }
    }
    this.peers.apply(changes);
    this.pipeline?.enrich(enrichmentChanges(changes));
    this.datapath?.apply(changes);
  }

  private datapathListeners(): DatapathListeners {
    return {
      onEndpoints: (attached, detached) => {
        this.pipeline?.enrich([
          ...detached.map(({ id }) => ({ kind: 'local', id, address: null }) as const),
          ...attached.map(({ id, pod }) => ({ kind: 'local', id, address: pod.addresses[0] }) as const),
        ]);
        for (const endpoint of attached) {
          this.agentEvents.add(endpointEvent(AgentEventType.ENDPOINT_CREATED, endpoint));
          const { pod, id, identity, linkName } = endpoint;
          const name = `${pod.namespace}/${pod.podName}`;
          this.io.log(logLine('info', 'endpoint attached', { pod: name, id, identity, interface: linkName }));
        }
        for (const endpoint of detached) {
          this.agentEvents.add(endpointEvent(AgentEventType.ENDPOINT_DELETED, endpoint));
          const { pod, id } = endpoint;
          this.io.log(logLine('info', 'endpoint detached', { pod: `${pod.namespace}/${pod.podName}`, id }));
        }
      },
      onIpcache: (changes) => {
        for (const change of changes) this.agentEvents.add(ipcacheEvent(change));
      },
      onInterfaces: (links) => this.nameInterfaces(links),
      onProblems: (problems) => this.setProblems('datapath', problems),
    };
  }

  private nameInterfaces(links: readonly Link[]): void {
    const present = new Set(links.map((link) => link.index));
    const changed = links.filter((link) => this.linkNames.get(link.index) !== link.name);
    const gone = [...this.linkNames.keys()].filter((index) => !present.has(index));
    for (const link of changed) this.linkNames.set(link.index, link.name);
    for (const index of gone) this.linkNames.delete(index);
    this.pipeline?.enrich([
      ...changed.map(({ index, name }) => ({ kind: 'interface', index, name }) as const),
      ...gone.map((index) => ({ kind: 'interface', index, name: null }) as const),
    ]);
  }

  private setProblems(group: string, problems: readonly { where: string; message: string }[]): void {
    for (const { where, message } of this.problems.set(group, problems, Date.now())) {
      this.io.log(logLine('warn', message, { where }));
    }
  }

  private tellLosses(): void {
    if (this.pipeline !== null) this.losses?.tell(this.pipeline.counters);
  }

  private async serve(): Promise<void> {
    const state: AgentState = {
      nodeName: this.nodeName,
      version: VERSION,
      startedMs: this.startedMs,
      ring: this.ring,
      ledger: this.ledger,
      agentEvents: this.agentEvents,
      debugEvents: new EventLog<DebugEvent>(1),
      namespaces: this.namespaces,
      peers: this.peers,
      report: () => this.report(),
    };
    const health = new HealthState(['', 'hubble.server.Observer'], true);
    this.server = await createRpcServer({
      listen: this.options.listen,
      insecure: this.options.insecure,
      ...(this.options.tls !== undefined && { tls: this.options.tls }),
      responseHeaders: { 'hubble-server-version': VERSION },
      rawStreams: new Map([['/observer.Observer/GetFlows', flowsHandler(state)]]),
      routes: (router) => {
        agentRoutes(router, state);
        health.routes(router);
        reflectionRoutes(router, [Observer.file, Peer.file, Diagnostics.file, Health.file]);
      },
    });
    this.io.log(
      logLine('info', 'agent ready', {
        node: this.nodeName,
        device: this.datapath?.deviceName ?? '',
        listen: this.server.addresses.map(formatAddress).join(' '),
      }),
    );
  }

  private report(): ReturnType<typeof agentReport> {
    this.tellLosses();
    const { losses } = this;
    const counters = Object.fromEntries(
      Object.entries(counterIndex).map(([name, index]) => [name, losses?.counter(index) ?? 0]),
    );
    return agentReport(this.nodeName, this.startedMs, this.ring, this.ledger, this.problems, {
      flowsEmitted: losses?.emitted ?? 0,
      endpoints: this.datapath?.endpoints.length ?? 0,
      counters,
    });
  }

  private fail(message: string): void {
    this.failed = true;
    this.io.log(logLine('error', message));
    this.end();
  }

  /** Stops everything in the reverse order; safe after a start that failed half-way. */
  async stop(): Promise<void> {
    clearInterval(this.lossTimer);
    await Promise.all(this.sources.map((source) => source.close()));
    await this.pipeline?.stop();
    this.tellLosses();
    // Readers have seen the last flows by now: the server ends their calls.
    await this.server?.close(CLOSE_GRACE_MS);
    this.rings?.close();
    this.datapath?.close(this.options.unpinOnExit);
  }
}
