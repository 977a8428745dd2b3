import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { createDirectorySource } from '../../../cluster/index.ts';
import { clusterManifests } from '../../../lab/topology/manifests.ts';
import { planLab } from '../../../lab/topology/plan.ts';
import { ChangeCollector } from '../../cluster/support/collect-changes.ts';
import { temporaryDirectory } from '../../cluster/support/temporary-directory.ts';

describe('clusterManifests()', () => {
  for (const cluster of planLab('sluice').clusters) {
    it(`describe ${cluster.name} so that an agent sees what was planned, and no problem`, async (t) => {
      const dir = temporaryDirectory(t);
      for (const [name, text] of clusterManifests(cluster)) {
        mkdirSync(dirname(join(dir, name)), { recursive: true });
        writeFileSync(join(dir, name), text);
      }
      const source = createDirectorySource({ dir, cluster: cluster.name, clusterId: cluster.id });
      t.after(() => source.close());
      const seen = new ChangeCollector();
      await source.start(seen.listener);
      assert.deepEqual(seen.problems, []);
      for (const node of cluster.nodes) {
        assert.ok(seen.objects.has(`node/${node.name}`));
        for (const pod of node.pods) {
          const endpoint = seen.endpoints.find(
            ({ podName, namespace }) => podName === pod.name && namespace === pod.workload.namespace,
          );
          assert.deepEqual(endpoint?.addresses, Object.values(pod.addresses));
          assert.equal(endpoint?.nodeName, node.name);
          assert.deepEqual(endpoint?.workloads, [{ name: pod.workload.name, kind: pod.workload.kind }]);
          assert.equal((endpoint?.identity ?? 0) >> 16, cluster.id);
        }
      }
      // Pods of one workload are one identity, whatever their names.
      const search = seen.endpoints.filter(({ workloads }) => workloads[0].name === 'search');
      assert.equal(new Set(search.map(({ identity }) => identity)).size, 1);
    });
  }
});
