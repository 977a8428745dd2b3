import { TrafficDirection, Verdict } from '../../proto/gen/flow/flow_pb.ts';
import { WIRE_BYTES, WireCursor } from '../../proto/flow/wire.ts';
import type { FlowNumbers } from './fixed-parts.ts';
import { FragmentMemo } from '../../proto/flow/json/fragment-memo.ts';
import { type JsonBytes, jsonBytes } from '../../proto/flow/json/json-bytes.ts';
import { policyPart } from './known-parts.ts';

/** Lists of policies in flow.Flow by direction: those that allowed, those that denied. */
const policyLists: Readonly<Record<number, readonly [allowed: number, denied: number]>> = {
  [TrafficDirection.INGRESS]: [21002, 21005],
  [TrafficDirection.EGRESS]: [21001, 21004],
};

/** Which of the two lists decided, by the verdict. Those that denied stand also behind an audit, which would have been denied. */
const listOf: Readonly<Record<number, 0 | 1>> = {
  [Verdict.FORWARDED]: 0,
  [Verdict.REDIRECTED]: 0,
  [Verdict.DROPPED]: 1,
  [Verdict.ERROR]: 1,
  [Verdict.AUDIT]: 1,
};

const COMMA = 0x2c;
const rule = jsonBytes('"rule":{"name":[');
const closeList = jsonBytes(']},');
const trace = jsonBytes('"trace":{"id":');
const close = jsonBytes('},');

/** The policies that decided on a flow. */
export class RulesPart {
  private readonly cursor = new WireCursor();
  private readonly policies = new FragmentMemo(4096, policyPart);

  /** Writes `"rule":{"name":[…]},` of the Flow `bytes[start, end)`, or nothing. */
  write(bytes: Uint8Array, start: number, end: number, numbers: FlowNumbers, out: JsonBytes): void {
    const { cursor } = this;
    const lists = policyLists[numbers.direction];
    const which = listOf[numbers.verdict];
    if (lists === undefined || which === undefined) return;
    const wanted = lists[which] * 8 + WIRE_BYTES;
    let pos = start;
    let isFirst = true;
    while (pos < end) {
      cursor.reset(bytes, pos, end);
      const tag = cursor.tag();
      if (tag !== wanted) {
        cursor.skip(tag);
        pos = cursor.pos;
        continue;
      }
      const length = cursor.length();
      const from = cursor.pos;
      pos = from + length;
      if (isFirst) out.put(rule);
      else out.putByte(COMMA);
      this.policies.put(bytes, from, pos, out);
      isFirst = false;
    }
    if (!isFirst) out.put(closeList);
  }
}

const cursor = new WireCursor();

/** Writes `"trace":{"id":…},` of the TraceContext `bytes[start, end)`: its field 1, and the field 1 of that. */
export function writeTraceId(bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
  for (let depth = 0; depth < 2; depth++) {
    let foundStart = -1;
    let foundEnd = -1;
    cursor.reset(bytes, start, end);
    while (cursor.pos < end) {
      const tag = cursor.tag();
      if (tag !== ((1 << 3) | WIRE_BYTES)) {
        cursor.skip(tag);
        continue;
      }
      const length = cursor.length();
      foundStart = cursor.pos;
      foundEnd = foundStart + length;
      cursor.pos = foundEnd;
    }
    if (foundStart < 0) return;
    start = foundStart;
    end = foundEnd;
  }
  out.put(trace);
  out.putString(bytes, start, end);
  out.put(close);
}
