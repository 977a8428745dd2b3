import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeCredential } from '../../cli/certs/certificate-files.ts';
import type { CertificateUse } from '../../cli/certs/fleet-certificates.ts';
import { type Credential, issueCertificate } from '../../cli/certs/issue-certificate.ts';

const HOUR_MS = 3_600_000;

/** A CA of a test, and certificates that it signs, as files. */
export interface TestAuthority {
  readonly dir: string;
  readonly caFile: string;
  readonly issuer: Credential;
  /** Writes a certificate, valid from an hour ago for an hour unless told otherwise, and gives its files. */
  issue(file: string, use: CertificateUse, given?: IssueOptions): Promise<CertificatePair>;
  remove(): void;
}

export interface CertificatePair {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface IssueOptions {
  readonly names?: readonly string[];
  /** When it is valid, in ms from now. */
  readonly fromMs?: number;
  readonly untilMs?: number;
  readonly commonName?: string;
}

export async function createTestAuthority(): Promise<TestAuthority> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-ca-'));
  const lifetime = (fromMs: number, untilMs: number): { notBefore: Date; notAfter: Date } => ({
    notBefore: new Date(Date.now() + fromMs),
    notAfter: new Date(Date.now() + untilMs),
  });
  const issuer = await issueCertificate({
    commonName: 'test CA',
    names: [],
    use: 'authority',
    keyType: 'ecdsa-p256',
    ...lifetime(-HOUR_MS, HOUR_MS),
  });
  writeCredential(join(dir, 'ca'), issuer);
  return {
    dir,
    caFile: join(dir, 'ca.crt'),
    issuer,
    issue: async (file, use, { names, fromMs, untilMs, commonName } = {}) => {
      const credential = await issueCertificate(
        {
          commonName: commonName ?? file,
          names: names ?? ['localhost', '127.0.0.1'],
          use,
          keyType: 'ecdsa-p256',
          ...lifetime(fromMs ?? -HOUR_MS, untilMs ?? HOUR_MS),
        },
        issuer,
      );
      writeCredential(join(dir, file), credential);
      return { certFile: join(dir, `${file}.crt`), keyFile: join(dir, `${file}.key`) };
    },
    remove: () => rmSync(dir, { recursive: true }),
  };
}
