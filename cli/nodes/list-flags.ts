import type { FlagSpec } from '../../flags/flag-spec.ts';

/** Which nodes are asked. */
export const nodeFlag: FlagSpec = {
  name: 'node',
  kind: 'list',
  value: 'PATTERN',
  help: 'Only nodes of this name, as in observe --node-name: n1, east/n*, east/; may be given again.',
};

export const namespaceFlag: FlagSpec = {
  name: 'namespace',
  short: 'n',
  kind: 'list',
  value: 'NAMESPACE',
  help: 'Only this namespace; may be given again.',
};

/** @param wide what the wide form adds */
export function listOutputFlag(wide: string): FlagSpec {
  return {
    name: 'output',
    short: 'o',
    kind: 'string',
    value: 'FORMAT',
    choices: ['table', 'wide', 'json'],
    help: `How to print it; wide adds ${wide}.`,
    default: 'table',
  };
}

export const limitFlag: FlagSpec = {
  name: 'limit',
  kind: 'uint',
  value: 'ROWS',
  help: 'Most rows to fetch.',
  default: '10000',
};
