import { existsSync, rmSync } from 'node:fs';
import { BpfMap } from './bpf-map.ts';
import { bpf, captureLibbpfLog, errno } from './ffi.ts';
import { KernelError } from './kernel-error.ts';

/** How to load an object. */
export interface BpfObjectOptions {
  /** Object file, as clang wrote it. */
  readonly path: string;
  /** Directory on a BPF file system (preparePinDir) in which every map is pinned by its name, or taken from there when it is pinned already. Absent: nothing is pinned. */
  readonly pinDir?: string;
  /** New content of section .rodata, by which the verifier knows constants. */
  readonly rodata?: Uint8Array;
  /** Sizes of maps that shall differ from the object's. */
  readonly maxEntries?: Readonly<Record<string, number>>;
}

const EPERM = 1;
/** Types of maps whose lookups give a value per CPU (enum bpf_map_type). */
const PER_CPU_TYPES = new Set([5, 6, 10]);

let log: string[] | null = null;

function startLog(): string[] {
  if (log === null) {
    const lines: string[] = [];
    captureLibbpfLog((line) => {
      lines.push(line);
      if (lines.length > 500) lines.shift();
    });
    log = lines;
  }
  log.length = 0;
  return log;
}

/** A loaded BPF object: programs and maps by name. Closing it gives back its descriptors; what is pinned or attached by a pinned link lives on. */
export class BpfObject {
  private readonly handle: unknown;
  private readonly path: string;
  private readonly maps = new Map<string, BpfMap>();
  /** Where the load is going to pin maps that are not pinned yet. */
  private readonly newPins: string[] = [];

  private constructor(handle: unknown, path: string) {
    this.handle = handle;
    this.path = path;
  }

  /**
   * Opens and loads an object. Must run on the main thread, because libbpf's log belongs to the process. Throws KernelError: `missing` for no such file,
   * `verifier` with the end of the verifier's log (all of it in `detail`), `exists` when a pinned map has another layout. A failed load leaves no pin
   * that was not there before.
   */
  static load(options: BpfObjectOptions): BpfObject {
    if (!existsSync(options.path)) {
      throw new KernelError(
        'missing',
        2,
        `no BPF object at ${options.path}; build it with: npm run build:bpf`,
      );
    }
    const lines = startLog();
    const handle: unknown = bpf.objectOpen(options.path);
    if (handle === null)
      throw KernelError.fromErrno(`cannot open BPF object ${options.path}`, errno(), lines.at(-1));
    const object = new BpfObject(handle, options.path);
    try {
      object.configure(options);
      const result = bpf.objectLoad(handle) as number;
      if (result < 0) throw loadError(options, -result, lines);
      return object;
    } catch (error) {
      for (const path of object.newPins) rmSync(path, { force: true });
      object.close();
      throw error;
    }
  }

  private configure(options: BpfObjectOptions): void {
    for (const [name, entries] of Object.entries(options.maxEntries ?? {})) {
      const map: unknown = bpf.findMap(this.handle, name);
      if (map === null) throw new KernelError('missing', 2, `no map "${name}" in ${options.path}`);
      bpf.mapSetMaxEntries(map, entries);
    }
    for (
      let map: unknown = bpf.nextMap(this.handle, null);
      map !== null;
      map = bpf.nextMap(this.handle, map)
    ) {
      const name = bpf.mapName(map) as string;
      if (bpf.mapIsInternal(map) === true) {
        if (name.endsWith('.rodata') && options.rodata !== undefined)
          setRodata(map, options.rodata, options.path);
      } else if (options.pinDir !== undefined) {
        const pinPath = `${options.pinDir}/${name}`;
        const result = bpf.mapSetPinPath(map, pinPath) as number;
        if (result < 0) throw KernelError.fromErrno(`cannot pin map ${name} at ${pinPath}`, -result);
        if (!existsSync(pinPath)) this.newPins.push(pinPath);
      }
    }
  }

  /** The map with that name. Throws KernelError when there is none. */
  map(name: string): BpfMap {
    let map = this.maps.get(name);
    if (map === undefined) {
      const handle: unknown = bpf.findMap(this.handle, name);
      if (handle === null) throw new KernelError('missing', 2, `no map "${name}" in ${this.path}`);
      map = new BpfMap(
        name,
        bpf.mapFd(handle) as number,
        bpf.mapKeySize(handle) as number,
        bpf.mapValueSize(handle) as number,
        PER_CPU_TYPES.has(bpf.mapType(handle) as number),
      );
      this.maps.set(name, map);
    }
    return map;
  }

  /** Descriptor of the program with that name, valid until `close`. Throws KernelError when there is none. */
  programFd(name: string): number {
    const program: unknown = bpf.findProgram(this.handle, name);
    if (program === null) throw new KernelError('missing', 2, `no program "${name}" in ${this.path}`);
    return bpf.programFd(program) as number;
  }

  close(): void {
    bpf.objectClose(this.handle);
  }
}

function setRodata(map: unknown, rodata: Uint8Array, path: string): void {
  const size = bpf.mapValueSize(map) as number;
  if (size !== rodata.length) {
    throw new RangeError(
      `constants of ${rodata.length} bytes for ${path}, whose section .rodata has ${size}`,
    );
  }
  const result = bpf.mapSetInitialValue(map, rodata, rodata.length) as number;
  if (result < 0) throw KernelError.fromErrno(`cannot set the constants of ${path}`, -result);
}

function loadError(options: BpfObjectOptions, error: number, lines: readonly string[]): KernelError {
  const text = lines.join('\n');
  const mismatch = /reuse pinned map at '([^']+)'/.exec(text);
  if (mismatch !== null) {
    return new KernelError(
      'exists',
      error,
      `pinned map ${mismatch[1]} has another type or size than in ${options.path}; stop what uses it, then remove ${options.pinDir}`,
      text,
    );
  }
  if (text.includes('BEGIN PROG LOAD LOG')) {
    // The last lines of the log say why; the very last are its statistics.
    const program = /prog '([^']+)': BPF program load failed/.exec(text)?.[1] ?? 'a program';
    const log = text.slice(text.indexOf('BEGIN PROG LOAD LOG')).split('\n').slice(1);
    const end = log.findIndex((line) => line.includes('END PROG LOAD LOG'));
    const tail = log
      .slice(0, end < 0 ? undefined : end)
      .slice(-12)
      .join('\n  ');
    return new KernelError(
      'verifier',
      error,
      `the kernel's verifier refused ${program} of ${options.path}:\n  ${tail}`,
      text,
    );
  }
  return KernelError.fromErrno(
    `cannot load ${options.path}`,
    error,
    error === EPERM ? '' : (lines.at(-1) ?? ''),
  );
}
