import { create } from '@bufbuild/protobuf';
import { allTexts, invalidValue, lastText } from '../../flags/flag-spec.ts';
import { parseUint } from '../../flags/parse-value.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import type { Invocation } from '../command.ts';
import { parseKeys } from '../observe/aggregate-keys.ts';
import { allFilters } from '../observe/aggregate-observe.ts';
import { checkFileAlone } from '../observe/input-file-flag.ts';
import { loadSettings, withServer } from '../server/with-server.ts';
import { compareWindows } from './compare-windows.ts';
import { countInFile, countOnServer, type WindowCount } from './count-windows.ts';
import { diffJson, diffTable } from './diff-text.ts';
import { type PolicyChange, policyChanges } from './policy-changes.ts';
import { readWindows, type TimeWindow } from './time-windows.ts';

/** Who calls whom, on which port. */
const DEFAULT_KEYS = ['workload', 'server-port', 'protocol'];
/** What proxies and DNS tell of packets that are counted as such. */
const EVENT_L7 = 129;

/** `sluice diff`. */
export async function runDiff({ uses }: Invocation): Promise<number> {
  const settings = await loadSettings(uses);
  const windows = readWindows(
    { before: lastText(uses, 'before'), after: lastText(uses, 'after'), at: lastText(uses, 'at') },
    Date.now(),
  );
  const factor = readFactor(lastText(uses, 'factor') ?? '2');
  const minFlows = Number(parseUint('--min-flows', lastText(uses, 'min-flows') ?? '20', 1_000_000_000n));
  const words = allTexts(uses, 'by');
  const keys = parseKeys(words.length === 0 ? DEFAULT_KEYS : words, '--by');
  const { whitelist, blacklist } = allFilters(uses, settings);
  const layer7 = { eventType: [{ type: EVENT_L7, matchSubType: false, subType: 0 }] };
  const flows: GetFlowsRequest = create(GetFlowsRequestSchema, {
    whitelist,
    blacklist: [...blacklist, layer7],
  });

  const file = lastText(uses, 'input-file') ?? '';
  checkFileAlone(file, settings);
  const counted =
    file === ''
      ? await withServer(settings, async (server) => ({
          counts: [
            await countOnServer(server, flows, keys, windows[0]),
            await countOnServer(server, flows, keys, windows[1]),
          ],
          policies: await policyChanges(server, windows),
        }))
      : { counts: await countInFile(file, flows, keys, windows), policies: null };
  const difference = compared(counted, windows, { factor, minFlows });
  const print = lastText(uses, 'output') === 'json' ? diffJson : diffTable;
  process.stdout.write(print({ ...difference, keyNames: keys.map(({ name }) => name) }));
  return 0;
}

function compared(
  { counts, policies }: { counts: readonly WindowCount[]; policies: readonly PolicyChange[] | null },
  windows: readonly [TimeWindow, TimeWindow],
  limits: { readonly factor: number; readonly minFlows: number },
) {
  const [before, after] = counts;
  for (const [i, { rows, otherFlows }] of counts.entries()) {
    const which = i === 0 ? 'before' : 'after';
    if (rows.length === 0)
      process.stderr.write(
        `warning: no flow was found ${which}; see sluice status for how far back flows reach\n`,
      );
    if (otherFlows > 0) {
      process.stderr.write(
        `warning: ${otherFlows} flows ${which} are in no edge: there are more edges than are told apart\n`,
      );
    }
  }
  const seconds = ({ fromUs, toUs }: TimeWindow): number => (toUs - fromUs) / 1e6;
  const edges = compareWindows(before.rows, after.rows, {
    ...limits,
    beforeSeconds: seconds(windows[0]),
    afterSeconds: seconds(windows[1]),
  });
  const all = new Set([...before.rows, ...after.rows].map(({ texts }) => JSON.stringify(texts)));
  return { windows, edges, edgeCount: all.size, policies };
}

function readFactor(text: string): number {
  const factor = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(factor > 1)) throw invalidValue('--factor', text, 'a number above 1, such as 2 or 1.5');
  return factor;
}
