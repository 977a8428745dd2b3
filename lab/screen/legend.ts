import { relative } from 'node:path';
import type { LabOptions } from '../config.ts';
import type { LabPaths } from '../paths.ts';
import { FABRIC, type LabPlan, WORLD_RANGES } from '../topology/plan.ts';

/** What runs, where it is reached, and what to try: printed once before the first flows. */
export function legend(plan: LabPlan, paths: LabPaths, options: LabOptions): string {
  const rows = plan.clusters.flatMap((cluster) =>
    cluster.nodes.map((node) => [
      cluster.name,
      node.name,
      node.addresses.ipv4,
      node.podCidrs.ipv4,
      node.pods.map(({ workload }) => workload.name).join(' '),
    ]),
  );
  const world = plan.world.map(({ name }) => name).join(' ');
  const table = align([
    ['CLUSTER', 'NODE', 'ADDRESS', 'POD RANGE', 'PODS'],
    ...rows,
    ['(outside)', '', plan.gateway.ipv4, WORLD_RANGES.ipv4, world],
  ]);
  const isDefault = options.port === 4245;
  const server = isDefault ? '' : ` --server unix://${paths.topSocket}`;
  const tcp = options.port === 0 ? '' : ` and 127.0.0.1:${options.port}, in plaintext and by mTLS`;
  const commands = align(
    [
      ['observe -f', 'everything, as it happens'],
      ['observe -f -n travel --not --port 53', 'the application without its DNS'],
      ['observe --from-pod travel/search --last 10 -o json', 'what search did, in full'],
      ['observe -f --from-cluster west --to-cluster east', 'from one cluster to the other'],
      [
        `observe -f --to-ip ${WORLD_RANGES.ipv4} --print-node-name`,
        'who talks to the outside, and which node saw it',
      ],
      ['observe -f -t policy-verdict', 'each decision of a policy, and the rule that made it'],
      ['observe -f --verdict AUDIT', 'what monitoring does that its policies would deny'],
      ['status', 'nodes, losses by cause, problems'],
    ].map(([command, meaning]) => [`./sluice ${command}${server}`, meaning]),
  );
  return [
    ...(options.port === 0 ? [] : [`Open http://127.0.0.1:${options.port}/ for the service map.`, '']),
    `Sluice lab: every node and pod is a network namespace (ip netns), joined by a bridge (${FABRIC.ipv4}); each has IPv6 too.`,
    '',
    ...table,
    '',
    `  agents     ${paths.runDir}/CLUSTER/NODE/agent.sock`,
    `  relays     ${paths.runDir}/CLUSTER/relay.sock; above both: ${paths.topSocket}${tcp}`,
    `  manifests  ${paths.runDir}/CLUSTER/manifests: change a file and watch what follows`,
    `  tls        ${paths.tlsDir}: relays and agents speak mTLS; ./sluice certs renew ${paths.tlsDir} --all`,
    `  logs       ${shortest(options.logDir)}`,
    '',
    'From a second terminal:',
    ...commands,
    '',
  ].join('\n');
}

function shortest(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') ? path : fromHere;
}

/** Rows as lines, each column as wide as its widest cell. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column])).join('  ')}`.trimEnd(),
  );
}
