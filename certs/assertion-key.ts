import { existsSync } from "node:fs";

import { assertionPublicKey } from "./fingerprint.ts";
import { readPrivateKey, writePrivateKey, writePublicPem } from "./key-file.ts";
import { makeEd25519KeyPair, privatePem, publicPem } from "./key-pair.ts";
import type { NodeFiles } from "./layout.ts";

/** A node's assertion key stays for good; made where there is none. @returns its raw public half, base64url. */
export async function keepOrMakeAssertionKey(files: NodeFiles): Promise<string> {
  if (existsSync(files.assertionKey)) return assertionPublicKey(readPrivateKey(files.assertionKey));
  const keys = await makeEd25519KeyPair();
  writePrivateKey(files.assertionKey, privatePem(keys), false);
  writePublicPem(files.assertionPublic, publicPem(keys), true);
  return assertionPublicKey(publicPem(keys));
}
