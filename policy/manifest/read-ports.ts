import type { Field, ReportField } from '../../cluster/manifest/field.ts';
import {
  type PortMatch,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../model.ts';
import { icmpType } from './icmp-types.ts';
import { checkFields, checkMapping, hasItems, refuseField } from './policy-field.ts';

/** Cilium's bounds for `ports` of one `toPorts` item and `fields` of one `icmps` item. */
const MAX_PORTS = 40;
const MAX_PORT = 65_535;
/** A service name of IANA's registry (RFC 6335): single dashes inside, a letter at least. */
const PORT_NAME = /^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/;
const EXPECTED_NAME = 'a port name of 1 to 15 letters, digits and single inner dashes';

const protocols: Readonly<Record<string, readonly number[]>> = {
  ANY: [PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP],
  TCP: [PROTOCOL_TCP],
  UDP: [PROTOCOL_UDP],
  SCTP: [PROTOCOL_SCTP],
};
/** Protocols that Cilium takes only with an option of its own. */
const EXTENDED_PROTOCOLS: ReadonlySet<string> = new Set(['VRRP', 'IGMP', 'GRE', 'IPIP', 'IPV6', 'ESP', 'AH']);

/**
 * What `toPorts` and `icmps` of an entry say together: `all` when neither is given. An item without ports, as `toPorts: [{}]`, matches nothing.
 */
export function readCiliumPorts(entry: Field, report: ReportField): 'all' | PortMatch[] {
  const toPorts = entry.get('toPorts');
  const icmps = entry.get('icmps');
  const hasPorts = hasItems(toPorts);
  const hasIcmps = hasItems(icmps);
  if (hasPorts && hasIcmps) refuseField(icmps, 'stands beside toPorts: an entry has one of the two', report);
  if (!hasPorts && !hasIcmps) return 'all';
  return [
    ...toPorts.items().flatMap((item) => readPortRule(item, report)),
    ...icmps.items().flatMap((item) => readIcmpRule(item, report)),
  ];
}

function readPortRule(item: Field, report: ReportField): PortMatch[] {
  checkMapping(item);
  checkFields(
    item,
    {
      known: ['ports'],
      unsupported: ['rules', 'listener', 'serverNames', 'terminatingTLS', 'originatingTLS'],
    },
    report,
  );
  return bounded(item.get('ports'), report).flatMap((port) => readCiliumPort(port, report));
}

function bounded(list: Field, report: ReportField): Field[] {
  const items = list.items();
  if (items.length <= MAX_PORTS) return items;
  refuseField(list, `has ${items.length} entries: expected at most ${MAX_PORTS}`, report);
  return [];
}

function readCiliumPort(field: Field, report: ReportField): PortMatch[] {
  checkMapping(field);
  checkFields(field, { known: ['port', 'endPort', 'protocol'] }, report);
  const end = field.get('endPort').integer(0, MAX_PORT) ?? 0;
  const numbers = readProtocol(field.get('protocol'), 'ANY', report);
  const portField = field.get('port');
  const text = portField.requiredString();
  if (text === '') return [];
  const number = ciliumPortNumber(text);
  if (number === null) {
    const name = text.toLowerCase();
    if (!PORT_NAME.test(name)) {
      portField.refuse(`a number from 0 to ${MAX_PORT} in quotes, or ${EXPECTED_NAME}`);
      return [];
    }
    return [{ kind: 'named', name, protocols: numbers, last: end }];
  }
  return numbers.map((protocol) => portRange(protocol, number, end));
}

/** Port 0 is the whole protocol; an end that is not above the port is ignored, as in Cilium. */
function portRange(protocol: number, port: number, end: number): PortMatch {
  if (port === 0) return { kind: 'ports', protocol, first: 0, last: MAX_PORT };
  return { kind: 'ports', protocol, first: port, last: Math.max(port, end) };
}

/**
 * A port as Cilium reads digits: a leading zero makes them octal, underscores may stand between them. Null for what is no number or too large; `0x50` is a name there.
 */
function ciliumPortNumber(text: string): number | null {
  if (!/^\d+(_\d+)*$/.test(text)) return null;
  const digits = text.replaceAll('_', '');
  if (digits.length > 8 || (/^0\d/.test(digits) && /[89]/.test(digits))) return null;
  const number = Number.parseInt(digits, /^0\d/.test(digits) ? 8 : 10);
  return number <= MAX_PORT ? number : null;
}

/** Protocol numbers that a policy names; `absent` stands in when it names none. */
function readProtocol(field: Field, absent: 'ANY' | 'TCP', report: ReportField): readonly number[] {
  const name = (field.string() || absent).toUpperCase();
  if (EXTENDED_PROTOCOLS.has(name)) {
    refuseField(
      field,
      `is ${name}, which this version does not support: expected TCP, UDP, SCTP or ANY`,
      report,
    );
    return [];
  }
  const known = Object.hasOwn(protocols, name) && (absent === 'ANY' || name !== 'ANY') ? protocols[name] : [];
  if (known.length === 0) field.refuse(absent === 'ANY' ? 'TCP, UDP, SCTP or ANY' : 'TCP, UDP or SCTP');
  return known;
}

function readIcmpRule(item: Field, report: ReportField): PortMatch[] {
  checkMapping(item);
  checkFields(item, { known: ['fields'] }, report);
  return bounded(item.get('fields'), report).flatMap((field) => readIcmpField(field, report));
}

function readIcmpField(field: Field, report: ReportField): PortMatch[] {
  checkMapping(field);
  checkFields(field, { known: ['family', 'type'] }, report);
  const familyField = field.get('family');
  const family = familyField.string() || 'IPv4';
  if (family !== 'IPv4' && family !== 'IPv6') {
    familyField.refuse('IPv4 or IPv6');
    return [];
  }
  const typeField = field.get('type');
  const { value } = typeField;
  const type =
    typeof value === 'number' || typeof value === 'string' ? icmpType(family, String(value)) : null;
  if (type === null) {
    typeField.refuse(`a number from 0 to 255 or the name of an ICMP type of ${family}`);
    return [];
  }
  const protocol = family === 'IPv4' ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
  // The key of a policy map has no room to tell type 0 from every type, and Cilium takes it for every type.
  return [{ kind: 'ports', protocol, first: type, last: type === 0 ? MAX_PORT : type }];
}

/** `ports` of a NetworkPolicy's rule. */
export function readNetworkPolicyPorts(list: Field, report: ReportField): 'all' | PortMatch[] {
  if (!hasItems(list)) return 'all';
  return list.items().flatMap((item) => readNetworkPolicyPort(item, report));
}

function readNetworkPolicyPort(field: Field, report: ReportField): PortMatch[] {
  checkMapping(field);
  checkFields(field, { known: ['port', 'endPort', 'protocol'] }, report);
  const numbers = readProtocol(field.get('protocol'), 'TCP', report);
  const portField = field.get('port');
  const endField = field.get('endPort');
  const end = endField.integer(1, MAX_PORT);
  const { value } = portField;
  if (end !== undefined && typeof value !== 'number') {
    refuseField(endField, 'needs a port that is a number', report);
  }
  if (value === undefined) {
    return numbers.map((protocol) => ({ kind: 'ports', protocol, first: 0, last: MAX_PORT }));
  }
  if (typeof value === 'string') {
    if (!PORT_NAME.test(value)) portField.refuse(`a number from 1 to ${MAX_PORT}, or ${EXPECTED_NAME}`);
    return [{ kind: 'named', name: value, protocols: numbers, last: 0 }];
  }
  const port = portField.integer(1, MAX_PORT) ?? 1;
  if (end !== undefined && end < port) endField.refuse(`at least the port, ${port}`);
  return numbers.map((protocol) => ({ kind: 'ports', protocol, first: port, last: end ?? port }));
}
