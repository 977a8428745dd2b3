import { FlowPrinter } from '../../proto/flow/text/flow-printer.ts';
import type { FlowPrintOptions } from '../../proto/flow/text/print-options.ts';
import { compileTimeFormat } from '../../proto/flow/text/time-text.ts';
import type { GetFlowsResponse } from '../../proto/gen/observer/observer_pb.ts';
import { type FlowInit, flowResponse } from './build-responses.ts';

/** What a printer makes of responses, to the end. Compact without anything extra unless changed. */
export function printed(
  responses: readonly GetFlowsResponse[],
  change: Partial<FlowPrintOptions> = {},
): { out: string; err: string } {
  const printer = new FlowPrinter({
    format: 'compact',
    time: compileTimeFormat('StampMilli'),
    nodeName: false,
    names: true,
    policyNames: 'never',
    colour: false,
    allNodeStates: false,
    ...change,
  });
  let out = '';
  let err = '';
  for (const response of responses) {
    const text = printer.print(response);
    out += text.out;
    err += text.err;
  }
  return { out: out + printer.end(), err };
}

/** The compact line of the sample flow with changes, without its time. */
export function line(change: FlowInit, options: Partial<FlowPrintOptions> = {}): string {
  return printed([flowResponse(change)], options).out.replace(/^Mar {2}4 09:15:22\.118/, '');
}
