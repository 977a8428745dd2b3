import type { PrintedText } from '../../proto/flow/text/print-options.ts';
import { FLOWS } from '../../proto/flow/aggregate/row-measures.ts';
import { columnsFor, countText, rateText } from './aggregate-columns.ts';
import { noticeText } from './aggregate-notices.ts';
import type { AggregatePlan } from './aggregate-plan.ts';
import { csvHeader, csvRecords, jsonRecords } from './aggregate-records.ts';
import { tableLines } from './aggregate-table.ts';
import { AggregateTally, type ShownRows } from './aggregate-tally.ts';

/** What is shown of the messages of an AggregateFlows call. */
export interface RowView {
  /** Takes a message. */
  readonly print: (message: Uint8Array) => PrintedText;
  /** What is still to be printed when the call has ended. */
  readonly end: () => string;
}

/** A table and what has to be said about it, as text. */
export function tableText(plan: AggregatePlan, shown: ShownRows): string {
  const columns = columnsFor(shown, {
    keyNames: plan.keyNames,
    hasRates: plan.isFollowing,
    sortName: plan.sort.name,
    time: plan.time,
  });
  const { header, lines } = tableLines(columns, shown);
  return [header, ...lines, missingText(shown)].filter((line) => line !== '').join('\n') + '\n';
}

/** What more groups than can be kept mean for the rows; empty when all rows are exact. */
export function missingText({ maxMissingFlows }: ShownRows): string {
  return maxMissingFlows === 0
    ? ''
    : `There are more groups than are kept: a row may lack up to ${countText(maxMissingFlows)} flows.`;
}

/**
 * Prints rows without a screen: the whole at the end, or, while the call follows, after every interval: as a table what was counted so far, as JSON or CSV what the interval
 * brought.
 */
export class RowPrinter implements RowView {
  private readonly plan: AggregatePlan;
  private readonly tally: AggregateTally;
  private readonly nowMs: () => number;
  private printed = 0;
  private hasAnswer = false;

  constructor(plan: AggregatePlan, nowMs: () => number = Date.now) {
    this.plan = plan;
    this.tally = new AggregateTally(
      plan.keyNames.length,
      plan.sort.kind === 'key' ? FLOWS : plan.sort.measure,
    );
    this.nowMs = nowMs;
  }

  readonly print = (message: Uint8Array): PrintedText => {
    const told = this.tally.add(message);
    if (told === null) return { out: '', err: '' };
    if (told !== 'answer') {
      const notice = noticeText(told);
      return { out: '', err: notice === '' ? '' : `${notice}\n` };
    }
    this.hasAnswer = true;
    return { out: this.plan.isFollowing ? this.interval() : '', err: '' };
  };

  readonly end = (): string => {
    const { plan, tally } = this;
    if (plan.isFollowing || !this.hasAnswer) return '';
    const shown = tally.shown(plan.sort, plan.limit);
    return plan.format === 'table' ? tableText(plan, shown) : this.records(shown);
  };

  private interval(): string {
    const { plan, tally } = this;
    if (plan.format !== 'table') return this.records(tally.shownRecent(plan.sort, plan.limit));
    const shown = tally.shown(plan.sort, plan.limit);
    const gap = this.printed++ > 0 ? '\n' : '';
    const time = plan.time(this.nowMs() * 1000);
    const rates = `${rateText(shown.flowsPerSecond)} flows/s, ${rateText(shown.dropsPerSecond)} drops/s`;
    return `${gap}${time}: ${rates}\n${tableText(plan, shown)}`;
  }

  private records(shown: ShownRows): string {
    const { keyNames, isFollowing, format } = this.plan;
    const options = { keyNames, isFollowing };
    if (format === 'json') return jsonRecords(shown, this.nowMs(), options);
    const header = this.printed++ === 0 ? csvHeader(options) : '';
    return header + csvRecords(shown, this.nowMs(), options);
  }
}
