import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { readCHeader } from '../../bench/support/c-header.ts';
import { readBtfStructs } from './support/read-btf.ts';

const headers = ['flow_event_shared.h', 'maps_shared.h', 'policy_shared.h', 'nat_shared.h'];
const object = readFileSync(`${import.meta.dirname}/../../build/bpf/datapath.bpf.o`);

describe('the layouts of bpf/shared', () => {
  const compiled = readBtfStructs(object);

  for (const header of headers) {
    for (const [name, struct] of readCHeader(header).structs) {
      it(`states offsets and size of ${name} as they are`, () => {
        for (const [field, offset] of struct.commented.offsets) {
          assert.equal(offset, struct.fields.get(field)?.offset, `comment at ${name}.${field}`);
        }
        assert.equal(struct.commented.size, struct.size);
      });

      it(`has no hidden padding in ${name}`, () => {
        let end = 0;
        for (const [field, { offset, size, count }] of struct.fields) {
          assert.equal(offset, end, `before ${name}.${field}`);
          end = offset + size * count;
        }
        assert.equal(end, struct.size);
      });

      it(`is what the compiler made of ${name}`, () => {
        const built = compiled.get(name);
        assert.ok(built, `no struct ${name} in the object's BTF`);
        assert.equal(built.size, struct.size);
        assert.deepEqual(
          [...built.offsets],
          [...struct.fields].map(([field, { offset }]) => [field, offset]),
        );
      });
    }
  }

  it('numbers the event counters without gaps below COUNTER_MAX', () => {
    const { defines } = readCHeader('flow_event_shared.h');
    const counters = [...defines].filter(([name]) => name.startsWith('COUNTER_') && name !== 'COUNTER_MAX');
    assert.deepEqual(
      counters.map(([, value]) => value),
      counters.map((_, index) => index),
    );
    assert.ok(counters.length <= (defines.get('COUNTER_MAX') ?? 0));
  });
});
