import { create, toBinary } from '@bufbuild/protobuf';
import { EndpointSchema, WorkloadSchema } from '../../proto/gen/flow/flow_pb.ts';

/** What is known of an address: a pod's names, or nothing but an identity (nodes, the world). */
export interface EndpointFacts {
  readonly identity: number;
  readonly namespace: string;
  readonly podName: string;
  readonly clusterName: string;
  readonly labels: readonly string[];
  readonly workloads: readonly { readonly name: string; readonly kind: string }[];
}

/** An identity changes a few times in a pod's life; more messages than this of one endpoint are of no use. */
const MAX_ENCODED = 8;

/** One endpoint's facts, and the Endpoint messages made of them. */
export class KnownEndpoint {
  readonly facts: EndpointFacts;
  /** Whether it stood in a flow since the last look. */
  seen = false;
  private readonly encoded = new Map<string, Uint8Array>();
  private lastId = -1;
  private lastIdentity = -1;
  private lastBytes: Uint8Array = new Uint8Array(0);

  constructor(facts: EndpointFacts) {
    this.facts = facts;
  }

  /** The Endpoint message, with the number on this node and the identity given. */
  bytes(id: number, identity: number): Uint8Array {
    // Nearly always the same as the last time.
    if (id === this.lastId && identity === this.lastIdentity) return this.lastBytes;
    const key = `${id} ${identity}`;
    let bytes = this.encoded.get(key);
    if (bytes === undefined) {
      bytes = this.encode(id, identity);
      if (this.encoded.size >= MAX_ENCODED) this.encoded.clear();
      this.encoded.set(key, bytes);
    }
    this.lastId = id;
    this.lastIdentity = identity;
    this.lastBytes = bytes;
    return bytes;
  }

  private encode(id: number, identity: number): Uint8Array {
    const { namespace, podName, clusterName, labels, workloads } = this.facts;
    const endpoint = create(EndpointSchema, { ID: id, identity, namespace, podName, clusterName });
    endpoint.labels = [...labels];
    endpoint.workloads = workloads.map((workload) => create(WorkloadSchema, workload));
    return toBinary(EndpointSchema, endpoint);
  }
}
