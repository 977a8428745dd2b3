import { Observer, type Node, type ServerStatusResponse } from '../../proto/gen/observer/observer_pb.ts';
import { Diagnostics, type NodeReport } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { callUnary } from '../stream/call-unary.ts';
import { CallCode, CallError } from '../stream/call-error.ts';
import { Emitter } from './emitter.ts';

const EVERY_MS = 3000;

/** What processes say of themselves: nodes, losses, problems. */
export class StatusFeed extends Emitter {
  status: ServerStatusResponse | null = null;
  reports: readonly NodeReport[] = [];
  /** As a relay lists them; empty at an agent. */
  nodes: readonly Node[] = [];
  problem = '';
  /** When the last answer came. */
  askedMs = Date.now();

  /** Asks now, and then every three seconds while the tab is seen. */
  start(): void {
    const ask = async (): Promise<void> => {
      if (!document.hidden) await this.ask();
      setTimeout(() => void ask(), EVERY_MS);
    };
    void ask();
  }

  private async ask(): Promise<void> {
    try {
      const [status, { nodes: reports }, nodes] = await Promise.all([
        callUnary(Observer.method.serverStatus),
        callUnary(Diagnostics.method.getStatus),
        callUnary(Observer.method.getNodes).then(
          (answer) => answer.nodes,
          (error: unknown) => {
            if (error instanceof CallError && error.code === CallCode.Unimplemented) return [];
            throw error;
          },
        ),
      ]);
      Object.assign(this, { status, reports, nodes, problem: '', askedMs: Date.now() });
    } catch (error) {
      this.problem = (error as Error).message;
    }
    this.changed();
  }
}
