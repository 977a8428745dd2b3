import {
  type Dirent,
  type FSWatcher,
  lstatSync,
  readdirSync,
  readlinkSync,
  type Stats,
  statSync,
  watch,
} from 'node:fs';
import { basename, join } from 'node:path';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import type { SourceProblem } from '../model.ts';

/** Levels of directories followed; also what ends a circle of symbolic links that the check for ancestors does not. */
const MAX_DEPTH = 16;
export const MAX_FILES = 100_000;
/** System calls between two turns of the event loop: about a millisecond's worth. */
const CALLS_PER_TURN = 256;

/** What a look at the tree found. */
export interface TreeChanges {
  /** Files that are new or may have other content than at the last look. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

interface Directory {
  readonly path: string;
  readonly depth: number;
  /** `device:inode`: a directory that was replaced by another of the same name is told by it, unless that got the same inode. */
  readonly id: string;
  readonly parent: Directory | undefined;
  /** The watch may have ended: the directory was removed or moved, or perhaps only an entry of the same name as its own. */
  isStale: boolean;
  readonly ancestors: ReadonlySet<string>;
  /** Absent where the system refused to watch: then only polling sees changes. */
  watcher: FSWatcher | undefined;
  /** What a file was like when it was last looked at, by name. */
  readonly files: Map<string, string>;
  readonly children: Map<string, Directory>;
  /** Entries that are symbolic links leading out of the directory: no event tells of a change of their target. */
  readonly links: Set<string>;
}

/**
 * The manifest files below a directory, watched. Events only mark what has to be looked at; `look` says what is there. Names that begin with a dot are
 * passed over: editors' and our own temporary files, and the `..data` directories behind a mounted ConfigMap, whose files are reached by their links.
 * A directory that cannot be read, or is gone, keeps its files as they were known; `problems` says so.
 */
export class FileTree {
  readonly root: string;
  private readonly onEvent: () => void;
  private top: Directory | undefined;
  private fileCount = 0;
  private rootIsGone = false;
  /** Entries to look at, by directory; 'all' after an event that names none. */
  private readonly marked = new Map<Directory, Set<string> | 'all'>();
  private readonly failures = new Map<string, string>();
  private changed = new Set<string>();
  private removed = new Set<string>();
  private callsLeft = CALLS_PER_TURN;
  private closed = false;

  constructor(root: string, onEvent: () => void) {
    this.root = root;
    this.onEvent = onEvent;
  }

  get problems(): SourceProblem[] {
    return [...this.failures].map(([where, message]) => ({ where, message }));
  }

  /** Looks at what events marked, or with `everything` at all of it. Only one call may run at a time. */
  async look(everything: boolean): Promise<TreeChanges> {
    this.changed = new Set();
    this.removed = new Set();
    if (this.rootChanged() || this.top === undefined) await this.openRoot();
    if (everything && this.top !== undefined) this.markAll(this.top);
    while (this.marked.size > 0 && !this.closed) {
      const [directory, names] = this.marked.entries().next().value!;
      this.marked.delete(directory);
      if (names === 'all') await this.scan(directory);
      else for (const name of names) await this.lookAtNamed(directory, name);
    }
    for (const path of this.changed) this.removed.delete(path);
    return { changed: [...this.changed], removed: [...this.removed] };
  }

  /** Whether something changed of which no event tells: the root itself, or the target of a link. Marks it. */
  poll(): boolean {
    if (this.rootChanged()) return true;
    let found = false;
    const visit = (directory: Directory): void => {
      if (directory.watcher === undefined) {
        this.marked.set(directory, 'all');
        found = true;
      }
      for (const name of directory.links) {
        const stats = this.stat(join(directory.path, name));
        let target: string | undefined;
        if (stats?.isDirectory()) target = idOf(stats);
        else if (stats?.isFile() && isManifestName(name)) target = signatureOf(stats);
        if (target === (directory.files.get(name) ?? directory.children.get(name)?.id)) continue;
        this.mark(directory, name);
        found = true;
      }
      for (const child of directory.children.values()) visit(child);
    };
    if (this.top !== undefined) visit(this.top);
    return found;
  }

  close(): void {
    this.closed = true;
    if (this.top !== undefined) this.unwatch(this.top);
  }

  private rootChanged(): boolean {
    const stats = this.stat(this.root);
    const id = stats?.isDirectory() ? idOf(stats) : undefined;
    if (id === undefined) {
      // What is known stays: a source that went away says nothing about the cluster.
      this.failures.set(this.root, 'is no directory that can be read: its last known state is kept');
      if (this.top !== undefined) this.unwatch(this.top);
      this.rootIsGone = true;
      return false;
    }
    return this.top?.id !== id || this.top.isStale || this.rootIsGone;
  }

  private async openRoot(): Promise<void> {
    const stats = this.stat(this.root);
    if (stats === undefined || !stats.isDirectory()) return;
    this.rootIsGone = false;
    if (this.top !== undefined) this.drop(this.top);
    this.top = this.openDirectory(this.root, undefined, stats);
    await this.scan(this.top);
  }

  private openDirectory(path: string, parent: Directory | undefined, stats: Stats): Directory {
    const id = idOf(stats);
    const directory: Directory = {
      path,
      depth: parent === undefined ? 0 : parent.depth + 1,
      id,
      parent,
      isStale: false,
      watcher: undefined,
      files: new Map(),
      children: new Map(),
      links: new Set(),
      ancestors: new Set([...(parent?.ancestors ?? []), id]),
    };
    this.failures.delete(path);
    try {
      // Watched before it is read: what changes in between is looked at twice, not missed.
      const watcher = watch(path, { persistent: true }, (event, name) => {
        if (event === 'rename' && name === basename(path)) this.onSelfEvent(directory);
        this.onFsEvent(directory, name);
      });
      watcher.on('error', () => this.onFsEvent(directory, null));
      directory.watcher = watcher;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT')
        this.failures.set(path, `cannot be watched (${code}): looked at twice a second instead`);
    }
    return directory;
  }

  private onFsEvent(directory: Directory, name: string | null): void {
    if (this.closed) return;
    if (name === null || name.startsWith('..')) this.marked.set(directory, 'all');
    else if (name.startsWith('.')) return;
    else this.mark(directory, name);
    this.onEvent();
  }

  /** The removal of a watched directory comes as an event with its own name. Its inode may be another's already. */
  private onSelfEvent(directory: Directory): void {
    directory.isStale = true;
    if (directory.parent !== undefined) this.mark(directory.parent, basename(directory.path));
  }

  private mark(directory: Directory, name: string): void {
    const names = this.marked.get(directory);
    if (names === 'all') return;
    if (names === undefined) this.marked.set(directory, new Set([name]));
    else names.add(name);
  }

  private markAll(directory: Directory): void {
    this.marked.set(directory, 'all');
    for (const child of directory.children.values()) this.markAll(child);
  }

  private async scan(directory: Directory): Promise<void> {
    let entries: Dirent[];
    try {
      entries = readdirSync(directory.path, { withFileTypes: true });
      this.failures.delete(directory.path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // One that is gone is seen by its parent (the root by rootChanged), which knows whether another took its name.
      if (code !== 'ENOENT')
        this.failures.set(directory.path, `cannot be read (${code}): its last known state is kept`);
      return;
    }
    const present = new Set<string>();
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      if (!isManifestName(entry.name) && !entry.isDirectory() && !entry.isSymbolicLink()) continue;
      present.add(entry.name);
      const stats = this.stat(join(directory.path, entry.name));
      noteLink(directory, entry.name, entry.isSymbolicLink());
      if (stats?.isFile() && directory.files.get(entry.name) === signatureOf(stats)) continue;
      await this.lookAt(directory, entry.name, stats);
    }
    for (const name of [...directory.files.keys(), ...directory.children.keys()]) {
      if (!present.has(name)) await this.lookAtNamed(directory, name);
    }
  }

  private async lookAtNamed(directory: Directory, name: string): Promise<void> {
    const path = join(directory.path, name);
    noteLink(directory, name, this.stat(path, lstatSync)?.isSymbolicLink() ?? false);
    await this.lookAt(directory, name, this.stat(path));
  }

  /** Brings what is known of one entry up to date. A file counts as changed whenever it is looked at: timestamps tick slower than programs write. */
  private async lookAt(directory: Directory, name: string, stats: Stats | undefined): Promise<void> {
    if (--this.callsLeft <= 0) {
      this.callsLeft = CALLS_PER_TURN;
      await yieldToEvents();
    }
    const path = join(directory.path, name);
    const child = directory.children.get(name);
    if (child !== undefined && (child.isStale || !stats?.isDirectory() || idOf(stats) !== child.id)) {
      directory.children.delete(name);
      this.drop(child);
    }
    if (stats?.isDirectory()) {
      this.forget(directory, name);
      if (!directory.children.has(name)) await this.descend(directory, name, stats);
    } else if (stats?.isFile() && isManifestName(name)) {
      if (!directory.files.has(name) && ++this.fileCount > MAX_FILES) {
        this.fileCount--;
        this.failures.set(this.root, `has more than ${MAX_FILES} manifest files: the others are not read`);
        return;
      }
      directory.files.set(name, signatureOf(stats));
      this.changed.add(path);
    } else this.forget(directory, name);
  }

  private async descend(parent: Directory, name: string, stats: Stats): Promise<void> {
    const path = join(parent.path, name);
    if (parent.ancestors.has(idOf(stats))) return; // a link back up
    if (parent.depth + 1 >= MAX_DEPTH) {
      this.failures.set(path, `is more than ${MAX_DEPTH} directories deep: not read`);
      return;
    }
    const child = this.openDirectory(path, parent, stats);
    parent.children.set(name, child);
    await this.scan(child);
  }

  private forget(directory: Directory, name: string): void {
    if (!directory.files.delete(name)) return;
    this.fileCount--;
    this.removed.add(join(directory.path, name));
  }

  private drop(directory: Directory): void {
    this.unwatch(directory);
    this.failures.delete(directory.path);
    for (const name of directory.files.keys()) this.forget(directory, name);
    for (const child of directory.children.values()) this.drop(child);
  }

  private unwatch(directory: Directory): void {
    directory.watcher?.close();
    this.marked.delete(directory);
    for (const child of directory.children.values()) this.unwatch(child);
  }

  private stat(path: string, call: typeof statSync = statSync): Stats | undefined {
    this.callsLeft--;
    try {
      return call(path, { throwIfNoEntry: false });
    } catch {
      return undefined; // ELOOP, EACCES on the way: as good as not there
    }
  }
}

function isManifestName(name: string): boolean {
  return /\.(ya?ml|json)$/.test(name);
}

/** Keeps `links` to those that poll has to compare. */
function noteLink(directory: Directory, name: string, isLink: boolean): void {
  if (isLink && !linksIntoData(join(directory.path, name))) directory.links.add(name);
  else directory.links.delete(name);
}

/** Whether a link is one of a ConfigMap mount's: those change when `..data` does, of which there is an event. */
function linksIntoData(path: string): boolean {
  try {
    return readlinkSync(path).startsWith('..data/');
  } catch {
    return false;
  }
}

function idOf(stats: Stats): string {
  return `${stats.dev}:${stats.ino}`;
}

function signatureOf(stats: Stats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}`;
}
