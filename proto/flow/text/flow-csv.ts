import type { Flow, LostEvent } from '../../gen/flow/flow_pb.ts';
import { LostEventSource } from '../../gen/flow/flow_pb.ts';
import type { GetFlowsResponse } from '../../gen/observer/observer_pb.ts';
import { csvLine } from './csv.ts';
import { enumName } from './enum-name.ts';
import { summaryText, typeText } from './flow-blocks.ts';
import { hostText, portsOf } from './host-text.ts';
import { plain } from './terminal.ts';
import type { TimeFormat } from './time-text.ts';
import { decidingRules, verdictText } from './verdict-text.ts';

/** The columns; programs read them by name, so new ones only ever come last. */
export const csvHeader = csvLine([
  'time',
  'node',
  'source',
  'source_ip',
  'source_port',
  'source_identity',
  'destination',
  'destination_ip',
  'destination_port',
  'destination_identity',
  'is_reply',
  'type',
  'verdict',
  'policies',
  'summary',
]);

/** A number, or nothing for none. */
const orEmpty = (value: number): string => (value === 0 ? '' : String(value));

/** A flow as a line of CSV; `names`: source and destination by name where they have one. */
export function flowCsv(flow: Flow, time: TimeFormat, names: boolean): string {
  const { IP: ip, ethernet } = flow;
  const [sourcePort, destinationPort] = portsOf(flow);
  const source = ip?.source ?? ethernet?.source ?? '';
  const destination = ip?.destination ?? ethernet?.destination ?? '';
  return csvLine([
    time(flow.time),
    flow.nodeName,
    names ? hostText(source, flow.source, flow.sourceService, flow.sourceNames) : source,
    source,
    orEmpty(sourcePort),
    flow.source?.identity ?? '',
    names
      ? hostText(destination, flow.destination, flow.destinationService, flow.destinationNames)
      : destination,
    destination,
    orEmpty(destinationPort),
    flow.destination?.identity ?? '',
    flow.isReply === undefined ? '' : String(flow.isReply),
    typeText(flow),
    verdictText(flow, 'never', plain),
    decidingRules(flow),
    summaryText(flow, plain),
  ]);
}

/** A loss as a line of CSV: who lost stands in `source`, how many in `summary`. */
export function lostCsv({ nodeName, time: at }: GetFlowsResponse, lost: LostEvent, time: TimeFormat): string {
  const source = enumName(LostEventSource, lost.source);
  const cells = [time(at), nodeName, source, '', '', '', '', '', '', '', '', 'EVENTS LOST', '', ''];
  return csvLine([...cells, String(lost.numEventsLost)]);
}
