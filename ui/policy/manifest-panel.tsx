import type { ReactElement } from 'react';
import type { PolicyDetail, PolicyRule } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { Direction } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { shortCount, shortRate } from '../store/format.ts';
import { useClock } from '../map/map-state.tsx';
import type { DiffLine } from './diff-lines.ts';
import { joinTraffic, type ManifestLine, rulesWithoutLine, trafficOf } from './manifest-lines.ts';
import { TrafficCell } from './traffic-cell.tsx';

/** What becomes of traffic that none of a policy's rules match, by direction. */
export interface RestTraffic {
  readonly side: 'ingress' | 'egress';
  readonly isDenied: boolean;
  /** Whether it is counted already. */
  readonly isKnown: boolean;
  readonly dropped: number;
  readonly audited: number;
  /** What the counts span. */
  readonly seconds: number;
}

/** The text of a policy, and beside each rule the traffic that it decided. */
export function ManifestPanel({
  detail,
  lines,
  isInForce,
  rest,
  note,
}: {
  readonly detail: PolicyDetail;
  readonly lines: readonly DiffLine[];
  /** Whether the lines are those of the version that counts. */
  readonly isInForce: boolean;
  readonly rest: readonly RestTraffic[];
  readonly note: string;
}): ReactElement {
  const rules = isInForce ? (detail.policy?.rules ?? []) : [];
  const joined = joinTraffic(lines, rules);
  const now = useClock(true);
  const loose = rulesWithoutLine(joined, rules);
  const most = Math.max(
    ...rules.map((rule) => trafficOf(rule).rate),
    ...rest.map(({ dropped, audited, seconds }) => (dropped + audited) / seconds),
    0,
  );
  return (
    <section className="policy-part" aria-label="Rules, with the traffic each one decided">
      <header className="policy-part-head">
        <h2 className="caption">Rules, with the traffic each one decided</h2>
        <span className="faint">{note}</span>
      </header>
      {lines.length === 0 && (
        <p className="muted policy-none">
          {detail.manifestsCut
            ? 'The manifest was left out: the answer was large enough without it.'
            : 'The manifest is not kept.'}
        </p>
      )}
      <div className="manifest" role="table" aria-label="Manifest">
        {joined.map((line) => (
          <Line key={`${line.sign}${line.number}`} line={line} most={most} now={now} />
        ))}
        {loose.map((rule) => (
          <div key={rule.address} role="row" className="manifest-line is-rule">
            <span role="cell" className="manifest-number" />
            <code role="cell">{rule.path}</code>
            <span role="cell">
              <TrafficCell traffic={ruleTraffic(rule)} most={most} now={now} />
            </span>
          </div>
        ))}
        {rest.map((one) => (
          <RestLine key={one.side} rest={one} most={most} />
        ))}
      </div>
    </section>
  );
}

function ruleTraffic({ counts, denies }: PolicyRule): Parameters<typeof TrafficCell>[0]['traffic'] {
  return {
    allowedRate: counts?.allowedRate ?? 0,
    deniedRate: counts?.deniedRate ?? 0,
    auditedRate: counts?.auditedRate ?? 0,
    total: Number((counts?.allowed ?? 0n) + (counts?.denied ?? 0n) + (counts?.audited ?? 0n)),
    lastMs: counts?.last === undefined ? 0 : Number(counts.last.seconds) * 1000,
    denies,
  };
}

const signWords = { '': '', '+': 'came', '-': 'gone' } as const;

function Line({
  line,
  most,
  now,
}: {
  readonly line: ManifestLine;
  readonly most: number;
  readonly now: number;
}): ReactElement {
  const { number, text, sign, rules, isRule } = line;
  const denies = rules.some((rule) => rule.denies);
  const kind = sign === '-' ? 'is-gone' : sign === '+' ? 'is-new' : '';
  return (
    <div role="row" className={`manifest-line ${kind} ${isRule ? 'is-rule' : ''} ${denies ? 'denies' : ''}`}>
      <span role="cell" className="manifest-number">
        {number}
      </span>
      <code role="cell">
        {sign !== '' && <span className="unseen">{signWords[sign]}: </span>}
        <YamlText text={text} />
      </code>
      <span role="cell" className="manifest-traffic">
        {rules.map((rule) => (
          <span key={rule.address} title={`${rule.path} · ${sideWord(rule)}`}>
            <TrafficCell traffic={ruleTraffic(rule)} most={most} now={now} />
          </span>
        ))}
        {sign === '-' && <span className="tone-dropped">−</span>}
        {sign === '+' && rules.length === 0 && <span className="tone-forwarded">+</span>}
      </span>
    </div>
  );
}

const sideWord = ({ direction }: PolicyRule): string =>
  direction === Direction.EGRESS ? 'egress' : 'ingress';

/** A line with its key in quieter letters. */
function YamlText({ text }: { readonly text: string }): ReactElement {
  const comment = /^(\s*)(#.*)$/.exec(text);
  if (comment !== null) return <span className="faint">{text}</span>;
  const [, lead, key, value] = /^([\s-]*)([^\s:#'"[{][^:#]*:)(\s.*)?$/.exec(text) ?? [];
  if (key === undefined) return <span>{text === '' ? ' ' : text}</span>;
  return (
    <>
      {lead}
      <span className="yaml-key">{key}</span>
      {value}
    </>
  );
}

function RestLine({ rest, most }: { readonly rest: RestTraffic; readonly most: number }): ReactElement {
  const { side, isDenied, isKnown, dropped, audited, seconds } = rest;
  const rate = (dropped + audited) / seconds;
  const tone = dropped > 0 ? 'dropped' : audited > 0 ? 'audit' : '';
  return (
    <div role="row" className={`manifest-line is-rest ${tone === '' ? '' : `is-${tone}`}`}>
      <span role="cell" className="manifest-number" />
      <code
        role="cell"
        title="Traffic of the endpoints of this policy that neither it nor any other policy allows"
      >
        # everything else: {isDenied ? `default deny (${side})` : `passes, default deny is off (${side})`}
      </code>
      <span role="cell" className="manifest-traffic">
        <span className="traffic">
          <span className="traffic-bar">
            <i className={`is-${tone}`} style={{ width: `${most > 0 ? (100 * rate) / most : 0}%` }} />
          </span>
          <span className={tone === '' ? 'faint' : `traffic-rate tone-${tone}`}>
            {isKnown ? shortRate(rate) : '…'}
          </span>
          <span className="faint">
            {!isKnown && 'being counted'}
            {dropped > 0 && `${shortCount(dropped)} denied`}
            {dropped > 0 && audited > 0 && ', '}
            {audited > 0 && `${shortCount(audited)} would be`}
          </span>
        </span>
      </span>
    </div>
  );
}
