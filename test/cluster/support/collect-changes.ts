import type { ClusterChange, PodEndpoint, SourceProblem } from '../../../cluster/model.ts';

/** Applies changes as a consumer does, and lets a test wait for a state. */
export class ChangeCollector {
  readonly objects = new Map<string, unknown>();
  problems: readonly SourceProblem[] = [];
  batches = 0;
  private waiting: (() => void)[] = [];

  readonly listener = (changes: readonly ClusterChange[]): void => {
    this.batches++;
    for (const change of changes) this.apply(change);
    for (const wake of this.waiting.splice(0)) wake();
  };

  get endpoints(): PodEndpoint[] {
    return [...this.objects]
      .filter(([key]) => key.startsWith('endpoint'))
      .map(([, value]) => value as PodEndpoint);
  }

  endpoint(podName: string): PodEndpoint | undefined {
    return this.endpoints.find((endpoint) => endpoint.podName === podName);
  }

  /** Resolves as soon as the condition holds; the test's own timeout is the bound. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private apply(change: ClusterChange): void {
    if (change.kind === 'problems') {
      this.problems = change.problems;
      return;
    }
    const [noun, verb] = change.kind.split(/-(?=upsert$|delete$)/);
    const { object, old, name } = parts(change);
    const key = `${noun}/${name}`;
    const known = this.objects.get(key);
    const expected = verb === 'delete' ? object : old;
    if (JSON.stringify(known) !== JSON.stringify(expected)) {
      throw new Error(`${change.kind} of ${name} does not follow what was told before`);
    }
    if (verb === 'delete') this.objects.delete(key);
    else this.objects.set(key, object);
  }
}

function parts(change: Exclude<ClusterChange, { kind: 'problems' }>): {
  object: unknown;
  old: unknown;
  name: string;
} {
  switch (change.kind) {
    case 'node-upsert':
    case 'node-delete':
      return { object: change.node, old: 'old' in change ? change.old : undefined, name: change.node.name };
    case 'endpoint-upsert':
    case 'endpoint-delete': {
      const { namespace, podName } = change.endpoint;
      const old = 'old' in change ? change.old : undefined;
      return { object: change.endpoint, old, name: `${namespace}/${podName}` };
    }
    case 'policy-upsert':
    case 'policy-delete': {
      const { kind, namespace, name } = change.policy;
      const old = 'old' in change ? change.old : undefined;
      return { object: change.policy, old, name: `${kind}/${namespace}/${name}` };
    }
    case 'cidr-group-upsert':
    case 'cidr-group-delete': {
      const old = 'old' in change ? change.old : undefined;
      return { object: change.group, old, name: change.group.name };
    }
    default: {
      const { namespace, name } = change.service;
      const old = 'old' in change ? change.old : undefined;
      return { object: change.service, old, name: `${namespace}/${name}` };
    }
  }
}
