/** Ways to spoil a message, by seed: the same seed spoils the same way. */

export interface Chance {
  /** A whole number from 0 to below `below`. */
  upTo(below: number): number;
  pick<T>(from: readonly T[]): T;
}

/** The generator `mulberry32`: small, quick, and good enough to choose bytes. */
export function makeChance(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const upTo = (below: number): number => next() % Math.max(1, below);
  return { upTo, pick: (from) => from[upTo(from.length)]! };
}

type Mutation = (bytes: Buffer, chance: Chance) => Buffer;

const noise = (length: number, chance: Chance): Buffer => Buffer.from(Array.from({ length }, () => chance.upTo(256)));

const splice = (bytes: Buffer, at: number, remove: number, insert: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, chance) {
    const flipped = Buffer.from(bytes);
    const at = chance.upTo(bytes.length);
    flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << chance.upTo(8)), at);
    return flipped;
  },
  function setByte(bytes, chance) {
    const set = Buffer.from(bytes);
    set.writeUInt8(chance.pick([0x00, 0x7f, 0x80, 0xff, chance.upTo(256)]), chance.upTo(bytes.length));
    return set;
  },
  (bytes, chance) => splice(bytes, chance.upTo(bytes.length), 0, noise(1 + chance.upTo(16), chance)),
  (bytes, chance) => splice(bytes, chance.upTo(bytes.length), 1 + chance.upTo(16), Buffer.alloc(0)),
  (bytes, chance) => bytes.subarray(0, chance.upTo(bytes.length)),
  function repeatPart(bytes, chance) {
    const from = chance.upTo(bytes.length);
    const part = bytes.subarray(from, from + 1 + chance.upTo(64));
    return splice(
      bytes,
      chance.upTo(bytes.length),
      0,
      Buffer.concat(Array.from({ length: 1 + chance.upTo(20) }, () => part)),
    );
  },
  /** A length, or a number, of ten bytes. */
  (bytes, chance) => splice(bytes, chance.upTo(bytes.length), 1, Buffer.from("ffffffffffffffffff01", "hex")),
  /** A length of 4 GiB. */
  (bytes, chance) => splice(bytes, chance.upTo(bytes.length), 1, Buffer.from("ffffffff0f", "hex")),
  /** Groups within groups, which protobuf still reads. */
  (bytes, chance) => splice(bytes, chance.upTo(bytes.length), 0, Buffer.alloc(1 + chance.upTo(5_000), 0x7b)),
  /** Fields of a number that nothing has. */
  (bytes, chance) =>
    Buffer.concat([bytes, ...Array.from({ length: 1 + chance.upTo(500) }, () => Buffer.from("fa7f0161", "hex"))]),
  /** Text that is none: broken UTF-8, NUL, marks that turn the direction. */
  (bytes, chance) =>
    splice(
      bytes,
      chance.upTo(bytes.length),
      3,
      chance.pick(["c328a0", "edbfbf", "000000", "e280ae", "f4908080", "fefeff"].map((hex) => Buffer.from(hex, "hex"))),
    ),
  (bytes, chance) => noise(chance.upTo(bytes.length * 2), chance),
];

/** One to three spoils of a message that is well formed. */
export function mutate(message: Uint8Array, chance: Chance): Buffer {
  let mutated: Buffer = Buffer.from(message);
  for (let times = 1 + chance.upTo(3); times > 0; times--) {
    if (mutated.length > 0) mutated = chance.pick(MUTATIONS)(mutated, chance);
  }
  return mutated;
}
