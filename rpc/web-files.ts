import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

interface WebFile {
  readonly type: string;
  readonly bytes: Buffer;
  /** Null for what is compressed already. */
  readonly gzip: Buffer | null;
  readonly etag: string;
  /** Its name holds a hash of what is in it: it may be kept for ever. */
  readonly isHashed: boolean;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** Nothing but what this server serves: no script, style or picture of others, none written into the page, and no frame around it. */
const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

const MAX_FILES_BYTES = 32 * 1024 * 1024;

/**
 * Serves the files of a directory from memory, as they are now; paths without a dot in their last part are places within the page, and get its index.html. Undefined when
 * the directory has no index.html. Throws RangeError when it holds more than 32 MiB.
 */
export function serveFiles(directory: string): RequestListener | undefined {
  const files = readFiles(directory);
  const index = files.get('/index.html');
  if (index === undefined) return undefined;
  return (request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0];
    const file = files.get(path) ?? (/\.[^/]*$/.test(path) ? undefined : index);
    if (file === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' });
      response.end('not found\n');
    } else answer(request, response, file);
  };
}

function answer(request: IncomingMessage, response: ServerResponse, file: WebFile): void {
  const headers = {
    ...PAGE_HEADERS,
    'content-type': file.type,
    etag: file.etag,
    vary: 'accept-encoding',
    'cache-control': file.isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
  };
  if (request.headers['if-none-match'] === file.etag) {
    response.writeHead(304, headers);
    response.end();
    return;
  }
  const takesGzip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  const zipped = takesGzip ? file.gzip : null;
  const body = zipped ?? file.bytes;
  response.writeHead(200, {
    ...headers,
    'content-length': body.length,
    ...(zipped !== null && { 'content-encoding': 'gzip' }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function readFiles(directory: string): Map<string, WebFile> {
  const files = new Map<string, WebFile>();
  let total = 0;
  for (const path of list(directory)) {
    const bytes = readFileSync(join(directory, path));
    total += bytes.length;
    if (total > MAX_FILES_BYTES) {
      throw new RangeError(`${directory} holds more than ${MAX_FILES_BYTES} bytes: that is no built page`);
    }
    files.set(`/${path}`, {
      type: types[extname(path)] ?? 'application/octet-stream',
      bytes,
      gzip: extname(path) === '.woff2' ? null : gzipSync(bytes),
      etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
      isHashed: path.startsWith('assets/'),
    });
  }
  return files;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
  } catch {
    return []; // never built
  }
}
