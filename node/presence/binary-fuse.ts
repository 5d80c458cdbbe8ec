import { check } from "../base/check.ts";

/**
 * A binary fuse filter with three places and eight bits a key: T. M. Graf and D. Lemire, "Binary Fuse Filters: Fast and
 * Smaller Than Xor Filters", ACM JEA 27 (2022). It never denies a key that it was built from; of others it lets one in 256
 * through. The hashing is our own, in 32-bit steps, for which JavaScript is fast; DESIGN.md has it, and vectors to check it by.
 */
export interface BinaryFuse {
  readonly seed: number;
  /** A power of two. */
  readonly segmentLength: number;
  /** Segments in which a key's first place may lie; there are two more. */
  readonly segmentCount: number;
  /** One byte a place. */
  readonly fingerprints: Uint8Array;
}

/** So many keys at most: the places of a key are worked out exactly up to here, and no ICS has as many people. */
export const FUSE_KEYS_MAX = 6_000_000;
const SEGMENT_LENGTH_MAX = 1 << 18;
const SEEDS_TRIED_MAX = 100;

/** Places and fingerprint of one key; filled anew by each call, because millions are asked for in a row. */
interface Places {
  first: number;
  second: number;
  third: number;
  fingerprint: number;
}

type Shape = Pick<BinaryFuse, "seed" | "segmentLength" | "segmentCount">;

/** @param key 64 bits that are as good as random. */
export function holds(filter: BinaryFuse, key: bigint): boolean {
  const places = { first: 0, second: 0, third: 0, fingerprint: 0 };
  place(places, filter, Number(key >> 32n), Number(key & 0xffff_ffffn));
  const { fingerprints } = filter;
  const found = fingerprints[places.first]! ^ fingerprints[places.second]! ^ fingerprints[places.third]!;
  return found === places.fingerprint;
}

/**
 * Builds a filter: about a second for a million keys, in which this thread does nothing else.
 *
 * @param keys in any order; one that is there twice counts once.
 * @param firstSeed 32 bits. One that does not work out, of which there is one in a thousand, is followed by the next.
 */
export function buildBinaryFuse(keys: BigUint64Array, firstSeed: number): BinaryFuse {
  check(keys.length <= FUSE_KEYS_MAX, "a filter holds no more keys than its places are exact for");
  const distinct = withoutRepeats(keys);
  const [low, high] = halvesOf(distinct);
  for (let tries = 0; tries < SEEDS_TRIED_MAX; tries++) {
    const shape = { ...shapeFor(distinct.length), seed: (firstSeed + tries) >>> 0 };
    const fingerprints = fingerprintsOf(shape, low, high);
    if (fingerprints !== undefined) return { ...shape, fingerprints };
  }
  throw new Error(`none of ${SEEDS_TRIED_MAX} seeds works out, which chance does not do`);
}

/** How large a filter of so many keys is. */
function shapeFor(keys: number): Omit<Shape, "seed"> {
  const size = Math.max(2, keys);
  const length = 2 ** Math.floor(Math.log(size) / Math.log(3.33) + 2.25);
  const segmentLength = Math.min(SEGMENT_LENGTH_MAX, length);
  const factor = Math.max(1.125, 0.875 + (0.25 * Math.log(1_000_000)) / Math.log(size));
  return { segmentLength, segmentCount: Math.max(1, Math.ceil((size * factor) / segmentLength) - 2) };
}

/** Bytes that a filter of this shape has. */
export function fuseBytes({ segmentLength, segmentCount }: Omit<Shape, "seed">): number {
  return (segmentCount + 2) * segmentLength;
}

function place(into: Places, { seed, segmentLength, segmentCount }: Shape, high: number, low: number): void {
  const a = mix(high ^ mix(low ^ seed));
  const b = mix(a ^ low ^ 0x9e37_79b9);
  const c = mix(b ^ high ^ 0x85eb_ca6b);
  const within = segmentLength - 1;
  // Thirty bits times 23 are exact in a double.
  const first = Math.floor(((a >>> 2) * (segmentCount * segmentLength)) / 0x4000_0000);
  into.first = first;
  into.second = (first + segmentLength) ^ (b & within);
  into.third = (first + 2 * segmentLength) ^ (c & within);
  into.fingerprint = (b ^ c) >>> 24;
}

/** The finaliser of MurmurHash3 (Austin Appleby, public domain). */
function mix(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, 0x85eb_ca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}

/**
 * Takes away, one after the other, a key that has a place to itself; in the reverse of that order each key's own place can be
 * set so that its three places give its fingerprint.
 *
 * @returns nothing where some keys have no place to themselves: another seed is needed.
 */
function fingerprintsOf(shape: Shape, low: Uint32Array, high: Uint32Array): Uint8Array | undefined {
  const bytes = fuseBytes(shape);
  const counts = new Uint8Array(bytes);
  /** Of the keys at a place, their numbers, added bit by bit: where one is left, it is that one's. */
  const whose = new Uint32Array(bytes);
  const places: Places = { first: 0, second: 0, third: 0, fingerprint: 0 };
  for (let key = 0; key < low.length; key++) {
    place(places, shape, high[key]!, low[key]!);
    for (const at of [places.first, places.second, places.third]) {
      if (counts[at] === 255) return undefined;
      counts[at]!++;
      whose[at]! ^= key;
    }
  }

  const alone = new Uint32Array(bytes);
  let waiting = 0;
  for (let at = 0; at < bytes; at++) if (counts[at] === 1) alone[waiting++] = at;
  const order = new Uint32Array(low.length);
  const own = new Uint32Array(low.length);
  let taken = 0;
  while (waiting > 0) {
    const at = alone[--waiting]!;
    if (counts[at] !== 1) continue;
    const key = whose[at]!;
    order[taken] = key;
    own[taken++] = at;
    place(places, shape, high[key]!, low[key]!);
    for (const other of [places.first, places.second, places.third]) {
      counts[other]!--;
      whose[other]! ^= key;
      if (counts[other] === 1) alone[waiting++] = other;
    }
  }
  if (taken < low.length) return undefined;

  const fingerprints = new Uint8Array(bytes);
  while (taken > 0) {
    const key = order[--taken]!;
    place(places, shape, high[key]!, low[key]!);
    const at = own[taken]!;
    fingerprints[at] = 0;
    fingerprints[at] =
      places.fingerprint ^ fingerprints[places.first]! ^ fingerprints[places.second]! ^ fingerprints[places.third]!;
  }
  return fingerprints;
}

function withoutRepeats(keys: BigUint64Array): BigUint64Array {
  const sorted = keys.slice().sort();
  let kept = 0;
  for (let at = 0; at < sorted.length; at++) {
    if (at === 0 || sorted[at] !== sorted[at - 1]) sorted[kept++] = sorted[at]!;
  }
  return sorted.subarray(0, kept);
}

function halvesOf(keys: BigUint64Array): [low: Uint32Array, high: Uint32Array] {
  const low = new Uint32Array(keys.length);
  const high = new Uint32Array(keys.length);
  for (let at = 0; at < keys.length; at++) {
    low[at] = Number(keys[at]! & 0xffff_ffffn);
    high[at] = Number(keys[at]! >> 32n);
  }
  return [low, high];
}
