import { packStruct, type StructValues } from '../../bench/support/c-struct.ts';
import { readCHeader } from '../../bench/support/c-header.ts';

const header = readCHeader('flow_event_shared.h');

/** A constant of flow_event_shared.h by its name. Throws when the header has none of that name. */
export function eventConstant(name: string): number {
  const value = header.defines.get(name);
  if (value === undefined) throw new Error(`no ${name} in flow_event_shared.h`);
  return value;
}

/** The record of an event, laid out by the C header: struct flow_event, then the captured bytes. */
export function buildEvent(values: StructValues, captured: Uint8Array): Uint8Array {
  const event = packStruct(header, 'flow_event', {
    captured_len: captured.length,
    packet_len: captured.length,
    ...values,
  });
  return Buffer.concat([event, captured]);
}
