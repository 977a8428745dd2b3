import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Credential } from './issue-certificate.ts';

/** Longest file read as a certificate or key: a bundle of some hundreds. */
const MAX_FILE_BYTES = 1024 * 1024;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Text of a file, or null when there is none. Throws Error that names the file when it cannot be read or is no PEM file by its size. */
function readText(path: string): string | null {
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) throw new Error(`has ${size} bytes, expected at most ${MAX_FILE_BYTES}`);
    return readFileSync(path, 'latin1');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new Error(`cannot read ${path}: ${code ?? message}`, { cause: error });
  }
}

/** All certificates of a PEM file, in its order; empty when there is no file. Throws Error that names a file that holds something else. */
export function readCertificates(path: string): X509Certificate[] {
  const text = readText(path);
  if (text === null) return [];
  try {
    const certificates = (text.match(PEM_CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem));
    if (certificates.length > 0) return certificates;
  } catch {
    // told below
  }
  throw new Error(`${path} holds no certificate in PEM form`);
}

/** The key in a PEM file, or null when there is no file. Throws Error that names a file that holds something else. */
export function readKey(path: string): KeyObject | null {
  const text = readText(path);
  if (text === null) return null;
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw new Error(`${path} holds no private key in PEM form that can be read without a password`, {
      cause: error,
    });
  }
}

/**
 * Writes `PATH.key` and `PATH.crt`, each replaced in one step and readable by the owner only. A process that reloads between the two finds a pair that does not fit, and keeps
 * what it has.
 */
export function writeCredential(path: string, { certificate, key }: Credential): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  replaceFile(`${path}.key`, key.export({ type: 'pkcs8', format: 'pem' }).toString());
  replaceFile(`${path}.crt`, certificate.toString());
}

/** A name of its own for the text until it is whole and on the disk: a reader never finds half a file, and neither does a machine that lost its power. */
function replaceFile(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`;
  try {
    rmSync(draft, { force: true });
    const fd = openSync(draft, 'wx', 0o600);
    try {
      chmodSync(draft, 0o600); // whatever the umask says
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw new Error(`cannot write ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`, {
      cause: error,
    });
  }
}
