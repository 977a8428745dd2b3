import { keyOfName, type NamedKey } from '../../proto/flow/aggregate/group-keys.ts';
import { flowFieldNames, keyPairs, keyWords } from '../../proto/flow/aggregate/key-names.ts';
import { UsageError } from '../../flags/flag-spec.ts';
import { nearest } from '../../flags/nearest.ts';

/** Keys that one request may have. */
const MAX_KEYS = 8;

/**
 * The keys that words stand for, each once. Throws UsageError that suggests what was meant, and lists what there is.
 * @param where the flag or argument that the words stand in
 */
export function parseKeys(words: readonly string[], where = '--aggregate-by'): NamedKey[] {
  const keys = new Set<NamedKey>();
  for (const word of words) {
    const name = word.trim().toLowerCase().replaceAll('_', '-');
    for (const part of keyPairs.get(name) ?? [name]) {
      const key = keyOfName(part);
      if (key === undefined) throw unknownKey(word, where);
      keys.add(key);
    }
  }
  if (keys.size === 0 || keys.size > MAX_KEYS) {
    throw new UsageError(`${where} has ${keys.size} keys: expected 1 to ${MAX_KEYS}`);
  }
  return [...keys];
}

function unknownKey(word: string, where: string): UsageError {
  const guess = nearest(word.trim(), keyWords);
  const hint = guess === undefined ? '' : `\nDid you mean ${guess}?`;
  return new UsageError(`invalid value "${word}" for ${where}: expected keys among\n${keyList()}${hint}`);
}

/** All words, those of an end by their second half. */
function keyList(): string {
  const suffixes = [...keyPairs.keys()].join('|');
  const whole = flowFieldNames.map(([, name]) => name);
  return [
    `  source, destination, client, server, and each of them with -${suffixes}`,
    `  ${[...keyPairs.keys()].join(', ')}`,
    `  ${whole.join(', ')}`,
  ].join('\n');
}
