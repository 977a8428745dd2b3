/** Headers that belong to one hop: HTTP's own, gRPC's own, and those of the connection. */
const OWN_TO_THE_HOP =
  /^(:.*|grpc-.*|content-type|content-length|te|user-agent|host|connection|keep-alive|upgrade|transfer-encoding|accept.*|connect-.*|x-user-agent|x-grpc-web)$/;

/** What a browser says of a page and of itself: the relay has judged that, and a peer would judge the page as if it had called the peer. */
const OF_A_BROWSER = /^(origin|referer|cookie|dnt|priority|pragma|cache-control|sec-.*)$/;

/** The client's request metadata, which peers get as well (a proxy in front of them may ask for it). */
export function forwardedMetadata(
  headers: Iterable<readonly [string, string | readonly string[] | undefined]>,
): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (value === undefined || OWN_TO_THE_HOP.test(name) || OF_A_BROWSER.test(name)) continue;
    metadata[name] = typeof value === 'string' ? value : value.join(',');
  }
  return metadata;
}
