import { BitString, Integer, OctetString, Utf8String } from 'asn1js';
import {
  createHash,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import {
  AltName,
  AttributeTypeAndValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  CryptoEngine,
  Extension,
  ExtKeyUsage,
  GeneralName,
  setEngine,
  Time,
  TimeType,
} from 'pkijs';
import { parseIp } from '../../proto/flow/ip.ts';
import type { CertificateUse } from './fleet-certificates.ts';

/** Keys that every TLS 1.3 peer takes, browsers included. */
export const KEY_TYPES = ['ecdsa-p256', 'ecdsa-p384', 'rsa-3072'] as const;
export type KeyType = (typeof KEY_TYPES)[number];

/** A certificate and its key. */
export interface Credential {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

/** What a certificate is to say. */
export interface CertificateRequest {
  readonly commonName: string;
  /** Host names and IP addresses; none on a CA. */
  readonly names: readonly string[];
  readonly use: CertificateUse | 'authority';
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly keyType: KeyType;
}

/** Object identifiers: X.520 for names (2.5.4), RFC 5280 section 4.2.1 for extensions (2.5.29), and RFC 5280 section 4.2.1.12 for uses. */
const OID = {
  commonName: '2.5.4.3',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  altName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
} as const;
/** Types of GeneralName (RFC 5280 section 4.2.1.6). */
const DNS_NAME = 2;
const IP_ADDRESS = 7;
/** Bits of KeyUsage (RFC 5280 section 4.2.1.3) as the last byte of the bit string, and its unused bits. */
const DIGITAL_SIGNATURE = { bits: 0x80, unused: 7 };
const CERT_AND_CRL_SIGN = { bits: 0x06, unused: 1 };
/** From this year on times have four digits (RFC 5280 section 4.1.2.5). */
const GENERALIZED_TIME_YEAR = 2050;

setEngine('node', new CryptoEngine({ name: 'node', crypto: webcrypto as never }));

function generateKey(type: KeyType): { publicKey: KeyObject; privateKey: KeyObject } {
  if (type === 'rsa-3072') return generateKeyPairSync('rsa', { modulusLength: 3072 });
  return generateKeyPairSync('ec', { namedCurve: type === 'ecdsa-p384' ? 'P-384' : 'P-256' });
}

/** A key in WebCrypto's terms, and the digest that goes with its strength. */
function signatureOf(key: KeyObject): { algorithm: { name: string }; hash: string } {
  const isRsa = key.asymmetricKeyType === 'rsa';
  const namedCurve = key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'P-384' : 'P-256';
  const hash = !isRsa && namedCurve === 'P-384' ? 'SHA-384' : 'SHA-256';
  const rsa = { name: 'RSASSA-PKCS1-v1_5', hash };
  const ecdsa = { name: 'ECDSA', namedCurve };
  return { algorithm: isRsa ? rsa : ecdsa, hash };
}

const bytesOf = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

/** Identifier of a key: a hash of its SubjectPublicKeyInfo, cut to 20 bytes (RFC 7093 section 2, method 4). */
function keyId(publicKey: KeyObject): OctetString {
  const digest = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' }));
  return new OctetString({ valueHex: bytesOf(digest.digest().subarray(0, 20)) });
}

function subjectKeyId(issuer: X509Certificate): OctetString {
  const id = Certificate.fromBER(bytesOf(issuer.raw)).extensions?.find(
    ({ extnID }) => extnID === OID.subjectKeyId,
  )?.parsedValue as OctetString | undefined;
  return id ?? keyId(issuer.publicKey);
}

function generalName(name: string): GeneralName {
  const ip = parseIp(name);
  return ip === null
    ? new GeneralName({ type: DNS_NAME, value: name })
    : new GeneralName({ type: IP_ADDRESS, value: new OctetString({ valueHex: bytesOf(ip) }) });
}

function extension(
  extnID: string,
  value: { toSchema(): { toBER(): ArrayBuffer } } | { toBER(): ArrayBuffer },
  critical = false,
): Extension {
  const schema = 'toSchema' in value ? value.toSchema() : value;
  return new Extension({ extnID, critical, extnValue: schema.toBER() });
}

function extensionsOf(
  request: CertificateRequest,
  publicKey: KeyObject,
  issuerKeyId: OctetString,
): Extension[] {
  const isAuthority = request.use === 'authority';
  const { bits, unused } = isAuthority ? CERT_AND_CRL_SIGN : DIGITAL_SIGNATURE;
  const usage = new BitString({ valueHex: Uint8Array.of(bits).buffer, unusedBits: unused });
  const common = [
    extension(OID.subjectKeyId, keyId(publicKey)),
    extension(OID.authorityKeyId, new AuthorityKeyIdentifier({ keyIdentifier: issuerKeyId })),
    extension(OID.keyUsage, usage, true),
  ];
  // It signs certificates of the fleet, not further CAs.
  if (isAuthority) {
    const constraints = new BasicConstraints({ cA: true, pathLenConstraint: 0 });
    return [...common, extension(OID.basicConstraints, constraints, true)];
  }
  return [
    ...common,
    extension(OID.basicConstraints, new BasicConstraints({ cA: false }), true),
    extension(OID.extKeyUsage, new ExtKeyUsage({ keyPurposes: [OID[request.use]] })),
    extension(OID.altName, new AltName({ altNames: request.names.map(generalName) })),
  ];
}

/** Whole seconds: a fraction is not allowed (RFC 5280 section 4.1.2.5.2). */
function timeOf(date: Date): Time {
  const value = new Date(Math.floor(date.getTime() / 1000) * 1000);
  const isLate = value.getUTCFullYear() >= GENERALIZED_TIME_YEAR;
  return new Time({ type: isLate ? TimeType.GeneralizedTime : TimeType.UTCTime, value });
}

/** Makes a key and a certificate for it, signed by `issuer`; without one, by itself. */
export async function issueCertificate(
  request: CertificateRequest,
  issuer?: Credential,
): Promise<Credential> {
  const { publicKey, privateKey } = generateKey(request.keyType);
  const certificate = new Certificate();
  certificate.version = 2; // as X.509 counts: version 3
  // 127 bits at random, never negative, never with a zero byte in front (RFC 5280 section 4.1.2.2).
  const serial = randomBytes(16);
  serial[0] = (serial[0] & 0x7f) | 0x40;
  certificate.serialNumber = new Integer({ valueHex: bytesOf(serial) });
  const name = new AttributeTypeAndValue({
    type: OID.commonName,
    value: new Utf8String({ value: request.commonName }),
  });
  certificate.subject.typesAndValues.push(name);
  if (issuer === undefined) certificate.issuer = certificate.subject;
  else certificate.issuer = Certificate.fromBER(bytesOf(issuer.certificate.raw)).subject;
  certificate.notBefore = timeOf(request.notBefore);
  certificate.notAfter = timeOf(request.notAfter);
  const issuerKeyId = issuer === undefined ? keyId(publicKey) : subjectKeyId(issuer.certificate);
  certificate.extensions = extensionsOf(request, publicKey, issuerKeyId);
  await certificate.subjectPublicKeyInfo.importKey(
    publicKey.toCryptoKey(signatureOf(publicKey).algorithm, true, ['verify']),
  );
  const signer = issuer?.key ?? privateKey;
  const { algorithm, hash } = signatureOf(signer);
  await certificate.sign(signer.toCryptoKey(algorithm, true, ['sign']), hash);
  return {
    certificate: new X509Certificate(Buffer.from(certificate.toSchema(true).toBER())),
    key: privateKey,
  };
}
