import assert from "node:assert/strict";
import { hash } from "node:crypto";

import fc from "fast-check";

import {
  consistencyProof,
  inclusionProof,
  isConsistent,
  leafHash,
  nodeHash,
  rootFromInclusion,
  rootOf,
  type Subtrees,
} from "./merkle.ts";

/** The entries and roots that implementations of RFC 6962 have in common, from Certificate Transparency's own on. */
const ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/** The definition of RFC 9162, 2.1.1, word for word: what the tree is held against. */
function treeHash(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return hash("sha256", "", "buffer");
  if (leaves.length === 1) return leaves[0]!;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)));
}

function treeOf(leaves: readonly Uint8Array[]): Subtrees {
  return {
    hashOf(level, place) {
      const from = place * 2 ** level;
      assert.ok(from + 2 ** level <= leaves.length, "only full subtrees are asked for");
      return treeHash(leaves.slice(from, from + 2 ** level));
    },
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Proofs as others may send them: cut, lengthened, reversed, with a bit changed. */
function spoilt(proof: readonly Uint8Array[]): Uint8Array[][] {
  const wrong = [
    [...proof, Buffer.alloc(32)],
    [Buffer.alloc(32), ...proof],
  ];
  if (proof.length > 0) wrong.push(proof.slice(1), proof.slice(0, -1));
  if (new Set(proof.map(hex)).size > 1) wrong.push(proof.toReversed());
  proof.forEach((each, at) => {
    const flipped = Buffer.from(each);
    flipped[at % 32]! ^= 4;
    wrong.push(proof.with(at, flipped));
  });
  return wrong;
}

describe("the Merkle tree", () => {
  it("A3: has the roots that all implementations of RFC 6962 have", () => {
    const leaves = ENTRIES.map((entry) => leafHash(Buffer.from(entry, "hex")));
    const roots = Array.from({ length: ROOTS.length }, (_, size) => hex(rootOf(size, treeOf(leaves.slice(0, size)))));
    assert.deepEqual(roots, ROOTS);
  });

  it("A3: gives the consistency proof that all implementations give from size 1 to 8", () => {
    const leaves = ENTRIES.map((entry) => leafHash(Buffer.from(entry, "hex")));
    assert.deepEqual(
      consistencyProof(1, 8, treeOf(leaves)).map((each) => Buffer.from(each).toString("base64")),
      [
        "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
        "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
        "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
      ],
    );
  });

  it("proves every leaf of every small tree, and nothing else", () => {
    const leaves = Array.from({ length: 20 }, (_, at) => leafHash(Buffer.of(at)));
    let refused = 0;
    for (let size = 1; size <= leaves.length; size++) {
      const tree = treeOf(leaves.slice(0, size));
      const root = hex(rootOf(size, tree));
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(index, size, tree);
        const leadsTo = (leaf: Uint8Array, at: number, of: number, by: readonly Uint8Array[]) =>
          hex(rootFromInclusion(leaf, at, of, by) ?? Buffer.of());
        assert.equal(leadsTo(leaves[index]!, index, size, proof), root, `leaf ${index} of ${size}`);
        for (const wrong of spoilt(proof)) assert.notEqual(leadsTo(leaves[index]!, index, size, wrong), root);
        assert.notEqual(leadsTo(leafHash(Buffer.of(99)), index, size, proof), root);
        for (const at of [-1, index + 1, size]) assert.notEqual(leadsTo(leaves[index]!, at, size, proof), root);
        refused += spoilt(proof).length + 4;
      }
    }
    assert.ok(refused > 1_000);
  });

  it("proves that every small tree begins with every smaller one, and nothing else", () => {
    const leaves = Array.from({ length: 20 }, (_, at) => leafHash(Buffer.of(at)));
    const heads = leaves.map((_, at) => ({ size: at + 1, root: rootOf(at + 1, treeOf(leaves.slice(0, at + 1))) }));
    for (const later of heads) {
      const tree = treeOf(leaves.slice(0, later.size));
      for (const earlier of heads.slice(0, later.size)) {
        const proof = consistencyProof(earlier.size, later.size, tree);
        assert.ok(isConsistent(earlier, later, proof), `${earlier.size} to ${later.size}`);
        for (const wrong of spoilt(proof)) assert.ok(!isConsistent(earlier, later, wrong));
        const other = leafHash(Buffer.of(99));
        assert.ok(!isConsistent({ ...earlier, root: other }, later, proof));
        assert.ok(!isConsistent(earlier, { ...later, root: other }, proof));
        if (earlier.size < later.size) assert.ok(!isConsistent(later, earlier, proof));
      }
    }
  });

  it("grows only: whatever is changed in what was there, no proof leads from the old tree to the new", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 60 }), fc.nat(), fc.nat(), (size, cut, changed) => {
        const leaves = Array.from({ length: size }, (_, at) => leafHash(Buffer.of(at)));
        const from = 1 + (cut % (size - 1));
        const earlier = { size: from, root: rootOf(from, treeOf(leaves.slice(0, from))) };
        leaves[changed % from] = leafHash(Buffer.of(200));
        const later = { size, root: rootOf(size, treeOf(leaves)) };
        assert.ok(!isConsistent(earlier, later, consistencyProof(from, size, treeOf(leaves))));
      }),
    );
  });

  it("keeps count beyond 32 bits", () => {
    const size = 2 ** 40 + 3;
    const tree: Subtrees = { hashOf: (level, place) => hash("sha256", `${level} ${place}`, "buffer") };
    const proof = inclusionProof(size - 1, size, tree);
    assert.deepEqual(rootFromInclusion(tree.hashOf(0, size - 1), size - 1, size, proof), rootOf(size, tree));
  });
});
