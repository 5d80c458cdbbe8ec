import { IDLE_BYTES_AT_ONCE_MAX, IDLE_BYTES_PER_SECOND_MAX } from "./bounds.ts";

/**
 * What a connection sends. Every byte that comes in is either of use, as headers of a call or as part of a message, or it is
 * idle: pings, settings, window updates, frames of nothing, headers that were refused, the nine bytes that each frame begins
 * with. Honest clients send a few hundred of the latter a second. Whoever sends many more keeps the node busy for nothing,
 * in whatever way HTTP/2 may offer for it.
 */
export class Conduct {
  /** Whether a whole request has come: until then the connection may not idle. */
  hasAsked = false;
  #usefulBytes = 0;
  #countedBytes = 0;

  /** These bytes were of use. */
  use(bytes: number): void {
    this.#usefulBytes += bytes;
  }

  /** Work was done for nothing; it counts as so many idle bytes. */
  waste(bytes: number): void {
    this.#usefulBytes -= bytes;
  }

  /** Idle bytes since this was last asked. To have been of more use than came over the wire is no credit for later. */
  moreIdleBytes(bytesRead: number): number {
    const more = bytesRead - this.#usefulBytes - this.#countedBytes;
    if (more < 0) this.#usefulBytes += more;
    const counted = Math.max(0, more);
    this.#countedBytes += counted;
    return counted;
  }
}

/** The idle bytes of a node or caller, over all its connections; so many a second are forgiven. Nobody saves up for later. */
export class IdleAccount {
  #owedBytes = 0;
  #countedMs: number;

  constructor(nowMs: number) {
    this.#countedMs = nowMs;
  }

  charge(bytes: number, nowMs: number): void {
    const forgiven = ((nowMs - this.#countedMs) / 1_000) * IDLE_BYTES_PER_SECOND_MAX;
    this.#owedBytes = Math.max(0, this.#owedBytes + bytes - forgiven);
    this.#countedMs = nowMs;
  }

  isOverdrawn(): boolean {
    return this.#owedBytes > IDLE_BYTES_AT_ONCE_MAX;
  }

  isEmpty(): boolean {
    return this.#owedBytes === 0;
  }
}
