import type { PolicyDetail } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { type DiffLine, diffLines, plainLines } from './diff-lines.ts';

/** What is shown of a policy's text. */
export interface ShownLines {
  readonly lines: readonly DiffLine[];
  /** Whether it is the version in force, whose rules are counted. */
  readonly isInForce: boolean;
  readonly note: string;
}

/** The manifest in force, or two revisions compared. A revision that is not kept any more is told, and the manifest in force shown. */
export function shownLines(
  { policy, manifest, revisions }: PolicyDetail,
  compared: readonly [older: bigint, newer: bigint] | null,
): ShownLines {
  const inForce = { lines: plainLines(manifest, policy?.line || 1), isInForce: true };
  if (compared === null) {
    return { ...inForce, note: 'decisions a second now, in all, last' };
  }
  const [older, newer] = compared.map((wanted) => revisions.find(({ revision }) => revision === wanted));
  if (older === undefined || newer === undefined) {
    const missing = older === undefined ? compared[0] : compared[1];
    return { ...inForce, note: `revision ${missing} is not kept any more` };
  }
  const isInForce = newer.digest !== '' && newer.digest === policy?.digest && newer.line === policy.line;
  return {
    lines: diffLines(older.manifest, newer.manifest, older.line || 1, newer.line || 1),
    isInForce,
    note: `from revision ${older.revision} to ${newer.revision}${newer.changed.length > 0 ? `: ${newer.changed.slice(0, 3).join(', ')}` : ''}`,
  };
}
