import { describeValue, Field, formatPath, type ReportField } from '../../cluster/manifest/field.ts';
import { describeObject } from '../../cluster/manifest/objects.ts';
import { type FieldPath, type RawDocument, readManifestText } from '../../cluster/manifest/text.ts';
import type { Policy, PolicyKind } from '../model.ts';
import { readCiliumPolicy, type Reports } from './read-cilium-policy.ts';
import { readNetworkPolicy } from './read-network-policy.ts';

/** Largest policy file that is parsed, in UTF-16 code units: the bound of all manifests. */
export const MAX_POLICY_TEXT = 4 * 1024 * 1024;

/** What is wrong with a policy, and where. */
export interface PolicyProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The object as messages name it, such as `NetworkPolicy "travel/search"`; empty when it is the text that cannot be read. */
  readonly object: string;
  /** Path of the field, such as `spec.ingress[0].toPorts[1].ports[0].port`; empty for the whole object. */
  readonly field: string;
  /** Begins with the field's path. */
  readonly message: string;
}

export interface ParsedPolicies {
  /** Policies without a problem, in the order of the text. One that has a problem is left out as a whole. */
  readonly policies: readonly Policy[];
  readonly problems: readonly PolicyProblem[];
  /** What is valid, but has no effect or another one than it seems. */
  readonly notes: readonly PolicyProblem[];
}

interface KnownKind {
  readonly apiVersion: string;
  readonly read: (document: Field, reports: Reports) => Policy;
}

const readers: Readonly<Record<PolicyKind, KnownKind>> = {
  NetworkPolicy: { apiVersion: 'networking.k8s.io/v1', read: readNetworkPolicy },
  CiliumNetworkPolicy: {
    apiVersion: 'cilium.io/v2',
    read: (document, reports) => readCiliumPolicy(document, 'CiliumNetworkPolicy', reports),
  },
  CiliumClusterwideNetworkPolicy: {
    apiVersion: 'cilium.io/v2',
    read: (document, reports) => readCiliumPolicy(document, 'CiliumClusterwideNetworkPolicy', reports),
  },
};

/** Kinds that would change verdicts, by their API groups. To pass over them in silence would be to enforce something else than was written. */
const unsupportedKinds: Readonly<Record<string, string>> = {
  AdminNetworkPolicy: 'policy.networking.k8s.io/',
  BaselineAdminNetworkPolicy: 'policy.networking.k8s.io/',
  ClusterNetworkPolicy: 'policy.networking.k8s.io/',
  CiliumLocalRedirectPolicy: 'cilium.io/',
  CiliumEgressGatewayPolicy: 'cilium.io/',
};

/**
 * Reads the network policies of a manifest file: YAML with any number of documents, or JSON, lists included. Objects of other kinds are none of its business. Never
 * throws: what is wrong, a policy with any field that is not supported or not known included, is a problem that says where, and that policy is not returned.
 * @param file what problems call the text
 */
export function parsePolicies(text: string, file: string): ParsedPolicies {
  const failed = (message: string, line = 1, column = 1): ParsedPolicies => ({
    policies: [],
    problems: [{ file, line, column, object: '', field: '', message }],
    notes: [],
  });
  if (text.length > MAX_POLICY_TEXT) {
    return failed(`has ${text.length} characters: expected at most ${MAX_POLICY_TEXT}`);
  }
  const source = readManifestText(text);
  if ('error' in source) {
    const { position, message } = source.error;
    return failed(message, position.line, position.column);
  }
  return parsePolicyDocuments(source.documents, file);
}

/** Told of each policy without a problem, and where it stands. */
export type PolicyPlace = (policy: Policy, document: RawDocument, path: FieldPath) => void;

/** As `parsePolicies`, of documents that are read already. */
export function parsePolicyDocuments(
  documents: readonly RawDocument[],
  file: string,
  onPolicy: PolicyPlace = () => {},
): ParsedPolicies {
  const parsed = { policies: [], problems: [], notes: [] };
  for (const document of documents) {
    readObject(document.value, [], document, file, { ...parsed, onPolicy });
  }
  return parsed;
}

/** Problems listed of one object: a broken generator must not flood who reads them. */
const MAX_PROBLEMS_OF_OBJECT = 100;

function readObject(
  value: unknown,
  path: FieldPath,
  document: RawDocument,
  file: string,
  parsed: {
    readonly policies: Policy[];
    readonly problems: PolicyProblem[];
    readonly notes: PolicyProblem[];
    readonly onPolicy: PolicyPlace;
  },
  itemKind?: PolicyKind,
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const object = value as Record<string, unknown>;
  const kind = object.kind ?? itemKind;
  if (typeof kind !== 'string') return;
  const listed = /^(\w*)List$/.exec(kind)?.[1];
  if (listed !== undefined && (listed === '' || Object.hasOwn(readers, listed))) {
    const items = Array.isArray(object.items) ? (object.items as readonly unknown[]) : [];
    const kindOfItems = listed === '' ? undefined : (listed as PolicyKind);
    for (const [i, item] of items.entries()) {
      readObject(item, [...path, 'items', i], document, file, parsed, kindOfItems);
    }
    return;
  }
  const found: PolicyProblem[] = [];
  const told = new Set<string>();
  const describe = describeRaw(object, kind);
  const reportTo =
    (list: PolicyProblem[]): ReportField =>
    (field, message) => {
      if (list.length >= MAX_PROBLEMS_OF_OBJECT || told.has(message)) return;
      told.add(message); // a list is read more than once
      const { line, column } = document.locate(field);
      const inObject = field.slice(path.length);
      const name = inObject.length === 0 ? '' : formatPath(inObject);
      list.push({
        file,
        line,
        column,
        object: describe,
        field: name,
        message: relative(message, field, name),
      });
    };
  const problem = reportTo(found);
  const root = new Field(value, path, problem);
  const apiVersion = typeof object.apiVersion === 'string' ? object.apiVersion : undefined;
  if (Object.hasOwn(unsupportedKinds, kind) && apiVersion?.startsWith(unsupportedKinds[kind])) {
    problem([...path, 'kind'], `kind ${kind} is not supported by this version`);
  } else if (Object.hasOwn(readers, kind)) {
    const { apiVersion: expected, read } = readers[kind as PolicyKind];
    const given = object.apiVersion ?? (itemKind === undefined ? undefined : expected);
    if (given !== expected) {
      // Groups of other makers may have a NetworkPolicy of their own (Calico's does).
      if (apiVersion !== undefined && !/^(extensions|networking\.k8s\.io|cilium\.io)\//.test(apiVersion))
        return;
      problem(
        [...path, 'apiVersion'],
        `apiVersion is ${describeValue(given)}: expected ${expected} for kind ${kind}`,
      );
    } else {
      const policy = read(root, { problem, note: reportTo(parsed.notes) });
      if (found.length === 0) {
        parsed.policies.push(policy);
        parsed.onPolicy(policy, document, path);
      }
    }
  }
  parsed.problems.push(...found);
}

/** A message about a field of a list's item, its path counted from the item. */
function relative(message: string, path: FieldPath, name: string): string {
  const full = formatPath(path);
  return name !== '' && message.startsWith(full) ? `${name}${message.slice(full.length)}` : message;
}

/** An unchecked object as messages name it, as far as it can be named. */
function describeRaw(object: Record<string, unknown>, kind: string): string {
  const metadata = (
    typeof object.metadata === 'object' && object.metadata !== null ? object.metadata : {}
  ) as Record<string, unknown>;
  const text = (part: unknown): string => (typeof part === 'string' ? part.slice(0, 253) : '');
  const kindText = kind.slice(0, 63);
  if (text(metadata.name) === '') return kindText;
  const namespace = kind === 'CiliumClusterwideNetworkPolicy' ? '' : text(metadata.namespace) || 'default';
  return describeObject({ kind: kindText, namespace, name: text(metadata.name) });
}

/** A problem as one line: `FILE:LINE:COLUMN: OBJECT: MESSAGE`. */
export function formatPolicyProblem({ file, line, column, object, message }: PolicyProblem): string {
  return `${file}:${line}:${column}: ${object === '' ? '' : `${object}: `}${message}`;
}
