import { type ReactElement, useEffect, useState } from 'react';
import { type Flow, Verdict } from '../../proto/gen/flow/flow_pb.ts';
import { portsOf } from '../../proto/flow/text/host-text.ts';
import { type TraceResult, TraceVerdict } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { CopyButton } from '../app/copy-button.tsx';
import { useViewState } from '../app/stores.ts';
import { NodeName } from '../drawer/node-name.tsx';
import { dropReasonName } from '../table/flow-words.ts';
import { draftPolicy } from '../table/policy-draft.ts';
import type { DraftCheck } from './check-policy.ts';
import { MapLink } from './conversation-table.tsx';
import { deniedKey, goalOf, loadDenied, seenFrom, sideOf, traceFlow } from './denied-flows.ts';
import { draftNetworkPolicy } from './draft-network-policy.ts';
import { type EdgeEnds, edgeOfId } from './edge-of-id.ts';
import { TraceSide } from './trace-side.tsx';
import { useAsked } from './use-asked.ts';

const EVERY_MS = 5000;

/** What is denied over an edge of the map, what both ends' policies say of it, and the rule that would let it pass. */
export function DraftPanel({
  edge,
  onClose,
}: {
  readonly edge: string;
  readonly onClose: () => void;
}): ReactElement {
  const ends = edgeOfId(edge);
  return (
    <aside className="drawer draft-panel" aria-label="The missing rule">
      <button type="button" className="drawer-close" aria-label="Close details" onClick={onClose}>
        <kbd>Esc</kbd>
      </button>
      {ends === null ? (
        <p className="drawer-gone muted">“{edge}” names no edge: expected FROM&gt;TO.</p>
      ) : (
        <DeniedOfEdge ends={ends} />
      )}
    </aside>
  );
}

function DeniedOfEdge({ ends }: { readonly ends: EdgeEnds }): ReactElement {
  const { windowMinutes, at } = useViewState();
  const [chosen, setChosen] = useState('');
  const { answer, problem } = useAsked(
    JSON.stringify([ends.id, windowMinutes, at]),
    (signal) => loadDenied(ends, at?.sinceMs ?? Date.now() - windowMinutes * 60_000, at?.untilMs, signal),
    at === null ? EVERY_MS : null,
  );
  const flows = answer ?? [];
  const flow = flows.find((one) => deniedKey(one) === chosen) ?? flows[0];
  const reason = flow === undefined ? '' : dropReasonName(flow);
  const isAudit = flow?.verdict === Verdict.AUDIT;
  return (
    <>
      <div className="drawer-head">
        {flow !== undefined && (
          <span className={`drawer-verdict ${isAudit ? 'tone-audit' : 'tone-dropped'}`}>
            {isAudit ? '◑ AUDIT' : '✕ DROPPED'}
          </span>
        )}
        {reason !== '' && <span className="tag">{reason}</span>}
      </div>
      <h2 className="drawer-title">
        <NodeName node={ends.from} /> <span className="faint">→</span> <NodeName node={ends.to} />
      </h2>
      <div className="draft-keys">
        {flows.map((one) => (
          <button
            key={deniedKey(one)}
            type="button"
            className="tag mono"
            aria-pressed={one === flow}
            onClick={() => setChosen(deniedKey(one))}
          >
            {keyText(one)}
          </button>
        ))}
        <MapLink edge={ends.id} />
      </div>
      {problem !== '' && <p className="drawer-part tone-dropped">Not known: {problem}</p>}
      {flow === undefined && problem === '' && (
        <p className="drawer-part muted">
          {answer === null
            ? 'asking…'
            : 'Nothing was denied over this edge in this window: no rule is missing.'}
        </p>
      )}
      {flow !== undefined && <Remedy key={deniedKey(flow)} flow={flow} />}
    </>
  );
}

function keyText(flow: Flow): string {
  const port = portsOf(flow)[1];
  const protocol = flow.l4?.protocol.case ?? '';
  return `${port === 0 ? '' : `:${port}/`}${protocol} ${sideOf(flow)}`;
}

/** Both ends' answers, and a draft for each that denies. */
function Remedy({ flow }: { readonly flow: Flow }): ReactElement {
  const { answer: trace, problem } = useAsked(
    JSON.stringify([deniedKey(flow), flow.source?.podName, flow.destination?.podName]),
    (signal) => traceFlow(flow, signal),
    null,
  );
  const sides = lackingSides(flow, trace);
  return (
    <>
      <section className="drawer-part">
        <h3 className="caption">What both ends say now</h3>
        {problem !== '' && <p className="muted">Nobody can say: {problem}</p>}
        {trace !== null && (
          <>
            <TraceSide number={1} side="egress" decision={trace.egress} end={trace.from} />
            <TraceSide number={2} side="ingress" decision={trace.ingress} end={trace.to} />
          </>
        )}
      </section>
      {sides.map((side) => (
        <Draft key={side} flow={side === sideOf(flow) ? flow : seenFrom(flow, side)} />
      ))}
      {sides.length === 0 && (
        <p className="drawer-part muted">
          The policies in force let this pass by now, or a deny rule forbids it: no further allow rule would
          change that.
        </p>
      )}
    </>
  );
}

/** Sides on which no rule allows the connection. Without an answer, the side that told of the denial. */
function lackingSides(flow: Flow, trace: TraceResult | null): ('egress' | 'ingress')[] {
  if (trace === null) return dropReasonName(flow) === 'POLICY_DENY' ? [] : [sideOf(flow)];
  const lacks = (verdict: TraceVerdict | undefined): boolean =>
    verdict === TraceVerdict.DEFAULT_DENIED || verdict === TraceVerdict.AUDITED;
  return (['egress', 'ingress'] as const).filter((side) => lacks(trace[side]?.verdict));
}

const kinds = ['CiliumNetworkPolicy', 'NetworkPolicy'] as const;

function Draft({ flow }: { readonly flow: Flow }): ReactElement {
  const [kind, setKind] = useState<(typeof kinds)[number]>('CiliumNetworkPolicy');
  const text = kind === 'NetworkPolicy' ? draftNetworkPolicy(flow) : draftPolicy(flow);
  const check = useCheck(text, flow);
  const side = sideOf(flow);
  const own = side === 'egress' ? flow.source : flow.destination;
  return (
    <section className="drawer-part" aria-label={`Draft for ${side}`}>
      <h3 className="caption">
        Draft: {side} of {own?.workloads[0]?.name ?? own?.podName}
      </h3>
      <div className="draft-kinds" role="radiogroup" aria-label="Kind">
        {kinds.map((one) => (
          <button
            key={one}
            type="button"
            role="radio"
            className="tag"
            aria-checked={kind === one}
            onClick={() => setKind(one)}
          >
            {one}
          </button>
        ))}
      </div>
      {text === null ? (
        <p className="muted">
          {kind === 'NetworkPolicy'
            ? 'A NetworkPolicy has no words for this peer: write a CiliumNetworkPolicy.'
            : 'This end is no pod: no policy of a namespace selects it.'}
        </p>
      ) : (
        <>
          <pre className="draft-text mono" tabIndex={0} aria-label="Draft">
            {text}
          </pre>
          <CheckLine check={check} />
          <div className="draft-actions">
            <CopyButton text={() => text}>Copy the draft</CopyButton>
            <span className="faint">Nothing is applied from here.</span>
          </div>
        </>
      )}
    </section>
  );
}

function CheckLine({ check }: { readonly check: DraftCheck | null }): ReactElement {
  if (check === null) return <p className="faint">being compiled…</p>;
  if (check.problems.length > 0) return <p className="tone-dropped">✕ {check.problems.join('; ')}</p>;
  return check.isAllowed ? (
    <p className="draft-good">✓ compiles, and allows this connection on its side</p>
  ) : (
    <p className="tone-audit">◑ compiles, but does not allow this connection: its labels tell too little</p>
  );
}

/** What the compiler says of a draft; null until it is loaded. */
function useCheck(text: string | null, flow: Flow): DraftCheck | null {
  const [state, setState] = useState<{ text: string | null; check: DraftCheck | null }>({
    text: null,
    check: null,
  });
  useEffect(() => {
    if (text === null) return undefined;
    let isWanted = true;
    void import('./check-policy.ts').then(({ checkDraft }) => {
      if (isWanted) setState({ text, check: checkDraft(text, goalOf(flow)) });
    });
    return () => {
      isWanted = false;
    };
    // The text holds all of the flow that matters.
  }, [text]);
  return state.text === text ? state.check : null;
}
