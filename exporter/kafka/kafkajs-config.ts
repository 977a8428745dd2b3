import kafkajs, { type KafkaConfig as LibraryConfig, type SASLOptions } from 'kafkajs';
import type { KafkaConfig } from '../config/config.ts';
import { readSecret } from '../config/secret.ts';
import { quietKafkajs } from './quiet-kafkajs.ts';
import { tlsOptions } from './tls-options.ts';

/** How to reach a cluster. */
export type KafkaServers = Pick<KafkaConfig, 'brokers' | 'tls' | 'sasl'>;

const TIMEOUT_MS = 30_000;

/** What kafkajs has to know of a cluster, with secrets as they are now. */
export function kafkajsConfig({ brokers, tls, sasl }: KafkaServers, clientId: string): LibraryConfig {
  quietKafkajs();
  return {
    clientId,
    brokers: [...brokers],
    // What matters is thrown as well.
    logLevel: kafkajs.logLevel.NOTHING,
    requestTimeout: TIMEOUT_MS,
    ...(tls !== undefined && { ssl: tlsOptions(tls) }),
    ...(sasl !== undefined && {
      sasl: {
        mechanism: sasl.mechanism.toLowerCase(),
        username: sasl.username,
        password: readSecret(sasl.password),
      } as SASLOptions,
    }),
  };
}
