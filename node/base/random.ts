import { randomFillSync, randomUUID } from "node:crypto";

/** Randomness, handed in. */
export interface Random {
  /** Fresh bytes, fit for keys and salts. */
  bytes(count: number): Uint8Array;
  /** A fresh version 4 UUID. */
  uuid(): string;
  /** A number from 0 up to, not including, 1. Not for secrets. */
  fraction(): number;
}

/** Drawn from the machine in one go: a call of it costs far more than a few more bytes. Each byte is given out once. */
const pool = Buffer.alloc(4_096);
let poolUsed = pool.length;

function drawBytes(count: number): Uint8Array {
  if (count > pool.length) return randomFillSync(new Uint8Array(count));
  if (poolUsed + count > pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  const drawn = Uint8Array.from(pool.subarray(poolUsed, poolUsed + count));
  pool.fill(0, poolUsed, (poolUsed += count));
  return drawn;
}

/** The machine's own randomness. */
export const systemRandom: Random = {
  bytes: drawBytes,
  uuid: () => randomUUID(),
  fraction: () => Math.random(),
};

/** A reproducible sequence for generators and simulations (splitmix32). Not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => next() & 0xff);
  return {
    bytes,
    fraction: () => next() / 0x1_0000_0000,
    uuid() {
      const raw = bytes(16);
      raw[6] = ((raw[6] ?? 0) & 0x0f) | 0x40;
      raw[8] = ((raw[8] ?? 0) & 0x3f) | 0x80;
      const hex = Buffer.from(raw).toString("hex");
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    },
  };
}
