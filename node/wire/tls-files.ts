import { join } from "node:path";
import { type SecureContext, createSecureContext } from "node:tls";

import { readPair, readPublicPem } from "../../certs/key-file.ts";
import { nodeFilesIn } from "../../certs/layout.ts";
import { Failure } from "../base/failure.ts";

/** What one end of a connection shows, and whom it believes, as PEM. */
export interface TlsFiles {
  /** Leaf first, then the authority that signed it. */
  readonly certificate: string;
  readonly key: string;
  /** The network's root: nothing else is trusted. */
  readonly trust: string;
}

/** @throws {Failure} `configuration`: a file cannot be read, others than its owner may read the key, or it is another's. */
export function readNodeTls(dir: string): TlsFiles {
  return read(nodeFilesIn(dir));
}

/** @throws {Failure} as {@link readNodeTls}. */
export function readCallerTls(dir: string): TlsFiles {
  return read({
    certificate: join(dir, "caller.crt.pem"),
    key: join(dir, "caller.key.pem"),
    trust: join(dir, "trust.crt.pem"),
  });
}

function read(paths: { readonly certificate: string; readonly key: string; readonly trust: string }): TlsFiles {
  return { ...readPair(paths), trust: readPublicPem(paths.trust) };
}

/**
 * The secure context of a client: TLS 1.3 only, and no authority but the network's root.
 *
 * @throws {Failure} `configuration`: certificate and key do not belong together, or are not in PEM.
 */
export function clientContext(files: TlsFiles): SecureContext {
  return asConfiguration(() =>
    createSecureContext({ cert: files.certificate, key: files.key, ca: files.trust, minVersion: "TLSv1.3" }),
  );
}

/** Runs what OpenSSL may refuse, and says so as a fault of the files. */
export function asConfiguration<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new Failure("configuration", "OpenSSL does not accept the certificate with its key: are they a pair?", {
      cause,
    });
  }
}
