import {
  DNSSchema,
  HTTPHeaderSchema,
  HTTPSchema,
  L7FlowType,
  Layer7Schema,
} from '../../proto/gen/flow/flow_pb.ts';
import { decodeText } from '../../proto/flow/decode-text.ts';
import { FieldTable } from '../../proto/flow/field-table.ts';
import { rcodeNames } from '../../proto/flow/text/dns-rcode.ts';
import { type JsonBytes, jsonBytes } from '../../proto/flow/json/json-bytes.ts';
import { eachItem, int32At, uintAt, writeList } from './message-reader.ts';

export const LAYER7_DNS = 100;
export const LAYER7_HTTP = 101;

/** Answers by number, in the words of dns.response_code. */
const rcodes = rcodeNames.map((name) => jsonBytes(`"${name}"`));

const DOT = 0x2e;
const COMMA = 0x2c;
const HTTP = Uint8Array.of(0x48, 0x54, 0x54, 0x50, 0x2f);

const part = {
  dnsQuery: jsonBytes('"dns":{"type":"query"'),
  dnsAnswer: jsonBytes('"dns":{"type":"answer"'),
  question: jsonBytes(',"question":{'),
  name: jsonBytes('"name":'),
  typeList: jsonBytes('"type":'),
  closeComma: jsonBytes('},'),
  close: jsonBytes('}'),
  responseCode: jsonBytes(',"response_code":'),
  resolved: jsonBytes(',"resolved_ip":'),
  answers: jsonBytes(',"answers":{"ttl":'),
  answerTypes: jsonBytes(',"type":'),
  cnames: jsonBytes(',"cnames":'),
  http: jsonBytes('"http":{'),
  version: jsonBytes('"version":'),
  request: jsonBytes('"request":{"method":'),
  response: jsonBytes('"response":{"status_code":'),
  url: jsonBytes('"url":{"original":'),
  headers: jsonBytes(',"http_headers":'),
  openList: jsonBytes('['),
  closeList: jsonBytes(']'),
  comma: jsonBytes(','),
} as const;

/** The parts of a document that come from Layer7: `dns`, or `http` and `url`. */
export class Layer7Part {
  /** Field number of the record that the flow has, 0 for none. */
  record = 0;
  type = 0;
  /** 0 when it was not measured. */
  latencyNs = 0;
  private readonly layer7 = new FieldTable(Layer7Schema, 103);
  private readonly dns = new FieldTable(DNSSchema, 9);
  private readonly http = new FieldTable(HTTPSchema, 6);
  private readonly header = new FieldTable(HTTPHeaderSchema, 3);
  private start = 0;
  private end = 0;

  /** Looks at the Layer7 message `bytes[start, end)`; an empty range means that there is none. False when it is in pieces. Throws WireError. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    const { layer7 } = this;
    layer7.scan(bytes, start, end);
    this.record = layer7.member;
    this.type = int32At(layer7, bytes, 1);
    this.latencyNs = uintAt(layer7, bytes, 2);
    this.start = layer7.starts[this.record];
    this.end = layer7.ends[this.record];
    return !layer7.isSplit;
  }

  /** Forgets it: the flow has no Layer7. */
  clear(): void {
    this.record = 0;
    this.type = 0;
    this.latencyNs = 0;
  }

  /** Writes `"dns":{…},` or `"http":{…},"url":{…},`, or nothing. */
  write(bytes: Uint8Array, out: JsonBytes): void {
    if (this.record === LAYER7_DNS) this.writeDns(bytes, out);
    else if (this.record === LAYER7_HTTP) this.writeHttp(bytes, out);
  }

  /** Writes what of it has no place in ECS, for the object `sluice`. */
  writeRest(bytes: Uint8Array, out: JsonBytes): void {
    const { record, start, end } = this;
    if (record === LAYER7_DNS && this.dns.starts[4] >= 0) {
      out.put(part.cnames);
      writeList(bytes, start, end, 4, out);
    }
    if (record !== LAYER7_HTTP || this.http.starts[5] < 0) return;
    out.put(part.headers);
    let separator = part.openList;
    eachItem(bytes, start, end, 5, (_, from, to) => {
      const { header } = this;
      header.scan(bytes, from, to);
      const text = (field: number): string =>
        header.starts[field] < 0 ? '' : decodeText(bytes, header.starts[field], header.ends[field]);
      out.put(separator);
      out.put(jsonBytes(JSON.stringify(`${text(1)}: ${text(2)}`.toWellFormed())));
      separator = part.comma;
    });
    out.put(part.closeList);
  }

  private writeDns(bytes: Uint8Array, out: JsonBytes): void {
    const { dns, start, end, type } = this;
    dns.scan(bytes, start, end);
    const { starts, ends } = dns;
    out.put(type === L7FlowType.RESPONSE ? part.dnsAnswer : part.dnsQuery);
    if (starts[1] >= 0 || starts[7] >= 0) {
      out.put(part.question);
      if (starts[1] >= 0) {
        out.put(part.name);
        // As ECS has names: without the final dot, the root excepted.
        const hasDot = ends[1] - starts[1] > 1 && bytes[ends[1] - 1] === DOT;
        out.putString(bytes, starts[1], hasDot ? ends[1] - 1 : ends[1]);
        if (starts[7] >= 0) out.putByte(COMMA);
      }
      if (starts[7] >= 0) {
        out.put(part.typeList);
        writeList(bytes, start, end, 7, out);
      }
      out.put(part.close);
    }
    if (type === L7FlowType.RESPONSE) {
      const code = uintAt(dns, bytes, 6);
      out.put(part.responseCode);
      out.put(rcodes[code] ?? jsonBytes(`"${code}"`));
      if (starts[2] >= 0) {
        out.put(part.resolved);
        writeList(bytes, start, end, 2, out);
      }
      if (starts[8] >= 0) {
        out.put(part.answers);
        out.putNumber(uintAt(dns, bytes, 3));
        out.put(part.answerTypes);
        writeList(bytes, start, end, 8, out);
        out.put(part.close);
      }
    }
    out.put(part.closeComma);
  }

  private writeHttp(bytes: Uint8Array, out: JsonBytes): void {
    const { http } = this;
    http.scan(bytes, this.start, this.end);
    const { starts, ends } = http;
    const before = out.at;
    out.put(part.http);
    const content = out.at;
    if (starts[4] >= 0) {
      out.put(part.version);
      const from = starts[4];
      const isHttp = HTTP.every((byte, i) => bytes[from + i] === byte) && ends[4] - from > HTTP.length;
      out.putString(bytes, isHttp ? from + HTTP.length : from, ends[4]);
      out.putByte(COMMA);
    }
    if (starts[2] >= 0) {
      out.put(part.request);
      out.putString(bytes, starts[2], ends[2]);
      out.put(part.closeComma);
    }
    const code = uintAt(http, bytes, 1);
    if (code !== 0) {
      out.put(part.response);
      out.putNumber(code);
      out.put(part.closeComma);
    }
    if (out.at === content) out.at = before;
    else {
      out.dropComma();
      out.put(part.closeComma);
    }
    if (starts[3] < 0) return;
    out.put(part.url);
    out.putString(bytes, starts[3], ends[3]);
    out.put(part.closeComma);
  }
}
