import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchJars, runProgram } from './fetch-server.ts';
import { freePorts, ServerProcess } from './server-process.ts';

const KAFKA = 'org.apache.kafka:kafka_2.13:4.3.1';
/** Without a binding the broker logs nothing, and nobody learns when it is ready. */
const LOGGING = 'org.apache.logging.log4j:log4j-slf4j-impl:2.25.4';
const CLUSTER_ID = 'c2x1aWNlLXRlc3QtY2x1c3Q';
const JVM = ['-Xms256m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

const LOG4J = `Configuration:
  Appenders:
    Console: { name: out, PatternLayout: { pattern: "%p %m%n" } }
  Loggers:
    Root: { level: INFO, AppenderRef: { ref: out } }
`;

export interface KafkaOptions {
  /** Port on the loopback; absent = any that is free. */
  readonly port?: number;
  /** Where data and settings go; absent = a directory for this broker alone, which `stop` removes. */
  readonly directory?: string;
}

/** A Kafka broker of one node (KRaft) on the loopback, small and quick to start. */
export class KafkaBroker {
  readonly address: string;
  private readonly directory: string;
  private readonly jars: string;
  private readonly isKept: boolean;
  private server: ServerProcess | null = null;

  private constructor(port: number, directory: string, jars: string, isKept: boolean) {
    this.address = `127.0.0.1:${port}`;
    this.directory = directory;
    this.jars = jars;
    this.isKept = isKept;
  }

  /** Fetches the broker when it is not there yet, and starts it. Throws Error when Java or Maven is missing, or the jars cannot be had. */
  static async start(options: KafkaOptions = {}): Promise<KafkaBroker> {
    const jars = await fetchJars('kafka-4.3.1', [KAFKA, LOGGING]);
    const [freePort, controller] = await freePorts(2);
    const port = options.port ?? freePort;
    const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'sluice-kafka-'));
    const broker = new KafkaBroker(port, directory, jars, options.directory !== undefined);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'log4j2.yaml'), LOG4J);
    writeFileSync(
      join(directory, 'server.properties'),
      properties(port, controller, join(directory, 'data')),
    );
    await runProgram(
      'java',
      broker.java('kafka.tools.StorageTool', [
        'format',
        '-t',
        CLUSTER_ID,
        '-c',
        'server.properties',
        '--ignore-formatted',
      ]),
      directory,
    );
    await broker.resume();
    return broker;
  }

  /** The process that runs now. */
  get pid(): number {
    return this.server!.pid;
  }

  /** Starts it with what it had. */
  async resume(): Promise<void> {
    const server = new ServerProcess(
      'setpriv',
      ['--pdeathsig=KILL', 'java', ...this.java('kafka.Kafka', ['server.properties'])],
      { cwd: this.directory },
    );
    this.server = server;
    // An open port is too early: creating topics fails for a moment.
    await server.ready(() => server.output.includes('Kafka Server started'));
  }

  /** Resolves when the process that runs now has ended, however. */
  async ended(): Promise<void> {
    await this.server?.closed;
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    await this.server?.end('SIGKILL');
  }

  /** Ends it for good, and removes its data unless it was told where to keep them. */
  async stop(): Promise<void> {
    await this.server?.end(this.isKept ? 'SIGTERM' : 'SIGKILL');
    if (!this.isKept) rmSync(this.directory, { recursive: true });
  }

  private java(main: string, args: readonly string[]): string[] {
    const logging = `-Dlog4j2.configurationFile=${join(this.directory, 'log4j2.yaml')}`;
    return [...JVM, logging, '-cp', `${this.jars}/*`, main, ...args];
  }
}

function properties(port: number, controller: number, data: string): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=${data}
num.partitions=4
auto.create.topics.enable=false
message.max.bytes=1048588
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
background.threads=2
log.cleaner.dedupe.buffer.size=8388608
`;
}
