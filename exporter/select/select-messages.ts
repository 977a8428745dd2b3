import { compileFieldMask } from '../../proto/flow/field-mask.ts';
import { compileFlowFilters } from '../../proto/flow/filter/compile-filter.ts';
import { FlowIndex } from '../../proto/flow/flow-index.ts';
import { FRAME_PREFIX_BYTES, type FrameRun } from '../../proto/flow/frame.ts';
import { isFlowFrame } from '../../proto/flow/frame-kind.ts';
import { WireError } from '../../proto/flow/wire.ts';
import type { SinkConfig } from '../config/config.ts';
import { FlowKey } from '../flow-key.ts';
import type { MessageList, Reject } from '../sink/sink.ts';

/** What of a record is for a sink. */
export interface Selected {
  readonly messages: MessageList;
  /** Flows that its lists leave out. */
  readonly filtered: number;
  /** Flows that its sampling leaves out. */
  readonly sampledOut: number;
  /** Messages that could not be looked at; `index` is their place in the record. */
  readonly rejects: readonly Reject[];
}

/** Compiles what a sink wants: its lists, then its sampling, then its field mask. Notices of loss always pass. Throws FilterError and FieldMaskError. */
export function compileSelect(
  config: Pick<SinkConfig, 'allowList' | 'denyList' | 'fieldMask' | 'sampleOneIn'>,
): (run: FrameRun) => Selected {
  const match = compileFlowFilters(config.allowList, config.denyList);
  const mask = compileFieldMask(config.fieldMask);
  const { sampleOneIn } = config;
  const index = new FlowIndex();
  const key = new FlowKey();

  const isSampled = ({ bytes }: FrameRun, start: number, end: number): boolean => {
    if (sampleOneIn === 1) return true;
    key.read(bytes, start, end);
    // The first word of a random uuid is random throughout.
    return key.words[0] % sampleOneIn === 0;
  };
  const isWanted = ({ bytes }: FrameRun, start: number, end: number): boolean => {
    if (match === null) return true;
    index.reset(bytes, start, end);
    return match(index);
  };

  return (run) => {
    const { bytes, offsets, count } = run;
    const starts = new Uint32Array(count);
    const ends = new Uint32Array(count);
    const rejects: Reject[] = [];
    const masked: Uint8Array[] = [];
    let maskedBytes = 0;
    let kept = 0;
    let filtered = 0;
    let sampledOut = 0;
    for (let i = 0; i < count; i++) {
      const start = offsets[i] + FRAME_PREFIX_BYTES;
      const end = offsets[i + 1];
      try {
        if (isFlowFrame(bytes, offsets[i])) {
          if (!isWanted(run, start, end)) {
            filtered++;
            continue;
          }
          if (!isSampled(run, start, end)) {
            sampledOut++;
            continue;
          }
        }
        if (mask === null) {
          starts[kept] = start;
          ends[kept++] = end;
          continue;
        }
        const frame = mask(bytes, start, end);
        masked.push(frame);
        starts[kept] = maskedBytes + FRAME_PREFIX_BYTES;
        maskedBytes += frame.length;
        ends[kept++] = maskedBytes;
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        rejects.push({ index: i, cause: 'malformed', reason: error.message });
      }
    }
    const messages = { bytes: mask === null ? bytes : Buffer.concat(masked), count: kept, starts, ends };
    return { messages, filtered, sampledOut, rejects };
  };
}

/** The record's messages as a list: for rejects. */
export function messagesOf({ bytes, offsets, count }: FrameRun): MessageList {
  const starts = new Uint32Array(count);
  for (let i = 0; i < count; i++) starts[i] = offsets[i] + FRAME_PREFIX_BYTES;
  return { bytes, count, starts, ends: offsets.subarray(1) };
}
