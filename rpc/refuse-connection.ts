import { constants } from 'node:http2';
import type { Socket } from 'node:net';

/** How long a client may take to read why it is refused. */
const FAREWELL_MS = 2000;
const FRAME_HEAD_BYTES = 9;
/** Types of frames (RFC 9113 section 6). */
const SETTINGS = 4;
const GOAWAY = 7;

/** What a client is refused for, in the terms of both protocols. */
export interface Refusal {
  readonly http2Code: number;
  readonly http1Status: string;
}

export const NOT_TRUSTED: Refusal = {
  http2Code: constants.NGHTTP2_INADEQUATE_SECURITY,
  http1Status: '403 Forbidden',
};
export const TOO_MANY: Refusal = {
  http2Code: constants.NGHTTP2_ENHANCE_YOUR_CALM,
  http1Status: '503 Service Unavailable',
};

function frame(type: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  return Buffer.concat([head, payload]);
}

/** Settings, which a server has to begin with, and a GOAWAY whose debug data says why (RFC 9113 section 6.8): gRPC libraries show it. */
function http2Farewell(code: number, words: string): Buffer {
  const head = Buffer.alloc(8); // no stream was looked at
  head.writeUInt32BE(code, 4);
  return Buffer.concat([
    frame(SETTINGS, Buffer.alloc(0)),
    frame(GOAWAY, Buffer.concat([head, Buffer.from(words)])),
  ]);
}

function http1Farewell(status: string, words: string): string {
  const body = `${words}\n`;
  return `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`;
}

/** Tells a client why it is not served, and ends its connection; nothing that it sends is looked at. */
export function refuseConnection(
  socket: Socket,
  speech: 'http2' | 'http1',
  { http2Code, http1Status }: Refusal,
  words: string,
): void {
  socket.on('error', () => socket.destroy());
  socket.end(speech === 'http2' ? http2Farewell(http2Code, words) : http1Farewell(http1Status, words));
  // Bytes left unread would turn the end into a reset, which overtakes the words.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), FAREWELL_MS);
  socket.once('close', () => clearTimeout(timer));
}
