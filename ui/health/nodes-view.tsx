import { type ReactElement, useEffect, useRef } from 'react';
import { NodeState } from '../../proto/gen/relay/relay_pb.ts';
import { useChanges, useStores } from '../app/stores.ts';
import { useClock } from '../map/map-state.tsx';
import { clockTime, shortAge, shortBytes, shortCount } from '../store/format.ts';
import { causeWords, recentLosses, remedyFor } from '../store/losses.ts';
import { lagText, type LastFlows, useLastFlows } from './use-last-flows.ts';
import { nodeRows, type NodeRow, type Sample } from './node-rows.ts';

/** Every process that watches or passes on: whether it is there, how full and how old it is, what it lost, what is wrong. */
export function NodesView(): ReactElement {
  const { status } = useStores();
  const { reports, nodes, status: server, problem, askedMs } = useChanges(status);
  const now = useClock(true);
  const lastFlows = useLastFlows();
  const last = useRef<Sample | null>(null);
  const rows = nodeRows(nodes, reports, last.current);
  useEffect(() => {
    if (last.current !== null && askedMs - last.current.atMs < 2500) return;
    const flows = new Map(reports.map((report) => [report.nodeName, Number(report.flowsDelivered)]));
    const cpu = new Map(reports.map((report) => [report.nodeName, report.cpuSeconds]));
    last.current = { atMs: askedMs, flows, cpu };
  }, [askedMs, reports]);
  const losses = recentLosses(reports, 0);
  const problems = reports.flatMap(({ nodeName, problems }) =>
    problems.map((each) => ({ nodeName, ...each })),
  );
  const version = rows.find(({ component }) => component === 'relay')?.version ?? '';
  return (
    <div className="nodes-view">
      <header className="page-head">
        <h1>Nodes and losses</h1>
        <span className="muted">
          {server === null
            ? 'asking…'
            : `${server.version} · up ${shortAge(Number(server.uptimeNs) / 1e6)} · asked ${shortAge(now - askedMs)} ago`}
        </span>
        {problem !== '' && <span className="tone-dropped">{problem}</span>}
      </header>
      <table className="data-table">
        <thead>
          <tr>
            <th>Node</th>
            <th>State</th>
            <th>Version</th>
            <th className="is-number">Up</th>
            <th className="is-number">Flows/s</th>
            <th className="is-number" title="How old the newest flow is; a clock that is ahead shows here">
              Last flow
            </th>
            <th>History</th>
            <th className="is-number">Reach</th>
            <th className="is-number">Endpoints</th>
            <th className="is-number">Lost</th>
            <th className="is-number">CPU</th>
            <th className="is-number">Memory</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <NodeLine
              key={`${row.component} ${row.name}`}
              row={row}
              version={version}
              lastFlows={lastFlows}
            />
          ))}
        </tbody>
      </table>
      <div className="page-columns">
        <section className="page-part">
          <h2 className="caption">Losses since each process started</h2>
          {losses.length === 0 && (
            <p className="muted">Nothing was lost: every event became a flow, and every flow arrived.</p>
          )}
          {losses.length > 0 && (
            <table className="data-table">
              <thead>
                <tr>
                  <th>Cause</th>
                  <th>Node</th>
                  <th className="is-number">Events</th>
                  <th>Last</th>
                  <th>Where</th>
                  <th>What to do</th>
                </tr>
              </thead>
              <tbody>
                {losses.map(({ cause, node, events, lastMs, detail, isCounted }) => (
                  <tr key={`${cause} ${node} ${detail}`}>
                    <td className="tone-audit">{causeWords(cause)}</td>
                    <td>{node}</td>
                    <td className="is-number">{isCounted ? events.toLocaleString('en') : `${events}×`}</td>
                    <td className="mono" title={lastMs === 0 ? '' : new Date(lastMs).toLocaleString()}>
                      {lastMs === 0 ? '' : clockTime(lastMs).slice(0, 8)}
                    </td>
                    <td className="muted">{detail}</td>
                    <td className="muted">{remedyFor(cause)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </section>
        <section className="page-part">
          <h2 className="caption">What is wrong now</h2>
          {problems.length === 0 && <p className="muted">No process has a complaint.</p>}
          <ul className="problem-list">
            {problems.map(({ nodeName, where, message }) => (
              <li key={`${nodeName} ${where} ${message}`}>
                <span className="tone-dropped">✕ {nodeName}</span> <span className="mono">{where}</span>
                <p>{message}</p>
              </li>
            ))}
          </ul>
        </section>
      </div>
    </div>
  );
}

const stateWords: Readonly<Record<number, readonly [string, string]>> = {
  [NodeState.NODE_CONNECTED]: ['connected', 'is-ok'],
  [NodeState.NODE_UNAVAILABLE]: ['not reachable', 'is-bad'],
  [NodeState.NODE_GONE]: ['gone', 'is-bad'],
  [NodeState.NODE_ERROR]: ['error', 'is-bad'],
};

function NodeLine({
  row,
  version,
  lastFlows,
}: {
  readonly row: NodeRow;
  readonly version: string;
  readonly lastFlows: LastFlows | null;
}): ReactElement {
  const [word, look] = stateWords[row.state] ?? ['not known', ''];
  const lag =
    row.component === 'relay' || lastFlows === null
      ? null
      : lagText(lastFlows.byNode.get(row.name), lastFlows.askedMs);
  const isSkewed = version !== '' && row.version !== '' && !row.version.endsWith(version.replace(/^.*v/, ''));
  return (
    <tr>
      <td>
        <strong>{row.name}</strong> {row.component === 'relay' && <span className="tag">relay</span>}
      </td>
      <td>
        <span className={`node-state ${look}`}>
          <i /> {word}
        </span>
      </td>
      <td
        className={isSkewed ? 'mono tone-audit' : 'mono muted'}
        title={isSkewed ? `the relay is ${version}` : ''}
      >
        {row.version}
        {isSkewed && ' ≠'}
      </td>
      <td className="is-number">{row.uptimeMs === 0 ? '' : shortAge(row.uptimeMs)}</td>
      <td className="is-number">{row.flowsPerSecond === null ? '–' : shortCount(row.flowsPerSecond)}</td>
      <td className={lag?.isOdd === true ? 'is-number tone-audit' : 'is-number'}>{lag?.text ?? ''}</td>
      <td>
        {row.maxFlows > 0 && (
          <span
            className="ring-use"
            title={`${row.numFlows.toLocaleString('en')} of ${row.maxFlows.toLocaleString('en')} flows`}
          >
            <i style={{ width: `${(100 * row.numFlows) / row.maxFlows}%` }} />
            <span>{shortCount(row.numFlows)}</span>
          </span>
        )}
      </td>
      <td className="is-number">{row.reachMs === 0 ? '' : shortAge(row.reachMs)}</td>
      <td className="is-number">{row.component === 'agent' && row.uptimeMs > 0 ? row.endpoints : ''}</td>
      <td className={row.lost > 0 ? 'is-number tone-audit' : 'is-number faint'}>
        {row.lost.toLocaleString('en')}
      </td>
      <td className="is-number">{row.cpuShare === null ? '–' : `${(row.cpuShare * 100).toFixed(1)} %`}</td>
      <td className="is-number">{row.residentBytes === 0 ? '' : shortBytes(row.residentBytes)}</td>
    </tr>
  );
}
