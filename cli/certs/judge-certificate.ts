import type { KeyObject, X509Certificate } from 'node:crypto';
import { canonicalIp } from '../../cluster/address.ts';
import type { CertificateUse } from './fleet-certificates.ts';

const DAY_MS = 86_400_000;
/** Extended key usages (RFC 5280 section 4.2.1.12). */
const useOids: Readonly<Record<string, CertificateUse>> = {
  '1.3.6.1.5.5.7.3.1': 'server',
  '1.3.6.1.5.5.7.3.2': 'client',
};

/** Names and addresses that a certificate is for, as they are written in requests. */
export function namesOf(certificate: X509Certificate): string[] {
  return (certificate.subjectAltName ?? '')
    .split(', ')
    .filter((entry) => entry !== '')
    .map((entry) => {
      const value = entry.slice(entry.indexOf(':') + 1);
      return entry.startsWith('IP Address:') ? (canonicalIp(value) ?? value) : value;
    });
}

/** What a certificate may be used for; empty when it does not say. */
export function usesOf(certificate: X509Certificate): CertificateUse[] {
  return (certificate.keyUsage ?? []).flatMap((oid) => useOids[oid] ?? []);
}

/** Whether one of the CAs signed it. */
export function isSignedBy(certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  return authorities.some(
    (authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  );
}

/** What is wrong with a certificate now; undefined when nothing is. */
export function faultOf(
  certificate: X509Certificate,
  key: KeyObject | null,
  authorities: readonly X509Certificate[],
  nowMs: number,
): string | undefined {
  if (nowMs > certificate.validToDate.getTime())
    return `expired ${daysWords(nowMs - certificate.validToDate.getTime())} ago`;
  if (nowMs < certificate.validFromDate.getTime())
    return `not valid until ${certificate.validFromDate.toISOString()}`;
  if (!isSignedBy(certificate, authorities)) return 'not signed by ca.crt';
  if (key !== null && !certificate.checkPrivateKey(key)) return 'its key belongs to another certificate';
  return undefined;
}

/** Whole days, or hours when it is less than one. */
export function daysWords(ms: number): string {
  const [count, unit] =
    ms >= DAY_MS ? [Math.floor(ms / DAY_MS), 'day'] : [Math.floor(ms / 3_600_000), 'hour'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
