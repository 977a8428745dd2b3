import { toBinary } from '@bufbuild/protobuf';
import { type Policy, PolicySchema } from '../gen/sluice/v1/policy_pb.ts';

/** Policies in one answer, if the request does not say. */
export const DEFAULT_PAGE = 500;
export const MAX_PAGE = 1000;
/** Bytes of the policies of one answer: it has to stay well below the 4 MiB that clients take. */
const MAX_PAGE_BYTES = 2 * 1024 * 1024;

/** A part of all policies, in their order. */
export interface PolicyPage {
  readonly policies: Policy[];
  /** Where the next page goes on; empty when there is none. */
  readonly next: string;
}

/** By cluster, namespace, name and kind; none of these has a slash. Unique. */
export function policyOrder({ cluster, namespace, name, kind }: Policy): string {
  return `${cluster}/${namespace}/${name}/${kind}`;
}

/**
 * The policies that follow `after`, as many as asked for, and as fit into an answer.
 * @param limit 0 for the default
 * @param knownUpTo policies behind this place are not all there: the page ends before them. Empty: all are there
 */
export function pageOf(
  policies: readonly Policy[],
  after: string,
  limit: number,
  knownUpTo = '',
): PolicyPage {
  const rest = policies
    .map((policy) => ({ policy, place: policyOrder(policy) }))
    .filter(({ place }) => place > after)
    .sort((a, b) => (a.place < b.place ? -1 : 1));
  const page: Policy[] = [];
  let bytes = 0;
  let last = '';
  for (const { policy, place } of rest) {
    if (knownUpTo !== '' && place > knownUpTo) return { policies: page, next: knownUpTo };
    bytes += toBinary(PolicySchema, policy).length;
    if (page.length > 0 && (page.length >= (limit || DEFAULT_PAGE) || bytes > MAX_PAGE_BYTES)) {
      return { policies: page, next: last };
    }
    page.push(policy);
    last = place;
  }
  return { policies: page, next: knownUpTo };
}
