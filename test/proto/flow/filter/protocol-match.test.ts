import { describe, it } from 'node:test';
import { type Answer, assertAnswers, type FlowInit } from '../../../support/match-flow.ts';

const tcp = (value: object = {}): FlowInit => ({ l4: { protocol: { case: 'TCP', value } } });
const layer4 = (name: string, value: object = {}): FlowInit =>
  ({ l4: { protocol: { case: name, value } } }) as FlowInit;
const dns: FlowInit = { l7: { record: { case: 'dns', value: {} } } };
const http: FlowInit = {
  l4: { protocol: { case: 'TCP', value: {} } },
  l7: { record: { case: 'http', value: {} } },
};

describe('fields about protocols', () => {
  it('protocol: names of both layers, in any case', () => {
    const answers: Answer[] = [];
    const names = ['TCP', 'UDP', 'SCTP', 'ICMPv4', 'ICMPv6', 'VRRP', 'IGMP'];
    for (const wanted of names) {
      for (const name of names) answers.push([{ protocol: [wanted] }, layer4(name), wanted === name]);
    }
    assertAnswers([
      ...answers,
      [{ protocol: ['icmp'] }, layer4('ICMPv4'), true],
      [{ protocol: ['ICMP'] }, layer4('ICMPv6'), true],
      [{ protocol: ['icmp'] }, tcp(), false],
      [{ protocol: ['dns'] }, dns, true],
      [{ protocol: ['http'] }, dns, false],
      [{ protocol: ['http'] }, http, true],
      [{ protocol: ['tcp'] }, http, true],
      [{ protocol: ['udp', 'HTTP'] }, http, true],
      [{ protocol: ['udp'] }, dns, false],
      [{ protocol: ['tcp'] }, {}, false],
      [{ protocol: ['dns', 'http'] }, tcp(), false],
    ]);
  });

  it('ports: of TCP, UDP and SCTP, in decimal', () => {
    const port = (value: string, flow: FlowInit, answer: boolean): Answer => [
      { destinationPort: [value] },
      flow,
      answer,
    ];
    assertAnswers([
      port('8080', tcp({ destinationPort: 8080 }), true),
      port('08080', tcp({ destinationPort: 8080 }), true),
      port('808', tcp({ destinationPort: 8080 }), false),
      port('53', layer4('UDP', { destinationPort: 53 }), true),
      port('9', layer4('SCTP', { destinationPort: 9 }), true),
      port('8', layer4('ICMPv4', { type: 8 }), false),
      port('0', layer4('ICMPv6'), false),
      port('0', tcp(), true),
      port('0', {}, false),
      port('65535', tcp({ destinationPort: 65_535 }), true),
      // Of an impossible port the low 16 bits count.
      port('1', tcp({ destinationPort: 65_537 }), true),
      [{ sourcePort: ['8080'] }, tcp({ destinationPort: 8080 }), false],
      [{ sourcePort: ['1', '40001'] }, tcp({ sourcePort: 40_001 }), true],
      [{ sourcePort: ['1'], destinationPort: ['2'] }, tcp({ sourcePort: 1, destinationPort: 2 }), true],
      [{ sourcePort: ['1'], destinationPort: ['2'] }, tcp({ sourcePort: 1 }), false],
    ]);
  });

  it('tcp_flags: those that are set must be, the others may', () => {
    const syn = tcp({ flags: { SYN: true } });
    const synAck = tcp({ flags: { SYN: true, ACK: true } });
    assertAnswers([
      [{ tcpFlags: [{ SYN: true }] }, syn, true],
      [{ tcpFlags: [{ SYN: true }] }, synAck, true],
      [{ tcpFlags: [{ SYN: true, ACK: true }] }, syn, false],
      [{ tcpFlags: [{ SYN: true, ACK: true }] }, synAck, true],
      [{ tcpFlags: [{ RST: true }, { ACK: true }] }, synAck, true],
      [{ tcpFlags: [{ RST: true }] }, synAck, false],
      [{ tcpFlags: [{}] }, tcp({ flags: {} }), true],
      [{ tcpFlags: [{}] }, tcp(), false],
      [{ tcpFlags: [{}] }, layer4('UDP'), false],
      [{ tcpFlags: [{}] }, dns, false],
      [{ tcpFlags: [{ SYN: false }] }, syn, true],
    ]);
    for (const flag of ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR', 'NS']) {
      assertAnswers([
        [{ tcpFlags: [{ [flag]: true }] }, tcp({ flags: { [flag]: true } }), true],
        [{ tcpFlags: [{ [flag]: true }] }, tcp({ flags: {} }), false],
      ]);
    }
  });
});
