import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { csvLine } from '../../../../proto/flow/text/csv.ts';
import { compileTimeFormat } from '../../../../proto/flow/text/time-text.ts';
import {
  type FlowInit,
  flowResponse,
  lostResponse,
  nodeStatusResponse,
} from '../../../support/build-responses.ts';
import { printed } from '../../../support/print-responses.ts';

const HEADER =
  'time,node,source,source_ip,source_port,source_identity,destination,destination_ip,destination_port,destination_identity,is_reply,type,verdict,policies,summary\n';
const csv = { format: 'csv', time: compileTimeFormat('RFC3339Nano') } as const;

describe('csvLine()', () => {
  const cells: Readonly<Record<string, string>> = {
    plain: 'plain',
    '': '',
    'a,b': '"a,b"',
    'say "a"': '"say ""a"""',
    'two\nlines': '"two\nlines"',
    ' blanks ': ' blanks ',
  };
  for (const [cell, text] of Object.entries(cells)) {
    it(`writes ${JSON.stringify(cell)} as ${JSON.stringify(text)}`, () => {
      assert.equal(csvLine(['x', cell, 5]), `x,${text},5\n`);
    });
  }
});

describe('FlowPrinter, csv', () => {
  it('prints a header once, then a row for each flow', () => {
    assert.equal(
      printed([flowResponse(), flowResponse({ Summary: 'TCP Flags: SYN, ACK', isReply: true })], csv).out,
      `${HEADER}2026-03-04T09:15:22.118204511Z,n1,shop/cart-7d9,10.1.2.3,41532,20417,shop/pay-5b7,10.1.9.8,8443,31002,false,to-endpoint,FORWARDED,,TCP Flags: SYN
2026-03-04T09:15:22.118204511Z,n1,shop/cart-7d9,10.1.2.3,41532,20417,shop/pay-5b7,10.1.9.8,8443,31002,true,to-endpoint,FORWARDED,,"TCP Flags: SYN, ACK"
`,
    );
  });

  it('tells in full which rules decided', () => {
    const policy = { kind: 'CiliumNetworkPolicy', namespace: 'shop', name: 'allow-pay' };
    const change: FlowInit = {
      trafficDirection: 1,
      ingressAllowedBy: [policy, { kind: 'CiliumClusterwideNetworkPolicy', name: 'base' }],
    };
    const [, row] = printed([flowResponse(change)], csv).out.split('\n');
    assert.match(
      row,
      /FORWARDED,"CiliumNetworkPolicy\/shop\/allow-pay, CiliumClusterwideNetworkPolicy\/base",/,
    );
  });

  it('prints addresses in both places when names are not wanted', () => {
    assert.match(printed([flowResponse()], { ...csv, names: false }).out, /,10\.1\.2\.3,10\.1\.2\.3,41532,/);
  });

  it('leaves empty what a flow does not have', () => {
    const [, row] = printed(
      [
        flowResponse({
          IP: undefined!,
          source: undefined!,
          destination: undefined!,
          l4: undefined!,
          nodeName: '',
        }),
      ],
      csv,
    ).out.split('\n');
    assert.equal(row, '2026-03-04T09:15:22.118204511Z,,,,,,,,,,false,to-endpoint,FORWARDED,,TCP Flags: SYN');
  });

  it('keeps losses among the rows, and node states on stderr', () => {
    const { out, err } = printed(
      [
        lostResponse({ source: 3, numEventsLost: 12n }),
        nodeStatusResponse({ stateChange: 2, nodeNames: ['n3'] }),
      ],
      csv,
    );
    assert.equal(
      out,
      `${HEADER}2026-03-04T09:15:22.118204511Z,n1,HUBBLE_RING_BUFFER,,,,,,,,,EVENTS LOST,,,12\n`,
    );
    assert.equal(err, '2026-03-04T09:15:22.118204511Z [relay-0]: 1 node unavailable: n3\n');
  });

  it('makes every cell safe for a terminal', () => {
    assert.match(printed([flowResponse({ Summary: 'a\u001b[31mb\rc' })], csv).out, /a\^\[\[31mb\\rc/);
  });
});
