import type { ProgramPlan } from '../topology/workloads.ts';
import type { AppConfig } from './app-config.ts';
import { pace } from './pace.ts';
import type { Tally } from './tally.ts';
import { UpstreamCaller } from './upstream.ts';

/** People who use the application: requests at random moments, some of which go wrong by nature. */
export function runClient(config: AppConfig, program: ProgramPlan & { role: 'client' }, tally: Tally): void {
  const caller = new UpstreamCaller(config);
  for (const { call, perSecond } of program.requests) {
    const what = `${call.host}:${call.port}${call.path}`;
    pace(perSecond * config.rate, what, () => caller.call(call), tally);
  }
  const { text } = program;
  if (text === undefined) return;
  const lookUp = async (): Promise<void> => void (await caller.resolver.resolveText(text.host));
  pace(text.perSecond * config.rate, `TXT ${text.host}`, lookUp, tally);
}
