import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from '../proto/gen/grpc/health/v1/health_pb.ts';

/** Health by service name, as grpc.health.v1 serves it. Unknown names are NOT_FOUND. */
export class HealthState {
  private readonly serving = new Map<string, boolean>();
  private readonly listeners = new Set<() => void>();

  /** @param services names served from the start, all with the same state */
  constructor(services: readonly string[], serving: boolean) {
    for (const service of services) this.serving.set(service, serving);
  }

  /** Sets one service's state, or that of all when no name is given. */
  set(serving: boolean, service?: string): void {
    for (const name of service === undefined ? this.serving.keys() : [service])
      this.serving.set(name, serving);
    for (const listener of this.listeners) listener();
  }

  /** State of a service; undefined when the name is not known. */
  get(service: string): boolean | undefined {
    return this.serving.get(service);
  }

  /** Registers the health service. */
  routes(router: ConnectRouter): void {
    router.service(Health, {
      check: ({ service }) => {
        const serving = this.get(service);
        if (serving === undefined) throw new ConnectError(`unknown service "${service}"`, Code.NotFound);
        return { status: serving ? Status.SERVING : Status.NOT_SERVING };
      },
      watch: ({ service }, context) => this.watch(service, context.signal),
    });
  }

  private async *watch(service: string, signal: AbortSignal): AsyncGenerator<{ status: Status }> {
    let last: Status | undefined;
    while (!signal.aborted) {
      const serving = this.get(service);
      const status =
        serving === undefined ? Status.SERVICE_UNKNOWN : serving ? Status.SERVING : Status.NOT_SERVING;
      if (status === last) {
        await this.nextChange(signal);
        continue;
      }
      last = status;
      yield { status }; // it may have changed by the time the client takes this: look again before waiting
    }
  }

  private nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.listeners.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.listeners.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
