import { setTimeout as sleep } from 'node:timers/promises';
import { isFlowFrame } from '../../proto/flow/frame-kind.ts';
import type { FrameRun } from '../../proto/flow/frame.ts';
import { withTimes } from '../../proto/flow/peek-flow.ts';

/** What was sent has all come, or will not, when nothing has come for so long. */
const QUIET_MS = 1500;
/** Of so many flows one's latency is noted. */
const LATENCY_EVERY = 64;

/** A client of a relay that looks at every flow, and says what it saw. */
export class FlowWatcher {
  flows = 0;
  bytes = 0;
  outOfOrder = 0;
  worstDisorderUs = 0;
  readonly latenciesUs: number[] = [];
  private newestUs = 0;

  /** Forgets all but how many flows came. */
  reset(): void {
    this.latenciesUs.length = 0;
    this.outOfOrder = 0;
    this.worstDisorderUs = 0;
  }

  readonly take = (run: FrameRun): void => {
    const { bytes, offsets, timesUs, count } = withTimes(run);
    const nowUs = (performance.timeOrigin + performance.now()) * 1000;
    this.bytes += bytes.length;
    for (let i = 0; i < count; i++) {
      if (!isFlowFrame(bytes, offsets[i])) continue;
      this.flows++;
      if (timesUs[i] < this.newestUs) {
        this.outOfOrder++;
        this.worstDisorderUs = Math.max(this.worstDisorderUs, this.newestUs - timesUs[i]);
      } else this.newestUs = timesUs[i];
      if (this.flows % LATENCY_EVERY === 0) this.latenciesUs.push(nowUs - timesUs[i]);
    }
  };
}

/** Resolves when nothing comes to any of them any more. */
export async function untilQuiet(watchers: readonly FlowWatcher[]): Promise<void> {
  const total = (): number => watchers.reduce((sum, { flows }) => sum + flows, 0);
  for (let before = -1; before !== total();) {
    before = total();
    await sleep(QUIET_MS);
  }
}
