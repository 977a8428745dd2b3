import { DropReason } from '../../gen/flow/flow_pb.ts';
import { enumName } from './enum-name.ts';

/** Codes that have no name in the API, and names that say something else than what the code has come to mean. */
const ownLabels: ReadonlyMap<number, string> = new Map([
  [0, 'Not dropped'],
  [2, 'Invalid packet'],
  [3, 'Interface'],
  [4, 'Interface, decrypted'],
  [5, 'No backend slot in socket load balancing'],
  [6, 'No backend in socket load balancing'],
  [7, 'Socket load balancing could not store the way back'],
  [8, 'Socket load balancing knew an outdated way back'],
  [9, 'Fragment'],
  [10, 'Fragment could not be tracked'],
  [11, 'Missing custom program'],
  [12, 'Interface, decrypting'],
  [13, 'Interface, encrypting'],
  [14, 'Socket load balancing removed the way back'],
  [15, 'Packet too big, sender told'],
  [134, 'Invalid packet'],
  [136, 'Packet too big, fragmentation needed'],
  [149, 'Invalid Geneve option'],
  [161, 'NAT46/64 is off'],
  [174, 'Is a ClusterIP'],
  [177, 'Denied by the source ranges of a load balancer'],
  [181, 'Policy denied by a deny rule'],
  [184, 'No traffic control buffer'],
  [187, 'Translation from IPv4 to IPv6 failed'],
  [188, 'Translation from IPv6 to IPv4 failed'],
  [189, 'Authentication required'],
  [190, 'Conntrack map missing'],
  [191, 'NAT map missing'],
  [203, 'Endpoint not ready'],
  [205, 'Handed to a proxy'],
  [207, 'First logical datagram fragment not found, from world'],
]);

const abbreviations =
  /\b(ct|ip|ipv4|ipv6|icmpv4|icmpv6|l2|l3|l4|tcp|mac|vlan|vni|nat|nat46|nat64|snat|ttl|fib|igmp|sid|srv6|id|lb|edt|ack|dsr)\b/g;

function labelOf(name: string): string {
  const words = name
    .replace(/^DROP_/, '')
    .replaceAll('_', ' ')
    .toLowerCase()
    .replace(abbreviations, (word) => word.toUpperCase().replace(/V(?=[46])/, 'v'));
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A drop reason in words, `Policy denied`; only the low eight bits count. `<code>, 0` for codes without a meaning. */
export function dropLabel(subType: number): string {
  const code = subType & 0xff;
  const own = ownLabels.get(code);
  if (own !== undefined) return own;
  const name = enumName(DropReason, code);
  return name === String(code) ? `${code}, 0` : labelOf(name);
}
