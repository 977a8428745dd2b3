import type { PolicyObject, SourceProblem } from '../model.ts';
import { describeValue, Field } from './field.ts';
import { readIdentity } from './identity-manifest.ts';
import { describeObject, type ManifestObject } from './objects.ts';
import { readEndpoints, readEndpointSlice } from './read-backends.ts';
import { readCidrGroup } from './read-cidr-group.ts';
import { readNamespaceObject, readNode } from './read-node.ts';
import { readPod } from './read-pod.ts';
import { readService } from './read-service.ts';
import { type FieldPath, type RawDocument, readManifestText, type TextPosition } from './text.ts';

/** Largest manifest file that is read. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

export interface ParsedManifests {
  /** Objects without a problem, in the order of the text. */
  readonly objects: readonly ManifestObject[];
  /** What is wrong, so that something the text means to say is missing from `objects`. */
  readonly problems: readonly SourceProblem[];
  /** What is well-formed but has no effect here, and would be expected to have one. */
  readonly notes: readonly SourceProblem[];
}

/**
 * Reads the network policies among the documents of a file. Other objects are none of its business. What has a problem is not among `policies`.
 * @param file as problems call it
 */
export type PolicyReader = (
  documents: readonly RawDocument[],
  file: string,
) => {
  readonly policies: readonly PolicyObject[];
  readonly problems: readonly SourceProblem[];
  readonly notes: readonly SourceProblem[];
};

interface KnownKind {
  readonly apiVersion: string;
  /** An earlier version with the same fields. */
  readonly alsoApiVersion?: string;
  readonly read: (document: Field) => ManifestObject;
}

const readers: Readonly<Record<string, KnownKind>> = {
  Pod: { apiVersion: 'v1', read: readPod },
  Node: { apiVersion: 'v1', read: readNode },
  Namespace: { apiVersion: 'v1', read: readNamespaceObject },
  Service: { apiVersion: 'v1', read: readService },
  Endpoints: { apiVersion: 'v1', read: readEndpoints },
  EndpointSlice: { apiVersion: 'discovery.k8s.io/v1', read: readEndpointSlice },
  CiliumCIDRGroup: { apiVersion: 'cilium.io/v2', alsoApiVersion: 'cilium.io/v2alpha1', read: readCidrGroup },
  CiliumIdentity: { apiVersion: 'cilium.io/v2', read: readIdentity },
};

/** All other kinds of apiVersion v1. The set is closed, so what is in neither table is a slip of the pen. */
const otherCoreKinds: ReadonlySet<string> = new Set(
  (
    'Binding ComponentStatus ConfigMap Event LimitRange PersistentVolume ' +
    'PersistentVolumeClaim PodTemplate ReplicationController ResourceQuota Secret ServiceAccount'
  ).split(' '),
);

/**
 * Reads what a manifest file (YAML with any number of documents, or JSON) says about pods, nodes, namespaces, services and their backends, CIDR groups and identities; lists of them included.
 * Policies are what `readPolicies` makes of them; without it, and of other kinds that Kubernetes has, nothing is said. `file` is what problems call it.
 */
export function parseManifests(file: string, text: string, readPolicies?: PolicyReader): ParsedManifests {
  const objects: ManifestObject[] = [];
  const problems = new ProblemList(file);
  const notes: SourceProblem[] = [];
  const where = ({ line, column }: TextPosition): string => `${file}:${line}:${column}`;
  const source = readManifestText(text);
  if ('error' in source) {
    problems.add(where(source.error.position), source.error.message);
    return { objects, notes, problems: problems.list() };
  }

  const readObject = (document: RawDocument, root: Field, itemKind: string | undefined): void => {
    const before = problems.count;
    const at = (path: FieldPath): string => where(document.locate(path));
    const refuse = (field: Field, expected: string): void => {
      const message = `${describeRoot(root)} ${field.path.at(-1)} is ${describeValue(field.value)}: expected ${expected}`;
      problems.add(at(field.path), message);
    };
    if (root.value === undefined || typeof root.value !== 'object' || Array.isArray(root.value)) {
      const message = `is ${describeValue(root.value)}: expected an object with apiVersion and kind`;
      problems.add(at(root.path), `the document ${message}`);
      return;
    }
    const kindField = root.get('kind');
    const apiField = root.get('apiVersion');
    // The items of a typed list carry neither.
    const kind = kindField.value ?? itemKind;
    const known = typeof kind === 'string' && Object.hasOwn(readers, kind) ? readers[kind] : undefined;
    const apiVersion = apiField.value ?? (itemKind === undefined ? undefined : known?.apiVersion);
    if (typeof kind !== 'string' || kind === '') return refuse(kindField, 'a kind such as Pod');
    if (typeof apiVersion !== 'string' || apiVersion === '')
      return refuse(apiField, 'an apiVersion such as v1');

    const listed = /^(\w*)List$/.exec(kind)?.[1];
    if (listed !== undefined && (listed === '' || Object.hasOwn(readers, listed))) {
      const expected = listed === '' ? 'v1' : readers[listed].apiVersion;
      if (apiVersion !== expected) return refuse(apiField, `${expected} for kind ${kind}`);
      for (const item of root.get('items').items()) readObject(document, item, listed || undefined);
    } else if (known !== undefined) {
      if (apiVersion !== known.apiVersion && apiVersion !== known.alsoApiVersion)
        return refuse(apiField, `${known.apiVersion} for kind ${kind}`);
      const object = known.read(root);
      if (problems.count === before) objects.push(object);
    } else if (apiVersion === 'v1' && !otherCoreKinds.has(kind) && !kind.endsWith('List')) {
      refuse(kindField, 'a kind of apiVersion v1, such as Pod, Node, Namespace or Service');
    }
  };

  for (const document of source.documents) {
    const report = (path: FieldPath, message: string): void => {
      const root = enclosingObject(document.value, path);
      problems.add(where(document.locate(path)), `${describeRaw(root)} ${message}`);
    };
    readObject(document, new Field(document.value, [], report), undefined);
  }
  const policies = readPolicies?.(source.documents, file);
  return {
    objects: [...objects, ...(policies?.policies ?? []).map(policyManifest)],
    problems: [...problems.list(), ...(policies?.problems ?? [])],
    notes: [...notes, ...(policies?.notes ?? [])],
  };
}

function policyManifest(policy: PolicyObject): ManifestObject {
  const { kind, namespace, name } = policy;
  return { kind: kind as `${string}Policy`, namespace, name, policy };
}

/** Problems of one file, each once, the first hundred in full: a broken generator must not flood who reads them. */
class ProblemList {
  count = 0;
  private readonly file: string;
  private readonly messages = new Map<string, SourceProblem>();

  constructor(file: string) {
    this.file = file;
  }

  add(where: string, message: string): void {
    this.count++;
    if (this.messages.size < 100) this.messages.set(`${where} ${message}`, { where, message });
    else
      this.messages.set('', {
        where: this.file,
        message: 'has more than 100 problems: the others are not listed',
      });
  }

  list(): SourceProblem[] {
    return [...this.messages.values()];
  }
}

/** The object that a path leads into: the item of a list, else the document. */
function enclosingObject(value: unknown, path: FieldPath): unknown {
  if (path[0] !== 'items' || typeof path[1] !== 'number') return value;
  const items = (value as { items?: unknown }).items;
  return Array.isArray(items) ? enclosingObject(items[path[1]], path.slice(2)) : value;
}

function describeRoot(root: Field): string {
  return describeRaw(root.value);
}

/** An unchecked object as messages name it, as far as it can be named. */
function describeRaw(value: unknown): string {
  const { kind, metadata } = (value ?? {}) as { kind?: unknown; metadata?: unknown };
  const { name, namespace } = (typeof metadata === 'object' && metadata !== null ? metadata : {}) as Record<
    string,
    unknown
  >;
  const kindText = typeof kind === 'string' && /^\w{1,63}$/.test(kind) ? kind : 'object';
  const text = (part: unknown): string => (typeof part === 'string' ? part.slice(0, 253) : '');
  if (text(name) === '') return kindText;
  return describeObject({ kind: kindText, namespace: text(namespace), name: text(name) });
}
