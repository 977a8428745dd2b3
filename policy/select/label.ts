import { parseCidr } from '../../cluster/address.ts';

/** A range of addresses; host bits are zero. */
export interface Cidr {
  /** 4 or 16. */
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** A security label, one object for all who carry it. */
export interface Label {
  /** `source:key=value`, or `source:key` where the value is empty. */
  readonly text: string;
  readonly source: string;
  readonly key: string;
  readonly value: string;
  /** The range of a `cidr` label; null for all others. */
  readonly cidr: Cidr | null;
}

/** Reads `source:key=value`. A label without source is of source `unspec`, one without `=` has the empty value. */
export function parseLabel(text: string): Label {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  const colon = name.indexOf(':');
  const source = intern(colon < 0 ? 'unspec' : name.slice(0, colon));
  const key = intern(name.slice(colon + 1));
  return {
    text,
    source,
    key,
    value: intern(equals < 0 ? '' : text.slice(equals + 1)),
    cidr: source === 'cidr' ? cidrOfLabelKey(key) : null,
  };
}

/**
 * The label of a range, `cidr:10.0.0.0/8`. Colons of IPv6 are written as dashes, and a zero is put where the key would begin or end with one, as Cilium does: keys of
 * Kubernetes labels know no colons.
 */
export function cidrLabel(cidr: string): string {
  const [address, bits] = cidr.split('/');
  const key = address.replace(/^:/, '0:').replace(/:$/, ':0').replaceAll(':', '-');
  return `cidr:${key}/${bits}`;
}

function cidrOfLabelKey(key: string): Cidr | null {
  return parseCidr(key.includes('.') ? key : key.replaceAll('-', ':'));
}

/**
 * The same text as the engine keeps names of properties. Of two such texts one look at their addresses tells whether they are equal, which makes matching labels, done
 * millions of times, several times faster.
 */
export function intern(text: string): string {
  return Object.keys({ [text]: true })[0];
}
