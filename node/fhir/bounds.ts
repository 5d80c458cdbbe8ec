/** Every limit of the HTTPS door, in one place. Overload ends in a plain refusal, never in memory. */

/** One message. A Patient is about 2 KiB. */
export const BODY_BYTES_MAX = 2 * 1024 * 1024;
/** All bodies held at once. */
export const BODIES_BYTES_MAX = 32 * 1024 * 1024;
/** The request line with all headers. */
export const HEADER_BYTES_MAX = 8 * 1024;

/** Connections of everybody together. */
export const CONNECTIONS_MAX = 256;
/** Connections of one caller. */
export const CONNECTIONS_PER_CALLER_MAX = 32;

/** A connection must have finished its handshake by then. */
export const HANDSHAKE_WITHIN_MS = 5_000;
/** A request's headers must be there by then. */
export const HEADERS_WITHIN_MS = 10_000;
/** A request must be there whole by then. */
export const REQUEST_WITHIN_MS = 30_000;
/** A connection without a request is closed after this. */
export const IDLE_MS = 60_000;
/** A connection older than this ends with its next answer, so that certificates are shown anew. */
export const CONNECTION_AGE_MS = 600_000;
/** How often open requests and connections are held against these limits, and refusals are counted into the log. */
export const SWEEP_EVERY_MS = 1_000;
