import { frameMessage } from '../../../proto/flow/frame.ts';
import { scrambleMessage } from '../../support/scramble-message.ts';
import { callHeaders, FrameType, http2Frame, PREFACE } from './http2-bytes.ts';
import { type SampleCall, sampleCalls } from './requests.ts';

/** A random number below a bound. */
export type Random = (below: number) => number;

/** What a client does on one connection: the bytes that it sends, in pieces, and how it leaves. */
export interface Attack {
  readonly kind: string;
  readonly pieces: readonly Uint8Array[];
  /** `wait`: reads until the server ends it, or for a moment; `end`: closes its side at once; `reset`: is gone. */
  readonly leave: 'wait' | 'end' | 'reset';
  /** Goes to the TCP port instead of the Unix socket. */
  readonly isTcp?: boolean;
}

const telling = [0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 63, 64, 65, 126, 127, 128, 129, 192, 254, 255];

/** Spoils some bytes: flips, tellings numbers, cuts, repeats, noise in the middle. */
function spoil(bytes: Uint8Array, random: Random): Buffer {
  let spoilt = Buffer.from(bytes);
  for (let left = 1 + random(3); left > 0; left--) {
    const at = random(spoilt.length + 1);
    switch (random(7)) {
      case 0:
      case 1:
        if (at < spoilt.length) spoilt[at] ^= 1 << random(8);
        break;
      case 2:
        if (at < spoilt.length) spoilt[at] = telling[random(telling.length)];
        break;
      case 3:
        spoilt = spoilt.subarray(0, at);
        break;
      case 4:
        spoilt = Buffer.concat([spoilt.subarray(0, at), spoilt.subarray(random(at + 1))]).subarray(0, 65_536);
        break;
      case 5:
        spoilt = Buffer.concat([spoilt.subarray(0, at), noise(random(40), random), spoilt.subarray(at)]);
        break;
      default:
        spoilt = Buffer.concat([spoilt, noise(random(40), random)]);
    }
  }
  return spoilt;
}

const noise = (length: number, random: Random): Buffer =>
  Buffer.from(Array.from({ length }, () => random(256)));

function pickOne<T>(items: readonly T[], random: Random): T {
  return items[random(items.length)];
}

/** A request message: as it is, written oddly, or spoilt. */
function message({ request, schema }: SampleCall, random: Random): Uint8Array {
  switch (random(4)) {
    case 0:
      return request;
    case 1:
      return scrambleMessage(request, schema, { pick: random, rarity: 4 });
    default:
      return spoil(request, random);
  }
}

/** A message in its envelope, or something like it. */
function envelope(bytes: Uint8Array, random: Random): Buffer {
  const framed = Buffer.from(frameMessage(bytes));
  switch (random(8)) {
    case 0:
      framed[0] = telling[random(telling.length)];
      return framed;
    case 1:
      framed.writeUInt32BE([0, 1, framed.length, 4 * 1024 * 1024 + 1, 0x7fffffff, 0xffffffff][random(6)], 1);
      return framed;
    case 2:
      return Buffer.concat([framed, framed]);
    case 3:
      return spoil(framed, random);
    default:
      return framed;
  }
}

const CONTENT_TYPES = [
  'application/grpc',
  'application/grpc+proto',
  'application/grpc+json',
  'application/grpc-web',
  'application/grpc-web+proto',
  'application/grpc-web-text',
  'application/connect+proto',
  'application/connect+json',
  'application/proto',
  'application/json',
  'text/plain',
  '',
];

/** A call on a stream: headers, and a body in one or more DATA frames. */
function callFrames(streamId: number, random: Random): Buffer[] {
  const sample = pickOne(sampleCalls, random);
  const type = random(3) === 0 ? pickOne(CONTENT_TYPES, random) : 'application/grpc';
  const path = random(20) === 0 ? `${sample.path}x` : sample.path;
  const frames = [http2Frame(FrameType.Headers, 4, streamId, callHeaders(path, type))];
  const body = envelope(message(sample, random), random);
  const cut = random(2) === 0 ? body.length : random(body.length + 1);
  const isEnded = random(8) !== 0;
  if (cut < body.length) frames.push(http2Frame(FrameType.Data, 0, streamId, body.subarray(0, cut)));
  frames.push(
    http2Frame(FrameType.Data, isEnded ? 1 : 0, streamId, body.subarray(cut === body.length ? 0 : cut)),
  );
  return frames;
}

/** A frame that may be anything, on a stream that there may be. */
function oddFrame(random: Random): Buffer {
  const type = random(12) === 0 ? random(256) : random(10);
  const length = [0, 1, 4, 5, 6, 8, 9, 12, 40, 300][random(10)];
  const streamId = [0, 0, 1, 3, 5, 2, 0x7fffffff, 0x80000001][random(8)];
  return http2Frame(type, random(256), streamId, noise(length, random));
}

const opening = (): Buffer[] => [PREFACE, http2Frame(FrameType.Settings, 0, 0, Buffer.alloc(0))];
const leaveSomehow = (random: Random): Attack['leave'] => pickOne(['wait', 'end', 'reset'] as const, random);

/** Calls whose messages and envelopes are spoilt; the HTTP/2 is good. */
function badCalls(random: Random): Attack {
  const calls = Array.from({ length: 1 + random(4) }, (_, i) => callFrames(2 * i + 1, random));
  return { kind: 'calls', pieces: [...opening(), ...calls.flat()], leave: leaveSomehow(random) };
}

/** Calls with frames between them that are out of place. */
function badFrames(random: Random): Attack {
  const frames = Array.from({ length: 1 + random(3) }, (_, i) => callFrames(2 * i + 1, random)).flat();
  for (let left = 1 + random(4); left > 0; left--) {
    frames.splice(random(frames.length + 1), 0, oddFrame(random));
  }
  if (random(4) === 0) frames.sort(() => random(3) - 1);
  return { kind: 'frames', pieces: [...opening(), ...frames], leave: leaveSomehow(random) };
}

/** A conversation whose bytes are spoilt wherever it happens. */
function badBytes(random: Random): Attack {
  const bytes = Buffer.concat([...opening(), ...callFrames(1, random), ...callFrames(3, random)]);
  return { kind: 'bytes', pieces: [spoil(bytes, random)], leave: leaveSomehow(random) };
}

/** Much of one thing: cancelled calls, pings, settings, empty frames, windows. */
function flood(random: Random): Attack {
  const count = 200 + random(800);
  const repeat = (make: (i: number) => Buffer): Buffer =>
    Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
  const cancelled = (i: number): Buffer =>
    Buffer.concat([
      ...callFrames(2 * i + 1, random),
      http2Frame(FrameType.RstStream, 0, 2 * i + 1, Buffer.of(0, 0, 0, 8)),
    ]);
  const makers: readonly ((i: number) => Buffer)[] = [
    cancelled,
    () => http2Frame(FrameType.Ping, 0, 0, Buffer.alloc(8)),
    () => http2Frame(FrameType.Settings, 0, 0, Buffer.of(0, random(8), 0, 0, 0, random(256))),
    (i) =>
      http2Frame(
        i === 0 ? FrameType.Headers : FrameType.Continuation,
        0,
        1,
        i === 0 ? callHeaders('/a') : Buffer.alloc(0),
      ),
    () => http2Frame(FrameType.WindowUpdate, 0, random(2), Buffer.of(0x7f, 0xff, 0xff, random(256))),
    (i) => http2Frame(FrameType.Priority, 0, 2 * i + 1, Buffer.of(0, 0, 0, 0, 16)),
    () => http2Frame(FrameType.Data, 0, 1, Buffer.alloc(0)),
  ];
  const head = random(2) === 0 ? callFrames(1, random) : [];
  return {
    kind: 'flood',
    pieces: [...opening(), ...head, repeat(pickOne(makers, random))],
    leave: leaveSomehow(random),
  };
}

/** HTTP/1.1, in which browsers call. */
function http1(random: Random): Attack {
  const sample = pickOne(sampleCalls, random);
  const type = pickOne(CONTENT_TYPES, random);
  const body = type.endsWith('json')
    ? spoil(Buffer.from('{"number":"3","whitelist":[{"source_ip":["::1"]}]}'), random)
    : envelope(message(sample, random), random);
  const length = random(6) === 0 ? random(1000) : body.length;
  const head = `POST ${sample.path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n${random(2) === 0 ? 'connection: close\r\n' : ''}\r\n`;
  const whole = Buffer.concat([Buffer.from(head), body]);
  return {
    kind: 'http1',
    pieces: [random(2) === 0 ? whole : spoil(whole, random)],
    leave: leaveSomehow(random),
  };
}

/** A ClientHello for TLS 1.3, near enough to get into the parser (RFC 8446 section 4.1.2), and spoilt. */
function tls(random: Random): Attack {
  const extensions = Buffer.from(
    '002b0003020304000d000400020403000a00040002001700330002000000100005000302683200',
    'hex',
  );
  const body = Buffer.concat([
    Buffer.from('0303', 'hex'),
    noise(32, random),
    Buffer.from('00', 'hex'),
    Buffer.from('00021301', 'hex'),
    Buffer.from('0100', 'hex'),
    Buffer.of(extensions.length >> 8, extensions.length & 255),
    extensions,
  ]);
  const handshake = Buffer.concat([Buffer.of(1, 0, body.length >> 8, body.length & 255), body]);
  const record = Buffer.concat([
    Buffer.of(22, 3, 1, handshake.length >> 8, handshake.length & 255),
    handshake,
  ]);
  const bytes = spoil(record, random);
  bytes.set(record.subarray(0, Math.min(2, bytes.length)));
  return { kind: 'tls', pieces: [bytes], leave: leaveSomehow(random), isTcp: true };
}

const kinds: readonly (readonly [weight: number, (random: Random) => Attack])[] = [
  [8, badCalls],
  [6, badFrames],
  [6, badBytes],
  [1, flood],
  [4, http1],
  [2, tls],
];

/** The next attack. */
export function nextAttack(random: Random): Attack {
  let at = random(kinds.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, make] of kinds) {
    if (at < weight) return make(random);
    at -= weight;
  }
  return badBytes(random);
}
