import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LabReport } from '../../lab/index.ts';
import { planLab } from '../../lab/topology/plan.ts';
import { LossCause } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { callUnary, parseAddress, RpcConnection } from '../../rpc/index.ts';
import { runCli } from '../cli/support/run-cli.ts';
import { labIsLacking, LabHarness } from './support/lab-harness.ts';

/** Who has to be seen with whom: same node, across nodes, across clusters, to the outside and from there. */
const EXPECTED_PAIRS = [
  'east/clients/traveller -> east/travel/frontend',
  'east/travel/frontend -> east/travel/search',
  'east/travel/search -> east/travel/fares',
  'east/travel/search -> east/travel/cache',
  'east/travel/fares -> east/travel/inventory',
  'east/travel/fares -> east/kube-system/coredns',
  'east/kube-system/coredns -> world',
  'west/clients/traveller -> west/travel/frontend',
  'west/travel/search -> east/travel/fares',
  'world -> east/travel/frontend',
  'world -> west/travel/frontend',
] as const;

describe('sluice lab --duration --report', () => {
  it(
    'ends by itself, tells what it saw in its last line, and leaves nothing',
    { skip: labIsLacking() ?? false, timeout: 180_000 },
    async (t) => {
      const lab = LabHarness.start(t, ['--duration=15s', '--report', '--rate=4']);
      await lab.live();
      // By mTLS, each agent under its own name, and new certificates for all cost no connection.
      const relay = new RpcConnection(parseAddress(`unix://${lab.paths.topSocket}`));
      t.after(() => relay.close());
      const { nodes } = await callUnary(relay, Observer.method.getNodes, {});
      assert.deepEqual(
        nodes.map(({ tls }) => (tls?.enabled === true ? tls.serverName : 'plaintext')).sort(),
        ['node1.east', 'node1.west', 'node2.east', 'node2.west'].map(
          (name) => `${name}.hubble-grpc.cilium.io`,
        ),
      );
      const renewed = await runCli(['certs', 'renew', lab.paths.tlsDir, '--all']);
      assert.equal(renewed.status, 0, renewed.err);
      assert.equal(await lab.exit, 0, lab.lines.join('\n'));
      const report = JSON.parse(lab.lines.at(-1) ?? '') as LabReport;
      assert.deepEqual([report.clusters, report.nodes], [2, 4]);
      const planned = planLab('x').clusters.flatMap(({ nodes }) => nodes.flatMap(({ pods }) => pods)).length;
      assert.equal(report.pods, planned);
      assert.ok(
        report.podsSeen > planned / 2 && report.podsSeen <= planned,
        `${report.podsSeen} pods in flows`,
      );
      assert.ok(report.flows > 0);
      assert.deepEqual(
        EXPECTED_PAIRS.filter((pair) => !report.pairs.includes(pair)),
        [],
      );
      assert.equal(report.workloadPairs, report.pairs.length);
      const causes = Object.keys(LossCause).filter((name) => /^[A-Z]/.test(name));
      assert.deepEqual(new Set(['LOSS_CAUSE_UNSPECIFIED', ...Object.keys(report.losses)]), new Set(causes));
      for (const part of [report.cpuSeconds, report.residentBytes])
        assert.ok(part.agents > 0 && part.relays > 0);
      assert.equal(report.losses['PEER_UNAVAILABLE'], 0, lab.lines.join('\n'));
      assert.equal(report.restarts, 0, lab.lines.join('\n'));
      assert.deepEqual(lab.leftovers(), []);
    },
  );
});
