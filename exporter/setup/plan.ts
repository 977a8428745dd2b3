import { type Difference, differences } from './difference.ts';

/** Something that is to be installed. */
export interface Wanted {
  readonly kind: string;
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What a server has under its name: its content and the version that it was stamped with. */
export interface Installed {
  readonly body: Readonly<Record<string, unknown>>;
  /** Null for what was not made by this command. */
  readonly version: number | null;
}

/**
 * What is to be done with an object: `create`; `keep`, it is as it should be; `replace`, it is of an older version; `changed`, somebody changed it by hand: it stays, unless replacing is asked for;
 * `foreign`, it is somebody else's, and `newer`: both are refused.
 */
export type Action = 'create' | 'keep' | 'replace' | 'changed' | 'foreign' | 'newer';

export interface Step {
  readonly wanted: Wanted;
  readonly action: Action;
  readonly differences: readonly Difference[];
}

/**
 * Compares what is to be installed with what is there. `version` is ours; `owned` names paths of bodies in which the server adds nothing by itself.
 */
export function planStep(
  wanted: Wanted,
  installed: Installed | null,
  version: number,
  owned: readonly string[],
): Step {
  if (installed === null) return { wanted, action: 'create', differences: [] };
  const found = differences(installed.body, wanted.body, owned);
  return { wanted, action: actionOf(installed, version, found), differences: found };
}

function actionOf(installed: Installed, version: number, found: readonly Difference[]): Action {
  if (installed.version === null) return 'foreign';
  if (installed.version > version) return 'newer';
  if (installed.version < version) return 'replace';
  return found.length === 0 ? 'keep' : 'changed';
}

const words: Readonly<Record<Action, string>> = {
  create: 'to be created',
  keep: 'as it should be',
  replace: 'of an older version, to be replaced',
  changed: 'changed by hand, kept',
  foreign: 'not made by sluice, in the way',
  newer: 'of a newer version of sluice',
};

const SHOWN_LENGTH = 100;

/** A plan for a person: a line for each object, and under it what differs. */
export function planText(steps: readonly Step[], options: { readonly overwrite: boolean }): string {
  return steps
    .map(({ wanted, action, differences: found }) => {
      const isReplaced = action === 'changed' && options.overwrite;
      const what = isReplaced ? 'changed by hand, to be replaced' : words[action];
      const lines = found.map(({ path, installed, wanted: value }) => {
        return `    ${path}: ${shown(installed)} -> ${shown(value)}\n`;
      });
      return `${wanted.kind} ${wanted.name}: ${what}\n${lines.join('')}`;
    })
    .join('');
}

function shown(json: string | undefined): string {
  if (json === undefined) return '(nothing)';
  return json.length > SHOWN_LENGTH ? `${json.slice(0, SHOWN_LENGTH)}…` : json;
}

/** Why nothing may be installed; null when it may. */
export function refusalOf(steps: readonly Step[]): string | null {
  const of = (action: Action): string[] =>
    steps.filter((step) => step.action === action).map(({ wanted }) => `${wanted.kind} ${wanted.name}`);
  const newer = of('newer');
  if (newer.length > 0) {
    return `${newer.join(', ')}: installed by a newer sluice, which this one would break: use that one, nothing was changed`;
  }
  const foreign = of('foreign');
  if (foreign.length > 0) {
    return `${foreign.join(', ')}: there is one of that name that sluice did not make: rename or remove it, nothing was changed`;
  }
  return null;
}

/** The steps that change something. */
export function stepsToDo(steps: readonly Step[], options: { readonly overwrite: boolean }): readonly Step[] {
  return steps.filter(
    ({ action }) =>
      action === 'create' || action === 'replace' || (action === 'changed' && options.overwrite),
  );
}
