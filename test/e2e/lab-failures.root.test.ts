import assert from 'node:assert/strict';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { planLab, type NodePlan } from '../../lab/topology/plan.ts';
import { portOf } from '../../lab/network/network-plan.ts';
import { NodeState } from '../../proto/gen/relay/relay_pb.ts';
import type { GetFlowsResponse } from '../../proto/gen/observer/observer_pb.ts';
import { FlowStream } from './support/flow-stream.ts';
import { labIsLacking, LabHarness } from './support/lab-harness.ts';

/** A flow that a node saw at `sinceMs` or later, so none that was under way already. */
const isFlowOf =
  (node: string, sinceMs = 0) =>
  ({ responseTypes }: GetFlowsResponse): boolean =>
    responseTypes.case === 'flow' &&
    responseTypes.value.nodeName === node &&
    timestampMs(responseTypes.value.time!) >= sinceMs;

const isStatus =
  (node: string, state: NodeState) =>
  ({ responseTypes }: GetFlowsResponse): boolean =>
    responseTypes.case === 'nodeStatus' &&
    responseTypes.value.stateChange === state &&
    responseTypes.value.nodeNames.some((name) => name.includes(node));

function ip(netns: string, ...args: string[]): void {
  const { status, stderr } = spawnSync('nsenter', [`--net=/run/netns/${netns}`, 'ip', ...args], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
}

describe('a lab in which things break', () => {
  it(
    'has flows again by itself, and tells the gap',
    { skip: labIsLacking() ?? false, timeout: 300_000 },
    async (t) => {
      const lab = LabHarness.start(t, ['--show-flows=false', '--rate=4']);
      await lab.live();
      const plan = planLab(lab.paths.prefix);
      const stream = new FlowStream(lab.paths.topSocket);
      t.after(() => stream.close());
      await stream.next(0, isFlowOf('east/node2'));

      await t.test('an agent is killed', async () => {
        const at = stream.messages.length;
        process.kill(lab.pidOf('east/node2 agent'), 'SIGKILL');
        await stream.next(at, isStatus('east/node2', NodeState.NODE_UNAVAILABLE));
        const back = stream.messages.length;
        await stream.next(back, isFlowOf('east/node2'));
      });

      await t.test("a cluster's relay is killed", async () => {
        const at = stream.messages.length;
        process.kill(lab.pidOf('west relay'), 'SIGKILL');
        await stream.next(
          at,
          ({ responseTypes }) =>
            responseTypes.case === 'nodeStatus' &&
            responseTypes.value.stateChange === NodeState.NODE_UNAVAILABLE,
        );
        const back = stream.messages.length;
        await stream.next(back, isFlowOf('west/node1'));
      });

      await t.test('the program of a pod is killed', async () => {
        const pod = plan.clusters[0].nodes[1].pods.find(({ workload }) => workload.name === 'ledger')!;
        const name = `east/travel/${pod.name}`;
        const pid = lab.pidOf(name);
        const at = stream.messages.length;
        process.kill(pid, 'SIGKILL');
        // Once it is up again it accepts connections: a SYN, ACK comes from its port.
        await stream.next(at, ({ responseTypes }) => {
          if (responseTypes.case !== 'flow') return false;
          const { source, l4 } = responseTypes.value;
          const tcp = l4?.protocol.case === 'TCP' ? l4.protocol.value : undefined;
          return (
            source?.podName === pod.name &&
            tcp?.sourcePort === 8080 &&
            tcp.flags?.SYN === true &&
            tcp.flags.ACK
          );
        });
        assert.notEqual(lab.pidOf(name), pid);
      });

      const node: NodePlan = plan.clusters[0].nodes[1];
      await t.test("a node's cable is pulled and put back", async () => {
        ip(plan.fabricNetns, 'link', 'set', portOf(node), 'down');
        await new Promise((resolve) => setTimeout(resolve, 2_000));
        const at = stream.messages.length;
        ip(plan.fabricNetns, 'link', 'set', portOf(node), 'up');
        await stream.next(at, isCrossing(node));
      });

      await t.test("a node's device is taken down and up", async () => {
        ip(node.netns, 'link', 'set', 'eth0', 'down');
        await new Promise((resolve) => setTimeout(resolve, 2_000));
        const at = stream.messages.length;
        ip(node.netns, 'link', 'set', 'eth0', 'up');
        await stream.next(at, isCrossing(node));
      });

      const ended = lab.lines.filter((line) => line.includes('started again'));
      assert.equal(ended.length, 3, lab.lines.join('\n'));
      lab.child.kill('SIGINT');
      assert.equal(await lab.exit, 0, lab.lines.join('\n'));
      assert.deepEqual(lab.leftovers(), []);
    },
  );
});

/** A flow that a pod of the node gets from another node's pod: the device carries traffic both ways. */
function isCrossing(node: NodePlan): (message: GetFlowsResponse) => boolean {
  const local = new Set(node.pods.map(({ addresses }) => addresses.ipv4));
  const others = new Set(
    planLab('x')
      .clusters.flatMap(({ nodes }) => nodes)
      .flatMap(({ pods }) => pods.map(({ addresses }) => addresses.ipv4))
      .filter((address) => !local.has(address)),
  );
  return ({ responseTypes }) => {
    if (responseTypes.case !== 'flow') return false;
    const { IP, nodeName } = responseTypes.value;
    return (
      nodeName === `${node.cluster}/${node.name}` &&
      IP !== undefined &&
      others.has(IP.source) &&
      local.has(IP.destination)
    );
  };
}
