import type { Clock } from "./clock.ts";

/** A handshake costs two or three milliseconds, mostly for proving the own key: so many at once are not noticed by calls. */
const AT_ONCE = 16;
/** And so many a second beyond them: an eighth of a core at most, whoever knocks. */
const PER_SECOND = 50;
/** Connections that may wait for their turn: those of two seconds and a half. */
const WAITING_MAX = 128;

/** What the gate needs of a connection. */
export interface Knocking {
  readonly destroyed: boolean;
  on(event: "error", listener: () => void): unknown;
  destroy(): unknown;
}

export interface HandshakeGate<Socket> {
  /** Lets a connection begin its handshake, now or when there is time. */
  arrive(socket: Socket): void;
  /** Ends whatever waits. */
  close(): void;
}

/**
 * Lets handshakes begin no faster than a node can do them beside its work: whoever has no certificate can still make it
 * prove its own key. Where many knock, the newest goes first and the oldest is dropped: those who knock for the sake of
 * knocking wait the longest, and whoever comes in earnest has not given up yet.
 *
 * @param begin begins the handshake.
 * @param dropped told of each that was sent away.
 */
export function makeHandshakeGate<Socket extends Knocking>(
  clock: Clock,
  begin: (socket: Socket) => void,
  dropped: () => void,
): HandshakeGate<Socket> {
  const waiting: Socket[] = [];
  let tokens = AT_ONCE;
  let countedMs = clock.monotonicMs();
  let isTimed = false;

  function countTokens(): void {
    const nowMs = clock.monotonicMs();
    tokens = Math.min(AT_ONCE, tokens + ((nowMs - countedMs) / 1_000) * PER_SECOND);
    countedMs = nowMs;
  }

  function letIn(): void {
    countTokens();
    while (tokens >= 1 && waiting.length > 0) {
      const socket = waiting.pop()!;
      if (socket.destroyed) continue;
      tokens--;
      begin(socket);
    }
    if (isTimed || waiting.length === 0) return;
    isTimed = true;
    clock.after(1_000 / PER_SECOND, () => {
      isTimed = false;
      letIn();
    });
  }

  return {
    arrive(socket) {
      socket.on("error", () => socket.destroy()); // whoever breaks off is gone; there is nobody to tell
      waiting.push(socket);
      letIn();
      if (waiting.length <= WAITING_MAX) return;
      waiting.shift()?.destroy();
      dropped();
    },
    close() {
      for (const socket of waiting.splice(0)) socket.destroy();
    },
  };
}
