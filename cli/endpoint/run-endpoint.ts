import { messageJson } from '../../proto/flow/text/json-text.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import { Datapath, type Endpoint, EndpointSchema } from '../../proto/gen/sluice/v1/datapath_pb.ts';
import { callStream } from '../../rpc/call-unary.ts';
import type { Invocation } from '../command.ts';
import { allTexts, type FlagUse, lastText, UsageError } from '../../flags/flag-spec.ts';
import { parseUint } from '../../flags/parse-value.ts';
import { columnsText, type ListFormat, listJson } from '../nodes/safe-table.ts';
import { NodeRows } from '../nodes/node-rows.ts';
import { loadSettings, type Server, withServer } from '../server/with-server.ts';
import { endpointColumns, endpointText } from './endpoint-text.ts';

const MAX_ENDPOINTS = 100_000n;

/** `sluice endpoint list`. */
export async function listEndpoints({ uses }: Invocation): Promise<number> {
  const format = (lastText(uses, 'output') ?? 'table') as ListFormat;
  return withServer(await loadSettings(uses), async (server) => {
    const rows = await fetchEndpoints(server, uses, []);
    const text = format === 'json' ? jsonOf(rows) : columnsText(endpointColumns, rows.sorted(), format);
    rows.tellProblems(allTexts(uses, 'node'));
    process.stdout.write(text);
    return 0;
  });
}

/** `sluice endpoint get`. */
export async function getEndpoints({ uses, positionals }: Invocation): Promise<number> {
  const [name] = positionals;
  if (name === undefined) throw new UsageError('which endpoint? give its number, or NAMESPACE/POD');
  return withServer(await loadSettings(uses), async (server) => {
    const rows = await fetchEndpoints(server, uses, [name]);
    const found = rows.sorted();
    rows.tellProblems(allTexts(uses, 'node'));
    if (found.length === 0) {
      throw new Error(`there is no endpoint "${name}": sluice endpoint list shows all that there are`);
    }
    const text =
      lastText(uses, 'output') === 'json'
        ? jsonOf(rows)
        : escapeTerminal(found.map((row) => endpointText(row, Date.now())).join('\n'), false);
    process.stdout.write(text);
    return 0;
  });
}

async function fetchEndpoints(
  { connection, streaming }: Server,
  uses: readonly FlagUse[],
  names: string[],
): Promise<NodeRows<Endpoint>> {
  const request = {
    namespaces: allTexts(uses, 'namespace'),
    nodeNames: allTexts(uses, 'node'),
    names,
    limit: Number(parseUint('--limit', lastText(uses, 'limit') ?? '10000', MAX_ENDPOINTS)),
  };
  const rows = new NodeRows<Endpoint>();
  await callStream(connection, Datapath.method.listEndpoints, request, streaming, (message) =>
    rows.add(message, message.endpoints),
  );
  return rows;
}

function jsonOf(rows: NodeRows<Endpoint>): string {
  return listJson(
    rows
      .sorted()
      .map(({ node, row }) => ({ node, ...(JSON.parse(messageJson(EndpointSchema, row)) as object) })),
  );
}
