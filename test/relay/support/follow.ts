import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { GetFlowsRequestSchema, type GetFlowsResponse } from '../../../proto/gen/observer/observer_pb.ts';
import { parseAddress, RpcConnection } from '../../../rpc/index.ts';
import { decodeRun, wordOf } from './flow-bytes.ts';

/** A GetFlows request, as far as it matters. */
export type RequestInit = MessageInitShape<typeof GetFlowsRequestSchema>;

/** A client of GetFlows that keeps what it gets. */
export class Follower {
  readonly responses: GetFlowsResponse[] = [];
  /** Resolves with the error that ended the stream, or null. */
  readonly ended: Promise<Error | null>;
  /** While set, it reads nothing more. */
  private hold: Promise<void> | undefined;
  private readonly connection: RpcConnection;
  private readonly abort = new AbortController();
  private readonly waiting = new Set<() => void>();

  constructor(address: string, request: RequestInit = { follow: true }) {
    this.connection = new RpcConnection(parseAddress(address), { windowBytes: 64 * 1024 });
    this.ended = this.connection
      .stream(
        '/observer.Observer/GetFlows',
        toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, request)),
        { signal: this.abort.signal },
        (run) => {
          this.responses.push(...decodeRun(run));
          for (const wake of this.waiting) wake();
          return this.hold;
        },
      )
      .then(
        () => null,
        (error: Error) => error,
      );
  }

  /** Everything so far, in a word each. */
  get words(): string[] {
    return this.responses.map(wordOf);
  }

  /** Flows so far, by their summaries. */
  get flows(): string[] {
    return this.responses.filter(({ responseTypes }) => responseTypes.case === 'flow').map(wordOf);
  }

  /** Sum of the losses told so far. */
  get lost(): number {
    return this.responses.reduce(
      (sum, { responseTypes }) =>
        sum + (responseTypes.case === 'lostEvents' ? Number(responseTypes.value.numEventsLost) : 0),
      0,
    );
  }

  /** Resolves when `test` holds, which is tried whenever something comes. */
  until(test: (follower: this) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!test(this)) return;
        this.waiting.delete(check);
        resolve();
      };
      this.waiting.add(check);
      check();
    });
  }

  /** Resolves when a response of this word has come. */
  async sees(word: string): Promise<void> {
    await this.until(({ words }) => words.includes(word));
  }

  /** Stops reading until the function returned is called. */
  stall(): () => void {
    let goOn: () => void = () => {};
    this.hold = new Promise((resolve) => {
      goOn = () => {
        this.hold = undefined;
        resolve();
      };
    });
    return goOn;
  }

  close(): void {
    this.abort.abort();
    this.connection.close();
  }
}
