/** Servers that may run beside the lab, with its flows going to them. */
export const LAB_STORES = ['kafka', 'elasticsearch'] as const;
export type LabStore = (typeof LAB_STORES)[number];

/** Everything the lab can be told. */
export interface LabOptions {
  /**
   * Name of the lab, by which its namespaces, files and pins are told from another lab's. Default `lab`; lower case letters and digits, at most 8. Two labs
   * of different names run side by side if their ports differ.
   */
  readonly name: string;
  /** End by itself once flows were live for this long. Default: run until interrupted. Sensible from 10 s on. */
  readonly durationMs?: number;
  /** At the end print one JSON object (see `LabReport`) as the last line of stdout. Default false. */
  readonly report: boolean;
  /** Traffic as a multiple of the modest default, which makes about a hundred flow events a second. Default 1, sensible 0.1 to 50. */
  readonly rate: number;
  /** TCP port on 127.0.0.1 of the relay above both clusters. Default 4245, where `sluice observe` looks; 0 = the Unix socket only. */
  readonly port: number;
  /** Print live flows until the end. Default true; without it only what starts, ends and fails is told. */
  readonly showFlows: boolean;
  /** Only remove what a lab that was killed left behind, and end. Default false. */
  readonly clean: boolean;
  /** Real servers that run beside it and get its flows. Default none. They take some 300 and 800 MB of memory, and the first start fetches them. */
  readonly stores: readonly LabStore[];
  /** Directory of the processes' logs; emptied at the start and left at the end. Default build/lab of the checkout. */
  readonly logDir: string;
}

/** What a process room gets from whoever starts it. */
export interface ProcessIo {
  /** Aborts when the process shall end. */
  readonly signal: AbortSignal;
  /** Takes one log line, without a line break. */
  readonly log: (line: string) => void;
}

export const DEFAULT_LAB_OPTIONS: LabOptions = {
  name: 'lab',
  report: false,
  rate: 1,
  port: 4245,
  showFlows: true,
  clean: false,
  stores: [],
  logDir: new URL('../build/lab', import.meta.url).pathname,
};
