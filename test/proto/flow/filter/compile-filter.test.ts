import assert from 'node:assert/strict';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { compileFlowFilters } from '../../../../proto/flow/filter/compile-filter.ts';
import { FilterError } from '../../../../proto/flow/filter/filter-error.ts';
import { FlowFilterSchema } from '../../../../proto/gen/flow/flow_pb.ts';
import { filters, flows } from '../../../support/filter-arbitrary.ts';
import { type FilterInit, type FlowInit, indexOf, matches } from '../../../support/match-flow.ts';
import { plainFields, plainMatch } from '../../../support/plain-filter.ts';

describe('compileFlowFilters', () => {
  it('delivers what the whitelist allows and the blacklist does not deny', () => {
    fc.assert(
      fc.property(
        flows,
        fc.array(filters, { maxLength: 3 }),
        fc.array(filters, { maxLength: 3 }),
        (flow, allow, deny) => {
          const expected =
            (allow.length === 0 || allow.some((filter) => plainMatch(flow, filter))) &&
            !deny.some((filter) => plainMatch(flow, filter));
          assert.equal(matches(flow, allow, deny), expected);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('is held against a plain one in every field that a filter has', () => {
    const known = [...plainFields, 'experimental'];
    assert.deepEqual(FlowFilterSchema.fields.map(({ localName }) => localName).sort(), known.sort());
  });

  it('lets everything through without filters, and everything but flows with any', () => {
    assert.equal(compileFlowFilters([], []), null);
    const nothing = compileFlowFilters(
      [create(FlowFilterSchema, { uuid: ['none'] })],
      [create(FlowFilterSchema)],
    );
    assert.ok(nothing?.(indexOf({ responseTypes: { case: 'lostEvents', value: { numEventsLost: 1n } } })));
    assert.ok(nothing?.(indexOf({ responseTypes: { case: 'nodeStatus', value: {} } })));
    assert.equal(nothing?.(indexOf({ responseTypes: { case: 'flow', value: {} } })), false);
    assert.equal(matches({}, [{}]), true);
    assert.equal(matches({}, [], [{}]), false);
  });

  it('names field, value and expectation of what it refuses, whitelist first', () => {
    const refusals: readonly [FilterInit, string][] = [
      [
        { sourceIp: ['1.2.3'] },
        'invalid source_ip "1.2.3" in flow filter: expected an IP address or a range in CIDR form',
      ],
      [
        { destinationIp: ['1.2.3.4/33'] },
        'invalid destination_ip "1.2.3.4/33" in flow filter: expected a range such as 10.1.0.0/16 or fd00::/64',
      ],
      [{ sourcePod: [''] }, 'invalid source_pod "" in flow filter: expected [namespace/]name-prefix'],
      [{ sourceClusterName: [''] }, 'invalid source_cluster_name "" in flow filter: expected a cluster name'],
      [
        { sourcePort: ['http'] },
        'invalid source_port "http" in flow filter: expected a port number from 0 to 65535',
      ],
      [{ nodeName: ['a/b/c'] }, 'invalid node_name "a/b/c" in flow filter: expected [cluster/]node'],
      [
        { destinationFqdn: ['a?'] },
        `invalid destination_fqdn "a?" in flow filter: character "?" is not allowed, expected letters, digits, '-', '_', '.' or '*'`,
      ],
      [
        { httpStatusCode: ['600'] },
        'invalid http_status_code "600" in flow filter: expected a code such as 404, or a prefix such as 5+',
      ],
      [
        { httpMethod: ['GET'], eventType: [{ type: 1 }, { type: 4 }] },
        'invalid event_type "1, 4" in flow filter: http_method needs event type 129 (l7) among them, or none',
      ],
      [
        { protocol: ['kafka'] },
        'invalid protocol "kafka" in flow filter: expected one of tcp, udp, icmp, icmpv4, icmpv6, sctp, vrrp, igmp, dns, http',
      ],
    ];
    for (const [filter, message] of refusals) {
      assert.throws(() => matches({}, [filter]), { name: 'FilterError', message });
      assert.throws(() => matches({}, [], [filter]), FilterError);
    }
    assert.throws(() => matches({}, [{ sourcePort: ['x'] }], [{ nodeName: [''] }]), { field: 'source_port' });
  });

  it('refuses all that no port, address, status code or name pattern may look like', () => {
    const bad: Readonly<Record<string, string>> = {
      sourcePort: '+80,80 , 80,0x50,65536,-1,80-90',
      sourceIp: '01.2.3.4,1.2.3.4%eth0,fe80::1%,10.0.0.0/08,10.0.0.0/255.0.0.0,10.0.0.0/,/8,x,1.2.3.4::',
      sourceIpXlated: 'x',
      httpStatusCode: '0+,+,404+,4++,99,4,4040,600, 404',
      sourceFqdn: ' ,.,a..,ä,a/b,[a]',
      nodeName: ' /n1,./n1,a//b,n?',
    };
    for (const [field, values] of Object.entries(bad)) {
      for (const value of [...values.split(','), ...(field.startsWith('http') ? [] : [''])]) {
        assert.throws(
          () => matches({}, [{ [field]: [value] }]),
          FilterError,
          `${field} ${JSON.stringify(value)}`,
        );
      }
    }
    for (const value of ['fe80::1%eth0', '2001:DB8::1', '10.1.2.3/8']) {
      assert.equal(matches({}, [{ sourceIp: [value] }]), false);
    }
  });

  it('answers the questions of a table worked out by hand', () => {
    const flow: FlowInit = {
      verdict: 1,
      eventType: { type: 4 },
      isReply: false,
      IP: { source: '10.1.2.3', destination: '10.9.8.7', ipVersion: 1 },
      l4: {
        protocol: { case: 'TCP', value: { sourcePort: 40_001, destinationPort: 8080, flags: { SYN: true } } },
      },
      source: {
        namespace: 'shop',
        podName: 'cart-7d9',
        labels: ['k8s:app=cart', 'k8s:tier=2'],
        identity: 5001,
      },
      destination: { identity: 2, labels: ['reserved:world'] },
      destinationNames: ['api.example.org'],
      nodeName: 'n1',
    };
    const answers: readonly [FilterInit, boolean][] = [
      [{ sourcePod: ['shop/cart'] }, true],
      [{ sourcePod: ['cart'] }, false],
      [{ sourcePod: ['/cart-7d9x'] }, false],
      [{ destinationPod: ['/'] }, false],
      [{ sourceLabel: ['app=cart,tier>1'] }, true],
      [{ sourceLabel: ['container:app=cart'] }, false],
      [{ destinationLabel: ['reserved:world'] }, true],
      [{ sourceLabel: ['!app', 'tier in (2,3)'] }, true],
      [{ destinationFqdn: ['*.example.org.'] }, true],
      [{ destinationFqdn: ['example.org'] }, false],
      [{ nodeName: ['default/n*'] }, true],
      [{ nodeName: ['prod/'] }, false],
      [{ destinationIp: ['10.9.0.0/16', '1.1.1.1'] }, true],
      [{ tcpFlags: [{ SYN: true, ACK: true }] }, false],
      [{ tcpFlags: [{ SYN: true }] }, true],
      [{ eventType: [{ type: 4, matchSubType: true, subType: 101 }] }, false],
      [{ eventType: [{ type: 4, subType: 3 }] }, true],
      [{ protocol: ['TCP'] }, true],
      [{ protocol: ['http'] }, false],
      [{ reply: [false] }, true],
      [{ verdict: [2], dropReasonDesc: [133] }, false],
      [{ sourcePort: ['08080'] }, false],
      [{ destinationPort: ['08080'] }, true],
      [{}, true],
    ];
    for (const [filter, answer] of answers) {
      assert.equal(matches(flow, [filter]), answer, JSON.stringify(filter));
      assert.equal(matches(flow, [], [filter]), !answer, JSON.stringify(filter));
    }
  });

  it('tests many values by look-up as it tests a few by comparison', () => {
    const many = Array.from({ length: 50 }, (_, i) => `10.0.0.${i}`);
    for (const [source, expected] of [
      ['10.0.0.49', true],
      ['10.0.0.50', false],
      ['', false],
    ] as const) {
      assert.equal(matches({ IP: { source } }, [{ sourceIp: many }]), expected);
      assert.equal(matches({ IP: { source } }, [{ sourceIp: many.slice(-2) }]), expected);
    }
  });
});
