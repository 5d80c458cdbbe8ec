/** Every limit of the wire, in one place. Overload ends in a plain refusal, never in memory. */

/** A question with its assertion is about 1 KiB; 64 KiB leaves room for 64 claims. */
export const REQUEST_BYTES_MAX = 64 * 1024;
/** One batch of a load. Only callers with the feed right may send so much. */
export const BATCH_BYTES_MAX = 1024 * 1024;
/** An answer from a peer: some thousands of records. */
export const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
/** All headers of one call, names and values. */
export const HEADER_BYTES_MAX = 8 * 1024;
/** The same as HTTP/2 counts it, with 32 bytes for each: a call beyond that is reset before gRPC hears of it. */
export const HEADER_LIST_BYTES_MAX = 16 * 1024;
/** Headers of one call. */
export const HEADERS_MAX = 64;
/** The payload of a signed assertion. */
export const ASSERTION_BYTES_MAX = 32 * 1024;
/** Questions that one assertion may cover. */
export const CLAIMS_MAX = 64;
/**
 * Questions to one peer that this node signs together when it is busy. Every question carries the whole assertion, so more
 * would cost in bytes what they save in signatures.
 */
export const CLAIMS_SIGNED_TOGETHER_MAX = 8;
/** Assertions that a holder remembers, so that those of several questions are verified once: those of a fraction of a second. */
export const ASSERTIONS_REMEMBERED_MAX = 128;

/**
 * A question of a peer is answered within this, or there are too many at once for the others, own users first of all: fewer
 * are begun then, but so many always, for a slow disk takes as long for many as for one; and so many before anything is known.
 */
export const QUESTION_TAKES_MS = 50;
export const QUESTIONS_AT_ONCE_MIN = 16;
export const QUESTIONS_AT_ONCE_FIRST = 64;
/** Questions of one peer that wait to be begun. */
export const QUESTIONS_WAITING_MAX = 4_096;
/** Of the time left for a question, so much may go by before it is answered: the asker still has to hear of it. */
export const QUESTION_WAIT_PART_MAX = 0.5;

/** Connections of everybody together, handshakes under way and still to come included. */
export const CONNECTIONS_MAX = 1_024;
/** Connections of one node or one caller. A node opens one to each of its peers. */
export const CONNECTIONS_PER_PEER_MAX = 32;
/** Calls open at once on one connection. */
export const STREAMS_PER_CONNECTION_MAX = 100;
/** Calls that may be reset at once on one connection, and every second; beyond that HTTP/2 ends it. */
export const RESETS_AT_ONCE_MAX = 300;
export const RESETS_PER_SECOND_MAX = 50;
/** What HTTP/2 may hold for one connection, in megabytes: frames and headers not yet handed over. */
export const SESSION_MEGABYTES_MAX = 16;
/**
 * What the other end may send before this one has taken any of it. HTTP/2's own 64 KiB hold not even one piece of a record, so
 * that every piece would wait for a word back.
 */
export const WINDOW_BYTES = 2 * 1024 * 1024;

/** A connection must have finished its handshake by then. */
export const HANDSHAKE_WITHIN_MS = 4_000;
/** A connection must have brought a whole request by then, counted from the end of its handshake. */
export const FIRST_REQUEST_WITHIN_MS = 8_000;
/** A request must be there whole by then, counted from its first header: early enough to be told so on a new connection. */
export const REQUEST_WITHIN_MS = 6_000;
/** An answer that is not taken off the wire is dropped after this. */
export const ANSWER_TAKEN_WITHIN_MS = 20_000;
/** No call of one answer lasts longer, whatever its caller would allow. */
export const CALL_MS_MAX = 60_000;
/** A load without a new batch for so long is ended. */
export const SILENCE_MS_MAX = 60_000;
/** How often open calls are held against these limits. */
export const SWEEP_EVERY_MS = 1_000;

/** How often connections are held against what follows: a flood lasts hardly longer. */
export const CONDUCT_EVERY_MS = 250;
/** What a node or caller may send that is of no use to any call, over and over: some twenty thousand frames a second. */
export const IDLE_BYTES_PER_SECOND_MAX = 256 * 1024;
/** And at once, on top of that: the rest of some requests that were refused half-way. */
export const IDLE_BYTES_AT_ONCE_MAX = 1024 * 1024;
/** A call that is cut short so soon was hardly meant; it counts as so many idle bytes. */
export const CUT_SHORT_WITHIN_MS = 100;
export const CUT_SHORT_BYTES = 1_024;
/** A piece of a message smaller than this is a crumb: it costs as much as a large one, and so counts as more idle bytes. */
export const CRUMB_BYTES = 32;
export const CRUMB_COST_BYTES = 128;
/** After a flood, new connections of the same node or caller are turned away for so long. */
export const REST_AFTER_FLOOD_MS = 30_000;

/** Connections end after this, so that certificates are shown anew; calls under way may finish. */
export const CONNECTION_AGE_MS = 600_000;
export const CONNECTION_AGE_GRACE_MS = 60_000;
/** A load may outlast its connection's age by this; whoever feeds is checked again at every batch. */
export const LOAD_GRACE_MS = 3_600_000;
/** A connection without a call is closed after this. */
export const CONNECTION_IDLE_MS = 300_000;
/** Longer than the grace: a ping after a graceful goodbye would end the calls that are still finishing. */
export const SERVER_KEEPALIVE_EVERY_MS = 120_000;
export const SERVER_KEEPALIVE_WITHIN_MS = 20_000;
/**
 * How soon a node notices that a connection to a peer leads nowhere any more: both together, at most. Ten seconds is the
 * least that gRPC lets other clients have; our servers take pings as often as they come.
 */
export const PEER_KEEPALIVE_EVERY_MS = 10_000;
export const PEER_KEEPALIVE_WITHIN_MS = 3_000;
/** A load whose node owes it an acknowledgement for so long is given up: the way there is gone without a word. */
export const ACKNOWLEDGED_WITHIN_MS = 60_000;
/** A node that came back is tried again within this (with the jitter of gRPC's back-off). */
export const RECONNECT_MS_MIN = 250;
export const RECONNECT_MS_MAX = 1_000;
/** A connection that takes longer to be made, HTTP/2's first words included, is given up for a fresh one. */
export const CONNECT_WITHIN_MS = 5_000;
/** A record may take so long to come over: a hundred megabytes over a slow line. */
export const RECORD_MS_MAX = 300_000;
/** What a record's first part is waited for, the source's own time among it. */
export const RECORD_ANSWER_BY_MS = 30_000;
/** One part of a record on its way: 64 KiB of it, or its head. */
export const RECORD_PART_BYTES_MAX = 128 * 1024;
/** The longest that an answer, and a late one, may be waited for. */
export const ANSWER_BY_MS_MAX = 60_000;
export const LATE_UNTIL_MS_MAX = 120_000;
/** Questions of one stream under way, those included whose answers are not yet read; beyond it no frame is taken in. */
export const STREAM_QUESTIONS_MAX = 1_024;
/** A stream of questions takes no more after this, and ends with its last answer: before its connection's grace is over. */
export const STREAM_AGE_MS = 45_000;
/** A stream without a question is ended after this: before its holder would. */
export const STREAM_IDLE_MS = 20_000;
