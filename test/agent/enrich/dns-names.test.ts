import assert from 'node:assert/strict';
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { DnsNames } from '../../../agent/enrich/dns-names.ts';
import { parseIp } from '../../../cluster/index.ts';
import { FlowSchema } from '../../../proto/gen/flow/flow_pb.ts';

const ip = (text: string): Uint8Array => parseIp(text) ?? assert.fail(text);
const POD = 7;

/** The names of an address at a time, as a flow towards it would have them. */
function namesOf(names: DnsNames, address: Uint8Array, nowS: number, endpoint = POD): string[] {
  const isIpv6 = address.length === 16;
  const { destinationNames } = fromBinary(FlowSchema, names.destination(endpoint, address, 0, isIpv6, nowS));
  const { sourceNames } = fromBinary(FlowSchema, names.source(endpoint, address, 0, isIpv6, nowS));
  assert.deepEqual(sourceNames, destinationNames);
  return destinationNames;
}

describe('names from DNS answers', () => {
  for (const text of ['203.0.113.5', '2001:db8::5']) {
    it(`are told of ${text} until their TTL, to the endpoint that asked`, () => {
      const names = new DnsNames();
      names.learn(POD, ip(text), 'bank.example', 100, 30);
      assert.deepEqual(namesOf(names, ip(text), 100), ['bank.example']);
      assert.deepEqual(namesOf(names, ip(text), 129.9), ['bank.example']);
      assert.deepEqual(namesOf(names, ip(text), 100, POD + 1), []);
      assert.deepEqual(namesOf(names, ip('203.0.113.6'), 100), []);
      assert.deepEqual(namesOf(names, ip(text), 130), []);
      assert.equal(names.size, 0, 'what expired is forgotten when it is asked for');
    });
  }

  it('of one address are all told, sorted, each until its own TTL', () => {
    const names = new DnsNames();
    const address = ip('203.0.113.5');
    names.learn(POD, address, 'b.example', 100, 10);
    names.learn(POD, address, 'a.example', 100, 20);
    assert.deepEqual(namesOf(names, address, 100), ['a.example', 'b.example']);
    assert.deepEqual(namesOf(names, address, 110), ['a.example']);
    names.learn(POD, address, 'a.example', 111, 1);
    assert.deepEqual(namesOf(names, address, 119), ['a.example'], 'a shorter answer takes nothing back');
    assert.deepEqual(namesOf(names, address, 120), []);
  });

  it('are the four youngest', () => {
    const names = new DnsNames();
    const address = ip('203.0.113.5');
    for (const name of ['a', 'b', 'c', 'd', 'a', 'e']) names.learn(POD, address, name, 100, 60);
    assert.deepEqual(namesOf(names, address, 100), ['a', 'c', 'd', 'e']);
  });

  it('last for a second at least and a day at most', () => {
    const names = new DnsNames();
    const address = ip('203.0.113.5');
    names.learn(POD, address, 'now', 100, 0);
    assert.deepEqual(namesOf(names, address, 100.9), ['now']);
    assert.deepEqual(namesOf(names, address, 101), []);
    names.learn(POD, address, 'ever', 100, 2 ** 31);
    assert.deepEqual(namesOf(names, address, 100 + 86_399), ['ever']);
    assert.deepEqual(namesOf(names, address, 100 + 86_400), []);
  });

  it('go with their endpoint', () => {
    const names = new DnsNames();
    names.learn(POD, ip('203.0.113.5'), 'a', 100, 60);
    names.learn(POD + 1, ip('203.0.113.5'), 'b', 100, 60);
    names.forget(POD);
    names.forget(1234);
    assert.deepEqual(namesOf(names, ip('203.0.113.5'), 100), []);
    assert.deepEqual(namesOf(names, ip('203.0.113.5'), 100, POD + 1), ['b']);
    assert.equal(names.size, 1);
  });

  it('keep no hold on the memory they were read from', () => {
    const names = new DnsNames();
    const packet = Uint8Array.of(0, 203, 0, 113, 5);
    names.learn(POD, packet.subarray(1), 'a', 100, 60);
    packet.fill(9);
    assert.deepEqual(namesOf(names, ip('203.0.113.5'), 100), ['a']);
  });

  it('are of so many addresses of an endpoint, and of so many in all', () => {
    const names = new DnsNames({ perEndpoint: 3, total: 5 });
    const address = (i: number): Uint8Array => Uint8Array.of(203, 0, 113, i);
    for (let i = 1; i <= 4; i++) names.learn(POD, address(i), 'a', 100, 60);
    assert.deepEqual(namesOf(names, address(1), 100), []);
    assert.deepEqual(namesOf(names, address(2), 100), ['a']);
    assert.deepEqual([names.size, names.evicted], [3, 1]);
    names.learn(POD, address(2), 'a', 101, 60);
    for (let i = 1; i <= 3; i++) names.learn(POD + 1, address(i), 'b', 102, 60);
    assert.deepEqual([names.size, names.evicted], [5, 2]);
    assert.deepEqual(namesOf(names, address(3), 102), [], 'the one learned longest ago went');
    assert.deepEqual(namesOf(names, address(2), 102), ['a'], 'what was learned again is young');
    names.learn(POD + 2, address(9), 'c', 500, 60);
    assert.equal(names.evicted, 2, 'one that has expired is no loss');
  });

  it('are what a plain list of answers says, in any order of answers and questions', () => {
    const step = fc.record({
      endpoint: fc.nat(2),
      address: fc.nat(3),
      name: fc.constantFrom('a', 'b', 'c'),
      ttl: fc.nat(6),
      wait: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const names = new DnsNames();
        const plain: { endpoint: number; address: number; name: string; until: number }[] = [];
        let nowS = 1000;
        for (const { endpoint, address, name, ttl, wait } of steps) {
          names.learn(endpoint, Uint8Array.of(1, 1, 1, address), name, nowS, ttl);
          plain.push({ endpoint, address, name, until: nowS + Math.max(1, ttl) });
          nowS += wait;
          for (let asker = 0; asker < 3; asker++) {
            for (let asked = 0; asked < 4; asked++) {
              const expected = plain.filter(
                (one) => one.endpoint === asker && one.address === asked && one.until > nowS,
              );
              assert.deepEqual(
                namesOf(names, Uint8Array.of(1, 1, 1, asked), nowS, asker),
                [...new Set(expected.map((one) => one.name))].sort(),
              );
            }
          }
        }
      }),
    );
  });
});
