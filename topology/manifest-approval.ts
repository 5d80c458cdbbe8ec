import { createHash, createPrivateKey, createPublicKey } from "node:crypto";

import { CompactSign, compactVerify } from "jose";

import { Failure } from "../node/base/failure.ts";

/**
 * A second person's word for a manifest. It stands in the file below the signed manifest, a line each, and says which one it
 * is about: whoever approves signs its SHA-256, with a key that the manifest in force names.
 */

const APPROVAL_TYPE = "corridor-approval+jws";
const ALGORITHM = "EdDSA";
const APPROVALS_MAX = 8;

/** A manifest's file: the signed document, and those who approve of it. */
export interface ManifestFile {
  readonly jws: string;
  readonly approvals: readonly string[];
}

/** @throws {Failure} `not-authenticated`: more lines than a manifest's file has. */
export function splitManifestFile(text: string): ManifestFile {
  const [jws = "", ...approvals] = text.trim().split("\n");
  if (approvals.length > APPROVALS_MAX) {
    throw new Failure("not-authenticated", `A manifest's file has at most ${APPROVALS_MAX} approvals.`);
  }
  return { jws: jws.trim(), approvals: approvals.map((line) => line.trim()) };
}

/** @param keyPem the approver's own Ed25519 key. @returns the line to put below the signed manifest. */
export function approveManifest(jws: string, keyPem: string): Promise<string> {
  return new CompactSign(digestOf(jws))
    .setProtectedHeader({ alg: ALGORITHM, typ: APPROVAL_TYPE })
    .sign(createPrivateKey(keyPem));
}

/** True where one of these approvers (raw Ed25519 keys, base64url) approves of this very manifest. */
export async function isApproved({ jws, approvals }: ManifestFile, approvers: readonly string[]): Promise<boolean> {
  for (const x of approvers) {
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    for (const approval of approvals) {
      const read = await compactVerify(approval, key, { algorithms: [ALGORITHM] }).catch(() => undefined);
      if (read?.protectedHeader.typ === APPROVAL_TYPE && Buffer.compare(read.payload, digestOf(jws)) === 0) return true;
    }
  }
  return false;
}

function digestOf(jws: string): Buffer {
  return createHash("sha256").update(jws).digest();
}
