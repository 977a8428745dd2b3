import { guardFiles } from './page-door.ts';
import type { RpcServerOptions } from './server.ts';
import { serveFiles } from './web-files.ts';

/** The page that a process serves beside its API. */
export interface PageOptions {
  /** Where the built page is. */
  readonly directory: string;
  /** What a browser has to show; without it the page is for this machine and for browsers with a client certificate. */
  readonly token?: string;
}

/** What of a server's options serves a page; nothing when it was not asked for or is not built. */
export function servePage(page: PageOptions | undefined): Pick<RpcServerOptions, 'web' | 'pageToken'> {
  const files = page === undefined ? undefined : serveFiles(page.directory);
  if (page === undefined || files === undefined) return {};
  const { token } = page;
  return { web: guardFiles(files, token), ...(token !== undefined && { pageToken: token }) };
}
