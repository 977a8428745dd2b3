import type { ReactElement } from 'react';
import type { Endpoint, Flow } from '../../proto/gen/flow/flow_pb.ts';
import type { GetFlowsResponse } from '../../proto/gen/observer/observer_pb.ts';
import { useStores, useViewState } from '../app/stores.ts';
import { addWord, type FilterWord } from '../filter/filter-words.ts';
import { clockTime } from '../store/format.ts';
import '../style/flow-drawer.css';
import { ConnectionList } from './connection-list.tsx';
import { flowTimeMs, verdictMarks } from './flow-columns.ts';
import { Decisions } from './flow-decisions.tsx';
import {
  addressText,
  directionName,
  dropReasonName,
  type EndName,
  endTitle,
  eventTypeName,
  layer7Text,
  protocolText,
  reservedName,
  verdictName,
} from './flow-words.ts';
import { draftPolicy } from './policy-draft.ts';
import { CopyActions } from './row-actions.tsx';
import { fieldsOf, responseJson } from './row-texts.ts';
import { useFlow } from './use-flow.ts';

/** All that is known of the flow that is selected: who decided on either side, both ends, the rest of its connection, and every field. */
export function FlowDrawer(): ReactElement | null {
  const { selection } = useViewState();
  if (!selection.startsWith('flow:')) return null;
  const uuid = selection.slice('flow:'.length);
  return <OpenFlow key={uuid} uuid={uuid} />;
}

function OpenFlow({ uuid }: { readonly uuid: string }): ReactElement {
  const { response, connection, problem } = useFlow(uuid);
  const content = response?.responseTypes;
  if (response === null || response === undefined || content?.case !== 'flow') {
    return (
      <p className="drawer-part muted" role="status">
        {problem !== ''
          ? `The flow could not be read: ${problem}`
          : response === null
            ? 'Asking for the flow…'
            : 'This flow is not kept any more.'}
      </p>
    );
  }
  const flow = content.value;
  return (
    <>
      <FlowHead flow={flow} />
      <section className="drawer-part">
        <h3 className="caption">Which rule decided</h3>
        {problem !== '' && <p className="tone-dropped">The other side is not known: {problem}</p>}
        <Decisions flow={flow} connection={connection ?? [flow]} />
      </section>
      <section className="drawer-part">
        <h3 className="caption">Ends</h3>
        <EndFacts flow={flow} end="source" />
        <EndFacts flow={flow} end="destination" />
      </section>
      <section className="drawer-part">
        <h3 className="caption">Same connection</h3>
        <ConnectionList flow={flow} connection={connection} />
      </section>
      <section className="drawer-part">
        <h3 className="caption">Every field</h3>
        <AllFields response={response} />
      </section>
      <FlowActions response={response} flow={flow} />
    </>
  );
}

function FlowHead({ flow }: { readonly flow: Flow }): ReactElement {
  const mark = verdictMarks[flow.verdict];
  const [source, destination] = (['source', 'destination'] as const).map((end) => endTitle(flow, end));
  const facts = [
    `${protocolText(flow)} ${addressText(flow, 'destination')}`.trim(),
    directionName(flow),
    flow.nodeName,
    clockTime(flowTimeMs(flow)),
  ];
  const layer7 = layer7Text(flow);
  return (
    <>
      <div className="drawer-head">
        <span className={`drawer-verdict tone-${mark?.tone ?? 'muted'}`}>
          {mark?.glyph} {verdictName(flow)}
        </span>
        {dropReasonName(flow) !== '' && <span className="tag">{dropReasonName(flow)}</span>}
        {eventTypeName(flow) !== '' && <span className="tag">{eventTypeName(flow)}</span>}
      </div>
      <h2 className="drawer-title">
        {source.scope !== '' && <span className="muted">{source.scope}/</span>}
        <strong>{source.name}</strong> <span className="faint">→</span>{' '}
        {destination.scope !== '' && <span className="muted">{destination.scope}/</span>}
        <strong>{destination.name}</strong>
      </h2>
      <p className="drawer-sub mono muted">{facts.filter((fact) => fact !== '').join(' · ')}</p>
      {layer7 !== '' && <p className="drawer-sub mono">{layer7}</p>}
    </>
  );
}

function EndFacts({ flow, end }: { readonly flow: Flow; readonly end: EndName }): ReactElement {
  const endpoint: Endpoint | undefined = flow[end];
  const service = end === 'source' ? flow.sourceService : flow.destinationService;
  const names = end === 'source' ? flow.sourceNames : flow.destinationNames;
  const identity = endpoint?.identity ?? 0;
  const rows: readonly (readonly [string, string])[] = [
    ['address', addressText(flow, end)],
    ['names', names.join(', ')],
    ['service', service === undefined ? '' : `${service.namespace}/${service.name}`],
    ['workload', (endpoint?.workloads ?? []).map(({ kind, name }) => `${kind}/${name}`).join(', ')],
    ['cluster', endpoint?.clusterName ?? ''],
    ['identity', identity === 0 ? '' : `${reservedName(identity) || identity}`],
  ];
  return (
    <div className="end-facts">
      <h4>{end}</h4>
      <dl className="flow-fields">
        {rows
          .filter(([, text]) => text !== '')
          .map(([name, text]) => (
            <FieldRow key={name} name={name} text={text} />
          ))}
      </dl>
      <ul className="label-list" aria-label={`Labels of the ${end}`}>
        {(endpoint?.labels ?? []).map((label) => (
          <li key={label} className="mono">
            {label}
          </li>
        ))}
      </ul>
    </div>
  );
}

function FieldRow({ name, text }: { readonly name: string; readonly text: string }): ReactElement {
  return (
    <div>
      <dt className="mono muted">{name}</dt>
      <dd className="mono" title={text}>
        {text}
      </dd>
    </div>
  );
}

function AllFields({ response }: { readonly response: GetFlowsResponse }): ReactElement {
  const fields = fieldsOf(responseJson(response)).map(
    ([path, text]) => [path.replace(/^flow\./, ''), text] as const,
  );
  return (
    <dl className="flow-fields is-all">
      {fields.map(([path, text]) => (
        <FieldRow key={path} name={path} text={text} />
      ))}
    </dl>
  );
}

function FlowActions({
  response,
  flow,
}: {
  readonly response: GetFlowsResponse;
  readonly flow: Flow;
}): ReactElement {
  const { view } = useStores();
  const words = [endTitle(flow, 'source').word, endTitle(flow, 'destination').word].flatMap(
    (word) => word ?? [],
  );
  const filterBy = (isNot: boolean): void => {
    const next = words.reduce<readonly FilterWord[]>(
      (all, word) => addWord(all, { ...word, isNot }),
      view.state.words,
    );
    view.set({ words: next });
  };
  const policy = draftPolicy(flow);
  return (
    <div className="drawer-part flow-actions">
      <button type="button" className="button" onClick={() => filterBy(false)}>
        Filter to these ends
      </button>
      <button type="button" className="button" onClick={() => filterBy(true)}>
        Exclude
      </button>
      <CopyActions response={response} className="button" />
      {policy !== null && (
        <details>
          <summary>A rule that would allow it</summary>
          <pre className="mono">{policy}</pre>
        </details>
      )}
    </div>
  );
}
