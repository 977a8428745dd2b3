import { escapeTerminal } from '../../proto/flow/text/terminal.ts';

/** Text of a server, kept on its line. */
export function oneLine(text: string): string {
  return escapeTerminal(text, false).replace(/[\n\v\f\t]+/g, ' ');
}
