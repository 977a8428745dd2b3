import { execFileSync } from 'node:child_process';
import {
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fetchArchive } from './fetch-server.ts';
import { freePorts, ServerProcess } from './server-process.ts';

const VERSION = '8.19.0';
/** The official server without most of its modules, as Elastic publishes it for tests of other programs. */
const SERVER = `org.elasticsearch.distribution.integ-test-zip:elasticsearch:${VERSION}`;

/** It refuses to run as root: then it runs as this user, which exists everywhere and owns nothing. */
const NOBODY = 65_534;
/** So it can read its own files wherever the checkout stands. */
const CAN_READ = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];

export interface ElasticsearchOptions {
  /** Port on the loopback; absent = any that is free. */
  readonly port?: number;
  /** Where data, logs and settings go; absent = a directory for this server alone, which `stop` removes. */
  readonly directory?: string;
  /** Run as a server would that is to last, for measurements: both compilers, the garbage collector of the default. Otherwise it is made to start quickly. */
  readonly isTuned?: boolean;
}

/** A real Elasticsearch of one node on the loopback, without security: the cut-down server, which has no ILM and only the basic field types and aggregations. */
export class ElasticsearchServer {
  readonly url: string;
  private readonly home: string;
  private readonly directory: string;
  private readonly isKept: boolean;
  private server: ServerProcess | null = null;

  private constructor(url: string, home: string, directory: string, isKept: boolean) {
    this.url = url;
    this.home = home;
    this.directory = directory;
    this.isKept = isKept;
  }

  /** Fetches the server when it is not there yet, and starts it. Throws Error when Java or Maven is missing, or the server cannot be had. */
  static async start(options: ElasticsearchOptions = {}): Promise<ElasticsearchServer> {
    const home = await fetchArchive(`elasticsearch-${VERSION}`, SERVER, `elasticsearch-${VERSION}`);
    const [freePort, transportPort] = await freePorts(2);
    const port = options.port ?? freePort;
    const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'sluice-elasticsearch-'));
    const isKept = options.directory !== undefined;
    const server = new ElasticsearchServer(`http://127.0.0.1:${port}`, home, directory, isKept);
    server.writeSettings(port, transportPort, options.isTuned ?? false);
    await server.resume();
    return server;
  }

  /** CPU seconds that it has used since it was started. */
  get cpuSeconds(): number {
    return this.server?.cpuSeconds ?? 0;
  }

  /** Starts it with what it had. */
  async resume(): Promise<void> {
    const isRoot = process.getuid?.() === 0;
    const become = isRoot ? [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', ...CAN_READ] : [];
    const settings = join(this.directory, 'config');
    const server = new ServerProcess(
      'setpriv',
      [...become, '--pdeathsig=KILL', 'bash', join(this.home, 'bin/elasticsearch')],
      {
        cwd: this.directory,
        isGroup: true,
        env: {
          PATH: process.env['PATH'],
          ES_JAVA_HOME: javaHome(),
          ES_PATH_CONF: settings,
          ES_TMPDIR: join(this.directory, 'tmp'),
        },
      },
    );
    this.server = server;
    await server.ready(() => this.isHealthy());
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
    if (!this.isKept) rmSync(this.directory, { recursive: true, force: true });
  }

  /** An open port is too early, and so is an answer without a master. */
  private async isHealthy(): Promise<boolean> {
    try {
      const answer = await fetch(`${this.url}/_cluster/health?wait_for_status=yellow&timeout=1s`, {
        signal: AbortSignal.timeout(10_000),
      });
      await answer.arrayBuffer();
      return answer.status === 200;
    } catch {
      return false;
    }
  }

  private writeSettings(port: number, transportPort: number, isTuned: boolean): void {
    const settings = join(this.directory, 'config');
    rmSync(settings, { recursive: true, force: true });
    cpSync(join(this.home, 'config'), settings, { recursive: true });
    for (const name of ['tmp', 'data', 'logs']) mkdirSync(join(this.directory, name), { recursive: true });
    writeFileSync(
      join(settings, 'elasticsearch.yml'),
      `cluster.name: sluice
node.name: n1
path.data: ${join(this.directory, 'data')}
path.logs: ${join(this.directory, 'logs')}
discovery.type: single-node
http.host: 127.0.0.1
http.port: ${port}
transport.host: 127.0.0.1
transport.port: ${transportPort}
xpack.security.enabled: false
cluster.routing.allocation.disk.threshold_enabled: false
action.destructive_requires_name: false
`,
    );
    const jvm = isTuned ? ['-XX:+UseG1GC'] : ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
    const shared = ['-Xms256m', '-Xmx512m', '-Djava.io.tmpdir=${ES_TMPDIR}', '-XX:+ExitOnOutOfMemoryError'];
    const modules = '20-:--add-modules=jdk.incubator.vector';
    writeFileSync(join(settings, 'jvm.options'), [...shared, ...jvm, modules, ''].join('\n'));
    if (process.getuid?.() === 0) giveTo(this.directory, NOBODY);
  }
}

function giveTo(path: string, user: number): void {
  chownSync(path, user, user);
  for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' }))
    chownSync(join(path, name), user, user);
}

/** Where the `java` of the path is at home. Throws Error when there is none. */
function javaHome(): string {
  try {
    const path = execFileSync('sh', ['-c', 'command -v java'], { encoding: 'utf8' }).trim();
    return dirname(dirname(realpathSync(path)));
  } catch (error) {
    throw new Error('java is not installed', { cause: error });
  }
}
