import type { Clock } from "../node/base/clock.ts";
import { signCertificate } from "./certificate.ts";
import { alternativeNames, leafConstraints } from "./extensions.ts";
import { makeRsaKeyPair, privatePem } from "./key-pair.ts";
import { BACKDATED_MS, LEAF_LIFETIME_MS, SERVER_AUTH_OID } from "./profile.ts";

/**
 * A certificate for `localhost` that vouches for itself, as PEM: for a server that only browsers of this machine reach, and
 * that they warn of. Never for one that others reach.
 */
export async function signForLocalhost(clock: Clock): Promise<{ readonly certificate: string; readonly key: string }> {
  const keys = await makeRsaKeyPair();
  const nowMs = clock.wallMs();
  const order = {
    subject: { commonName: "localhost", organization: "A sandbox on this machine" },
    ...{ publicKey: keys.publicKey, notBeforeMs: nowMs - BACKDATED_MS, notAfterMs: nowMs + LEAF_LIFETIME_MS },
    extensions: [...leafConstraints([SERVER_AUTH_OID]), alternativeNames({ dns: ["localhost"] })],
  };
  return { certificate: await signCertificate(order, { self: keys.privateKey }), key: privatePem(keys) };
}
