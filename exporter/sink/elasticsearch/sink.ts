import type { ElasticsearchConfig } from '../../config/config.ts';
import { JsonBytes } from '../../../proto/flow/json/json-bytes.ts';
import type { MessageList, Reject, Sink, WriteContext } from '../sink.ts';
import { BulkBodyMaker } from './bulk-body.ts';
import { BulkWriter } from './bulk-writer.ts';
import { EdgeSink } from './edge-sink.ts';
import { FLOW_TEMPLATE, flowStream } from './streams.ts';

/** The sink of a configuration. `identity` tells this sink from those of other exporters, and is the same after a restart. */
export function createElasticsearchSink(config: ElasticsearchConfig, identity: string): Sink {
  return config.stream === 'edges' ? new EdgeSink(config, identity) : new FlowSink(config);
}

/** Messages as documents of a data stream. A document's id is that of the flow, and only what is not there yet is created: a repeated write stores nothing twice. */
class FlowSink implements Sink {
  readonly maxInFlight: number;
  private readonly writer: BulkWriter;
  private readonly maker = new BulkBodyMaker();
  /** Buffers that no request needs. */
  private readonly spare: JsonBytes[] = [];

  constructor(config: ElasticsearchConfig) {
    this.maxInFlight = config.inFlight;
    this.writer = new BulkWriter(config, flowStream(config.namespace));
  }

  get counters(): Readonly<Record<string, number>> {
    return { duplicates: this.writer.duplicates };
  }

  open(): Promise<void> {
    return this.writer.open(FLOW_TEMPLATE);
  }

  async write(messages: MessageList, context: WriteContext): Promise<readonly Reject[]> {
    const json = this.spare.pop() ?? new JsonBytes();
    try {
      const { body, rejects } = this.maker.make(messages, json);
      const all = [...rejects];
      await this.writer.write(body, context, (document, cause, reason) =>
        all.push({ index: body.places[document], cause, reason }),
      );
      return all;
    } finally {
      this.spare.push(json);
    }
  }

  close(): Promise<void> {
    return this.writer.close();
  }
}
