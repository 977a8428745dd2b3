import { createDirectorySource } from '../cluster/index.ts';
import type { ClusterChange, ClusterSource } from '../cluster/model.ts';
import { FlowRing, FlowStore, LossLedger, RingFeed, storeReport } from '../history/index.ts';
import { type AgentEvent, AgentEventType, type DebugEvent } from '../proto/gen/flow/flow_pb.ts';
import { LossCause } from '../proto/gen/sluice/v1/diagnostics_pb.ts';
import { formatAddress, type RpcServer } from '../rpc/index.ts';
import { logLine } from '../rpc/log.ts';
import { VERSION } from '../rpc/version.ts';
import { lockNode } from './agent-lock.ts';
import type { AgentOptions, ProcessIo } from './config.ts';
import { DatapathCounters } from './datapath-counters.ts';
import { Datapath, type DatapathListeners } from './datapath/datapath.ts';
import { PolicyEnforcement } from './policy/policy-enforcement.ts';
import { PolicySources } from './policy/policy-sources.ts';
import { counters as counterIndex } from './decode/event-layout.ts';
import { openPerfRings, type PerfRings } from './kernel/perf-rings.ts';
import { LossWatch } from './loss-watch.ts';
import { type PipelineThread, startPipeline } from './pipeline-thread.ts';
import { endpointEvent, ipcacheEvent, policyEvents, ServiceEvents, startEvent } from './serve/agent-event.ts';
import { serveAgent } from './serve/agent-server.ts';
import { EventLog } from './serve/event-log.ts';
import { FilterFailures } from './serve/filter-failures.ts';
import { NamespaceLog } from './serve/namespace-log.ts';
import { createNodeView, type NodeView } from './serve/node-view.ts';
import type { AgentState } from './serve/observer-service.ts';
import { absoluteNodeName, PeerLog } from './serve/peer-log.ts';
import { agentReport, ProblemLog } from './serve/status.ts';
import { StateQueue } from './state-queue.ts';
import { enrichmentChanges, InterfaceNames, localChanges } from './state-feed.ts';

/** A wakeup comes when a ring is filled to this part; whatever comes less is fetched by the timer. */
const WATERMARK_SHARE = 16;
const MAX_QUEUED_BYTES = 256 * 1024 * 1024;
const AGENT_EVENTS_KEPT = 4095;
const LOSS_INTERVAL_MS = 1000;
/** DNS messages read of all pods together: a tenth of a core. */
const DNS_PER_SECOND = 16_384;
const DNS_PASSED_OVER = {
  where: 'DNS',
  message: `messages are passed over: more than ${DNS_PER_SECOND} a second on the node, or a quarter of that for one pod`,
};
const NO_PORT_LEFT = {
  where: 'masquerade',
  message: 'connections to one destination are dropped: the ports of the node are all taken there',
};
const CLOSE_GRACE_MS = 500;

/**
 * The parts of an agent, started in the order in which they depend on each other and stopped in the reverse one:
 *
 *     lock, flow store, programs and maps, loss accounts, rings, pipeline thread, cluster state, attachments, server
 */
export class Agent {
  /** Whether it ended because something broke. */
  failed = false;
  /** Resolves when the agent shall stop: by its signal, or because it cannot go on. */
  readonly ended: Promise<void>;
  private readonly options: AgentOptions;
  private readonly io: ProcessIo;
  private readonly nodeName: string;
  private readonly startedMs = Date.now();
  private readonly ring: FlowRing;
  private readonly ledger = new LossLedger();
  private readonly problems = new ProblemLog();
  private readonly agentEvents = new EventLog<AgentEvent>(AGENT_EVENTS_KEPT);
  private readonly serviceEvents: ServiceEvents;
  private readonly namespaces = new NamespaceLog();
  private readonly filterFailures: FilterFailures;
  private readonly interfaceNames = new InterfaceNames();
  private readonly peers: PeerLog;
  private readonly sources: ClusterSource[] = [];
  private readonly changes: StateQueue;
  private lock: { close(): void } | null = null;
  private feed: RingFeed | null = null;
  private datapath: Datapath | null = null;
  private policies: PolicyEnforcement | null = null;
  private readonly policySources = new PolicySources();
  private view: NodeView | null = null;
  private counters: DatapathCounters | null = null;
  private losses: LossWatch | null = null;
  private dnsPassedOver = 0;
  private natRefused = 0;
  private rings: PerfRings | null = null;
  private pipeline: PipelineThread | null = null;
  private server: RpcServer | null = null;
  private lossTimer: NodeJS.Timeout | undefined;
  private end: () => void = () => {};

  constructor(options: AgentOptions, io: ProcessIo) {
    this.options = options;
    this.io = io;
    this.filterFailures = new FilterFailures((message, where) => io.log(logLine('warn', message, { where })));
    this.nodeName = absoluteNodeName(options.clusterName, options.nodeName);
    this.ring = new FlowRing({ capacity: options.historyFlows, maxBytes: options.historyBytes });
    this.changes = new StateQueue(
      (cluster, changes) => this.applyState(cluster, changes),
      (error) => this.fail(`cluster state: ${(error as Error).stack}`),
    );
    this.serviceEvents = new ServiceEvents(options.clusterName);
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

  /** Throws when a part cannot be started; those before it then wait for `stop`. */
  async start(): Promise<void> {
    const { options } = this;
    this.agentEvents.add(startEvent(this.startedMs));
    this.lock = await lockNode(options.pinDir);
    await this.startStore();
    this.datapath = new Datapath(
      {
        ...options,
        dnsPerSecond: options.dns === false ? 0 : DNS_PER_SECOND,
        ...(options.policyMapEntries !== undefined && { maxEntries: { policy: options.policyMapEntries } }),
      },
      this.datapathListeners(),
    );
    this.startPipeline(this.datapath);
    this.startPolicies(this.datapath);
    await this.followClusters();
    this.datapath.start();
    this.lossTimer = setInterval(() => this.look(), LOSS_INTERVAL_MS);
    const onRefused = (message: string): void => this.io.log(logLine('warn', message));
    this.server = await serveAgent(this.state(), { ...options, onRefused });
    const listen = this.server.addresses.map(formatAddress).join(' ');
    const device = this.datapath.deviceName;
    this.io.log(logLine('info', 'agent ready', { node: this.nodeName, device, listen }));
  }

  /** A node without a disk to keep flows on still has its ring: that the store does not open is told, and no reason to stop. */
  private async startStore(): Promise<void> {
    const { store: bounds } = this.options;
    if (bounds === undefined) return;
    try {
      const store = await FlowStore.open({
        ...bounds,
        log: (level, message, fields) => this.io.log(logLine(level, message, fields)),
        onLost: (flows, why) => this.ledger.add(LossCause.HISTORY_STORE, flows, why),
      });
      this.feed = new RingFeed(this.ring, store);
    } catch (error) {
      this.setProblems('store', [{ where: 'flow store', message: (error as Error).message }]);
    }
  }

  private startPipeline({ object }: Datapath): void {
    const { options } = this;
    this.counters = new DatapathCounters(object.map('event_counters'), object.map('counters_told'));
    this.dnsPassedOver = this.counters.total(counterIndex.dnsLimited);
    this.natRefused = this.counters.total(counterIndex.natNoPort);
    this.losses = new LossWatch(this.counters, this.ring, this.ledger, this.nodeName);
    const watermark = options.ringBytesPerCpu / WATERMARK_SHARE;
    this.rings = openPerfRings(object.map('events'), options.ringBytesPerCpu, watermark);
    this.pipeline = startPipeline(
      {
        rings: this.rings.rings,
        epollFd: this.rings.epollFd,
        nodeName: this.nodeName,
        nodeLabels: [],
        emitter: { name: 'Sluice', version: VERSION },
        maxQueuedBytes: options.maxQueuedBytes ?? MAX_QUEUED_BYTES,
      },
      this.ring,
      {
        onNamespaces: (namespaces) => this.namespaces.add(namespaces, Date.now()),
        onFailure: (error) => this.fail(`ring thread: ${error.message}`),
      },
    );
  }

  private startPolicies(datapath: Datapath): void {
    const { clusterName, clusterId, nodeName, policyEnforcement, hostFirewall, policyAudit } = this.options;
    const { object, settings } = datapath;
    this.policies = new PolicyEnforcement(
      {
        clusterName,
        clusterId,
        nodeName,
        mode: policyEnforcement ?? 'default',
        hostFirewall: hostFirewall ?? false,
        audits: policyAudit ?? false,
      },
      {
        policy: object.map('policy'),
        endpointPolicies: object.map('endpoint_policies'),
        ranges: object.map('ipcache_cidr'),
        ruleCounters: object.map('rule_counters'),
      },
      settings,
      {
        onRules: (told) => this.pipeline?.enrich([{ kind: 'rules', ...told }]),
        onIdentities: (told) =>
          this.pipeline?.enrich(told.map((identity) => ({ kind: 'identity', ...identity }) as const)),
        onProblems: (problems) => this.setProblems('policy', problems),
      },
    );
    datapath.usePolicies(this.policies);
    this.view = createNodeView(this.options, this.startedMs, {
      policies: this.policies,
      datapath,
      sources: this.policySources,
      problems: () => this.problems.list(),
    });
    datapath.useNodeIdentities((node) => this.policies!.identityOfNode(node));
  }

  /** Reads all clusters' state once, and follows it from then on. */
  private async followClusters(): Promise<void> {
    const { clusterName, clusterId, stateDir, remoteClusters } = this.options;
    const own = createDirectorySource({
      dir: stateDir,
      cluster: clusterName,
      clusterId,
      readPolicies: this.policySources.read,
    });
    const remote = remoteClusters.map(({ name, id, stateDir: dir }) => ({
      name,
      source: createDirectorySource({ dir, cluster: name, clusterId: id, readOnly: true }),
    }));
    const all = [{ name: clusterName, source: own }, ...remote];
    this.sources.push(...all.map(({ source }) => source));
    await Promise.all(
      all.map(({ name, source }) => source.start((changes) => this.changes.push(name, changes))),
    );
    // Endpoints are given their policies when all identities are known that these speak of.
    await this.changes.idle();
  }

  private applyState(cluster: string, changes: readonly ClusterChange[]): void {
    const { clusterName, nodeName } = this.options;
    for (const change of changes) {
      if (change.kind === 'problems') this.setProblems(`cluster ${cluster}`, change.problems);
      if (change.kind !== 'node-upsert') continue;
      const { node } = change;
      if (node.cluster === clusterName && node.name === nodeName) this.pipeline?.setNodeLabels(node.labels);
    }
    this.peers.apply(changes);
    this.pipeline?.enrich(enrichmentChanges(changes, clusterName));
    for (const event of this.serviceEvents.of(changes)) this.agentEvents.add(event);
    // Entries for an identity come before addresses that have it.
    const renumbered = this.policies?.apply(changes) ?? [];
    this.view?.apply(cluster, changes);
    for (const event of policyEvents(changes, this.policies?.revision ?? 0)) this.agentEvents.add(event);
    const again = renumbered.map((node) => ({ kind: 'node-upsert', node, old: node }) as const);
    this.datapath?.apply([...changes, ...again]);
  }

  private datapathListeners(): DatapathListeners {
    return {
      onEndpoints: (attached, detached) => {
        this.pipeline?.enrich(localChanges(attached, detached));
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
      onMasquerade: ({ ipv4 = null, ipv6 = null }) =>
        this.pipeline?.enrich([{ kind: 'masquerade', ipv4, ipv6 }]),
      onInterfaces: (links) => this.pipeline?.enrich(this.interfaceNames.changes(links)),
      onProblems: (problems) => this.setProblems('datapath', problems),
    };
  }

  private setProblems(group: string, problems: readonly { where: string; message: string }[]): void {
    for (const { where, message } of this.problems.set(group, problems, Date.now())) {
      this.io.log(logLine('warn', message, { where }));
    }
  }

  /** What nobody tells by itself. */
  private look(): void {
    this.tellLosses();
    this.view?.tick();
    this.setProblems('certificates', this.server?.tlsProblems ?? []);
    // Logged already.
    this.problems.set('filters', this.filterFailures.problems(), Date.now());
  }

  private tellLosses(): void {
    if (this.pipeline !== null) this.losses?.tell(this.pipeline.counters);
    const passedOver = this.counters?.total(counterIndex.dnsLimited) ?? 0;
    this.setProblems('dns', passedOver > this.dnsPassedOver ? [DNS_PASSED_OVER] : []);
    this.dnsPassedOver = passedOver;
    const refused = this.counters?.total(counterIndex.natNoPort) ?? 0;
    this.setProblems('masquerade', refused > this.natRefused ? [NO_PORT_LEFT] : []);
    this.natRefused = refused;
  }

  private state(): AgentState {
    return {
      nodeName: this.nodeName,
      version: VERSION,
      startedMs: this.startedMs,
      ring: this.ring,
      ...(this.feed !== null && { feed: this.feed }),
      ledger: this.ledger,
      agentEvents: this.agentEvents,
      debugEvents: new EventLog<DebugEvent>(1),
      namespaces: this.namespaces,
      peers: this.peers,
      report: () => this.report(),
      ...(this.view !== null && { view: this.view }),
      filterFailures: this.filterFailures,
    };
  }

  private report(): ReturnType<typeof agentReport> {
    const { losses, counters, pipeline } = this;
    if (pipeline !== null) losses?.account(pipeline.counters);
    return agentReport(this.nodeName, this.startedMs, this.ring, this.ledger, this.problems, {
      flowsEmitted: (losses?.emitted ?? 0) + (pipeline?.counters.extraFlows ?? 0),
      endpoints: this.datapath?.endpoints.length ?? 0,
      ...(this.feed !== null && { flowStore: storeReport(this.feed.store, this.options.store!) }),
      counters: {
        ...Object.fromEntries(
          Object.entries(counterIndex).map(([name, index]) => [name, counters?.total(index) ?? 0]),
        ),
        ...pipeline?.counters.dns,
        filterFailures: this.filterFailures.count,
        ...this.policyCounters(),
      },
    });
  }

  /** Rules by name, with how often they decided; and how much is in force. */
  private policyCounters(): Record<string, number> {
    const { policies } = this;
    if (policies === null) return {};
    const counts = policies.ruleCounts();
    return {
      policyEntries: policies.entryCount,
      policyRevision: policies.revision,
      ...Object.fromEntries(
        counts.flatMap(({ rule, decisions, audited }) => [
          [`rule ${rule}`, decisions],
          ...(audited > 0 ? [[`audited ${rule}`, audited]] : []),
        ]),
      ),
    };
  }

  private fail(message: string): void {
    this.failed = true;
    this.io.log(logLine('error', message));
    this.end();
  }

  /** Stops everything; safe after a start that failed half-way. What is pinned stays at work unless the options say otherwise. */
  async stop(): Promise<void> {
    clearInterval(this.lossTimer);
    await Promise.all(this.sources.map((source) => source.close()));
    this.changes.close();
    // The thread's last flows come into history here; then nobody looks at the rings any more.
    await this.pipeline?.stop();
    this.tellLosses();
    await this.server?.close(CLOSE_GRACE_MS);
    this.feed?.close();
    await this.feed?.store.close();
    this.rings?.close();
    this.policies?.close();
    this.datapath?.close(this.options.unpinOnExit);
    this.lock?.close();
  }
}
