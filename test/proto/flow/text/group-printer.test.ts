import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GroupPrinter } from '../../../../proto/flow/text/group-printer.ts';
import { compileTimeFormat } from '../../../../proto/flow/text/time-text.ts';
import { type FlowInit, flowResponse, lostResponse, sampleTime } from '../../../support/build-responses.ts';

function newPrinter(): GroupPrinter {
  return new GroupPrinter({
    format: 'compact',
    time: compileTimeFormat('StampMilli'),
    nodeName: false,
    names: true,
    policyNames: 'always',
    colour: false,
    allNodeStates: false,
  });
}

const tcp = (sourcePort: number, destinationPort: number): FlowInit['l4'] => ({
  protocol: { case: 'TCP', value: { sourcePort, destinationPort } },
});
const LINE =
  ': shop/cart-7d9 (ID:20417) -> shop/pay-5b7:8443 (ID:31002) to-endpoint FORWARDED (TCP Flags: SYN)';

/** What is printed for flows with these changes, to the end. */
function grouped(changes: readonly FlowInit[]): string {
  const printer = newPrinter();
  return changes.map((change) => printer.print(flowResponse(change)).out).join('') + printer.end();
}

describe('GroupPrinter', () => {
  it('puts flows in a row that differ in time and in the port of the client on one line', () => {
    const changes = [0, 1, 2].map((i) => ({ time: sampleTime(i), l4: tcp(41532 + i, 8443) }));
    assert.equal(grouped(changes), `Mar  4 09:15:22.118${LINE} x3 until Mar  4 09:15:22.120\n`);
  });

  it('says nothing of a number when there is one', () => {
    assert.equal(grouped([{}]), `Mar  4 09:15:22.118${LINE}\n`);
  });

  it('begins a new line for what differs otherwise, and does not look further back', () => {
    const out = grouped([{}, { l4: tcp(1, 80) }, {}, {}]);
    assert.deepEqual(out.match(/:(?:80|8443) | x\d+/g), [':8443 ', ':80 ', ':8443 ', ' x2']);
  });

  it('leaves out the port of the client of a reply, and none when nobody knows who that is', () => {
    assert.match(grouped([{ isReply: true }]), /shop\/pay-5b7 \(ID:31002\) <- shop\/cart-7d9:41532 /);
    assert.match(
      grouped([{ isReply: undefined! }]),
      /shop\/cart-7d9:41532 \(ID:20417\) <> shop\/pay-5b7:8443 /,
    );
  });

  it('does so for UDP and SCTP, and leaves other protocols as they are', () => {
    for (const name of ['UDP', 'SCTP'] as const) {
      const l4: FlowInit['l4'] = { protocol: { case: name, value: { sourcePort: 5, destinationPort: 53 } } };
      assert.match(grouped([{ l4 }]), /cart-7d9 \(ID:20417\) -> shop\/pay-5b7:53 /);
    }
    assert.match(grouped([{ l4: { protocol: { case: 'ICMPv4', value: { type: 8 } } } }]), /cart-7d9 \(ID/);
  });

  it('keeps losses in their place', () => {
    const printer = newPrinter();
    assert.equal(printer.print(flowResponse()).out, '');
    assert.equal(
      printer.print(lostResponse({ source: 1, numEventsLost: 7n })).out,
      `Mar  4 09:15:22.118${LINE}\nMar  4 09:15:22.118 EVENTS LOST: PERF_EVENT_RING_BUFFER CPU(0) 7\n`,
    );
    assert.equal(printer.end(), '');
  });
});
