/** A store of a fault run: a real server that is killed, and can tell what it holds. */
export interface FaultStore {
  readonly name: string;
  /** The mapping of its sink in a configuration, such as `kafka: {…}`. */
  readonly sink: string;
  /** Ends the server as a crash does. */
  kill(): Promise<void>;
  /** Starts it again, with what it has. */
  resume(): Promise<void>;
  /** The uuid of every flow that it holds, each as often as it is there. `atLeast`: how many different ones to wait for, for a minute at most. */
  uuids(atLeast: number): Promise<readonly string[]>;
  /** Ends it for good. */
  stop(): Promise<void>;
}
