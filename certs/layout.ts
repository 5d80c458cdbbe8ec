import { join } from "node:path";

import { Failure } from "../node/base/failure.ts";
import { parseNodeId } from "../node/base/words.ts";

/** Where the files of a network's authorities and nodes lie below the folder of `corridor certs init`. */

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface NodeFiles extends CertificateFiles {
  readonly directory: string;
  readonly assertionKey: string;
  readonly assertionPublic: string;
  /** The network's root, whom this node trusts; then its issuing authorities. */
  readonly trust: string;
  readonly manifestPublic: string;
  /** A key for which a certificate has been asked, and the request; both go when the certificate is installed. */
  readonly nextKey: string;
  readonly request: string;
}

export interface CallerFiles extends CertificateFiles {
  readonly directory: string;
  readonly trust: string;
}

export function rootFiles(dir: string): CertificateFiles {
  return { certificate: join(dir, "root", "root.crt.pem"), key: join(dir, "root", "root.key.pem") };
}

export function collaborativeFiles(dir: string, collaborative: string): CertificateFiles {
  const folder = join(dir, "collaboratives", collaborative);
  return { certificate: join(folder, "ca.crt.pem"), key: join(folder, "ca.key.pem") };
}

/** The key that signs the manifest, and its public half. */
export function authorityFiles(dir: string): { readonly manifestKey: string; readonly manifestPublic: string } {
  const folder = join(dir, "authority");
  return { manifestKey: join(folder, "manifest.key.pem"), manifestPublic: join(folder, "manifest.pub.pem") };
}

export function nodeFiles(dir: string, nodeId: string): NodeFiles {
  return nodeFilesIn(join(dir, "nodes", nodeId));
}

/** The files of one node's own folder, wherever an operator has put it. */
export function nodeFilesIn(directory: string): NodeFiles {
  return {
    directory,
    certificate: join(directory, "node.crt.pem"),
    key: join(directory, "node.key.pem"),
    assertionKey: join(directory, "assertion.key.pem"),
    assertionPublic: join(directory, "assertion.pub.pem"),
    trust: join(directory, "trust.crt.pem"),
    manifestPublic: join(directory, "manifest.pub.pem"),
    nextKey: join(directory, "next.key.pem"),
    request: join(directory, "request.pem"),
  };
}

export function callerFiles(dir: string, nodeId: string, name: string): CallerFiles {
  const directory = join(nodeFiles(dir, nodeId).directory, "callers", name);
  return {
    directory,
    certificate: join(directory, "caller.crt.pem"),
    key: join(directory, "caller.key.pem"),
    trust: join(directory, "trust.crt.pem"),
  };
}

/** An id names a folder: nothing else may. */
export function checkId(id: string, what: "node" | "caller"): void {
  if (parseNodeId(id) !== undefined) return;
  throw new Failure(
    "invalid-input",
    `'${id}' is not a ${what}'s id: 2 to 40 lower-case letters, digits, inner hyphens.`,
    {
      where: what,
    },
  );
}
