import type { AppConfig } from '../app-config.ts';
import type { Tally } from '../tally.ts';
import { serveDns } from './dns-server.ts';
import { answerFrom } from './zone.ts';

/** The world's resolver: knows its records and nothing else. */
export function runWorldDns(config: AppConfig, tally: Tally): void {
  serveDns(config, async (query) => answerFrom(query, config.records[query.name]), tally);
}
