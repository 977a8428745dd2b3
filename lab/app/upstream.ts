import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { UpstreamCall } from '../topology/workloads.ts';
import type { AppConfig } from './app-config.ts';
import { CacheClient } from './cache-client.ts';
import { PodResolver } from './resolver.ts';

/** A caller's patience. Longer than a slow server takes, shorter than the kernel tries to connect to a host that is gone. */
const TIMEOUT_MS = 4_000;

/** Makes a program's calls: resolves, connects or uses a connection again, asks, reads the answer. */
export class UpstreamCaller {
  readonly resolver: PodResolver;
  private readonly config: AppConfig;
  private readonly keepAlive = new Agent({ keepAlive: true, maxSockets: 8 });
  private readonly cache = new CacheClient();
  private turn = 0;

  constructor(config: AppConfig) {
    this.config = config;
    this.resolver = new PodResolver(config);
  }

  /** Resolves once the answer is read; rejects with the system's error, or one that has the HTTP status as its code. */
  async call(call: UpstreamCall): Promise<void> {
    const address = await this.choose(call);
    if (call.protocol === 'cache')
      await this.cache.ask(address, call.port, this.localAddress(address), call.path);
    else await this.askHttp(call, address);
  }

  /** One of the host's addresses, of the family that is asked for. */
  async choose({ host, family }: Pick<UpstreamCall, 'host' | 'family'>): Promise<string> {
    const { ipv4, ipv6 } = await this.resolver.resolve(host);
    let wanted = family === 6 ? ipv6 : ipv4;
    if (family === 'any' && (this.turn++ % 3 === 2 || ipv4.length === 0)) wanted = ipv6;
    const address = wanted[Math.floor(Math.random() * wanted.length)] ?? ipv4[0];
    if (address === undefined)
      throw Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' });
    return address;
  }

  private localAddress(address: string): string {
    return address.includes(':') ? this.config.addresses.ipv6 : this.config.addresses.ipv4;
  }

  private askHttp({ host, port, path, connection }: UpstreamCall, address: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const isShort = connection === 'short';
      const sent = request({
        host: address,
        port,
        path,
        localAddress: this.localAddress(address),
        headers: { host, 'user-agent': this.config.name },
        agent: isShort ? new Agent({ keepAlive: false }) : this.keepAlive,
      });
      sent.setTimeout(TIMEOUT_MS, () =>
        sent.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })),
      );
      sent.once('error', reject);
      sent.once('response', (response) => {
        const status = response.statusCode ?? 0;
        text(response).then(
          () =>
            status < 400 ? resolve() : reject(Object.assign(new Error('status'), { code: `HTTP ${status}` })),
          reject,
        );
      });
      sent.end();
    });
  }
}
