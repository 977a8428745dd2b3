import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { LostEventSource } from '../../gen/flow/flow_pb.ts';
import type { GetFlowsResponse } from '../../gen/observer/observer_pb.ts';
import { enumName } from './enum-name.ts';
import { groupDigits } from './number-text.ts';
import { escapeTerminal } from './terminal.ts';
import type { TimeFormat } from './time-text.ts';

/** Sources and nodes that are named in a line; the others are counted. */
const MAX_NAMED = 4;

/** Places that are told apart: what a server may call its nodes has no bound. */
const MAX_PLACES = 1000;

/** Adds losses up, to tell them in one line instead of one each. */
export class LossTally {
  private readonly counts = new Map<string, bigint>();
  private last: Timestamp | undefined;

  /** Whether a response is a loss, and so is told by `flush`. */
  add({ responseTypes, nodeName, time }: GetFlowsResponse): boolean {
    if (responseTypes.case !== 'lostEvents') return false;
    const { source, numEventsLost } = responseTypes.value;
    const place = `${enumName(LostEventSource, source)}${nodeName === '' ? '' : ` of ${nodeName}`}`;
    const where = this.counts.size < MAX_PLACES || this.counts.has(place) ? place : 'elsewhere';
    this.counts.set(where, (this.counts.get(where) ?? 0n) + numEventsLost);
    this.last = time;
    return true;
  }

  /** One line for all losses since the last time, largest first: `<time>: EVENTS LOST: 1,203 (1,200 HUBBLE_RING_BUFFER of n1, …)`. Empty for none. */
  flush(time: TimeFormat): string {
    if (this.counts.size === 0) return '';
    const parts = [...this.counts].sort(([, a], [, b]) => (a < b ? 1 : a > b ? -1 : 0));
    const total = parts.reduce((sum, [, count]) => sum + count, 0n);
    const named = parts.slice(0, MAX_NAMED).map(([where, count]) => `${groupDigits(count)} ${where}`);
    const rest = parts.slice(MAX_NAMED).reduce((sum, [, count]) => sum + count, 0n);
    if (rest > 0n) named.push(`${groupDigits(rest)} elsewhere`);
    this.counts.clear();
    const line = `${time(this.last)}: EVENTS LOST: ${groupDigits(total)} (${named.join(', ')})\n`;
    return escapeTerminal(line, false);
  }
}
