import { FilterError } from '../flow/filter/filter-error.ts';
import { compileNodeNameMatch } from '../flow/filter/pattern-match.ts';

const utf8 = new TextEncoder();

/** A test of node names by patterns as in `FlowFilter.node_name`; without patterns everybody is meant. Throws RangeError that names the pattern. */
export function compileNodeChoice(patterns: readonly string[]): (nodeName: string) => boolean {
  if (patterns.length === 0) return () => true;
  try {
    const match = compileNodeNameMatch('node_names', patterns);
    return (nodeName) => {
      const bytes = utf8.encode(nodeName);
      return match(bytes, 0, bytes.length);
    };
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new RangeError(error.message.replace(' in flow filter', ''), { cause: error });
  }
}
