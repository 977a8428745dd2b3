import { FLOWS } from '../../proto/flow/aggregate/row-measures.ts';
import type { PrintedText } from '../../proto/flow/text/print-options.ts';
import { type Column, columnsFor, countText, rateText } from './aggregate-columns.ts';
import { NodeTroubles } from './aggregate-notices.ts';
import type { AggregatePlan } from './aggregate-plan.ts';
import { missingText, type RowView, tableText } from './aggregate-printer.ts';
import type { RowSort } from './aggregate-sort.ts';
import { cutText, tableLines } from './aggregate-table.ts';
import { AggregateTally, type ShownRows } from './aggregate-tally.ts';

/** Control sequences (ECMA-48, and xterm's for the alternate screen). */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const bold = (text: string): string => (text === '' ? '' : `\u001b[1m${text}\u001b[0m`);
const inverse = (text: string): string => `\u001b[7m${text}\u001b[0m`;

const HELP = 'q quit   ←/→ sort   r reverse   f flows/s   d drops/s   space pause   c clear';
/** Lines around the rows: summary, trouble, header, help. */
const OTHER_LINES = 4;

/** The part of a terminal that is drawn on; sizes as they are at the moment. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
  write(text: string): void;
}

/** A table that is drawn anew with every answer and every key, on the terminal's alternate screen. What was counted stays on the normal one in the end. */
export class LiveTable implements RowView {
  private readonly plan: AggregatePlan;
  private readonly screen: Screen;
  private readonly quit: () => void;
  private readonly nowMs: () => number;
  private readonly tally: AggregateTally;
  private readonly troubles = new NodeTroubles();
  private sort: RowSort;
  private isReversed = false;
  private isPaused = false;
  private shown: ShownRows;

  /** @param quit called for q and Ctrl-C, which a terminal in raw mode gives as keys */
  constructor(plan: AggregatePlan, screen: Screen, quit: () => void, nowMs: () => number = Date.now) {
    this.plan = plan;
    this.screen = screen;
    this.quit = quit;
    this.nowMs = nowMs;
    this.sort = plan.sort;
    this.tally = new AggregateTally(
      plan.keyNames.length,
      plan.sort.kind === 'key' ? FLOWS : plan.sort.measure,
    );
    this.shown = this.look();
  }

  /** Switches to the alternate screen. */
  start(): void {
    this.screen.write(ENTER + this.frame());
  }

  readonly print = (message: Uint8Array): PrintedText => {
    const told = this.tally.add(message);
    if (told === null) return { out: '', err: '' };
    if (told !== 'answer') this.troubles.note(told);
    else if (!this.isPaused) this.shown = this.look();
    return { out: this.frame(), err: '' };
  };

  readonly end = (): string => {
    const shown = this.tally.shown(this.sort, this.rowLimit, this.isReversed);
    return LEAVE + (shown.rows.length === 0 ? '' : tableText({ ...this.plan, sort: this.sort }, shown));
  };

  /** Draws again: the terminal has another size. */
  readonly redraw = (): void => {
    this.shown = this.isPaused ? this.shown : this.look();
    this.screen.write(HOME + CLEAR_BELOW + this.frame());
  };

  /** Takes what was typed. */
  readonly type = (keys: string): void => {
    // oxlint-disable-next-line no-control-regex -- the control character is what arrow keys begin with
    for (const key of keys.match(/\u001b\[[0-9;]*[A-Za-z~]|./gsu) ?? []) this.press(key);
    if (!this.isPaused) this.shown = this.look();
    this.screen.write(this.frame());
  };

  private press(key: string): void {
    switch (key) {
      case 'q':
      case 'Q':
      case '\u0003':
        this.quit();
        return;
      case 'r':
        this.isReversed = !this.isReversed;
        return;
      case ' ':
        this.isPaused = !this.isPaused;
        return;
      case 'c':
        this.tally.clear();
        return;
      case 'f':
        this.sortBy('flows/s');
        return;
      case 'd':
        this.sortBy('drops/s');
        return;
      case '\u001b[C':
      case '>':
        this.moveSort(1);
        return;
      case '\u001b[D':
      case '<':
        this.moveSort(-1);
        return;
      default:
    }
  }

  private sortBy(name: string): void {
    this.sort = this.plan.sorts.find((sort) => sort.name === name) ?? this.sort;
  }

  /** To the next column that is on the screen. */
  private moveSort(step: 1 | -1): void {
    const names = this.columns().map(({ name }) => name);
    const at = names.indexOf(this.sort.name);
    this.sortBy(names[(at + step + names.length) % names.length]);
  }

  private look(): ShownRows {
    return this.tally.shown(this.sort, this.rowLimit, this.isReversed);
  }

  private get rowLimit(): number {
    // One line is for the rows that find no place.
    return Math.max(1, Math.min(this.plan.limit, this.screen.rows - OTHER_LINES - 1));
  }

  private columns(): Column[] {
    return columnsFor(this.shown, {
      keyNames: this.plan.keyNames,
      hasRates: true,
      sortName: this.sort.name,
      time: this.plan.time,
    });
  }

  /** Everything on the screen, from its first line on. */
  private frame(): string {
    const { columns: width, rows: height } = this.screen;
    const columns = this.columns();
    const { header, lines } = tableLines(columns, this.shown, width);
    const body = [
      bold(cutText(this.summary(), width)),
      bold(cutText(this.trouble(), width)),
      this.paintHeader(cutText(header, width), columns),
      ...lines.slice(0, Math.max(0, height - OTHER_LINES)).map((line) => cutText(line, width)),
    ];
    while (body.length < height - 1) body.push('');
    body.push(cutText(HELP, width));
    return (
      HOME +
      body
        .slice(0, height)
        .map((line) => line + CLEAR_LINE)
        .join('\r\n') +
      CLEAR_BELOW
    );
  }

  private summary(): string {
    const { shown, plan } = this;
    const groups = shown.rows.length + Math.max(0, shown.otherRows);
    return [
      plan.title,
      plan.time(this.nowMs() * 1000),
      `${rateText(shown.flowsPerSecond)} flows/s`,
      `${rateText(shown.dropsPerSecond)} drops/s`,
      `${countText(groups)} rows`,
      `by ${this.sort.name}${this.isReversed ? ', reversed' : ''}`,
      ...(this.isPaused ? ['PAUSED'] : []),
    ].join('   ');
  }

  private trouble(): string {
    const { lostEvents } = this.tally;
    const lost = lostEvents === 0n ? '' : `${lostEvents} events lost`;
    return [this.troubles.text, lost, missingText(this.shown)].filter((text) => text !== '').join('   ');
  }

  /** The header with the title of the column that rows are sorted by turned around. */
  private paintHeader(header: string, columns: readonly Column[]): string {
    const title = columns.find(({ name }) => name === this.sort.name)?.title ?? '';
    // Titles of several words contain each other: SOURCE stands in SOURCE PORT.
    const at = new RegExp(`(?<=^|  )${title}(?=  |$)`).exec(header)?.index ?? -1;
    if (title === '' || at < 0) return bold(header);
    const end = at + title.length;
    return bold(header.slice(0, at)) + inverse(header.slice(at, end)) + bold(header.slice(end));
  }
}
