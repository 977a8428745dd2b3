/** What of the policy view is chosen beside the policy: part of the URL. */
export interface PolicyChoice {
  /** Part of a name by which the list is narrowed. */
  readonly find: string;
  /** Column that the list is sorted by. */
  readonly sort: string;
  readonly isDescending: boolean;
  /** Cluster of the policy, where several have one of its name. */
  readonly cluster: string;
  /** Revisions that are compared, the older one first; null = none are. */
  readonly revisions: readonly [older: bigint, newer: bigint] | null;
  readonly tab: ConversationTab;
  /** Id of the map's edge that is looked at; empty = none. */
  readonly edge: string;
}

export const conversationTabs = ['denied', 'audited', 'passed'] as const;
export type ConversationTab = (typeof conversationTabs)[number];

export const noChoice: PolicyChoice = {
  find: '',
  sort: 'denied',
  isDescending: true,
  cluster: '',
  revisions: null,
  tab: 'denied',
  edge: '',
};

/** Reads a choice out of `ViewState.detail`; what is wrong in it is left out. */
export function parsePolicyChoice(detail: string): PolicyChoice {
  const params = new URLSearchParams(detail);
  const [, older, newer] = /^(\d{1,18})\.\.(\d{1,18})$/.exec(params.get('rev') ?? '') ?? [];
  const [, sort, order] = /^(\w+)(-?)$/.exec(params.get('sort') ?? '') ?? [];
  return {
    find: params.get('find') ?? '',
    sort: sort ?? noChoice.sort,
    isDescending: sort === undefined ? noChoice.isDescending : order === '-',
    cluster: params.get('cluster') ?? '',
    revisions: older === undefined ? null : [BigInt(older), BigInt(newer)],
    tab: conversationTabs.find((tab) => tab === params.get('tab')) ?? noChoice.tab,
    edge: params.get('edge') ?? '',
  };
}

/** A text that `parsePolicyChoice` reads as the same choice. */
export function policyChoiceText({
  find,
  sort,
  isDescending,
  cluster,
  revisions,
  tab,
  edge,
}: PolicyChoice): string {
  const params = new URLSearchParams();
  if (find !== '') params.set('find', find);
  if (sort !== noChoice.sort || isDescending !== noChoice.isDescending) {
    params.set('sort', `${sort}${isDescending ? '-' : ''}`);
  }
  if (cluster !== '') params.set('cluster', cluster);
  if (revisions !== null) params.set('rev', revisions.join('..'));
  if (tab !== noChoice.tab) params.set('tab', tab);
  if (edge !== '') params.set('edge', edge);
  return params.toString();
}
