import { toBinary } from '@bufbuild/protobuf';
import { AggregateFlowsRequestSchema } from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { RpcCode, RpcError } from '../../rpc/rpc-error.ts';
import type { Settings } from '../settings/settings.ts';
import type { AggregatePlan } from './aggregate-plan.ts';
import { checkFileAlone } from './input-file-flag.ts';
import { RowPrinter, type RowView } from './aggregate-printer.ts';
import { openScreen } from './aggregate-screen.ts';
import { printStream } from './print-stream.ts';

/** Shows the rows that a plan asks for, until the end, Ctrl-C or q. A server that does not count flows is asked for flows, and they are counted here, as are those of a file. */
export async function runAggregation(settings: Settings, plan: AggregatePlan): Promise<number> {
  if (plan.inputFile !== '') {
    checkFileAlone(plan.inputFile, settings);
    const { countFile } = await import('./aggregate-here.ts');
    return countFile(plan, openView(plan));
  }
  const view = openView(plan);
  try {
    return await printStream(settings, {
      path: '/sluice.v1.Aggregation/AggregateFlows',
      request: toBinary(AggregateFlowsRequestSchema, plan.request),
      silent: plan.isSilent,
      print: view.print,
      end: view.end,
    });
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (!(cause instanceof RpcError) || cause.code !== RpcCode.Unimplemented) throw error;
  }
  const { countHere } = await import('./aggregate-here.ts');
  return countHere(settings, plan, openView(plan));
}

function openView(plan: AggregatePlan): RowView {
  return plan.format === 'live' ? openScreen(plan) : new RowPrinter(plan);
}
