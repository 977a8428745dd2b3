import type { Flow } from '../../gen/flow/flow_pb.ts';
import { hostsText, identitiesText, summaryText, typeText } from './flow-blocks.ts';
import type { FlowPrintOptions } from './print-options.ts';
import type { Paint } from './terminal.ts';
import { verdictText } from './verdict-text.ts';

/** The compact line of a flow behind its time, without a line break: `: shop/cart:41532 (ID:20417) -> …`. */
export function flowLine(flow: Flow, options: FlowPrintOptions, paint: Paint): string {
  const hosts = hostsText(flow, options.names, paint);
  const identities = identitiesText(flow, paint);
  const node = options.nodeName ? ` [${flow.nodeName}]` : '';
  const source = `${hosts.source} ${identities.source}`;
  const destination = `${hosts.destination} ${identities.destination}`;
  // The client stays on the left: a reply shows its destination first.
  const ends =
    flow.isReply === undefined
      ? `${source} <> ${destination}`
      : flow.isReply
        ? `${destination} <- ${source}`
        : `${source} -> ${destination}`;
  const verdict = verdictText(flow, options.policyNames, paint);
  return `${node}: ${ends} ${typeText(flow)} ${verdict} (${summaryText(flow, paint)})`;
}
