import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { parseConfig } from '../../exporter/config/parse-config.ts';

const deploy = join(import.meta.dirname, '../../deploy');

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly volumes?: readonly string[];
  readonly healthcheck?: object;
}

describe('what is there for Docker', () => {
  const { services, volumes } = parse(readFileSync(join(deploy, 'compose.yaml'), 'utf8'), {
    merge: true,
  }) as {
    services: Record<string, Service>;
    volumes: object;
  };

  it('names services, volumes and files that are there', () => {
    for (const [name, service] of Object.entries(services)) {
      assert.ok(service.image !== undefined, name);
      if (service.build !== undefined)
        assert.ok(existsSync(join(deploy, service.build.context, service.build.dockerfile)), name);
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        assert.ok(services[other] !== undefined, `${name} waits for ${other}`);
        if (condition === 'service_healthy')
          assert.ok(services[other].healthcheck !== undefined, `${other} never gets healthy`);
      }
      for (const volume of service.volumes ?? []) {
        const [source] = volume.split(':');
        assert.ok(source.startsWith('/') || Object.hasOwn(volumes, source), `${name} has volume ${source}`);
      }
    }
  });

  it('has an exporter that writes to the servers which are there', () => {
    const { config, problems } = parseConfig(readFileSync(join(deploy, 'export.yaml'), 'utf8'));
    assert.deepEqual(problems, []);
    const hosts = config!.sinks.flatMap(({ target }) => {
      if (target.kind === 'kafka') return target.brokers.map((broker) => broker.split(':')[0]);
      return target.kind === 'elasticsearch' ? target.nodes.map((node) => new URL(node).hostname) : [];
    });
    assert.deepEqual(hosts, ['kafka', 'elasticsearch', 'elasticsearch']);
    for (const host of hosts) assert.ok(services[host] !== undefined, host);
  });
});
