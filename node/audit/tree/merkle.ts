import { hash } from "node:crypto";

/**
 * A Merkle tree over a log, as RFC 9162 section 2 has it (RFC 6962 before it): leaves are counted from 0, a tree is named by
 * its size, and every hash is SHA-256.
 */

/** The hash of every full subtree of a log, wherever it is kept. */
export interface Subtrees {
  /** @returns the hash over the 2^`level` leaves from leaf `place` · 2^`level` on, all of which the log has. */
  hashOf(level: number, place: number): Uint8Array;
}

const [LEAF, NODE] = [Buffer.of(0), Buffer.of(1)];

/** No leaf and no inner node have one hash: otherwise a node could be passed off as an entry. */
export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(LEAF, entry);
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE, left, right);
}

/** The hash of the whole tree of the first `size` leaves. */
export function rootOf(size: number, subtrees: Subtrees): Uint8Array {
  return size === 0 ? sha256() : hashOfRange(0, size, subtrees);
}

/** What shows, together with a leaf's hash, that it is leaf `index` of the tree of `size`: from the leaf upwards. */
export function inclusionProof(index: number, size: number, subtrees: Subtrees): Uint8Array[] {
  return pathTo(index, 0, size, subtrees);
}

/** What shows that the tree of `to` leaves begins with the tree of `from`; empty where either is no tree, or both are one. */
export function consistencyProof(from: number, to: number, subtrees: Subtrees): Uint8Array[] {
  return from === 0 || from === to ? [] : pathFrom(from, 0, to, true, subtrees);
}

/** The root that an inclusion proof leads to; `undefined` where it is no proof for such a tree (RFC 9162, 2.1.3.2). */
export function rootFromInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
): Uint8Array | undefined {
  if (!(index >= 0 && index < size)) return undefined;
  let [at, last, root] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0) return undefined;
    const isRight = at % 2 === 1 || at === last;
    root = isRight ? nodeHash(sibling, root) : nodeHash(root, sibling);
    // The last of a row without a partner goes up unchanged.
    if (isRight) for (; at % 2 === 0 && at !== 0; last = half(last)) at = half(at);
    [at, last] = [half(at), half(last)];
  }
  return last === 0 ? root : undefined;
}

/** One state of a log. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** True where the proof shows that the later tree begins with the earlier one (RFC 9162, 2.1.4.2). */
export function isConsistent(earlier: TreeHead, later: TreeHead, proof: readonly Uint8Array[]): boolean {
  if (earlier.size > later.size) return false;
  if (earlier.size === later.size) return proof.length === 0 && isSame(earlier.root, later.root);
  if (earlier.size === 0) return proof.length === 0;
  // A whole subtree of the later tree needs no hash of its own in the proof.
  const path = isPowerOfTwo(earlier.size) ? [earlier.root, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let [at, last] = [earlier.size - 1, later.size - 1];
  for (; at % 2 === 1; last = half(last)) at = half(at);
  let [from, to] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      [from, to] = [nodeHash(sibling, from), nodeHash(sibling, to)];
      for (; at % 2 === 0 && at !== 0; last = half(last)) at = half(at);
    } else {
      to = nodeHash(to, sibling);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && isSame(from, earlier.root) && isSame(to, later.root);
}

function hashOfRange(from: number, to: number, subtrees: Subtrees): Uint8Array {
  const count = to - from;
  if (isPowerOfTwo(count)) return subtrees.hashOf(Math.log2(count), from / count);
  const middle = from + splitOf(count);
  return nodeHash(hashOfRange(from, middle, subtrees), hashOfRange(middle, to, subtrees));
}

/** PATH of RFC 9162, 2.1.3.1. */
function pathTo(index: number, from: number, to: number, subtrees: Subtrees): Uint8Array[] {
  if (to - from === 1) return [];
  const middle = from + splitOf(to - from);
  return index < middle
    ? [...pathTo(index, from, middle, subtrees), hashOfRange(middle, to, subtrees)]
    : [...pathTo(index, middle, to, subtrees), hashOfRange(from, middle, subtrees)];
}

/** SUBPROOF of RFC 9162, 2.1.4.1. */
function pathFrom(size: number, from: number, to: number, isKnown: boolean, subtrees: Subtrees): Uint8Array[] {
  if (size === to) return isKnown ? [] : [hashOfRange(from, to, subtrees)];
  const middle = from + splitOf(to - from);
  return size <= middle
    ? [...pathFrom(size, from, middle, isKnown, subtrees), hashOfRange(middle, to, subtrees)]
    : [...pathFrom(size, middle, to, false, subtrees), hashOfRange(from, middle, subtrees)];
}

/** The largest power of two below a count of two or more. */
function splitOf(count: number): number {
  return 2 ** Math.floor(Math.log2(count - 1));
}

function isPowerOfTwo(count: number): boolean {
  return Number.isInteger(Math.log2(count));
}

function half(count: number): number {
  return Math.floor(count / 2);
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return hash("sha256", Buffer.concat(parts), "buffer");
}
