import { type Field, formatPath, type ReportField } from '../../cluster/manifest/field.ts';
import { checkFields, checkMapping } from '../../policy/manifest/policy-field.ts';
import type { ClientTls } from '../../rpc/index.ts';

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
