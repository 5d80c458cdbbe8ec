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

/** One block of PEM. */
export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/**
 * What one block of PEM holds, and nothing before or behind it.
 *
 * @throws {Failure} `invalid-input`: it is not one block of that kind.
 */
export function decodePem(label: string, pem: string): Uint8Array {
  const [, base64] =
    new RegExp(`^\\s*-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----\\s*$`).exec(pem) ?? [];
  if (base64 !== undefined) return new Uint8Array(Buffer.from(base64, "base64"));
  throw new Failure("invalid-input", `Not one ${label} in PEM.`);
}
