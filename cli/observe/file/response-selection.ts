import type { GetFlowsRequest } from '../../../proto/gen/observer/observer_pb.ts';
import { UsageError } from '../../../flags/flag-spec.ts';
import { compileFileFilter, type FileFilter } from './file-filter.ts';

/** The most responses that are kept for `--last`: they are all in memory. */
const MAX_LAST = 1_000_000n;
const ALL = 2n ** 64n - 1n;

/** The responses that a request selects, in the order in which they come: every one that passes its filters, the first N of them, or the last N. */
export class ResponseSelection {
  private readonly passes: FileFilter;
  private readonly take: (message: Uint8Array) => void;
  /** How many are wanted at most, and from which end; 0 for all. */
  private readonly limit: number;
  private readonly isLast: boolean;
  private readonly kept: Uint8Array[] = [];
  private count = 0;

  /** `take` gets each selected message; the bytes are its own only until it returns. Throws UsageError for a request that cannot be met from a file. */
  constructor(request: GetFlowsRequest, take: (message: Uint8Array) => void) {
    const { number, first } = request;
    this.isLast = !first && number > 0n && number !== ALL;
    if (this.isLast && number > MAX_LAST) {
      throw new UsageError(`--last ${number} with --input-file: expected ${MAX_LAST} at most`);
    }
    this.limit = first || this.isLast ? Number(number) : 0;
    this.passes = compileFileFilter(request);
    this.take = take;
  }

  /** Adds the encoded response `bytes[0, length)`; false when no further one can be selected. */
  add(bytes: Uint8Array, length: number): boolean {
    if (!this.passes(bytes, length)) return true;
    this.count++;
    if (this.isLast) {
      this.kept[(this.count - 1) % this.limit] = bytes.slice(0, length);
      return true;
    }
    this.take(bytes.subarray(0, length));
    return this.limit === 0 || this.count < this.limit;
  }

  /** Gives out what was kept for the end. */
  end(): void {
    const oldest = this.count > this.limit ? this.count % this.limit : 0;
    for (let i = 0; i < this.kept.length; i++) this.take(this.kept[(oldest + i) % this.kept.length]);
    this.kept.length = 0;
  }
}
