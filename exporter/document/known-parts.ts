import { fromBinary } from '@bufbuild/protobuf';
import {
  EmitterSchema,
  NetworkInterfaceSchema,
  PolicySchema,
  ServiceSchema,
} from '../../proto/gen/flow/flow_pb.ts';
import { decodeText } from '../../proto/flow/decode-text.ts';
import { WireError } from '../../proto/flow/wire.ts';
import type { WritePart } from '../../proto/flow/json/fragment-memo.ts';
import { jsonBytes } from '../../proto/flow/json/json-bytes.ts';

/** A part that a message inside flows becomes, of a kind of which there are few: it is made once, so it may be slow. */
function decoding(make: (message: Uint8Array) => string): WritePart {
  return (bytes, start, end, out) => {
    let text: string;
    try {
      text = make(bytes.subarray(start, end));
    } catch (error) {
      throw new WireError('malformed', `flow does not decode: ${(error as Error).message}`);
    }
    out.put(jsonBytes(text));
  };
}

const orAbsent = (text: string): string | undefined => (text === '' ? undefined : text);
const joined = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join('/');

/** An object of JSON without the brace that closes it. */
const open = (value: object): string => JSON.stringify(value).slice(0, -1);

/** The name of the node that saw a flow: `"orchestrator":{…},"observer":{…` without the brace that closes it. */
export const nodePart: WritePart = (bytes, start, end, out) => {
  const name = decodeText(bytes, start, end).toWellFormed();
  const slash = name.indexOf('/');
  const cluster =
    slash < 0 ? '' : `"orchestrator":${JSON.stringify({ cluster: { name: name.slice(0, slash) } })},`;
  out.put(jsonBytes(`${cluster}"observer":${open({ name: name.slice(slash + 1) })}`));
};

/** The program that told the flow: `,"product":…,"version":…`. */
export const emitterPart = decoding((message) => {
  const { name, version } = fromBinary(EmitterSchema, message);
  const fields = open({ product: orAbsent(name), version: orAbsent(version) }).slice(1);
  return fields === '' ? '' : `,${fields}`;
});

/** The name of an interface, `,"interface":…`. */
export const interfacePart = decoding((message) => {
  const { name, index } = fromBinary(NetworkInterfaceSchema, message);
  return name === '' && index === 0 ? '' : `,"interface":${JSON.stringify(name || String(index))}`;
});

/** A service, `"namespace/name"`. */
export const servicePart = decoding((message) => {
  const { name, namespace } = fromBinary(ServiceSchema, message);
  return JSON.stringify(joined(namespace, name));
});

/** A policy, `"kind/namespace/name"`. */
export const policyPart = decoding((message) => {
  const { name, namespace, kind } = fromBinary(PolicySchema, message);
  return JSON.stringify(joined(kind, namespace, name));
});
