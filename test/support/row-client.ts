import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  Aggregation,
  type AggregateFlowsRequestSchema,
  type AggregateFlowsResponse,
  type FlowRows,
} from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import { callStream, parseAddress, RpcConnection } from '../../rpc/index.ts';
import { keysOf } from './plain-aggregate.ts';

/** A client of AggregateFlows that keeps what it gets, decoded by protobuf-es. */
export class RowClient {
  readonly responses: AggregateFlowsResponse[] = [];
  /** Resolves with the error that ended the call, or null. */
  readonly ended: Promise<Error | null>;
  private readonly connection: RpcConnection;
  private readonly abort = new AbortController();
  private readonly waiting = new Set<() => void>();

  constructor(
    address: string,
    keys: readonly string[],
    flows: MessageInitShape<typeof GetFlowsRequestSchema> = {},
    more: Omit<
      Exclude<MessageInitShape<typeof AggregateFlowsRequestSchema>, { $typeName: string }>,
      'keys' | 'flows'
    > = {},
  ) {
    this.connection = new RpcConnection(parseAddress(address));
    const request = {
      ...more,
      flows: create(GetFlowsRequestSchema, flows),
      keys: keysOf(keys).map(({ field, end }) => ({ field, end })),
    };
    this.ended = callStream(
      this.connection,
      Aggregation.method.aggregateFlows,
      request,
      { signal: this.abort.signal },
      (response) => {
        this.responses.push(response);
        for (const wake of this.waiting) wake();
      },
    ).then(
      () => null,
      (error: Error) => error,
    );
  }

  get answers(): FlowRows[] {
    return this.responses.flatMap(({ responseTypes: { case: kind, value } }) =>
      kind === 'rows' ? [value] : [],
    );
  }

  /** Flows by key, added up over all answers; texts joined by spaces. */
  get flows(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const { texts, keys, flows } of this.answers) {
      const width = keys.length / flows.length;
      for (const [row, count] of flows.entries()) {
        const name = keys
          .slice(row * width, (row + 1) * width)
          .map((key) => texts[key])
          .join(' ');
        sums[name] = (sums[name] ?? 0) + Number(count);
      }
    }
    return Object.fromEntries(Object.entries(sums).sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** All flows that were counted, those of rows that were left out included. */
  get total(): number {
    const listed = Object.values(this.flows).reduce((sum, flows) => sum + flows, 0);
    return this.answers.reduce((sum, { others }) => sum + Number(others?.flows ?? 0n), listed);
  }

  get lost(): number {
    return this.responses.reduce(
      (sum, { responseTypes: { case: kind, value } }) =>
        sum + (kind === 'lostEvents' ? Number(value.numEventsLost) : 0),
      0,
    );
  }

  /** States of nodes as they were told, such as `1 n1,n2`; an error's message behind it. */
  get states(): string[] {
    return this.responses.flatMap(({ responseTypes: { case: kind, value } }) =>
      kind === 'nodeStatus'
        ? [`${value.stateChange} ${value.nodeNames.join(',')} ${value.message}`.trim()]
        : [],
    );
  }

  /** Resolves when `test` holds, which is tried whenever something comes. */
  until(test: (client: this) => boolean): Promise<void> {
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

  close(): void {
    this.abort.abort();
    this.connection.close();
  }
}
