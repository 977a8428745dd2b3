/** What all requests of a relay came to. Flows received = merged + discarded + waiting in merges right now. */
export interface RelayMeter {
  /** Flows that peers sent. */
  received: number;
  /** Flows that went on, to clients or into live buffers. */
  merged: number;
  /** Of those: behind a newer one. */
  late: number;
  /** Of those: with a time ahead of the clock here by more than clocks may differ. */
  ahead: number;
  /** Flows that were waiting when their request ended: nobody wanted them any more. */
  discarded: number;
}

export function createMeter(): RelayMeter {
  return { received: 0, merged: 0, late: 0, ahead: 0, discarded: 0 };
}
