import { join } from 'node:path';
import { canonicalIp } from '../../cluster/address.ts';
import { formatTable } from '../../proto/flow/text/table.ts';
import type { Invocation } from '../command.ts';
import { allTexts, type FlagUse, invalidValue, lastText, UsageError } from '../../flags/flag-spec.ts';
import { boolFlag, uintFlag } from '../process/read-flags.ts';
import { readCertificates, readKey } from './certificate-files.ts';
import { fleetCertificates, type FleetPlan, nameFault } from './fleet-certificates.ts';
import { KEY_TYPES, type KeyType } from './issue-certificate.ts';
import { daysWords, faultOf, namesOf, usesOf } from './judge-certificate.ts';
import {
  AUTHORITY,
  certificateFiles,
  makeAuthority,
  makeCertificates,
  type MakeOptions,
  type Outcome,
  presentCertificates,
} from './make-certificates.ts';

const DAY_MS = 86_400_000;
/** Of a certificate that lives on, what `show` calls an early end. */
const SOON_MS = 30 * DAY_MS;

function directoryOf({ positionals }: Invocation): string {
  const [dir] = positionals;
  if (dir === undefined || dir === '') throw new UsageError('no directory given: expected DIR');
  return dir;
}

function makeOptions(invocation: Invocation): MakeOptions {
  const { uses } = invocation;
  const days = (name: string, fallback: number, min: number): number =>
    uintFlag(uses, name, fallback, { min, max: 36_500 }) * DAY_MS;
  return {
    dir: directoryOf(invocation),
    lifetimeMs: days('days', 365, 1),
    authorityLifetimeMs: days('ca-days', 3650, 1),
    renewBeforeMs: days('renew-days', 30, 0),
    keyType: (lastText(uses, 'key-type') ?? KEY_TYPES[0]) as KeyType,
    nowMs: Date.now(),
    renewAll: boolFlag(uses, 'all'),
  };
}

/** Checks that what a flag gives can be part of a name on a certificate. */
function checked(flag: string, text: string, name: string): void {
  const fault = nameFault(name);
  if (fault !== undefined) throw invalidValue(`--${flag}`, text, `a host name or address (${fault})`);
}

/** The fleet that flags describe. Throws UsageError. */
export function fleetPlan(uses: readonly FlagUse[]): FleetPlan {
  const label = (text: string): string => text.replaceAll('.', '-');
  const clusters = allTexts(uses, 'cluster');
  for (const cluster of clusters) checked('cluster', cluster, label(cluster));
  const nodes = allTexts(uses, 'node').map((text) => {
    const [cluster, node, ...rest] = text.split('/');
    if (node === undefined || rest.length > 0) {
      throw invalidValue('--node', text, 'CLUSTER/NODE, such as east/node1');
    }
    checked('node', text, `${label(node)}.${label(cluster)}`);
    return { cluster, node };
  });
  // As certificates give them back, so that a second run finds the same names.
  const relayHosts = allTexts(uses, 'relay-host').map((host) => canonicalIp(host) ?? host.toLowerCase());
  for (const host of relayHosts) checked('relay-host', host, host);
  const isUnnamed = clusters.length === 0 && nodes.length === 0;
  return { clusters: isUnnamed ? ['default'] : clusters, nodes, relayHosts };
}

function print(outcomes: readonly Outcome[]): void {
  const rows = outcomes.map(({ file, state, certificate }) => [
    file,
    certificate.ca ? 'CA' : usesOf(certificate).join('+'),
    certificate.validToDate.toISOString().slice(0, 10),
    state,
    certificate.ca ? certificate.subject.replace('CN=', '') : namesOf(certificate).join(' '),
  ]);
  process.stdout.write(formatTable([['FILE', 'USE', 'ENDS', 'STATE', 'FOR'], ...rows]));
}

function warnOfAuthority({ certificate }: Outcome, { dir, nowMs, lifetimeMs }: MakeOptions): void {
  const leftMs = certificate.validToDate.getTime() - nowMs;
  if (leftMs > lifetimeMs) return;
  process.stderr.write(
    `warning: the CA in ${dir} ends in ${daysWords(leftMs)}, and all that it signed with it: make another in a new directory, and trust both (the flags for CAs are lists) until all certificates are replaced\n`,
  );
}

/** `sluice certs create`. */
export async function createCerts(invocation: Invocation): Promise<number> {
  const options = makeOptions(invocation);
  const specs = fleetCertificates(fleetPlan(invocation.uses));
  const authority = await makeAuthority(options);
  print([authority, ...(await makeCertificates(specs, options))]);
  warnOfAuthority(authority, options);
  if (authority.state === 'made') {
    process.stderr.write(
      `Keep ${join(options.dir, `${AUTHORITY}.key`)} apart: whoever has it can be anybody in the fleet. No process needs it.\n`,
    );
  }
  return 0;
}

/** `sluice certs renew`. */
export async function renewCerts(invocation: Invocation): Promise<number> {
  const options = makeOptions(invocation);
  const specs = presentCertificates(options.dir);
  const authority = await makeAuthority(options);
  print([authority, ...(await makeCertificates(specs, options))]);
  warnOfAuthority(authority, options);
  return 0;
}

/** `sluice certs show`. */
export function showCerts(invocation: Invocation): number {
  const dir = directoryOf(invocation);
  const files = certificateFiles(dir);
  if (files.length === 0) throw new Error(`no certificates in ${dir}: expected files that end in .crt`);
  const authorities = readCertificates(join(dir, `${AUTHORITY}.crt`));
  const nowMs = Date.now();
  let faults = 0;
  const outcomes = files.map((path): Outcome => {
    const [certificate] = readCertificates(join(dir, `${path}.crt`));
    const key = readKey(join(dir, `${path}.key`));
    const fault = faultOf(certificate, key, authorities, nowMs);
    if (fault !== undefined) faults++;
    const leftMs = certificate.validToDate.getTime() - nowMs;
    const words = leftMs < SOON_MS ? `ends in ${daysWords(leftMs)}` : 'good';
    return {
      file: `${path}.crt`,
      certificate,
      state: fault ?? (key === null ? `${words}, key elsewhere` : words),
    };
  });
  print(outcomes);
  return faults > 0 ? 1 : 0;
}
