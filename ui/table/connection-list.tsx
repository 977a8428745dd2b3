import type { ReactElement } from 'react';
import type { Flow } from '../../proto/gen/flow/flow_pb.ts';
import { useStores } from '../app/stores.ts';
import { flowTimeMs, verdictMarks } from './flow-columns.ts';
import { directionName, eventTypeName, layer7Text, tcpFlagsText, verdictName } from './flow-words.ts';

/** So many before and after the flow are listed. */
const NEAR = 12;

/** What came before and after a flow on its connection; a press leads there. */
export function ConnectionList({
  flow,
  connection,
}: {
  readonly flow: Flow;
  readonly connection: readonly Flow[] | null;
}): ReactElement {
  const { view } = useStores();
  if (connection === null) return <p className="muted">asking…</p>;
  const at = connection.findIndex(({ uuid }) => uuid === flow.uuid);
  if (connection.length <= 1) return <p className="muted">no other flow of it is kept</p>;
  const from = Math.max(0, at - NEAR);
  const near = connection.slice(from, at + NEAR + 1);
  const left = connection.length - near.length;
  const timeMs = flowTimeMs(flow);
  return (
    <>
      <ol className="connection-list">
        {near.map((other) => (
          <li key={other.uuid}>
            <button
              type="button"
              aria-current={other.uuid === flow.uuid}
              title={`${verdictName(other)} ${eventTypeName(other)}`}
              onClick={() => view.set({ selection: `flow:${other.uuid}` })}
            >
              <span className="mono faint">{deltaText(flowTimeMs(other) - timeMs)}</span>
              <span className={`tone-${verdictMarks[other.verdict]?.tone ?? 'muted'}`}>
                {verdictMarks[other.verdict]?.glyph ?? '·'}
              </span>
              <span aria-label={other.isReply === true ? 'reply' : 'request'}>
                {other.isReply === true ? '⟵' : '⟶'}
              </span>
              <span className="connection-what">
                {layer7Text(other) || tcpFlagsText(other).replaceAll(',', ' ') || eventTypeName(other)}
              </span>
              <span className="faint">
                {[directionName(other), other.nodeName].filter((text) => text !== '').join(' · ')}
              </span>
            </button>
          </li>
        ))}
      </ol>
      {left > 0 && <p className="faint">and others, earlier or later</p>}
    </>
  );
}

/** `+1.204 s`, `−12 ms`, `0`. */
function deltaText(ms: number): string {
  if (Math.abs(ms) < 0.0005) return 'this';
  const sign = ms < 0 ? '−' : '+';
  const size = Math.abs(ms);
  return size < 1000
    ? `${sign}${size.toFixed(size < 10 ? 2 : 0)} ms`
    : `${sign}${(size / 1000).toFixed(size < 10_000 ? 2 : 0)} s`;
}
