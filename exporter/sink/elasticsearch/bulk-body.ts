import { createHash } from 'node:crypto';
import { DocumentWriter } from '../../document/document-writer.ts';
import { JsonBytes, jsonBytes } from '../../../proto/flow/json/json-bytes.ts';
import { WireError } from '../../../proto/flow/wire.ts';
import { FlowKey } from '../../flow-key.ts';
import type { MessageList, Reject } from '../sink.ts';

/** The body of a bulk request: for each document a line that says what to do, and a line with the document. */
export interface BulkBody {
  readonly json: JsonBytes;
  readonly count: number;
  /** Where the two lines of document i begin; entry `count` is the end. */
  readonly starts: Uint32Array;
  /** The place of document i in the list of messages. */
  readonly places: Uint32Array;
}

/** Letters of a document's id: 16 bytes in base64url without padding, which Elasticsearch stores as 16 bytes. */
const ID_LETTERS = 22;
const base64url = jsonBytes('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
const beforeId = jsonBytes('{"create":{"_id":"');
const afterId = jsonBytes('"}}\n');
const LINE_BREAK = 0x0a;

/** Writes 128 bits as an id. */
export function putId(words: Uint32Array, json: JsonBytes): void {
  const { bytes, at } = json;
  let bits = 0;
  let held = 0;
  let pos = at;
  for (let i = 0; i < 16; i++) {
    bits = ((bits << 8) | ((words[i >> 2] >>> (24 - 8 * (i & 3))) & 255)) & 0xffff;
    held += 8;
    while (held >= 6) {
      held -= 6;
      bytes[pos++] = base64url[(bits >> held) & 63];
    }
  }
  bytes[pos] = base64url[(bits << (6 - held)) & 63];
  json.at = at + ID_LETTERS;
}

/** A document that is made of parts, and its id. */
export interface JsonDocument {
  readonly id: string;
  readonly json: string;
}

/** The id of a document that some texts tell from all others. */
export function documentId(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest().subarray(0, 16).toString('base64url');
}

/** A body of documents that are there as JSON: document i is number i. */
export function bodyOfJson(documents: readonly JsonDocument[]): BulkBody {
  const json = new JsonBytes();
  const starts = new Uint32Array(documents.length + 1);
  for (const [i, { id, json: text }] of documents.entries()) {
    starts[i] = json.at;
    const lines = jsonBytes(`{"create":{"_id":"${id}"}}\n${text}\n`);
    json.reserve(lines.length);
    json.put(lines);
  }
  starts[documents.length] = json.at;
  return { json, count: documents.length, starts, places: Uint32Array.from(documents.keys()) };
}

/** Makes bodies of messages. */
export class BulkBodyMaker {
  private readonly writer = new DocumentWriter();
  private readonly key = new FlowKey();

  /** Writes a body into `json`, from its beginning on. What is no message is rejected. */
  make(
    messages: MessageList,
    json: JsonBytes,
  ): { readonly body: BulkBody; readonly rejects: readonly Reject[] } {
    const { bytes, count } = messages;
    const { writer, key } = this;
    const starts = new Uint32Array(count + 1);
    const places = new Uint32Array(count);
    const rejects: Reject[] = [];
    let documents = 0;
    json.at = 0;
    for (let i = 0; i < count; i++) {
      const start = messages.starts[i];
      const end = messages.ends[i];
      const lineStart = json.at;
      json.reserve(beforeId.length + ID_LETTERS + afterId.length);
      // Room for the id, which is known only when the document is written.
      const idAt = lineStart + beforeId.length;
      json.put(beforeId);
      json.at = idAt + ID_LETTERS;
      json.put(afterId);
      try {
        writer.write(bytes, start, end, json);
        json.putByte(LINE_BREAK);
        const documentEnd = json.at;
        key.readKnown(bytes, start, end, writer.uuidStart, writer.uuidEnd);
        json.at = idAt;
        putId(key.words, json);
        json.at = documentEnd;
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        json.at = lineStart;
        rejects.push({ index: i, cause: 'malformed', reason: error.message });
        continue;
      }
      starts[documents] = lineStart;
      places[documents++] = i;
    }
    starts[documents] = json.at;
    return { body: { json, count: documents, starts, places }, rejects };
  }
}
