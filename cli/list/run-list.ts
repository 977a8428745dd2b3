import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { callUnary } from '../../rpc/call-unary.ts';
import type { Invocation } from '../command.ts';
import { lastText } from '../../flags/flag-spec.ts';
import { loadSettings, withServer } from '../server/with-server.ts';
import { type ListFormat, namespacesText, nodesText } from './list-text.ts';

function listFormat({ uses }: Invocation): ListFormat {
  return (lastText(uses, 'output') ?? 'table') as ListFormat;
}

/** `sluice list nodes`. */
export async function listNodes(invocation: Invocation): Promise<number> {
  return withServer(await loadSettings(invocation.uses), async ({ connection, unary }) => {
    const { nodes } = await callUnary(connection, Observer.method.getNodes, {}, unary);
    process.stdout.write(nodesText(nodes, listFormat(invocation)));
    return 0;
  });
}

/** `sluice list namespaces`. */
export async function listNamespaces(invocation: Invocation): Promise<number> {
  return withServer(await loadSettings(invocation.uses), async ({ connection, unary }) => {
    const { namespaces } = await callUnary(connection, Observer.method.getNamespaces, {}, unary);
    process.stdout.write(namespacesText(namespaces, listFormat(invocation)));
    return 0;
  });
}
