/** What `--sort-by` takes beside the names of keys. Apart from what it stands for, so that help need not load that. */
export const sortWords = [
  'flows',
  'forwarded',
  'dropped',
  'audited',
  'errors',
  'redirected',
  'last-seen',
  'flows/s',
  'drops/s',
] as const;

export type SortWord = (typeof sortWords)[number];
