import { LiveTable } from './aggregate-live.ts';
import type { AggregatePlan } from './aggregate-plan.ts';
import type { RowView } from './aggregate-printer.ts';

/** Puts a live table on the terminal and takes its keys; its `end` gives the terminal back as it was. */
export function openScreen(plan: AggregatePlan): RowView {
  const { stdin, stdout } = process;
  const quit = (): void => {
    process.kill(process.pid, 'SIGINT'); // ends the stream as Ctrl-C does
  };
  const table = new LiveTable(
    plan,
    {
      get columns() {
        return stdout.columns || 80;
      },
      get rows() {
        return stdout.rows || 24;
      },
      write: (text) => void stdout.write(text),
    },
    quit,
  );
  const type = (data: Buffer): void => table.type(data.toString('utf8'));
  let isOpen = true;
  const end = (): string => {
    if (!isOpen) return '';
    isOpen = false;
    process.off('SIGTERM', quit);
    process.off('exit', leave);
    stdout.off('resize', table.redraw);
    if (stdin.isTTY) {
      stdin.off('data', type);
      stdin.setRawMode(false);
      stdin.pause();
    }
    return table.end();
  };
  // Whatever ends the process, the terminal must not stay as it is now.
  const leave = (): void => void stdout.write(end());
  process.once('SIGTERM', quit);
  process.once('exit', leave);
  stdout.on('resize', table.redraw);
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    stdin.on('data', type);
    stdin.resume();
  }
  table.start();
  return { print: table.print, end };
}
