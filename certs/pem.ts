import { X509Certificate } from "node:crypto";

import { Failure } from "../node/base/failure.ts";

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** A chain, and whom a node trusts: the root and an issuing authority for each collaborative. */
const CERTIFICATES_MAX = 60;

/**
 * The certificates of a PEM file, in their order: the leaf first.
 *
 * @throws {Failure} `invalid-input`: there is none, there are over sixty, or OpenSSL cannot read one.
 */
export function readCertificates(pem: string, where: string): X509Certificate[] {
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length === 0 || blocks.length > CERTIFICATES_MAX) {
    throw new Failure(
      "invalid-input",
      `${where} holds ${blocks.length} certificates in PEM; 1 to ${CERTIFICATES_MAX} are expected.`,
    );
  }
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new Failure("invalid-input", `Certificate ${index + 1} of ${where} cannot be read.`, { cause });
    }
  });
}
