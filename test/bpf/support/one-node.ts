import { after } from 'node:test';
import { runProgram } from '../../../agent/kernel/prog-test-run.ts';
import {
  type DatapathEvent,
  DatapathNode,
  type DatapathOptions,
} from '../../../bench/support/datapath-node.ts';

/** Verdicts of tc programs (linux/pkt_cls.h). */
export const VERDICT = { pass: 0, drop: 2, redirect: 7 } as const;

/**
 * The cast of all test runs. The interface they take place on is `lo` (index 1), which stands for the veth of `pod`; `neighbour` is
 * another endpoint of the same node.
 */
export const CAST = {
  pod: { ipv4: '10.0.0.1', ipv6: 'fd00::1', identity: 1001, endpointId: 11 },
  neighbour: { ipv4: '10.0.0.2', ipv6: 'fd00::2', identity: 1002, endpointId: 12 },
  node: { ipv4: '10.0.0.254', ipv6: 'fd00::fe', identity: 1, endpointId: 0 },
  remotePod: { ipv4: '10.1.0.1', ipv6: 'fd00:1::1', identity: 2001, endpointId: 0 },
  remoteNode: { ipv4: '192.168.0.2', ipv6: 'fd00:ffff::2', identity: 6, endpointId: 0 },
  range: { ipv4: '172.16.3.4', ipv6: 'fd00:cafe::4', identity: 16777217, endpointId: 0 },
  world: { ipv4: '8.8.8.8', ipv6: '2001:db8::8', identity: 2, endpointId: 0 },
} as const;

/** `lo`, on which test runs take place unless told otherwise. */
export const POD_IFINDEX = 1;
/** No such interface exists; packets too short for an MTU to matter are redirected all the same. */
export const NEIGHBOUR_IFINDEX = 7007;
export const NEIGHBOUR_MACS = { podMac: '02:aa:00:00:00:02', hostMac: '02:bb:00:00:00:02' } as const;

export type Program = 'from_container' | 'to_container' | 'from_netdev' | 'to_netdev';

export interface Outcome {
  readonly verdict: number;
  readonly mark: number;
  /** The packet as the program left it. */
  readonly packet: Uint8Array;
  readonly events: readonly DatapathEvent[];
}

/** A node of its own for one test: loaded, filled with the cast, unloaded by `close`. */
export class OneNode {
  readonly datapath: DatapathNode;

  constructor(options: DatapathOptions = {}) {
    this.datapath = new DatapathNode({ maxEntries: { ct4: 65536, ct6: 65536 }, ...options });
    this.datapath.configure({});
    const pod = { podMac: '02:aa:00:00:00:01', hostMac: '02:bb:00:00:00:01', hostIfindex: POD_IFINDEX };
    this.datapath.addEndpoint({ ...CAST.pod, ...pod });
    this.datapath.addEndpoint({ ...CAST.neighbour, ...NEIGHBOUR_MACS, hostIfindex: NEIGHBOUR_IFINDEX });
    for (const address of [CAST.node.ipv4, CAST.node.ipv6]) this.datapath.addOwnAddress(address);
    for (const { ipv4, ipv6, identity } of [CAST.remotePod, CAST.remoteNode]) {
      for (const address of [ipv4, ipv6]) this.datapath.addIpcache(address, identity);
    }
    this.datapath.addRange('172.16.0.0', 12, CAST.range.identity);
    this.datapath.addRange('fd00:cafe::', 32, CAST.range.identity);
  }

  /** Runs a packet through a program and collects what it reported. */
  run(
    program: Program,
    packet: Uint8Array,
    options: { mark?: number; ifindex?: number; gsoSize?: number } = {},
  ): Outcome {
    const {
      verdict,
      mark,
      packet: out,
    } = runProgram(this.datapath.object.programFd(program), { packet, ...options });
    return { verdict, mark, packet: out, events: this.datapath.drain() };
  }

  /** Runs a packet and leaves what it reported in the ring. */
  runOnly(program: Program, packet: Uint8Array): void {
    runProgram(this.datapath.object.programFd(program), { packet });
  }

  close(): void {
    this.datapath.close();
  }
}

/** A node for all tests of a file. */
export function nodeForFile(options: DatapathOptions = {}): OneNode {
  const node = new OneNode(options);
  after(() => node.close());
  return node;
}
