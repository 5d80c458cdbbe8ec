/** What every certificate of a network looks like: names, lifetimes, and the identifiers of our own extension. */

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** The root is kept offline and signs intermediates only. */
export const ROOT_LIFETIME_MS = 3_650 * DAY_MS;
/** One intermediate for each collaborative: its issuing service. */
export const INTERMEDIATE_LIFETIME_MS = 1_095 * DAY_MS;
/** Nodes and callers. Short, so that a stolen key is of little use; renewed at half life. */
export const LEAF_LIFETIME_MS = 30 * DAY_MS;
/** A node that was away when its certificate expired may still renew it for so long; later, people enrol it anew. */
export const RENEWED_LATE_MS_MAX = 7 * DAY_MS;
/** Certificates begin this long before they are issued, so that a clock running slow does not refuse a new one. */
export const BACKDATED_MS = 5 * MINUTE_MS;

export const RSA_BITS = 2_048;

/** A leaf above this size is refused before anything in it is read. */
export const LEAF_DER_BYTES_MAX = 8_192;

/**
 * Extension of a caller's leaf that lists what the caller may claim. Under the enterprise number that is reserved for
 * examples (RFC 5612), until the project has one of its own; numbers made from a UUID (2.25.…) have arcs that common TLS
 * libraries cannot read, and then refuse the certificate.
 */
export const CALLER_RIGHTS_OID = "1.3.6.1.4.1.32473.43.1";

export const KEY_USAGE_OID = "2.5.29.15";
export const SERVER_AUTH_OID = "1.3.6.1.5.5.7.3.1";
export const CLIENT_AUTH_OID = "1.3.6.1.5.5.7.3.2";

/** `spiffe://<network domain>/node/<id>`: who a node is. */
export function nodeUri(domain: string, nodeId: string): string {
  return `spiffe://${domain}/node/${nodeId}`;
}

/** `<id>.<network domain>`: the name that a node's server proves in the handshake. */
export function nodeDns(domain: string, nodeId: string): string {
  return `${nodeId}.${domain}`;
}

/** `<collaborative>.issuing.<network domain>`: no node can be called so, for an id has no dot. */
export function issuingServiceDns(domain: string, collaborative: string): string {
  return `${collaborative}.issuing.${domain}`;
}

/** `spiffe://<network domain>/node/<id>/caller/<name>`: a system that may ask this node, and no other. */
export function callerUri(domain: string, nodeId: string, name: string): string {
  return `${nodeUri(domain, nodeId)}/caller/${name}`;
}
