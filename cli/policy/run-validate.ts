import { formatPolicyProblem, parsePolicies, type PolicyProblem } from '../../policy/index.ts';
import { escapeJson } from '../../proto/flow/text/json-string.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import type { Invocation } from '../command.ts';
import { lastText, UsageError } from '../../flags/flag-spec.ts';
import { readPolicyFiles } from './policy-files.ts';

/** `sluice policy validate`. */
export async function validatePolicies({ uses, positionals }: Invocation): Promise<number> {
  if (positionals.length === 0) throw new UsageError('no file is named: give files or directories');
  const files = readPolicyFiles(positionals);
  const parsed = files.map(({ file, text }) => parsePolicies(text, file));
  const problems = parsed.flatMap((one) => one.problems);
  const notes = parsed.flatMap((one) => one.notes);
  const valid = parsed.reduce((sum, { policies }) => sum + policies.length, 0);
  const text =
    lastText(uses, 'output') === 'json'
      ? `${escapeJson(JSON.stringify({ valid, problems, notes }, null, 2))}\n`
      : report(files.length, valid, problems, notes);
  process.stdout.write(escapeTerminal(text, false));
  return problems.length === 0 ? 0 : 1;
}

function report(
  files: number,
  valid: number,
  problems: readonly PolicyProblem[],
  notes: readonly PolicyProblem[],
): string {
  const lines = [
    ...problems.map(formatPolicyProblem),
    ...notes.map((note) => `note: ${formatPolicyProblem(note)}`),
    `${count(valid, 'policy is', 'policies are')} valid, ${count(problems.length, 'problem', 'problems')} in ${count(files, 'file', 'files')}`,
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
