import type { DescMessage, Message } from '@bufbuild/protobuf';
import { messageJson } from '../../proto/flow/text/json-text.ts';
import {
  type ConntrackRow,
  ConntrackRowSchema,
  Datapath,
  type DumpResponse,
  DumpTable,
  type EndpointMapRow,
  EndpointMapRowSchema,
  type IpcacheRow,
  IpcacheRowSchema,
  type PolicyMapRow,
  PolicyMapRowSchema,
  type ServiceRow,
  ServiceRowSchema,
} from '../../proto/gen/sluice/v1/datapath_pb.ts';
import { callStream } from '../../rpc/call-unary.ts';
import type { Invocation } from '../command.ts';
import { allTexts, type FlagUse, lastText } from '../../flags/flag-spec.ts';
import { parseUint } from '../../flags/parse-value.ts';
import { type NodeRow, NodeRows } from '../nodes/node-rows.ts';
import { type Column, columnsText, type ListFormat, listJson } from '../nodes/safe-table.ts';
import { loadSettings, withServer } from '../server/with-server.ts';
import {
  conntrackColumns,
  endpointColumns,
  ipcacheColumns,
  policyColumns,
  serviceColumns,
} from './dump-columns.ts';

const MAX_ROWS = 1_000_000n;
const protocolNumbers: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132, icmp: 1, icmpv6: 58 };

/** How one table is fetched and printed. */
interface Table<T extends Message> {
  readonly table: DumpTable;
  readonly schema: DescMessage;
  readonly rows: (message: DumpResponse) => readonly T[];
  readonly columns: readonly Column<NodeRow<T>>[];
}

const tables = {
  ipcache: {
    table: DumpTable.IPCACHE,
    schema: IpcacheRowSchema,
    rows: ({ ipcache }) => ipcache,
    columns: ipcacheColumns,
  } satisfies Table<IpcacheRow>,
  policy: {
    table: DumpTable.POLICY,
    schema: PolicyMapRowSchema,
    rows: ({ policy }) => policy,
    columns: policyColumns,
  } satisfies Table<PolicyMapRow>,
  ct: {
    table: DumpTable.CONNTRACK,
    schema: ConntrackRowSchema,
    rows: ({ conntrack }) => conntrack,
    columns: conntrackColumns,
  } satisfies Table<ConntrackRow>,
  endpoints: {
    table: DumpTable.ENDPOINTS,
    schema: EndpointMapRowSchema,
    rows: ({ endpoints }) => endpoints,
    columns: endpointColumns,
  } satisfies Table<EndpointMapRow>,
  services: {
    table: DumpTable.SERVICES,
    schema: ServiceRowSchema,
    rows: ({ services }) => services,
    columns: serviceColumns,
  } satisfies Table<ServiceRow>,
};

/** `sluice bpf TABLE list`. */
export async function dumpTable(name: keyof typeof tables, { uses }: Invocation): Promise<number> {
  switch (name) {
    case 'ipcache':
      return dump(tables.ipcache, uses);
    case 'policy':
      return dump(tables.policy, uses);
    case 'ct':
      return dump(tables.ct, uses);
    case 'endpoints':
      return dump(tables.endpoints, uses);
    default:
      return dump(tables.services, uses);
  }
}

async function dump<T extends Message>(table: Table<T>, uses: readonly FlagUse[]): Promise<number> {
  const format = (lastText(uses, 'output') ?? 'table') as ListFormat;
  const numbers = (flag: string): number[] =>
    allTexts(uses, flag).map((text) => Number(parseUint(`--${flag}`, text, 0xffff_ffffn)));
  const request = {
    table: table.table,
    nodeNames: allTexts(uses, 'node'),
    namespaces: allTexts(uses, 'namespace'),
    names: allTexts(uses, 'pod'),
    addresses: allTexts(uses, 'ip'),
    identities: numbers('identity'),
    endpointIds: numbers('endpoint'),
    port: Number(lastText(uses, 'port') ?? '0'),
    protocol: protocolNumbers[lastText(uses, 'protocol') ?? ''] ?? 0,
    withExpired: lastText(uses, 'expired') === 'true',
    limit: Number(parseUint('--limit', lastText(uses, 'limit') ?? '10000', MAX_ROWS)),
  };
  return withServer(await loadSettings(uses), async ({ connection, streaming }) => {
    const rows = new NodeRows<T>();
    await callStream(connection, Datapath.method.dump, request, streaming, (message) =>
      rows.add(message, table.rows(message)),
    );
    const sorted = rows.sorted();
    const text =
      format === 'json'
        ? listJson(
            sorted.map(({ node, row }) => ({
              node,
              ...(JSON.parse(messageJson(table.schema, row)) as object),
            })),
          )
        : columnsText(table.columns, sorted, format);
    rows.tellProblems(allTexts(uses, 'node'));
    process.stdout.write(text);
    return 0;
  });
}
