import { FRAME_PREFIX_BYTES, type FrameRun } from '../../../proto/flow/frame.ts';
import { messagesOf } from '../../../exporter/select/select-messages.ts';
import type { MessageList } from '../../../exporter/sink/sink.ts';

/** Frames back to back. */
export function runOf(frames: readonly Uint8Array[]): FrameRun {
  const offsets = new Uint32Array(frames.length + 1);
  for (const [i, frame] of frames.entries()) offsets[i + 1] = offsets[i] + frame.length;
  return { bytes: Buffer.concat(frames), count: frames.length, offsets };
}

/** Frames as a sink gets them. */
export function listOf(...frames: readonly Uint8Array[]): MessageList {
  return messagesOf(runOf(frames));
}

/** The messages of a list, each by itself. */
export function each({ bytes, count, starts, ends }: MessageList): Buffer[] {
  return Array.from({ length: count }, (_, i) => Buffer.from(bytes.subarray(starts[i], ends[i])));
}

/** A frame whose message is no protobuf, but whose envelope is. */
export function brokenFrame(): Uint8Array {
  const message = Buffer.from([0x0a, 0x03, 0x0a, 0x7f, 0x00]);
  const frame = Buffer.alloc(FRAME_PREFIX_BYTES + message.length);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, FRAME_PREFIX_BYTES);
  return frame;
}
