import { type Field, formatPath, type ReportField } from '../../cluster/manifest/field.ts';
import { checkFields, checkMapping } from '../../policy/manifest/policy-field.ts';
import { type Address, type ClientTls, parseAddress } from '../../rpc/index.ts';
import type { SourceConfig } from './config.ts';
import { readChoice, readDurationMs } from './quantity.ts';

const NO_ADDRESS: Address = { kind: 'tcp', host: '', port: 0, tls: false };
const MAX_OVERLAP_MS = 600_000;

/** An address as commands take it; reports what is none. */
export function readAddress(field: Field, report: ReportField): Address {
  const text = field.requiredString();
  if (text === '') return NO_ADDRESS;
  try {
    return parseAddress(text);
  } catch (error) {
    report(field.path, `${formatPath(field.path)}: ${(error as Error).message}`);
    return NO_ADDRESS;
  }
}

/** How to trust a server, and how to show oneself. Undefined when there is no such mapping. */
export function readTls(field: Field, report: ReportField): ClientTls | undefined {
  if (!checkMapping(field)) return undefined;
  checkFields(field, { known: ['caFiles', 'certFile', 'keyFile', 'serverName'] }, report);
  const caFiles = field
    .get('caFiles')
    .items()
    .map((item) => item.requiredString());
  const certFile = field.get('certFile').string();
  const keyFile = field.get('keyFile').string();
  const serverName = field.get('serverName').string();
  if ((certFile === undefined) !== (keyFile === undefined)) {
    report(field.path, `${formatPath(field.path)} has one of certFile and keyFile: expected both or none`);
  }
  return {
    caFiles,
    ...(certFile !== undefined && keyFile !== undefined && { certFile, keyFile }),
    ...(serverName !== undefined && { serverName }),
  };
}

/** The mapping `source`. */
export function readSource(field: Field, report: ReportField): SourceConfig {
  checkFields(field, { known: ['address', 'tls', 'start', 'overlap'] }, report);
  const tls = readTls(field.get('tls'), report);
  return {
    address: field.value === undefined ? NO_ADDRESS : readAddress(field.get('address'), report),
    ...(tls !== undefined && { tls: { ...tls, minVersion: 'TLSv1.3' as const } }),
    start: readChoice(field.get('start'), ['now', 'oldest'] as const, 'now'),
    overlapMs: readDurationMs(field.get('overlap'), 10_000, 0, MAX_OVERLAP_MS),
  };
}
