import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { constant } from '../../bench/support/datapath-node.ts';
import {
  ethernet,
  ETHERTYPE,
  icmp,
  ipv4,
  ipv6,
  ipv6Fragment,
  PROTO,
  tcp,
  TCP_FLAG,
  udp,
} from './support/build-packet.ts';
import { between, Conversation, type Family } from './support/conversation.ts';
import { CAST, POD_IFINDEX, VERDICT } from './support/one-node.ts';
import { PolicyNode, type PolicyNodeOptions, policyWords } from './support/policy-node.ts';

const { syn, ack, rst } = TCP_FLAG;
const { drop } = VERDICT;
const opened = new Map<string, PolicyNode>();
after(() => {
  for (const node of opened.values()) node.close();
});

/** A node without policies; one of each kind serves all tests, because loading takes long. */
function policyNode(options: PolicyNodeOptions = {}): PolicyNode {
  const key = JSON.stringify(options);
  const node = opened.get(key) ?? new PolicyNode(options);
  opened.set(key, node);
  node.enforce();
  node.configure({});
  return node;
}

const forPod = (spec: object, name = 'rules', kind = 'CiliumNetworkPolicy'): object => ({
  apiVersion: 'cilium.io/v2',
  kind,
  metadata: { name, ...(kind === 'CiliumNetworkPolicy' && { namespace: 'shop' }) },
  spec,
});
const select = (app: string): object => ({ matchLabels: { app } });
const port = (number: number, protocol = 'TCP'): object => ({ ports: [{ port: String(number), protocol }] });

/** May speak to the remote pod on port 80, to nobody else. */
const toRemote = forPod({
  endpointSelector: select('pod'),
  egress: [{ toEndpoints: [select('remote')], toPorts: [port(80), port(53, 'UDP')] }],
});
const fromNobody = forPod({ endpointSelector: select('neighbour'), ingress: [{}] }, 'nobody');

for (const family of ['ipv4', 'ipv6'] as const) {
  const toNeighbour = (from: number, flags: number = syn): Uint8Array =>
    between(family, CAST.pod[family], CAST.neighbour[family], PROTO.tcp, tcp({ from, to: 80, flags }));

  describe(`policies over ${family}`, () => {
    it('let pass what a rule allows, told once per connection', () => {
      const node = policyNode();
      node.enforce(toRemote);
      const cookie = [...node.state.policyOf('pod')!.egress.entries.get(CAST.remotePod.identity)!.values()][0]
        .cookie;
      const before = node.decisions(cookie).decisions;
      const c = new Conversation(node.node, family);
      const first = c.podTcp(syn);
      assert.deepEqual(policyWords(first), ['egress allow L3-L4']);
      assert.notEqual(first.verdict, drop);
      assert.deepEqual(policyWords(c.peerTcp(syn | ack)), []);
      assert.deepEqual(policyWords(c.podTcp(ack)), []);
      const { ruleCookie } = first.events.find(({ type }) => type === constant('EVENT_TYPE_POLICY_VERDICT'))!;
      assert.deepEqual(
        node.state.rules.rulesOf(ruleCookie).map(({ path }) => path),
        ['spec.egress[0]'],
      );
      assert.deepEqual(node.decisions(ruleCookie), { decisions: before + 1, audited: 0 });
    });

    it('drop what none allows, and leave no trace of it in conntrack', () => {
      const node = policyNode();
      node.enforce(toRemote);
      const { decisions } = node.decisions(0);
      const c = new Conversation(node.node, family);
      const denied = node.run(
        'from_container',
        c.podPacket(PROTO.tcp, tcp({ from: c.port, to: 81, flags: syn })),
      );
      assert.equal(denied.verdict, drop);
      assert.deepEqual(policyWords(denied), ['egress deny none 133', 'drop 133']);
      assert.throws(() => c.entry(PROTO.tcp, 81, 'flags'), /no conntrack entry/);
      assert.equal(node.decisions(0).decisions, decisions + 1);
    });

    it('drop with another reason what a rule denies', () => {
      const node = policyNode();
      const deny = { endpointSelector: select('pod'), egressDeny: [{ toEndpoints: [select('remote')] }] };
      node.enforce(toRemote, forPod(deny, 'deny'));
      const outcome = new Conversation(node.node, family).podTcp(syn);
      assert.equal(outcome.verdict, drop);
      assert.deepEqual(policyWords(outcome), ['egress deny L3-Only 181', 'drop 181']);
    });

    it('let replies pass that no rule would', () => {
      const node = policyNode();
      const closed = forPod({ endpointSelector: select('pod'), ingress: [{}] }, 'closed');
      node.enforce(toRemote, closed);
      const c = new Conversation(node.node, family);
      assert.equal(c.peerUdp().verdict, drop);
      assert.notEqual(c.podUdp().verdict, drop);
      assert.notEqual(c.peerUdp().verdict, drop);
    });

    it('do not take for a reply what answers a packet that was denied', () => {
      const node = policyNode();
      node.enforce(forPod({ endpointSelector: select('pod'), egress: [{}], ingress: [{}] }));
      const c = new Conversation(node.node, family);
      assert.equal(c.podUdp().verdict, drop);
      assert.equal(c.peerUdp().verdict, drop);
    });

    it('let related ICMP errors pass', () => {
      const node = policyNode();
      node.enforce(toRemote, forPod({ endpointSelector: select('pod'), ingress: [{}] }, 'closed'));
      const c = new Conversation(node.node, family);
      const sent = c.podPacket(PROTO.udp, udp({ from: c.port, to: 53 }));
      node.run('from_container', sent);
      assert.notEqual(c.errorToPod(sent.subarray(14), CAST.world[family]).verdict, drop);
      const other = c.podPacket(PROTO.udp, udp({ from: c.port + 1, to: 53 }));
      assert.equal(c.errorToPod(other.subarray(14), CAST.world[family]).verdict, drop);
    });

    it('take no ICMP error for related that is about a connection of somebody else, or one that was cut', () => {
      const node = policyNode();
      node.enforce(toRemote);
      const c = new Conversation(node.node, family);
      assert.notEqual(c.podUdp().verdict, drop);
      const answer = c.peerPacket(PROTO.udp, udp({ from: 53, to: c.port })).subarray(14);
      assert.notEqual(c.errorFromPod(answer).verdict, drop);
      const [neighbour, remote] = [CAST.neighbour[family], CAST.remotePod[family]];
      const notMine = between(family, remote, neighbour, PROTO.udp, udp({ from: 53, to: c.port }));
      assert.notEqual(node.run('from_netdev', notMine).verdict, drop);
      assert.equal(c.errorFromPod(notMine.subarray(14)).verdict, drop);
      node.enforce(toRemote, forPod({ endpointSelector: select('pod'), ingress: [{}] }, 'closed'));
      const asked = c.podPacket(PROTO.udp, udp({ from: c.port, to: 53 })).subarray(14);
      assert.equal(c.errorToPod(asked, neighbour, 'to_container').verdict, drop);
      assert.notEqual(c.errorToPod(asked, CAST.world[family], 'to_container').verdict, drop);
      node.enforce(forPod({ endpointSelector: select('pod'), egress: [{}] }));
      assert.equal(c.podUdp().verdict, drop);
      assert.equal(c.errorFromPod(answer).verdict, drop);
    });

    it('are asked at both ends of a connection on the node', () => {
      const node = policyNode();
      node.enforce(
        forPod({ endpointSelector: select('pod'), egress: [{ toEndpoints: [select('neighbour')] }] }),
        forPod(
          {
            endpointSelector: select('neighbour'),
            ingress: [{ fromEndpoints: [select('pod')], toPorts: [port(80)] }],
          },
          'in',
        ),
      );
      const passed = node.run('from_container', toNeighbour(1001));
      assert.equal(passed.verdict, VERDICT.redirect);
      assert.deepEqual(policyWords(passed), ['egress allow L3-Only', 'ingress allow L3-L4']);
      const to81 = between(
        family,
        CAST.pod[family],
        CAST.neighbour[family],
        PROTO.tcp,
        tcp({ from: 1002, to: 81, flags: syn }),
      );
      const denied = node.run('from_container', to81);
      assert.equal(denied.verdict, drop);
      assert.deepEqual(policyWords(denied), ['egress allow L3-Only', 'ingress deny none 133', 'drop 133']);
    });

    it('are asked behind the stack where no redirect goes past it', () => {
      const node = policyNode();
      node.configure({ flags: constant('SETTING_NO_REDIRECT') });
      node.enforce(fromNobody);
      const first = node.run('from_container', toNeighbour(2001));
      assert.deepEqual([first.verdict, policyWords(first)], [VERDICT.pass, []]);
      const [mark, ifindex] = [first.mark, POD_IFINDEX];
      const { object } = node.node.datapath;
      const key = (index: number): Uint8Array => new Uint8Array(Uint32Array.of(index).buffer);
      const podValue = object.map('endpoints').lookup(key(POD_IFINDEX))!;
      object.map('endpoints').update(key(POD_IFINDEX), object.map('endpoints').lookup(key(7007))!);
      const second = node.run('to_container', toNeighbour(2001), { mark, ifindex });
      object.map('endpoints').update(key(POD_IFINDEX), podValue);
      assert.equal(second.verdict, drop);
      assert.deepEqual(policyWords(second), ['ingress deny none 133', 'drop 133']);
    });

    it('cut a live connection when its permission is revoked, answers included, and take it up when it is given again', () => {
      const node = policyNode();
      node.enforce(toRemote);
      const c = new Conversation(node.node, family);
      for (const outcome of [c.podTcp(syn), c.peerTcp(syn | ack), c.podTcp(ack), c.peerTcp(ack)])
        assert.notEqual(outcome.verdict, drop);
      node.enforce(forPod({ endpointSelector: select('pod'), egress: [{}] }));
      assert.equal(c.podTcp(ack).verdict, drop);
      assert.equal(c.peerTcp(ack).verdict, drop);
      assert.equal(c.peerTcp(rst).verdict, drop);
      node.enforce(toRemote);
      const again = c.podTcp(ack);
      assert.deepEqual([policyWords(again), again.verdict === drop], [['egress allow L3-L4'], false]);
      assert.notEqual(c.peerTcp(ack).verdict, drop);
      node.enforce();
      assert.notEqual(c.podTcp(ack).verdict, drop);
    });

    it('let a connection live on that is allowed before and after a change, told anew', () => {
      const node = policyNode();
      node.enforce(toRemote);
      const c = new Conversation(node.node, family);
      c.podTcp(syn);
      c.peerTcp(syn | ack);
      node.enforce(
        toRemote,
        forPod({ endpointSelector: select('pod'), egress: [{ toPorts: [port(9)] }] }, 'more'),
      );
      assert.deepEqual(policyWords(c.podTcp(ack)), ['egress allow L3-L4']);
      assert.deepEqual(policyWords(c.podTcp(ack)), []);
    });

    it('cut a connection when the peer’s address becomes another identity’s', () => {
      const node = policyNode();
      node.enforce(toRemote);
      const c = new Conversation(node.node, family);
      c.podTcp(syn);
      c.peerTcp(syn | ack);
      assert.notEqual(c.podTcp(ack).verdict, drop);
      node.readdress(CAST.remotePod[family], 4242);
      assert.equal(c.podTcp(ack).verdict, drop);
      node.readdress(CAST.remotePod[family], CAST.remotePod.identity);
      const back = c.podTcp(ack);
      assert.notEqual(back.verdict, drop);
    });

    it('in audit mode let everything pass and say what they would have dropped', () => {
      const node = policyNode({ audits: true });
      node.enforce(fromNobody, forPod({ endpointSelector: select('pod'), egress: [{}] }));
      const before = node.decisions(0);
      const outcome = node.run('from_container', toNeighbour(3001));
      assert.equal(outcome.verdict, VERDICT.redirect);
      assert.deepEqual(policyWords(outcome), ['egress audit none', 'ingress audit none']);
      assert.deepEqual(policyWords(node.run('from_container', toNeighbour(3001, ack))), []);
      const after = node.decisions(0);
      assert.deepEqual([after.decisions - before.decisions, after.audited - before.audited], [2, 2]);
    });

    it('match ICMP by its type', () => {
      const node = policyNode();
      const fields = [{ family: family === 'ipv4' ? 'IPv4' : 'IPv6', type: family === 'ipv4' ? 8 : 128 }];
      node.enforce(forPod({ endpointSelector: select('pod'), egress: [{ icmps: [{ fields }] }] }));
      const c = new Conversation(node.node, family);
      const echo = c.podEcho();
      assert.deepEqual(policyWords(echo), ['egress allow L4-Only']);
      const protocol = family === 'ipv4' ? PROTO.icmp : PROTO.icmpv6;
      const timestamp = node.run('from_container', c.podPacket(protocol, icmp({ type: 13, identifier: 7 })));
      assert.equal(timestamp.verdict, drop);
      assert.notEqual(c.peerEcho(true).verdict, drop);
    });

    it('hold fragments to the verdict of their first', () => {
      const node = policyNode();
      node.enforce(forPod({ endpointSelector: select('pod'), egress: [{ toPorts: [port(53, 'UDP')] }] }));
      const datagram = (id: number, to: number): [Uint8Array, Uint8Array] => {
        const start = udp({ from: 5000 + id, to, length: 4000 }, new Uint8Array(16));
        const rest = new Uint8Array(16);
        const ends = { source: CAST.pod[family], destination: CAST.remotePod[family] };
        if (family === 'ipv4') {
          const header = { protocol: PROTO.udp, id, ...ends };
          return [
            ethernet(ETHERTYPE.ipv4, ipv4({ ...header, moreFragments: true }, start)),
            ethernet(ETHERTYPE.ipv4, ipv4({ ...header, fragmentOffset: 3 }, rest)),
          ];
        }
        const wrap = (inner: Uint8Array): Uint8Array =>
          ethernet(ETHERTYPE.ipv6, ipv6({ next: PROTO.fragment, ...ends }, inner));
        return [
          wrap(ipv6Fragment({ next: PROTO.udp, more: true, id }, start)),
          wrap(ipv6Fragment({ next: PROTO.udp, offset: 3, id }, rest)),
        ];
      };
      const verdicts = (packets: readonly Uint8Array[]): boolean[] =>
        packets.map((packet) => node.run('from_container', packet).verdict !== drop);
      assert.deepEqual(verdicts(datagram(1, 53)), [true, true]);
      assert.deepEqual(verdicts(datagram(2, 54)), [false, false]);
      const [, orphan] = datagram(3, 53);
      const outcome = node.run('from_container', orphan);
      assert.deepEqual(policyWords(outcome), ['egress deny none 157', 'drop 157']);
    });
  });
}

describe('a policy', () => {
  it('never breaks neighbour discovery, nor lets anything else pass for it', () => {
    const node = policyNode();
    node.enforce(forPod({ endpointSelector: select('pod'), egress: [{}], ingress: [{}] }));
    const discovery = (type: number, destination: string, hopLimit = 255): Uint8Array =>
      ethernet(
        ETHERTYPE.ipv6,
        ipv6(
          { next: PROTO.icmpv6, source: CAST.pod.ipv6, destination, hopLimit },
          icmp({ type }, new Uint8Array(16)),
        ),
      );
    for (const type of [133, 135, 136])
      for (const destination of ['ff02::1', 'fe80::1', CAST.node.ipv6])
        assert.notEqual(node.run('from_container', discovery(type, destination)).verdict, drop);
    assert.notEqual(node.run('from_container', discovery(143, 'ff02::16', 1)).verdict, drop);
    for (const [type, destination, hopLimit] of [
      [135, CAST.world.ipv6, 255],
      [135, 'ff02::1', 64],
      [128, 'ff02::1', 255],
      [143, CAST.world.ipv6, 1],
    ] as const)
      assert.equal(node.run('from_container', discovery(type, destination, hopLimit)).verdict, drop);
  });

  it('that is not known yet lets nothing pass', () => {
    const node = policyNode();
    node.sets.remove(CAST.pod.endpointId);
    const outcome = new Conversation(node.node, 'ipv4').podTcp(syn);
    node.enforce();
    assert.equal(outcome.verdict, drop);
    assert.deepEqual(policyWords(outcome), [`drop ${constant('DROP_ENDPOINT_NOT_READY')}`]);
  });

  it('changes nothing for an endpoint that no rule selects', () => {
    const node = policyNode();
    node.enforce(fromNobody);
    const outcome = new Conversation(node.node, 'ipv4').podTcp(syn);
    assert.deepEqual([outcome.verdict === drop, policyWords(outcome)], [false, []]);
  });

  it('of ports and ranges finds the longest prefix', () => {
    const node = policyNode();
    const range = { ports: [{ port: '80', endPort: 90, protocol: 'TCP' }] };
    node.enforce(forPod({ endpointSelector: select('pod'), egress: [{ toPorts: [range] }] }));
    const passes = (to: number): boolean =>
      node.run(
        'from_container',
        between('ipv4', CAST.pod.ipv4, CAST.remotePod.ipv4, PROTO.tcp, tcp({ from: 6000, to, flags: syn })),
      ).verdict !== drop;
    assert.deepEqual([79, 80, 85, 88, 90, 91].map(passes), [false, true, true, true, true, false]);
  });

  it('knows ranges outside, and the world beyond them by its family', () => {
    const node = policyNode();
    node.enforce(
      forPod({
        endpointSelector: select('pod'),
        egress: [{ toCIDR: ['172.16.0.0/12'] }, { toEntities: ['world-ipv6'] }],
      }),
    );
    const [range] = node.state.cidrs.entries();
    node.node.datapath.addRange('172.16.0.0', 12, range[1].id);
    node.node.datapath.addRange('fd00:cafe::', 32, 2);
    const verdict = (family: Family, to: string): string =>
      policyWords(
        node.run('from_container', between(family, CAST.pod[family], to, PROTO.udp, udp({ from: 7000 }))),
      )[0];
    assert.equal(verdict('ipv4', CAST.range.ipv4), 'egress allow L3-Only');
    assert.equal(verdict('ipv4', CAST.world.ipv4), 'egress deny none 133');
    assert.equal(verdict('ipv6', CAST.world.ipv6), 'egress allow L3-Only');
  });

  it('tells a denied connection once in an interval, and a flood only as far as its budget goes', () => {
    const node = policyNode();
    node.enforce(forPod({ endpointSelector: select('pod'), egress: [{}] }));
    node.configure({ aggregation: constant('AGGREGATE_MEDIUM'), intervalS: 3600 });
    const c = new Conversation(node.node, 'ipv4');
    assert.deepEqual(
      [c.podUdp(), c.podUdp(), c.podUdp()].map((one) => policyWords(one).length),
      [2, 0, 0],
    );
    node.configure({ aggregation: constant('AGGREGATE_MEDIUM'), intervalS: 3600, denialBurst: 40 });
    let told = 0;
    const limitedBefore = node.node.datapath.counter('COUNTER_DENIALS_LIMITED');
    const droppedBefore = node.node.datapath.counter('COUNTER_PACKETS_DROPPED');
    for (let i = 0; i < 1000; i++)
      told += policyWords(new Conversation(node.node, 'ipv4').podUdp()).length / 2;
    const limited = node.node.datapath.counter('COUNTER_DENIALS_LIMITED') - limitedBefore;
    assert.equal(told + limited, 1000);
    assert.ok(limited > 0 && told >= 10, `${told} told`);
    assert.equal(node.node.datapath.counter('COUNTER_PACKETS_DROPPED') - droppedBefore, 1000);
  });
});

describe('the host firewall', () => {
  const rules = {
    nodeSelector: {},
    ingress: [
      {
        fromEndpoints: [{ matchLabels: { 'io.kubernetes.pod.namespace': 'shop', app: 'remote' } }],
        toPorts: [port(22)],
      },
    ],
    egress: [{ toPorts: [port(443)] }],
  };
  const clusterwide = forPod(rules, 'host', 'CiliumClusterwideNetworkPolicy');
  const packet = (from: string, to: string, ports: { from?: number; to: number }): Uint8Array =>
    between('ipv4', from, to, PROTO.tcp, tcp({ from: 9000, flags: syn, ...ports }));

  it('is silent unless it is switched on', () => {
    const node = policyNode();
    node.enforce(clusterwide);
    const outcome = node.run('from_netdev', packet(CAST.world.ipv4, CAST.node.ipv4, { to: 23 }));
    assert.deepEqual([outcome.verdict, policyWords(outcome)], [VERDICT.pass, []]);
  });

  it('polices what reaches the node and what the node sends, not what passes through', () => {
    const node = policyNode({ hostFirewall: true });
    node.enforce(clusterwide);
    const word = (outcome: ReturnType<PolicyNode['run']>): string | undefined => policyWords(outcome)[0];
    const { node: own, remotePod, world, pod } = CAST;
    assert.equal(
      word(node.run('from_netdev', packet(remotePod.ipv4, own.ipv4, { to: 22 }))),
      'ingress allow L3-L4',
    );
    assert.equal(
      word(node.run('from_netdev', packet(world.ipv4, own.ipv4, { to: 22 }))),
      'ingress deny none 133',
    );
    assert.equal(
      word(node.run('from_container', packet(pod.ipv4, own.ipv4, { to: 22 }))),
      'ingress deny none 133',
    );
    assert.equal(
      word(node.run('to_netdev', packet(own.ipv4, world.ipv4, { to: 443 }))),
      'egress allow L4-Only',
    );
    assert.equal(
      word(node.run('to_netdev', packet(own.ipv4, world.ipv4, { to: 80 }))),
      'egress deny none 133',
    );
    assert.equal(
      word(node.run('to_container', packet(own.ipv4, pod.ipv4, { to: 80 }))),
      'egress deny none 133',
    );
    assert.equal(word(node.run('to_netdev', packet(pod.ipv4, world.ipv4, { to: 80 }))), undefined);
    const reply = between(
      'ipv4',
      world.ipv4,
      own.ipv4,
      PROTO.tcp,
      tcp({ from: 443, to: 9000, flags: syn | ack }),
    );
    assert.equal(node.run('from_netdev', reply).verdict, VERDICT.pass);
  });
  it('of ICMPv6 asks its rules about echoes, lets control messages pass, and takes nothing else', () => {
    const node = policyNode({ hostFirewall: true });
    const all = { nodeSelector: {}, ingress: [{ fromEntities: ['all'] }] };
    const words = (rules_: object, type: number): string[] => {
      node.enforce(forPod(rules_, 'host', 'CiliumClusterwideNetworkPolicy'));
      const bytes = between('ipv6', CAST.world.ipv6, CAST.node.ipv6, PROTO.icmpv6, icmp({ type }));
      const outcome = node.run('from_netdev', bytes);
      const verdict = outcome.verdict === drop ? 'dropped' : 'passed';
      return [verdict, ...policyWords(outcome)];
    };
    for (const type of [1, 2, 133, 136, 143, 151]) assert.deepEqual(words(rules, type), ['passed']);
    assert.deepEqual(words(rules, 128), ['dropped', 'ingress deny none 133', 'drop 133']);
    assert.deepEqual(words(all, 128), ['passed']);
    for (const type of [5, 100, 137, 139, 200]) assert.deepEqual(words(all, type), ['dropped', 'drop 176']);
  });
});
