/** What can be done about a connection that one side does not trust, by words of its error (rpc/net-error.ts, rpc/tls-door.ts). */
const hints: readonly (readonly [words: string, hint: string])[] = [
  ['this address speaks TLS only', 'Name the server as tls://host:port, or add --tls.'],
  [
    'the server does not speak TLS',
    'Leave tls:// and --tls out if that is what you want: whoever is on the way reads along then.',
  ],
  ['a client certificate is needed here', 'Show one with --tls-client-cert-file and --tls-client-key-file.'],
  ['the client certificate', 'Look at it with: sluice certs show DIR'],
  [
    "the server's certificate is not for",
    'Name what is on the certificate with --tls-server-name, if that is the server that you mean.',
  ],
  ["the server's certificate is signed by", 'Name the CA that signed it with --tls-ca-cert-files.'],
];

/** The hint for an error that is about trust, or none. */
export function tlsHint(message: string): string | undefined {
  return hints.find(([words]) => message.includes(words))?.[1];
}
