import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import type { AppConfig } from './app-config.ts';

/** Servers start beside those who ask them: a question that came too early is asked again before it hurts. */
const TIMEOUT_MS = 700;
const TRIES = 4;
/** As long as the servers' records live. */
const CACHE_MS = 10_000;
/** A name with fewer dots is first tried with the search list (`ndots:5` in every pod). */
const NDOTS = 5;

export interface Resolved {
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

/**
 * Resolves names as programs in pods do: by the search list, A and AAAA at once, over UDP and, where an answer is too large for it, TCP. Answers are kept for ten
 * seconds; that a name has none, too, but not that nobody answered.
 */
export class PodResolver {
  private readonly resolver: dns.Resolver;
  private readonly search: readonly string[];
  private readonly cache = new Map<string, { until: number; result: Promise<Resolved> }>();

  constructor(config: AppConfig) {
    this.resolver = new dns.Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
    this.resolver.setServers([config.dns.ipv4]);
    this.resolver.setLocalAddress(config.addresses.ipv4, config.addresses.ipv6);
    this.search = config.search;
  }

  /** All addresses of a host. Rejects with ENOTFOUND when no way of writing the name has any. */
  resolve(host: string): Promise<Resolved> {
    if (isIP(host) === 4) return Promise.resolve({ ipv4: [host], ipv6: [] });
    if (isIP(host) === 6) return Promise.resolve({ ipv4: [], ipv6: [host] });
    const now = Date.now();
    let entry = this.cache.get(host);
    if (entry === undefined || entry.until < now) {
      const asked = { until: now + CACHE_MS, result: this.lookUp(host) };
      // Whoever asks is told; here it only matters whether that was an answer.
      asked.result.catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOTFOUND' && this.cache.get(host) === asked) this.cache.delete(host);
      });
      this.cache.set(host, asked);
      entry = asked;
    }
    return entry.result;
  }

  async resolveText(host: string): Promise<string> {
    return (await this.resolver.resolveTxt(host)).flat().join('');
  }

  private async lookUp(host: string): Promise<Resolved> {
    const searched = this.search.map((suffix) => `${host}.${suffix}`);
    const names = host.split('.').length > NDOTS ? [host, ...searched] : [...searched, host];
    for (const name of names) {
      const [ipv4, ipv6] = await Promise.all([
        this.resolver.resolve4(name).catch(noneIfUnknown),
        this.resolver.resolve6(name).catch(noneIfUnknown),
      ]);
      if (ipv4.length + ipv6.length > 0) return { ipv4, ipv6 };
    }
    throw Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' });
  }
}

function noneIfUnknown(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOTFOUND' || error.code === 'ENODATA') return [];
  throw error;
}
