/** Headers that belong to one hop: HTTP's own, gRPC's own, and those of the connection. */
const OWN_TO_THE_HOP =
  /^(:.*|grpc-.*|content-type|content-length|te|user-agent|host|connection|keep-alive|upgrade|transfer-encoding|accept.*|connect-.*|x-user-agent|x-grpc-web)$/;

/** The client's request metadata, which peers get as well (a proxy in front of them may ask for it). */
export function forwardedMetadata(
  headers: Iterable<readonly [string, string | readonly string[] | undefined]>,
): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (value === undefined || OWN_TO_THE_HOP.test(name)) continue;
    metadata[name] = typeof value === 'string' ? value : value.join(',');
  }
  return metadata;
}
