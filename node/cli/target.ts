import { Failure } from "../base/failure.ts";
import type { ClientTarget } from "./client.ts";
import { readMeshFile } from "./mesh/mesh-file.ts";

export interface TargetOptions {
  /** A node's id in a mesh on this machine or the code, also a former one, of an ICS of its; or `https://HOST:PORT`. */
  readonly via: string;
  /** Folder of the caller's certificate; needed with a URL. */
  readonly certs?: string;
  /** Folder of the mesh on this machine. */
  readonly mesh: string;
}

/**
 * Where to find the node that a command is to speak to, and with which certificate.
 *
 * @param caller whose certificate of a mesh on this machine is shown where none is named.
 * @throws {Failure} `invalid-input`: no such node, or a URL without a certificate folder.
 */
export function findTarget(options: TargetOptions, caller: string): ClientTarget {
  const url = /^https:\/\/([^/:]+):(\d{1,5})\/?$/.exec(options.via);
  if (url !== null) {
    if (Number(url[2]) > 65_535) throw wrong("--via names a port above 65535.");
    if (options.certs === undefined) throw wrong("--certs is needed with a URL: the caller's certificate folder.");
    return { host: url[1] ?? "", port: Number(url[2]), certsDir: options.certs };
  }
  const { nodes } = readMeshFile(options.mesh);
  const [node, ...others] = nodes.filter(({ id, ics }) => id === options.via || ics.includes(options.via));
  if (node === undefined) {
    throw wrong(`--via must be https://HOST:PORT, an ICS's code, or one of ${nodes.map(({ id }) => id).join(", ")}.`);
  }
  if (others.length > 0) {
    const ids = [node, ...others].map(({ id }) => id).join(", ");
    throw wrong(`--via ${options.via} is answered for by several nodes: name one of ${ids}.`);
  }
  const certsDir = options.certs ?? node.callers[caller];
  if (certsDir === undefined) throw wrong(`--certs is needed: this mesh has no caller "${caller}" at that node.`);
  return { host: node.host, port: node.port, certsDir };
}

function wrong(message: string): Failure {
  return new Failure("invalid-input", message);
}
