/**
 * The one module that knows koffi: libbpf and the C library as typed functions. Pointers are BigInt (null for NULL); functions of libbpf 1.x
 * that give an int give -errno on failure.
 */
import koffi, { type LibraryHandle } from 'koffi';
import { KernelError } from './kernel-error.ts';

/** An address in this process. */
export type Pointer = bigint;

function load(name: string, packageName: string): LibraryHandle {
  try {
    return koffi.load(name);
  } catch (error) {
    throw new KernelError(
      'missing',
      2,
      `cannot load ${name}: ${String(error)}; install the package ${packageName}`,
    );
  }
}

const libbpf = load('libbpf.so.1', 'libbpf1');
const libc = load('libc.so.6', 'libc6');

koffi.opaque('bpf_object');
koffi.opaque('bpf_program');
koffi.opaque('bpf_map');
koffi.opaque('perf_buffer');
koffi.struct('bpf_map_batch_opts', { sz: 'size_t', elem_flags: 'uint64_t', flags: 'uint64_t' });

const declare = (lib: LibraryHandle, prototype: string): ReturnType<LibraryHandle['func']> =>
  lib.func(prototype);

export const bpf = {
  objectOpen: declare(libbpf, 'bpf_object *bpf_object__open(const char *path)'),
  objectLoad: declare(libbpf, 'int bpf_object__load(bpf_object *object)'),
  objectClose: declare(libbpf, 'void bpf_object__close(bpf_object *object)'),
  findMap: declare(libbpf, 'bpf_map *bpf_object__find_map_by_name(bpf_object *object, const char *name)'),
  findProgram: declare(
    libbpf,
    'bpf_program *bpf_object__find_program_by_name(bpf_object *object, const char *name)',
  ),
  nextMap: declare(libbpf, 'bpf_map *bpf_object__next_map(bpf_object *object, bpf_map *map)'),
  mapName: declare(libbpf, 'const char *bpf_map__name(bpf_map *map)'),
  mapFd: declare(libbpf, 'int bpf_map__fd(bpf_map *map)'),
  mapKeySize: declare(libbpf, 'uint32_t bpf_map__key_size(bpf_map *map)'),
  mapValueSize: declare(libbpf, 'uint32_t bpf_map__value_size(bpf_map *map)'),
  mapMaxEntries: declare(libbpf, 'uint32_t bpf_map__max_entries(bpf_map *map)'),
  mapSetMaxEntries: declare(libbpf, 'int bpf_map__set_max_entries(bpf_map *map, uint32_t entries)'),
  mapType: declare(libbpf, 'int bpf_map__type(bpf_map *map)'),
  mapIsInternal: declare(libbpf, 'bool bpf_map__is_internal(bpf_map *map)'),
  mapSetPinPath: declare(libbpf, 'int bpf_map__set_pin_path(bpf_map *map, const char *path)'),
  mapSetInitialValue: declare(
    libbpf,
    'int bpf_map__set_initial_value(bpf_map *map, const void *data, size_t size)',
  ),
  programFd: declare(libbpf, 'int bpf_program__fd(bpf_program *program)'),
  objectGet: declare(libbpf, 'int bpf_obj_get(const char *path)'),
  objectPin: declare(libbpf, 'int bpf_obj_pin(int fd, const char *path)'),
  mapUpdate: declare(
    libbpf,
    'int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)',
  ),
  mapLookup: declare(libbpf, 'int bpf_map_lookup_elem(int fd, const void *key, _Out_ uint8_t *value)'),
  mapDelete: declare(libbpf, 'int bpf_map_delete_elem(int fd, const void *key)'),
  mapNextKey: declare(libbpf, 'int bpf_map_get_next_key(int fd, const void *key, void *next)'),
  mapUpdateBatch: declare(
    libbpf,
    'int bpf_map_update_batch(int fd, const void *keys, const void *values, _Inout_ uint32_t *count, const bpf_map_batch_opts *opts)',
  ),
  mapLookupBatch: declare(
    libbpf,
    'int bpf_map_lookup_batch(int fd, const void *inBatch, void *outBatch, void *keys, void *values, _Inout_ uint32_t *count, const bpf_map_batch_opts *opts)',
  ),
  mapDeleteBatch: declare(
    libbpf,
    'int bpf_map_delete_batch(int fd, const void *keys, _Inout_ uint32_t *count, const bpf_map_batch_opts *opts)',
  ),
  linkCreate: declare(
    libbpf,
    'int bpf_link_create(int programFd, int targetFd, int attachType, const void *opts)',
  ),
  linkUpdate: declare(libbpf, 'int bpf_link_update(int linkFd, int programFd, const void *opts)'),
  perfBufferNew: declare(
    libbpf,
    'perf_buffer *perf_buffer__new_raw(int mapFd, size_t pages, void *attr, void *callback, void *context, const void *opts)',
  ),
  perfBufferCount: declare(libbpf, 'size_t perf_buffer__buffer_cnt(perf_buffer *buffer)'),
  perfBufferBuffer: declare(
    libbpf,
    'int perf_buffer__buffer(perf_buffer *buffer, int index, _Out_ void **address, _Out_ size_t *size)',
  ),
  perfBufferEpollFd: declare(libbpf, 'int perf_buffer__epoll_fd(perf_buffer *buffer)'),
  perfBufferFree: declare(libbpf, 'void perf_buffer__free(perf_buffer *buffer)'),
  possibleCpus: declare(libbpf, 'int libbpf_num_possible_cpus()'),
};

export const c = {
  syscall: declare(libc, 'long syscall(long number, long a, void *b, long c)'),
  close: declare(libc, 'int close(int fd)'),
  open: declare(libc, 'int open(const char *path, int flags)'),
  /** `fcntl` with a number as its third argument. */
  fcntl: declare(libc, 'int fcntl(int fd, int command, long argument)'),
  flock: declare(libc, 'int flock(int fd, int operation)'),
  getpagesize: declare(libc, 'int getpagesize()'),
  setns: declare(libc, 'int setns(int fd, int kind)'),
  clockGettime: declare(libc, 'int clock_gettime(int clock, _Out_ int64_t *time)'),
  epollWait: declare(libc, 'int epoll_wait(int fd, void *events, int max, int timeoutMs)'),
  mount: declare(
    libc,
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)',
  ),
  socket: declare(libc, 'int socket(int domain, int type, int protocol)'),
  bind: declare(libc, 'int bind(int fd, const void *address, uint32_t length)'),
  send: declare(libc, 'long send(int fd, const void *buffer, size_t length, int flags)'),
  recv: declare(libc, 'long recv(int fd, _Out_ void *buffer, size_t length, int flags)'),
  setsockopt: declare(
    libc,
    'int setsockopt(int fd, int level, int name, const void *value, uint32_t length)',
  ),
  vsnprintf: declare(
    libc,
    'int vsnprintf(_Out_ void *out, size_t size, const void *format, void *arguments)',
  ),
};

/** errno of the last call of this thread. */
export function errno(): number {
  return koffi.errno();
}

/** Where a buffer's bytes stand, for structures that hold addresses. The buffer must stay reachable while the kernel uses it. */
export function addressOf(buffer: Uint8Array): Pointer {
  return koffi.address(buffer);
}

/** Memory of the process as an ArrayBuffer without an owner: reading it after the memory was given back ends the process. */
export function viewMemory(pointer: Pointer, bytes: number): ArrayBuffer {
  return koffi.view(pointer, bytes);
}

/**
 * Calls back when `fd` becomes readable. The result must stay reachable for as long as it is wanted: once it is collected the callbacks stop without a word.
 */
export function pollReadable(fd: number, callback: () => void): { close(): void } {
  const handle = koffi.node.poll(fd, (() => callback()) as never);
  return { close: () => handle.close() };
}

/** Sends libbpf's log lines, verifier logs among them, to `sink`. One per process, to be called on the main thread only. */
export function captureLibbpfLog(sink: (line: string) => void): void {
  const prototype = koffi.proto('int LibbpfPrint(int level, const void *format, void *arguments)');
  const setPrint = libbpf.func('void *libbpf_set_print(LibbpfPrint *print)');
  const buffer = Buffer.alloc(1 << 20);
  const LEVEL_INFO = 1;
  const print = (level: number, format: unknown, args: unknown): number => {
    if (level > LEVEL_INFO) return 0;
    const length = c.vsnprintf(buffer, buffer.length, format, args) as number;
    sink(buffer.toString('utf8', 0, Math.min(Math.max(length, 0), buffer.length - 1)).trimEnd());
    return 0;
  };
  setPrint(koffi.register(print, koffi.pointer(prototype)));
}
