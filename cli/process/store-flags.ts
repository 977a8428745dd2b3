import { type FlagSpec, type FlagUse, lastText, UsageError } from '../../flags/flag-spec.ts';
import { durationFlag, uintFlag } from './read-flags.ts';

/** What is kept on disk unless the command line says otherwise. */
export interface StoreDefaults {
  readonly directory: string;
  readonly bytes: number;
}

const DEFAULT_AGE = '168h';
const DEFAULT_AGE_MS = 168 * 3_600_000;
const MIN_BYTES = 1024 * 1024;

/** Flags of the flow store. */
export function storeFlags({ directory, bytes }: StoreDefaults): readonly FlagSpec[] {
  return [
    {
      name: 'store-dir',
      kind: 'string',
      value: 'DIR|off',
      help: `Where flows are kept on disk, for observe --since and the like; off: in memory only (default: ${directory}).`,
    },
    {
      name: 'store-bytes',
      kind: 'uint',
      value: 'N',
      help: 'Bytes that they may take; the oldest go first.',
      default: String(bytes),
    },
    {
      name: 'store-age',
      kind: 'duration',
      value: 'DURATION',
      help: 'Flows older than this go, too; 0s: however old.',
      default: DEFAULT_AGE,
    },
  ];
}

/** The flow store that a command line asks for; nothing for `off`. Throws UsageError. */
export function readStoreFlags(
  uses: readonly FlagUse[],
  { directory, bytes }: StoreDefaults,
): { store?: { directory: string; maxBytes: number; maxAgeMs: number } } {
  const given = lastText(uses, 'store-dir') ?? directory;
  if (given === '') throw new UsageError('--store-dir is empty: expected a directory, or off');
  const maxBytes = uintFlag(uses, 'store-bytes', bytes, { min: MIN_BYTES, max: 2 ** 50 });
  const maxAgeMs = durationFlag(uses, 'store-age', DEFAULT_AGE_MS, 0);
  return given === 'off' ? {} : { store: { directory: given, maxBytes, maxAgeMs } };
}
