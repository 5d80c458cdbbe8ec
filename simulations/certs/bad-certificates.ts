import { X509Certificate, createPrivateKey, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";

import type { Extension } from "../../certs/certificate.ts";
import { DER, encode } from "../../certs/der.ts";
import { readSubject } from "../../certs/der.ts";
import { alternativeNames, authorityConstraints, leafConstraints, nameConstraints } from "../../certs/extensions.ts";
import { privatePem } from "../../certs/key-pair.ts";
import { collaborativeFiles, rootFiles } from "../../certs/layout.ts";
import { CLIENT_AUTH_OID, SERVER_AUTH_OID } from "../../certs/profile.ts";
import { RAW_KEYS, type Keys, type RawAuthority, type RawShape, rawCertificate } from "./raw-certificate.ts";

/** What one end of a handshake shows. */
export interface Shown {
  readonly cert: string;
  readonly key: string;
}

/** Certificates of one node as they must not be, and a few as they may. */
export interface CertificateCase {
  readonly name: string;
  readonly make: () => Shown;
  /** What the log says of it, in OpenSSL's word or our own; absent where it is to be accepted. */
  readonly refusedAs?: RegExp;
}

const DAY_MS = 86_400_000;
const BOTH = [SERVER_AUTH_OID, CLIENT_AUTH_OID];
const SAN = "2.5.29.17";
const EXTENDED_KEY_USAGE = "2.5.29.37";

const NOT_TRUSTED =
  /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|CERT_SIGNATURE_FAILURE/;
const NOT_ONE_IDENTITY = /does not carry exactly one identity of this network/;
const NOT_OWN_DNS = /does not carry its identity's DNS name, and no other/;
/** OpenSSL has a word for each of these; node:tls hands on none of them. */
const UNNAMED = /UNSPECIFIED/;
const NAMES_OUTSIDE = UNNAMED;

/**
 * @param dir the folder of a network with the collaborative `care`.
 * @param id the node whose certificates these would be.
 */
export function certificateCases(dir: string, domain: string, id: string): readonly CertificateCase[] {
  const care = authorityIn(collaborativeFiles(dir, "care"));
  const root = authorityIn(rootFiles(dir));
  const uri = `spiffe://${domain}/node/${id}`;
  const dns = `${id}.${domain}`;
  const names = alternativeNames({ uris: [uri], dns: [dns] });
  const honest: readonly Extension[] = [...leafConstraints(BOTH), names];

  /** Signed by the node's own authority, which is sent along. */
  const leaf = (shape: RawShape = {}, signer: RawAuthority = care, ...also: readonly string[]): Shown => ({
    cert: [rawCertificate({ extensions: honest, ...shape }, signer), signer.certificatePem, ...also].join(""),
    key: privatePem(shape.keys ?? RAW_KEYS),
  });
  const named = (uris: readonly string[], dnsNames: readonly string[] = [dns], usages = BOTH): Shown =>
    leaf({ extensions: [...leafConstraints(usages), alternativeNames({ uris, dns: dnsNames })] });
  const using = (...usages: readonly string[]): Shown => leaf({ extensions: [...leafConstraints(usages), names] });
  /** An authority that a test makes: its certificate may be as wrong as a leaf's. */
  const authority = (shape: RawShape, signer: RawAuthority | "itself"): RawAuthority => ({
    certificatePem: rawCertificate(
      {
        commonName: "authority",
        extensions: [...authorityConstraints(0), nameConstraints(domain)],
        keys: CA_KEYS,
        ...shape,
      },
      signer,
    ),
    privateKey: (shape.keys ?? CA_KEYS).privateKey,
  });
  const weak = (bits: number): Shown => leaf({ keys: generateKeyPairSync("rsa", { modulusLength: bits }) });
  const asCaller = (...more: readonly Extension[]): Shown =>
    leaf({
      extensions: [...leafConstraints([CLIENT_AUTH_OID]), alternativeNames({ uris: [`${uri}/caller/board`] }), ...more],
    });
  const rawName = (tag: number, text: string): Uint8Array => encode(tag, Buffer.from(text, "latin1"));
  const rawSan = (...parts: readonly Uint8Array[]): Shown =>
    leaf({
      extensions: [...leafConstraints(BOTH), { oid: SAN, critical: false, value: encode(DER.sequence, ...parts) }],
    });
  const foreignRoot = (): RawAuthority => authority({ extensions: authorityConstraints(1) }, "itself");

  const good: readonly CertificateCase[] = [
    { name: "its own", make: () => leaf() },
    { name: "its own, of just now", make: () => leaf({ fromMs: Date.now() - 2_000 }) },
    {
      name: "its own, with an unknown extension that is not critical",
      make: () => leaf({ extensions: [...honest, strange(false)] }),
    },
    {
      name: "its own, with critical names",
      make: () => leaf({ extensions: [...leafConstraints(BOTH), { ...names, critical: true }] }),
    },
    { name: "its own, with another subject", make: () => leaf({ organization: "Somebody", commonName: "else" }) },
    { name: "its own, with the root sent along", make: () => leaf({}, care, root.certificatePem) },
  ];
  const bad: Readonly<Record<string, readonly [RegExp, () => Shown]>> = {
    "another network's authority": [NOT_TRUSTED, () => leaf({}, authority({}, foreignRoot()))],
    "another network's authority, with its root sent along": [
      NOT_TRUSTED,
      () => {
        const r = foreignRoot();
        return leaf({}, authority({}, r), r.certificatePem);
      },
    ],
    "an authority under our authority's name, with another key": [
      NOT_TRUSTED,
      () => leaf({ issuer: subjectOf(care) }, authority({ issuer: subjectOf(root) }, foreignRoot())),
    ],
    "our authority's certificate sent along, signed by another key": [
      NOT_TRUSTED,
      () => leaf({}, { ...care, privateKey: CA_KEYS.privateKey }),
    ],
    "signed by itself": [NOT_TRUSTED, () => selfSigned(honest)],
    "signed by itself, as an authority": [/INVALID_PURPOSE/, () => selfSigned([...authorityConstraints(0), names])],
    "a broken signature": [NOT_TRUSTED, () => leaf({ spoilt: true })],
    "expired a minute ago": [
      /CERT_HAS_EXPIRED/,
      () => leaf({ fromMs: Date.now() - DAY_MS, toMs: Date.now() - 60_000 }),
    ],
    "expired for years": [/CERT_HAS_EXPIRED/, () => leaf({ fromMs: Date.UTC(2001, 0), toMs: Date.UTC(2002, 0) })],
    "valid from in an hour": [
      /CERT_NOT_YET_VALID/,
      () => leaf({ fromMs: Date.now() + 3_600_000, toMs: Date.now() + DAY_MS }),
    ],
    "ends before it begins": [
      /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/,
      () => leaf({ fromMs: Date.now() + DAY_MS, toMs: Date.now() - DAY_MS }),
    ],
    "no use": [/INVALID_PURPOSE|not for server and client use/, () => using()],
    "any use": [/INVALID_PURPOSE|not for server and client use/, () => using("2.5.29.37.0")],
    "signing code": [/INVALID_PURPOSE/, () => using("1.3.6.1.5.5.7.3.3")],
    "one use more": [/not for server and client use/, () => using(...BOTH, "1.3.6.1.5.5.7.3.3")],
    "no extended key usage": [
      /not for server and client use/,
      () => leaf({ extensions: [...leafConstraints(BOTH).filter(({ oid }) => oid !== EXTENDED_KEY_USAGE), names] }),
    ],
    "a key that may only encipher": [
      /INVALID_PURPOSE|may not sign/,
      () => leaf({ extensions: [basic(), usage(0x20, 5), extended(), names] }),
    ],
    "an authority's, as a leaf": [
      /authority's|INVALID_PURPOSE|INVALID_CA/,
      () => leaf({ extensions: [...authorityConstraints(0), extended(), names] }),
    ],
    "the issuing authority itself": [
      /authority's|INVALID_PURPOSE/,
      () => ({ cert: care.certificatePem, key: pemOf(care) }),
    ],
    "the root itself": [
      /authority's|INVALID_PURPOSE|SELF_SIGNED/,
      () => ({ cert: root.certificatePem, key: pemOf(root) }),
    ],
    "no names": [NOT_ONE_IDENTITY, () => leaf({ extensions: leafConstraints(BOTH) })],
    "a common name and no others": [
      NOT_ONE_IDENTITY,
      () => leaf({ commonName: dns, extensions: leafConstraints(BOTH) }),
    ],
    "only a DNS name": [NOT_ONE_IDENTITY, () => named([])],
    "no DNS name": [NOT_OWN_DNS, () => named([uri], [])],
    "two identities": [NOT_ONE_IDENTITY, () => named([uri, `spiffe://${domain}/node/zz-other`])],
    "the same identity twice": [NOT_ONE_IDENTITY, () => named([uri, uri])],
    "two DNS names": [NOT_OWN_DNS, () => named([uri], [dns, `zz-other.${domain}`])],
    "a wildcard's DNS name": [NOT_OWN_DNS, () => named([uri], [`*.${domain}`])],
    "a wildcard's identity": [NOT_ONE_IDENTITY, () => named([`spiffe://${domain}/node/*`])],
    "another node's DNS name": [NOT_OWN_DNS, () => named([uri], [`zz-other.${domain}`])],
    "another node's identity": [NOT_OWN_DNS, () => named([`spiffe://${domain}/node/zz-other`])],
    "a deeper path": [NOT_ONE_IDENTITY, () => named([`${uri}/x`])],
    "a path that ends in a slash": [NOT_ONE_IDENTITY, () => named([`${uri}/`])],
    "a path that goes up": [NOT_ONE_IDENTITY, () => named([`spiffe://${domain}/node/x/../${id}`])],
    "a query": [NOT_ONE_IDENTITY, () => named([`${uri}?x=1`])],
    "a fragment": [NOT_ONE_IDENTITY, () => named([`${uri}#x`])],
    "an escaped path": [NOT_ONE_IDENTITY, () => named([`spiffe://${domain}/node/%77m`])],
    "an identity in capitals": [NOT_ONE_IDENTITY, () => named([uri.replace(id, id.toUpperCase())])],
    "an identity of another scheme": [NOT_ONE_IDENTITY, () => named([uri.replace("spiffe", "https")])],
    "a port in the identity": [
      /exactly one identity|PERMITTED_VIOLATION|UNSUPPORTED_NAME_SYNTAX/,
      () => named([uri.replace(domain, `${domain}:443`)]),
    ],
    "a user in the identity": [
      /exactly one identity|PERMITTED_VIOLATION|UNSUPPORTED_NAME_SYNTAX/,
      () => named([uri.replace(domain, `x@${domain}`)]),
    ],
    "a zero byte in the identity": [
      /exactly one identity/,
      () => rawSan(rawName(0x86, `${uri}\0.evil`), rawName(0x82, dns)),
    ],
    "a comma in the identity": [/exactly one identity/, () => rawSan(rawName(0x86, `${uri}, DNS:${dns}`))],
    "a zero byte in the DNS name": [
      /exactly one identity|DNS name|PERMITTED_VIOLATION|UNSUPPORTED/,
      () => rawSan(rawName(0x86, uri), rawName(0x82, `${dns}\0.${domain}`)),
    ],
    "a mail address as well": [
      NOT_ONE_IDENTITY,
      () => rawSan(rawName(0x86, uri), rawName(0x82, dns), rawName(0x81, "x@example.org")),
    ],
    "an IP address as well": [
      NAMES_OUTSIDE,
      () => rawSan(rawName(0x86, uri), rawName(0x82, dns), encode(0x87, Uint8Array.of(127, 0, 0, 1))),
    ],
    "another domain's identity": [NAMES_OUTSIDE, () => named([`spiffe://elsewhere.example/node/${id}`])],
    "another domain's DNS name": [NAMES_OUTSIDE, () => named([uri], [`${id}.elsewhere.example`])],
    "a domain that only ends alike": [NAMES_OUTSIDE, () => named([`spiffe://x${domain}/node/${id}`])],
    "names twice": [
      /exactly one identity|INVALID|VERIFY|extension/i,
      () => leaf({ extensions: [...honest, alternativeNames({ uris: [`spiffe://${domain}/node/zz-other`] })] }),
    ],
    "an application without rights": [/what its caller may claim/, () => asCaller()],
    "a key of 1024 bits": [UNNAMED, () => weak(1_024)],
    "a key of 512 bits": [/DID_NOT_RETURN_A_CERTIFICATE/, () => weak(512)],
    "an authority with a key of 1024 bits": [
      /UNSPECIFIED/,
      () => leaf({}, authority({ keys: generateKeyPairSync("rsa", { modulusLength: 1_024 }) }, root)),
    ],
    "a signature with SHA-1": [UNNAMED, () => leaf({ signature: "sha1" })],
    "a signature with MD5": [UNNAMED, () => leaf({ signature: "md5" })],
    "version 1": [/exactly one identity|INVALID_PURPOSE/, () => leaf({ version: undefined, extensions: [] })],
    "an unknown critical extension": [UNNAMED, () => leaf({ extensions: [...honest, strange(true)] })],
    "an authority below the issuing authority": [
      /PATH_LENGTH_EXCEEDED|UNABLE|INVALID_CA|exactly/,
      () => leaf({}, authority({}, care), care.certificatePem),
    ],
    "a leaf that signs": [UNNAMED, () => leaf({}, authority({ extensions: honest }, care), care.certificatePem)],
    "an authority that has expired": [
      /CERT_HAS_EXPIRED|UNABLE/,
      () => leaf({}, authority({ fromMs: Date.now() - DAY_MS, toMs: Date.now() - 60_000 }, root)),
    ],
    "an authority that may not sign certificates": [
      UNNAMED,
      () => leaf({}, authority({ extensions: [caBasic(), usage(0x02, 1), nameConstraints(domain)] }, root)),
    ],
    "an authority that is none": [
      /INVALID_PURPOSE/,
      () => leaf({}, authority({ extensions: [nameConstraints(domain)] }, root)),
    ],
    "an authority of version 1": [
      /INVALID_PURPOSE/,
      () => leaf({}, authority({ version: undefined, extensions: [] }, root)),
    ],
    "over eight kilobytes": [
      /over 8 KiB/,
      () => leaf({ extensions: [...honest, { ...strange(false), value: Buffer.alloc(9_000) }] }),
    ],
  };
  const stranger = (other: string): Shown =>
    leaf({
      extensions: [
        ...leafConstraints(BOTH),
        alternativeNames({ uris: [`spiffe://${domain}/node/${other}`], dns: [`${other}.${domain}`] }),
      ],
    });
  const elsewhere: Readonly<Record<string, readonly [RegExp, () => Shown]>> = {
    "of nobody in the directory": [/not of a member|is not holder|somebody else/, () => stranger("zz-other")],
    "signed by the root itself": [/not issued by the authority|signed by/, () => leaf({}, root)],
    "signed by another authority of the network": [
      /not issued by the authority|without the authority|UNABLE/,
      () => leaf({}, authority({}, root)),
    ],
  };
  Object.assign(bad, elsewhere);
  return [...good, ...Object.entries(bad).map(([name, [refusedAs, make]]) => ({ name, make, refusedAs }))];
}

const CA_KEYS: Keys = generateKeyPairSync("rsa", { modulusLength: 2_048 });

function selfSigned(extensions: readonly Extension[]): Shown {
  return { cert: rawCertificate({ extensions }, "itself"), key: privatePem(RAW_KEYS) };
}

function authorityIn(files: { readonly certificate: string; readonly key: string }): RawAuthority {
  return {
    certificatePem: readFileSync(files.certificate, "utf8"),
    privateKey: createPrivateKey(readFileSync(files.key)),
  };
}

function subjectOf({ certificatePem }: RawAuthority): Uint8Array {
  return readSubject(new X509Certificate(certificatePem).raw)!;
}

function pemOf({ privateKey }: RawAuthority): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function strange(critical: boolean): Extension {
  return { oid: "1.3.6.1.4.1.32473.99.9", critical, value: Uint8Array.of(DER.null, 0) };
}

function basic(): Extension {
  return leafConstraints([])[0]!;
}

function caBasic(): Extension {
  return authorityConstraints(0)[0]!;
}

function extended(): Extension {
  return leafConstraints(BOTH)[2]!;
}

/** Key usage: one byte of bits, and how many of them are unused. */
function usage(bits: number, unused: number): Extension {
  return { oid: "2.5.29.15", critical: true, value: Uint8Array.of(0x03, 0x02, unused, bits) };
}
