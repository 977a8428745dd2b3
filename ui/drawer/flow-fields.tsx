import type { ReactElement } from 'react';
import {
  DropReason,
  type Endpoint,
  type Flow,
  TrafficDirection,
  Verdict,
} from '../../proto/gen/flow/flow_pb.ts';
import { enumName } from '../../proto/flow/text/enum-name.ts';
import { portsOf } from '../../proto/flow/text/host-text.ts';
import { clockTime } from '../store/format.ts';

const MAX_LABELS = 3;

/** The fields of a flow that say most, one a line. */
export function FlowFields({ flow }: { readonly flow: Flow }): ReactElement {
  const [sourcePort, destinationPort] = portsOf(flow);
  const at = (address: string, port: number): string =>
    port === 0 ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const rows: readonly (readonly [string, string])[] = [
    [
      'time',
      flow.time === undefined ? '' : clockTime(Number(flow.time.seconds) * 1000 + flow.time.nanos / 1e6),
    ],
    ['source', `${at(flow.IP?.source ?? '', sourcePort)}${identityText(flow.source)}`],
    ['destination', `${at(flow.IP?.destination ?? '', destinationPort)}${identityText(flow.destination)}`],
    ['source labels', labelsText(flow.source)],
    ['dest. labels', labelsText(flow.destination)],
    [
      'verdict',
      `${enumName(Verdict, flow.verdict)}${flow.dropReasonDesc === 0 ? '' : ` · ${enumName(DropReason, flow.dropReasonDesc)}`}`,
    ],
    ['node · iface', [flow.nodeName, flow.interface?.name ?? ''].filter((text) => text !== '').join(' · ')],
    [
      'direction',
      flow.trafficDirection === 0 ? '' : enumName(TrafficDirection, flow.trafficDirection).toLowerCase(),
    ],
    ['summary', flow.Summary],
    ['uuid', flow.uuid],
  ];
  return (
    <dl className="flow-fields">
      {rows
        .filter(([, text]) => text !== '')
        .map(([name, text]) => (
          <div key={name}>
            <dt className="mono muted">{name}</dt>
            <dd className="mono" title={text}>
              {text}
            </dd>
          </div>
        ))}
    </dl>
  );
}

const identityText = (end: Endpoint | undefined): string =>
  end === undefined || end.identity === 0 ? '' : ` · id ${end.identity}`;

function labelsText(end: Endpoint | undefined): string {
  const labels = (end?.labels ?? [])
    .filter((label) => !label.includes('io.cilium') && !label.includes('io.kubernetes'))
    .map((label) => label.replace(/^k8s:/, ''));
  const more = labels.length > MAX_LABELS ? ` +${labels.length - MAX_LABELS}` : '';
  return labels.slice(0, MAX_LABELS).join(', ') + more;
}
