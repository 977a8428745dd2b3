import assert from 'node:assert/strict';
import { create } from '@bufbuild/protobuf';
import { describe, it } from 'node:test';
import { compileFlowFilters } from '../../../../proto/flow/filter/compile-filter.ts';
import { type FlowFilter, FlowFilterSchema } from '../../../../proto/gen/flow/flow_pb.ts';

const compile = (allow: FlowFilter[], deny: FlowFilter[] = []) => compileFlowFilters(allow, deny);

describe('the values of a request', () => {
  it('are bounded in number', () => {
    const many = (count: number) =>
      create(FlowFilterSchema, { sourceIp: Array<string>(count).fill('10.0.0.1') });
    assert.doesNotThrow(() => compile([many(10_000)], [many(10_000)]));
    assert.throws(() => compile([many(10_000)], [many(10_001)]), {
      name: 'FilterError',
      field: 'source_ip',
      message: 'invalid source_ip in flow filter: more than 20000 values in the filters of one request',
    });
  });

  it('are bounded in length, each and together', () => {
    const pods = (...lengths: number[]) =>
      create(FlowFilterSchema, { destinationPod: lengths.map((length) => 'a'.repeat(length)) });
    assert.throws(() => compile([pods(8193)]), {
      name: 'FilterError',
      field: 'destination_pod',
      message: /^invalid destination_pod "a{200}…" in flow filter: 8193 characters, at most 8192 allowed$/,
    });
    const full = pods(...Array<number>(32).fill(8192));
    assert.doesNotThrow(() => compile([full, full]));
    assert.throws(() => compile([full], [full, pods(1)]), {
      message:
        'invalid destination_pod in flow filter: more than 524288 characters in the filters of one request',
    });
  });

  it('cost no more to prepare than their length', () => {
    // By an expression that ends in `+$`, each of these would take 30 million steps.
    const name = `a${' '.repeat(8000)}b`;
    for (let i = 0; i < 60; i++) {
      assert.throws(() => compile([create(FlowFilterSchema, { sourceFqdn: [name] })]), {
        name: 'FilterError',
        message: /character " " is not allowed/,
      });
    }
  });
});
