import type { ClientTls } from '../../rpc/tls-files.ts';
import { UsageError } from '../../flags/flag-spec.ts';
import type { Settings } from '../settings/settings.ts';

/** Whether TLS is asked for, by flag or by the form of the address. */
export function wantsTls(settings: Settings): boolean {
  return settings.bool('tls') || settings.text('server')!.startsWith('tls://');
}

/** Checks that settings which need each other are given together. Throws UsageError. */
export function checkServerSettings(settings: Settings): void {
  const given = (name: string): boolean => (settings.text(name) ?? '') !== '';
  const requirePair = (a: string, b: string): void => {
    const missing = given(a) === given(b) ? undefined : given(a) ? b : a;
    if (missing !== undefined) {
      throw new UsageError(`--${a} and --${b} go together: --${missing} is missing`);
    }
  };
  requirePair('tls-client-cert-file', 'tls-client-key-file');
  requirePair('basic-auth-username', 'basic-auth-password');
  if (wantsTls(settings)) return;
  if (given('tls-client-cert-file')) {
    throw new UsageError('a client certificate needs TLS: add --tls, or name the server as tls://host:port');
  }
  if (given('basic-auth-username')) {
    throw new UsageError(
      'a password is not sent in the clear: add --tls, or name the server as tls://host:port',
    );
  }
}

/** How to trust the server and to show oneself, or undefined for plaintext. */
export function clientTls(settings: Settings): ClientTls | undefined {
  if (!wantsTls(settings)) return undefined;
  const serverName = settings.text('tls-server-name');
  const certFile = settings.text('tls-client-cert-file');
  const keyFile = settings.text('tls-client-key-file');
  return {
    caFiles: settings.list('tls-ca-cert-files'),
    allowInsecure: settings.bool('tls-allow-insecure'),
    ...(serverName && { serverName }),
    ...(certFile && { certFile }),
    ...(keyFile && { keyFile }),
  };
}

/** Request headers for a proxy in front of the server. */
export function authorization(settings: Settings): Readonly<Record<string, string>> {
  const user = settings.text('basic-auth-username');
  if (!user) return {};
  const credentials = `${user}:${settings.text('basic-auth-password') ?? ''}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}
