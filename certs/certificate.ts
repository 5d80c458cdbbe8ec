import { type KeyObject, X509Certificate, randomBytes } from "node:crypto";

import forge from "node-forge";

import { check } from "../node/base/check.ts";
import { DER, encodeOid } from "./der.ts";
import { signWithRsa } from "./rsa-signature.ts";

/** Composes and signs certificates. forge lays out the ASN.1; every key stays with node:crypto, and OpenSSL signs. */

const { asn1, pki } = forge;
type Asn1 = forge.asn1.Asn1;

/** An extension, its value as DER. */
export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export interface Subject {
  readonly commonName: string;
  readonly organization: string;
}

/** Who signs: an authority's certificate and key. */
export interface Signer {
  readonly certificatePem: string;
  readonly privateKey: KeyObject;
}

export interface CertificateOrder {
  readonly subject: Subject;
  readonly publicKey: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly Extension[];
}

/**
 * Signs a certificate with an authority's key; with its own key (`self`), a root. Subject and authority key identifiers
 * are added.
 *
 * @returns PEM.
 */
export async function signCertificate(order: CertificateOrder, signer: Signer | { self: KeyObject }): Promise<string> {
  const certificate = pki.createCertificate();
  certificate.publicKey = pki.publicKeyFromPem(order.publicKey.export({ type: "spki", format: "pem" }).toString());
  certificate.serialNumber = freshSerial();
  certificate.validity.notBefore = new Date(order.notBeforeMs);
  certificate.validity.notAfter = new Date(order.notAfterMs);
  certificate.setSubject(nameAttributes(order.subject));
  certificate.setIssuer("self" in signer ? nameAttributes(order.subject) : issuerAttributes(signer));
  const issuerKey = "self" in signer ? order.publicKey : new X509Certificate(signer.certificatePem).publicKey;
  certificate.setExtensions(keyIdentifiers(issuerKey));
  const key = "self" in signer ? signer.self : signer.privateKey;
  return seal(certificate, order.extensions, key);
}

/** Signs what forge has laid out, our own extensions added, and gives it as PEM. */
async function seal(
  certificate: forge.pki.Certificate,
  extensions: readonly Extension[],
  key: KeyObject,
): Promise<string> {
  certificate.signatureOid = pki.oids["sha256WithRSAEncryption"] ?? "";
  certificate.siginfo.algorithmOid = certificate.signatureOid;
  certificate.signature = "";
  const toBeSigned = part(pki.certificateToAsn1(certificate), 0);
  parts(part(parts(toBeSigned).at(-1), 0)).push(...extensions.map(extensionToAsn1));
  const signature = await signWithRsa(Buffer.from(asn1.toDer(toBeSigned).getBytes(), "latin1"), key);
  certificate.tbsCertificate = toBeSigned;
  certificate.signature = signature.toString("latin1");
  return pki.certificateToPem(certificate).replaceAll("\r\n", "\n");
}

/** 127 random bits with the top one set: positive, and of one length. */
function freshSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}

function nameAttributes({ commonName, organization }: Subject): forge.pki.CertificateField[] {
  return [
    { name: "organizationName", value: organization, valueTagClass: asn1.Type.UTF8 },
    { name: "commonName", value: commonName, valueTagClass: asn1.Type.UTF8 },
  ] as unknown as forge.pki.CertificateField[];
}

/** Byte for byte the authority's own subject: chains are built by comparing the two. The file is the operator's own. */
function issuerAttributes(signer: Signer): forge.pki.CertificateField[] {
  return pki.certificateFromPem(signer.certificatePem).subject.attributes;
}

function keyIdentifiers(issuerKey: KeyObject): object[] {
  const issuerPem = issuerKey.export({ type: "spki", format: "pem" }).toString();
  const keyIdentifier = pki.getPublicKeyFingerprint(pki.publicKeyFromPem(issuerPem)).getBytes();
  return [{ name: "subjectKeyIdentifier" }, { name: "authorityKeyIdentifier", keyIdentifier }];
}

/** Not forge's own way: its object identifiers end at 32 bits an arc. */
function extensionToAsn1({ oid, critical, value }: Extension): Asn1 {
  const elements = [primitive(DER.oid, encodeOid(oid)), primitive(DER.octets, value)];
  if (critical) elements.splice(1, 0, primitive(asn1.Type.BOOLEAN, Uint8Array.of(0xff)));
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, elements);
}

function primitive(tag: number, contents: Uint8Array): Asn1 {
  return asn1.create(asn1.Class.UNIVERSAL, tag, false, Buffer.from(contents).toString("latin1"));
}

function parts(element: Asn1 | undefined): Asn1[] {
  return element === undefined || typeof element.value === "string" ? [] : element.value;
}

function part(element: Asn1 | undefined, index: number): Asn1 {
  const found = parts(element)[index];
  check(found !== undefined, "a certificate is laid out with all its parts");
  return found;
}
