/** Every limit of the door for HL7 v2, in one place; the length of a message is in `mllp.ts`, its parts in `message.ts`. */

/** Sockets, those included that have shown no certificate yet: nobody without one keeps the others out. */
export const SOCKETS_MAX = 512;
/** Connections with a certificate, of everybody together; each may hold two megabytes while a message comes in. */
export const CONNECTIONS_MAX = 64;
/** Connections of one certificate. */
export const CONNECTIONS_PER_SENDER_MAX = 8;

/** A connection must have finished its handshake by then. */
export const HANDSHAKE_WITHIN_MS = 5_000;
/** A message that has begun must be there whole by then. */
export const MESSAGE_WITHIN_MS = 30_000;
/** An answer must have been taken by then. */
export const ANSWER_WITHIN_MS = 30_000;
/** A connection without a message is closed after this: at night a hospital may be quiet for long. */
export const IDLE_MS = 3_600_000;
/** How often connections are held against these limits and their certificates against the directory. */
export const SWEEP_EVERY_MS = 1_000;
