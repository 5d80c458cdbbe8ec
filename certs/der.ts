/**
 * The few forms of DER that node:crypto does not show: two extensions of certificates that OpenSSL has already parsed, and
 * revocation lists.
 *
 * Reading walks and never recurses: every path is fixed, so there is nothing for a hostile file to nest.
 */

export interface DerElement {
  readonly tag: number;
  readonly contents: Uint8Array;
  /** The element itself: tag, length and contents. */
  readonly whole: Uint8Array;
}

export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** The extensions of a certificate, and those of a revocation list. */
  extensions: 0xa3,
  listExtensions: 0xa0,
} as const;

/** The elements that lie one after another in these bytes, or `undefined` where they are not whole DER elements. */
export function readElements(bytes: Uint8Array): DerElement[] | undefined {
  const elements: DerElement[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const length = readLength(bytes, offset + 1);
    if (length === undefined) return undefined;
    const end = length.contentsAt + length.bytes;
    if (end > bytes.length) return undefined;
    const contents = bytes.subarray(length.contentsAt, end);
    elements.push({ tag: bytes[offset] ?? 0, contents, whole: bytes.subarray(offset, end) });
    offset = end;
  }
  return elements;
}

/** The one element of these bytes, where there is just one and it has this tag. */
export function readOnly(bytes: Uint8Array, tag: number): Uint8Array | undefined {
  const elements = readElements(bytes);
  return elements?.length === 1 && elements[0]?.tag === tag ? elements[0].contents : undefined;
}

/**
 * The value of a certificate's extension.
 *
 * @returns `undefined` where the extension is absent, is there twice, or the bytes are not a certificate.
 */
export function readExtension(certificateDer: Uint8Array, oid: string): Uint8Array | undefined {
  const certificate = readOnly(certificateDer, DER.sequence);
  const toBeSigned = certificate && readElements(certificate)?.[0];
  const wrapper = toBeSigned && readElements(toBeSigned.contents)?.findLast(({ tag }) => tag === DER.extensions);
  const list = wrapper && readOnly(wrapper.contents, DER.sequence);
  const wanted = Buffer.from(encodeOid(oid));
  const found = ((list && readElements(list)) ?? [])
    .map(({ contents }) => readElements(contents) ?? [])
    .filter(([id]) => id?.tag === DER.oid && wanted.equals(id.contents));
  const value = found.length === 1 ? found[0]?.at(-1) : undefined;
  return value?.tag === DER.octets ? value.contents : undefined;
}

const VERSION = 0xa0;

/** A certificate's subject, byte for byte: what its authority's lists call their issuer. */
export function readSubject(certificateDer: Uint8Array): Uint8Array | undefined {
  const certificate = readOnly(certificateDer, DER.sequence);
  const toBeSigned = certificate && readElements(certificate)?.[0];
  const fields = (toBeSigned && readElements(toBeSigned.contents)) ?? [];
  // Serial, algorithm, issuer, validity, subject; before them the version, except in the oldest form.
  return fields.filter(({ tag }) => tag !== VERSION)[4]?.whole;
}

/** One element; `contents` of several parts are put one after another. */
export function encode(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  return join([Uint8Array.of(tag, ...encodeLength(length)), ...contents]);
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The contents of an object identifier. */
export function encodeOid(oid: string): Uint8Array {
  const [first = 0n, second = 0n, ...rest] = oid.split(".").map(BigInt);
  return Uint8Array.from([first * 40n + second, ...rest].flatMap(base128));
}

function base128(arc: bigint): number[] {
  const digits = [Number(arc & 0x7fn)];
  for (let left = arc >> 7n; left > 0n; left >>= 7n) digits.unshift(Number(left & 0x7fn) | 0x80);
  return digits;
}

function encodeLength(length: number): number[] {
  if (length < 0x80) return [length];
  if (length < 0x100) return [0x81, length];
  return length < 0x1_0000
    ? [0x82, length >> 8, length & 0xff]
    : [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff];
}

function readLength(bytes: Uint8Array, offset: number): { bytes: number; contentsAt: number } | undefined {
  const first = bytes[offset];
  if (first === undefined) return undefined;
  if (first < 0x80) return { bytes: first, contentsAt: offset + 1 };
  const count = first & 0x7f;
  // Indefinite lengths are not DER, and nothing here needs more than three bytes of length.
  if (count === 0 || count > 3 || offset + count >= bytes.length) return undefined;
  const digits = bytes.subarray(offset + 1, offset + 1 + count);
  return { bytes: digits.reduce((sum, digit) => sum * 256 + digit, 0), contentsAt: offset + 1 + count };
}
