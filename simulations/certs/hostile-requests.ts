import { type KeyObject, generateKeyPairSync, sign } from "node:crypto";

import { DER, encode, encodeOid } from "../../certs/der.ts";
import { encodeName } from "../../certs/distinguished-name.ts";
import { alternativeNames, authorityConstraints, leafConstraints } from "../../certs/extensions.ts";
import type { Extension } from "../../certs/certificate.ts";
import { encodePem } from "../../certs/pem.ts";
import { DOMAIN } from "../../certs/testing/network.ts";

/** Requests for certificates as nobody honest would send them. Every one of them must get nothing. */

interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

interface RequestShape {
  readonly subject?: Uint8Array;
  readonly attributes?: Uint8Array;
  readonly keys?: Keys;
  readonly spki?: Uint8Array;
  readonly digest?: string | null;
  readonly signatureOid?: string;
  readonly signature?: Uint8Array;
  readonly version?: number;
  readonly tail?: Uint8Array;
}

const RSA = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const OTHER = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const ED25519 = generateKeyPairSync("ed25519");
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
const SHA256_RSA = "1.2.840.113549.1.1.11";
const ID = "wm-bsol";

/** A request in which everything can be wrong; where nothing is said, as an honest node's. */
function forge(shape: RequestShape = {}): Uint8Array {
  const keys = shape.keys ?? RSA;
  const wanted = encode(
    DER.sequence,
    encode(DER.integer, Uint8Array.of(shape.version ?? 0)),
    shape.subject ?? encodeName(DOMAIN, ID),
    shape.spki ?? keys.publicKey.export({ type: "spki", format: "der" }),
    shape.attributes ?? encode(0xa0),
  );
  const digest = shape.digest === undefined ? "sha256" : shape.digest;
  const signature = shape.signature ?? sign(digest, wanted, keys.privateKey);
  const algorithm = encode(
    DER.sequence,
    encode(DER.oid, encodeOid(shape.signatureOid ?? SHA256_RSA)),
    encode(DER.null),
  );
  const bits = encode(DER.bits, Uint8Array.of(0), signature);
  return encode(DER.sequence, wanted, algorithm, bits, shape.tail ?? new Uint8Array());
}

function asking(...extensions: readonly Extension[]): Uint8Array {
  const list = extensions.map(({ oid, critical, value }) =>
    encode(
      DER.sequence,
      encode(DER.oid, encodeOid(oid)),
      ...(critical ? [encode(DER.boolean, Uint8Array.of(0xff))] : []),
      encode(DER.octets, value),
    ),
  );
  const attribute = encode(
    DER.sequence,
    encode(DER.oid, encodeOid(EXTENSION_REQUEST)),
    encode(DER.set, encode(DER.sequence, ...list)),
  );
  return forge({ attributes: encode(0xa0, attribute) });
}

const part = (oid: string, text: string, tag: number = DER.utf8): Uint8Array =>
  encode(DER.set, encode(DER.sequence, encode(DER.oid, encodeOid(oid)), encode(tag, Buffer.from(text))));
const [CN, O, OU] = ["2.5.4.3", "2.5.4.10", "2.5.4.11"];
const named = (...parts: readonly Uint8Array[]): Uint8Array => forge({ subject: encode(DER.sequence, ...parts) });

function nested(depth: number, tag: number): Uint8Array {
  let inside = encode(DER.null);
  for (let level = 0; level < depth; level++) inside = encode(tag, inside);
  return inside;
}

const uri = (text: string): Uint8Array => asking(alternativeNames({ uris: [text] }));
const weak = (bits: number): Uint8Array => forge({ keys: generateKeyPairSync("rsa", { modulusLength: bits }) });

/** Each by name; the DER of it is to be sent in PEM. */
const REQUESTS: Readonly<Record<string, () => Uint8Array>> = {
  "CA:TRUE": () => asking(...authorityConstraints(0)),
  "CA:TRUE with a path length": () => asking(...authorityConstraints(9)),
  "foreign URI": () => uri("spiffe://elsewhere.example/node/wm-bsol"),
  "another node's URI": () => uri(`spiffe://${DOMAIN}/node/wm-cw`),
  "a caller's URI": () => uri(`spiffe://${DOMAIN}/node/wm-bsol/caller/x`),
  "its own URI": () => uri(`spiffe://${DOMAIN}/node/wm-bsol`),
  "two URIs": () => asking(alternativeNames({ uris: [`spiffe://${DOMAIN}/node/a-a`, `spiffe://${DOMAIN}/node/b-b`] })),
  "wildcard DNS": () => asking(alternativeNames({ dns: [`*.${DOMAIN}`] })),
  "its own uses": () => asking(...leafConstraints(["1.3.6.1.5.5.7.3.9"])),
  "five hundred names": () =>
    asking(alternativeNames({ dns: Array.from({ length: 500 }, (_, at) => `${at}.example`) })),
  "empty extension request": () => asking(),
  "challenge password": () => forge({ attributes: encode(0xa0, encode(DER.sequence, encode(DER.null))) }),
  "attributes of another kind": () => forge({ attributes: encode(0xa1) }),
  "attributes as a set": () => forge({ attributes: encode(DER.set) }),
  "key of 512 bits": () => weak(512),
  "key of 1024 bits": () => weak(1_024),
  "key of 2040 bits": () => weak(2_040),
  "key of 4104 bits": () => weak(4_104),
  "exponent 3": () => forge({ keys: generateKeyPairSync("rsa", { modulusLength: 2_048, publicExponent: 3 }) }),
  "EC key": () => forge({ keys: generateKeyPairSync("ec", { namedCurve: "P-256" }) }),
  "Ed25519 key": () => forge({ keys: ED25519, digest: null }),
  "RSA-PSS key": () => forge({ keys: generateKeyPairSync("rsa-pss", { modulusLength: 2_048 }) }),
  "DSA key": () => forge({ keys: generateKeyPairSync("dsa", { modulusLength: 1_024, divisorLength: 160 }) }),
  "key that is noise": () => forge({ spki: encode(DER.sequence, Buffer.alloc(64, 7)) }),
  "key that is nothing": () => forge({ spki: encode(DER.sequence) }),
  "someone else's signature": () => forge({ spki: OTHER.publicKey.export({ type: "spki", format: "der" }) }),
  "no signature": () => forge({ signature: new Uint8Array() }),
  "signature of zeros": () => forge({ signature: Buffer.alloc(256) }),
  "SHA-1": () => forge({ digest: "sha1", signatureOid: "1.2.840.113549.1.1.5" }),
  MD5: () => forge({ digest: "md5", signatureOid: "1.2.840.113549.1.1.4" }),
  "SHA-1 under the name of SHA-256": () => forge({ digest: "sha1" }),
  "algorithm of no known number": () => forge({ signatureOid: "1.2.3.4" }),
  "version 2": () => forge({ version: 1 }),
  "more behind the signature": () => forge({ tail: encode(DER.null) }),
  "more behind the request": () => Buffer.concat([forge(), encode(DER.null)]),
  "empty subject": () => named(),
  "no domain": () => named(part(CN, ID)),
  "no id": () => named(part(O, DOMAIN)),
  "two ids": () => named(part(O, DOMAIN), part(CN, ID), part(CN, "wm-cw")),
  "two domains": () => named(part(O, DOMAIN), part(O, "elsewhere.example"), part(CN, ID)),
  "a unit more": () => named(part(O, DOMAIN), part(OU, "theatre"), part(CN, ID)),
  "two parts in one set": () =>
    forge({
      subject: encode(
        DER.sequence,
        encode(DER.set, encode(DER.sequence, encode(DER.oid, encodeOid(O))), encode(DER.sequence)),
        part(CN, ID),
      ),
    }),
  "another node": () => named(part(O, DOMAIN), part(CN, "wm-cw")),
  "another network": () => named(part(O, "elsewhere.example"), part(CN, ID)),
  "id in capitals": () => named(part(O, DOMAIN), part(CN, "WM-BSOL")),
  "id with a zero byte": () => named(part(O, DOMAIN), part(CN, "wm-bsol\0.evil")),
  "id with a path": () => named(part(O, DOMAIN), part(CN, "../wm-bsol")),
  "id with a caller": () => named(part(O, DOMAIN), part(CN, "wm-bsol/caller/x")),
  "id with a line end": () => named(part(O, DOMAIN), part(CN, "wm-bsol\n")),
  "id with another script's letters": () => named(part(O, DOMAIN), part(CN, "wm-bsоl")),
  "id in UTF-16": () => named(part(O, DOMAIN), part(CN, "\0w\0m", 0x1e)),
  "a megabyte": () => forge({ subject: encode(DER.sequence, part(CN, "x".repeat(1 << 20))) }),
  "nine kilobytes": () => forge({ subject: encode(DER.sequence, part(CN, "x".repeat(9_000))) }),
  "deep sequences": () => nested(1_500, DER.sequence),
  "deep sets in the subject": () => forge({ subject: encode(DER.sequence, nested(1_500, DER.set)) }),
  "deep attributes": () => forge({ attributes: encode(0xa0, nested(1_500, DER.sequence)) }),
  "length beyond its end": () => Uint8Array.of(DER.sequence, 0x84, 0x7f, 0xff, 0xff, 0xff, 0),
  "indefinite length": () => Uint8Array.of(DER.sequence, 0x80, 0, 0),
  nothing: () => new Uint8Array(),
};

/** PEM around an honest request, made to be read in two ways. */
const ENVELOPES: Readonly<Record<string, (pem: string) => string>> = {
  "two requests": (pem) => pem + pem,
  "a key before it": (pem) => `-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n${pem}`,
  "another label": (pem) => pem.replaceAll("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
  "labels that differ": (pem) => pem.replace("END CERTIFICATE REQUEST", "END CERTIFICATE"),
  headers: (pem) => pem.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n"),
  "text before it": (pem) => `Certificate Request:\n${pem}`,
  "a megabyte of blanks": (pem) => `${" ".repeat(1 << 20)}${pem}`,
  "a megabyte of base64": (pem) => pem.replace("\n", `\n${"A".repeat(1 << 20)}`),
  "signs that are no base64": (pem) => pem.replace("\n", "\n!!!!"),
  "no end": (pem) => pem.slice(0, -20),
  "a byte-order mark and a zero": (pem) => `\0${pem}`,
};

const ASSERTION_PEM = ED25519.publicKey.export({ type: "spki", format: "pem" }).toString();

export interface HostileRequest {
  readonly name: string;
  /** As it is sent: the request, then an assertion key. */
  readonly text: string;
}

/** An honest request, to show that what is refused is refused for what was done to it. */
export function honestRequest(): HostileRequest {
  return { name: "honest", text: encodePem("CERTIFICATE REQUEST", forge()) + ASSERTION_PEM };
}

/** The hostile request of a number: each kind once, then an honest one with a byte changed, put in or taken out. */
export function hostileRequest(number: number): HostileRequest {
  const kinds = Object.entries(REQUESTS);
  const envelopes = Object.entries(ENVELOPES);
  const kind = kinds[number];
  if (kind !== undefined) return { name: kind[0], text: encodePem("CERTIFICATE REQUEST", kind[1]()) + ASSERTION_PEM };
  const envelope = envelopes[number - kinds.length];
  const honest = forge();
  if (envelope !== undefined) {
    return { name: envelope[0], text: envelope[1](encodePem("CERTIFICATE REQUEST", honest)) + ASSERTION_PEM };
  }
  const place = (number * 7_919) % honest.length;
  const changed = [...honest];
  // Another byte in its place, one more before it, one fewer.
  const instead = [[(honest[place] ?? 0) ^ (1 + (number % 255))], [number % 256, honest[place] ?? 0], []][number % 3];
  changed.splice(place, 1, ...(instead ?? []));
  const name = `byte ${place} changed`;
  return { name, text: encodePem("CERTIFICATE REQUEST", Uint8Array.from(changed)) + ASSERTION_PEM };
}
