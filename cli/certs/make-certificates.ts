import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { X509Certificate } from 'node:crypto';
import { readCertificates, readKey, writeCredential } from './certificate-files.ts';
import type { CertificateSpec } from './fleet-certificates.ts';
import { type Credential, issueCertificate, type KeyType } from './issue-certificate.ts';
import { daysWords, faultOf, namesOf, usesOf } from './judge-certificate.ts';

/** How certificates are made. */
export interface MakeOptions {
  readonly dir: string;
  /** How long a certificate lasts; never longer than the CA. */
  readonly lifetimeMs: number;
  readonly authorityLifetimeMs: number;
  /** One that ends within this time is made anew; at most a third of the lifetime counts. */
  readonly renewBeforeMs: number;
  readonly keyType: KeyType;
  readonly nowMs: number;
  /** Make every certificate anew, the CA excepted. */
  readonly renewAll?: boolean;
}

/** What became of a certificate. */
export interface Outcome {
  /** Below the directory. */
  readonly file: string;
  readonly state: string;
  readonly certificate: X509Certificate;
}

export const AUTHORITY = 'ca';
/** Clocks of a fleet differ: a certificate that was made a moment ago is not to be refused for that. */
const BACKDATED_MS = 3_600_000;

/** The CA of a directory and its key. Throws Error that says what is missing. */
export function readAuthority(dir: string): { authorities: X509Certificate[]; issuer: Credential } {
  const authorities = readCertificates(join(dir, `${AUTHORITY}.crt`));
  const key = readKey(join(dir, `${AUTHORITY}.key`));
  const certificate = authorities.at(0);
  if (certificate === undefined) throw new Error(`there is no CA in ${dir}: expected ${AUTHORITY}.crt`);
  if (key === null) throw new Error(`cannot sign: the CA's key ${join(dir, `${AUTHORITY}.key`)} is missing`);
  if (!certificate.checkPrivateKey(key)) {
    throw new Error(`cannot sign: ${AUTHORITY}.key in ${dir} does not belong to ${AUTHORITY}.crt`);
  }
  return { authorities, issuer: { certificate, key } };
}

/** Makes the CA of a directory unless there is one. Throws Error for one that cannot sign any more. */
export async function makeAuthority(options: MakeOptions): Promise<Outcome> {
  const { dir, nowMs } = options;
  const file = `${AUTHORITY}.crt`;
  if (existsSync(join(dir, file)) || existsSync(join(dir, `${AUTHORITY}.key`))) {
    const { certificate } = readAuthority(dir).issuer;
    const leftMs = certificate.validToDate.getTime() - nowMs;
    if (leftMs <= 0) {
      throw new Error(
        `the CA in ${dir} expired ${daysWords(-leftMs)} ago: make another in a new directory, and trust both until all certificates are replaced`,
      );
    }
    return { file, state: 'kept', certificate };
  }
  const credential = await issueCertificate({
    commonName: 'Sluice fleet CA',
    names: [],
    use: 'authority',
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + options.authorityLifetimeMs),
    keyType: options.keyType,
  });
  writeCredential(join(dir, AUTHORITY), credential);
  return { file, state: 'made', certificate: credential.certificate };
}

/** Makes what is missing of the certificates, makes anew what does not do any more, and keeps the rest. Throws Error for files that cannot be read or written. */
export async function makeCertificates(
  specs: readonly CertificateSpec[],
  options: MakeOptions,
): Promise<Outcome[]> {
  const { authorities, issuer } = readAuthority(options.dir);
  const outcomes: Outcome[] = [];
  for (const spec of specs) {
    const path = join(options.dir, spec.path);
    const old = readCertificates(`${path}.crt`).at(0);
    const reason = old === undefined ? undefined : reasonToRenew(spec, old, path, authorities, options);
    const file = `${spec.path}.crt`;
    if (old !== undefined && reason === undefined) {
      outcomes.push({ file, state: 'kept', certificate: old });
      continue;
    }
    const endMs = Math.min(options.nowMs + options.lifetimeMs, issuer.certificate.validToDate.getTime());
    const credential = await issueCertificate(
      {
        ...spec,
        notBefore: new Date(options.nowMs - BACKDATED_MS),
        notAfter: new Date(endMs),
        keyType: options.keyType,
      },
      issuer,
    );
    writeCredential(path, credential);
    const state = reason === undefined ? 'made' : `renewed: ${reason}`;
    outcomes.push({ file, state, certificate: credential.certificate });
  }
  return outcomes;
}

function reasonToRenew(
  spec: CertificateSpec,
  old: X509Certificate,
  path: string,
  authorities: readonly X509Certificate[],
  { nowMs, renewBeforeMs, renewAll }: MakeOptions,
): string | undefined {
  const key = readKey(`${path}.key`);
  if (key === null) return 'its key was missing';
  const fault = faultOf(old, key, authorities, nowMs);
  if (fault !== undefined) return fault;
  if (namesOf(old).join() !== spec.names.join()) return 'it had other names';
  if (!usesOf(old).includes(spec.use)) return `it was not for a ${spec.use}`;
  const endMs = old.validToDate.getTime();
  const thirdMs = (endMs - old.validFromDate.getTime()) / 3;
  if (endMs - nowMs < Math.min(renewBeforeMs, thirdMs)) return `it ended in ${daysWords(endMs - nowMs)}`;
  return renewAll === true ? 'as asked' : undefined;
}

/** What a directory has, as the specs that would make it again; the CA is left out. */
export function presentCertificates(dir: string): CertificateSpec[] {
  return certificateFiles(dir)
    .filter((path) => path !== AUTHORITY)
    .map((path) => {
      const [certificate] = readCertificates(join(dir, `${path}.crt`));
      const names = namesOf(certificate);
      const uses = usesOf(certificate);
      if (uses.length !== 1 || names.length === 0) {
        throw new Error(
          `${join(dir, path)}.crt was not made by this command: expected names, and one use of server and client`,
        );
      }
      return { path, commonName: names[0], names, use: uses[0] };
    });
}

/** Certificates below a directory, without `.crt`, sorted. Throws Error when it cannot be read. */
export function certificateFiles(dir: string): string[] {
  try {
    return readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.crt'))
      .map((path) => path.slice(0, -'.crt'.length))
      .sort();
  } catch (error) {
    throw new Error(`cannot read the directory ${dir}: ${(error as NodeJS.ErrnoException).code}`, {
      cause: error,
    });
  }
}
