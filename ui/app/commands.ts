/** What a key, a list or a search result may ask of another part of the page. */
export interface CommandArgs {
  /** Show all of the map. */
  readonly fit: undefined;
  /** Bring `node:…`, `edge:…` or `island:…` to the middle. */
  readonly find: string;
  /** Nearer or farther. */
  readonly zoom: number;
  /** Put the cursor into the filter bar. */
  readonly 'focus-filter': undefined;
  /** Open the box that goes to anything. */
  readonly search: undefined;
  /** Select the next thing that needs attention. */
  readonly 'next-problem': undefined;
  readonly help: undefined;
  /** Put the keyboard's focus into the map's tree. */
  readonly 'focus-map': undefined;
}

type Handler<K extends keyof CommandArgs> = (arg: CommandArgs[K]) => void;

/** Who does what is asked need not be known to who asks. */
export class Commands {
  private readonly handlers = new Map<string, Set<Handler<never>>>();

  /** Returns what takes the handler away again. */
  on<K extends keyof CommandArgs>(name: K, handler: Handler<K>): () => void {
    const known = this.handlers.get(name) ?? new Set();
    this.handlers.set(name, known);
    known.add(handler);
    return () => known.delete(handler);
  }

  send<K extends keyof CommandArgs>(name: K, arg: CommandArgs[K]): void {
    for (const handler of this.handlers.get(name) ?? []) (handler as Handler<K>)(arg);
  }
}
