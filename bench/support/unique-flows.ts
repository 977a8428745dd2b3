import { FRAME_PREFIX_BYTES, type FrameRun } from '../../proto/flow/frame.ts';

/** Begins the uuids that mixedFlows gives. */
const UUID = Buffer.from('b9fab269-');
const DIGITS = 8;
const places = new WeakMap<Uint8Array, number>();

/** `count` flows from number `from` on, made of the frames by turns: each with a uuid of its own, so that none is another's duplicate. */
export function uniqueFlows(frames: readonly Uint8Array[], from: number, count: number): FrameRun {
  const chosen = Array.from({ length: count }, (_, i) => frames[(from + i) % frames.length]);
  const bytes = Buffer.concat(chosen);
  const offsets = new Uint32Array(count + 1);
  for (const [i, frame] of chosen.entries()) {
    const round = Math.floor((from + i) / frames.length) + 1;
    bytes.write(round.toString(16).padStart(DIGITS, '0'), offsets[i] + placeOf(frame), 'latin1');
    offsets[i + 1] = offsets[i] + frame.length;
  }
  return { bytes, offsets, count };
}

function placeOf(frame: Uint8Array): number {
  let place = places.get(frame);
  if (place === undefined) {
    place = Buffer.from(frame.buffer, frame.byteOffset, frame.length).indexOf(UUID, FRAME_PREFIX_BYTES);
    places.set(frame, place);
  }
  return place;
}
