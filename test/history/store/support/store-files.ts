import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import type { StoreDamage, StoreReader } from '../../../../history/store/query/store-reader.ts';
import { ColumnFilter } from '../../../../history/store/query/column-filter.ts';
import { everything } from '../../../../history/store/query/rows.ts';
import {
  findNewest,
  type NewestStart,
  scanStore,
  type StoreQuery,
} from '../../../../history/store/query/scan.ts';
import {
  type StoreBounds,
  type StoreLog,
  StoreWriter,
} from '../../../../history/store/write/store-writer.ts';
import { compileFlowFilters } from '../../../../proto/flow/filter/compile-filter.ts';
import { FlowIndex } from '../../../../proto/flow/flow-index.ts';
import { type FlowFilter, FlowFilterSchema } from '../../../../proto/gen/flow/flow_pb.ts';
import { textsOf } from '../../support/flow-frames.ts';

/** A directory for a store, and how to remove it. */
export function storeDirectory(): { directory: string; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-store-'));
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** A writer that notes what it logs. */
export function openWriter(
  directory: string,
  bounds: Partial<StoreBounds> = {},
): { writer: StoreWriter; logged: string[] } {
  const logged: string[] = [];
  const log: StoreLog = (level, message) => logged.push(`${level}: ${message}`);
  const writer = StoreWriter.open({ directory, maxBytes: 2 ** 30, maxAgeMs: 0, ...bounds }, log);
  return { writer, logged };
}

/** Does all maintenance that is due. */
export function maintainAll(writer: StoreWriter): void {
  while (writer.maintain());
}

/** Files of a directory with an ending. */
export function filesOf(directory: string, ending: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(directory, name));
}

/** A query for everything that passes some filters. */
export function queryOf(
  whitelist: readonly Partial<FlowFilter>[] = [],
  blacklist: readonly Partial<FlowFilter>[] = [],
  more: Partial<StoreQuery> = {},
): StoreQuery & { damage: StoreDamage[] } {
  const [allow, deny] = [whitelist, blacklist].map((list) =>
    list.map((filter) => create(FlowFilterSchema, filter as object)),
  );
  const match = compileFlowFilters(allow, deny);
  const index = new FlowIndex();
  const damage: StoreDamage[] = [];
  return {
    ...everything,
    columns: new ColumnFilter(allow, deny),
    matches:
      match === null
        ? null
        : (bytes, start, end) => {
            index.reset(bytes, start, end);
            return match(index);
          },
    transform: null,
    limit: 0,
    damage,
    onDamage: (found) => damage.push(found),
    ...more,
  };
}

/** What a scan finds, as `textsOf` has it. */
export function scanTexts(store: StoreReader, query: StoreQuery): string[] {
  return [...scanStore(store, query)].flatMap(({ frames }) => (frames === null ? [] : textsOf([frames])));
}

/** Where the newest matches begin. */
export function newest(store: StoreReader, query: StoreQuery, number: number): NewestStart {
  const steps = findNewest(store, query, number);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
