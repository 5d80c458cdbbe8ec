/**
 * Reads the two extensions that node:crypto does not show, from certificates that OpenSSL has already parsed.
 *
 * It walks and never recurses: the path to an extension is fixed, so there is nothing for a hostile file to nest.
 */

export interface DerElement {
  readonly tag: number;
  readonly contents: Uint8Array;
}

export const DER = { utf8: 0x0c, octets: 0x04, sequence: 0x30, oid: 0x06, extensions: 0xa3 } as const;

/** The elements that lie one after another in these bytes, or `undefined` where they are not whole DER elements. */
export function readElements(bytes: Uint8Array): DerElement[] | undefined {
  const elements: DerElement[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const length = readLength(bytes, offset + 1);
    if (length === undefined) return undefined;
    const end = length.contentsAt + length.bytes;
    if (end > bytes.length) return undefined;
    elements.push({ tag: bytes[offset] ?? 0, contents: bytes.subarray(length.contentsAt, end) });
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
