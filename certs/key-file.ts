import { X509Certificate, createPrivateKey } from "node:crypto";
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

import { Failure } from "../node/base/failure.ts";
import type { CertificateFiles } from "./layout.ts";

const PEM_BYTES_MAX = 64 * 1024;
const KEY_MODE = 0o600;
const CERTIFICATE_MODE = 0o644;
const DIRECTORY_MODE = 0o700;

/**
 * Reads a private key, as PEM.
 *
 * @throws {Failure} `configuration`: the file cannot be read, or others than its owner may read it.
 */
export function readPrivateKey(path: string): string {
  return readPem(path, (mode) => {
    if ((mode & 0o077) === 0) return;
    const octal = (mode & 0o777).toString(8).padStart(4, "0");
    throw new Failure(
      "configuration",
      `The private key ${path} has mode ${octal}: others than its owner may use it. Run: chmod 600 '${path}'`,
      { where: path },
    );
  });
}

/**
 * Reads certificates or a public key, as PEM.
 *
 * @throws {Failure} `configuration`: the file cannot be read, or is too large to be what it should be.
 */
export function readPublicPem(path: string): string {
  return readPem(path, () => {});
}

/** Makes a directory that only its owner may enter; leaves one that is there as it is. */
export function makePrivateDirectory(path: string): void {
  attempt(path, () => mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE }));
}

/**
 * Writes a new private key, readable by its owner only.
 *
 * @throws {Failure} `configuration`: a key is there already and has been left alone, or the file cannot be written.
 */
export function writePrivateKey(path: string, pem: string, replace: boolean): void {
  makePrivateDirectory(dirname(path));
  write(path, pem, KEY_MODE, replace);
}

/** Writes certificates or a public key; see {@link writePrivateKey}. */
export function writePublicPem(path: string, pem: string, replace: boolean): void {
  makePrivateDirectory(dirname(path));
  write(path, pem, CERTIFICATE_MODE, replace);
}

/**
 * Puts a key and its certificate in the place of those that are there. A stop at any moment leaves a whole pair: the new
 * certificate lies complete beside the old one (`.new`) before the key takes its name; {@link readPair} knows that.
 *
 * @throws {Failure} `configuration`: a file cannot be written.
 */
export function replacePair(files: CertificateFiles, keyPem: string, certificatePem: string): void {
  makePrivateDirectory(dirname(files.key));
  for (const [path, pem, mode] of [
    [files.key, keyPem, KEY_MODE],
    [files.certificate, certificatePem, CERTIFICATE_MODE],
  ] as const) {
    attempt(path, () => writeBeside(path, pem, mode));
  }
  for (const path of [files.key, files.certificate]) attempt(path, () => renameSync(`${path}.new`, path));
}

/** A key and its certificates, as PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/**
 * Reads a key and its certificate, which belong together.
 *
 * @throws {Failure} `configuration`: a file cannot be read, others may read the key, or the two are not a pair.
 */
export function readPair({ certificate, key: keyPath }: CertificateFiles): Pair {
  const key = readPrivateKey(keyPath);
  const found = [certificate, `${certificate}.new`]
    .filter((path) => path === certificate || existsSync(path))
    .map((path) => ({ certificate: readPublicPem(path), key }))
    .find(isPair);
  if (found !== undefined) return found;
  throw new Failure(
    "configuration",
    `${keyPath} is not the key of ${certificate}: put back the one that belongs to it.`,
    {
      where: keyPath,
    },
  );
}

function isPair({ certificate, key }: Pair): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false; // half written
  }
}

/** Created exclusively, so that no key is lost by mistake; a replacement takes the name in one step. */
function write(path: string, pem: string, mode: number, replace: boolean): void {
  attempt(path, () => {
    if (!replace) return writeFileSync(path, pem, { flag: "wx", mode, flush: true });
    writeBeside(path, pem, mode);
    renameSync(`${path}.new`, path);
  });
}

function writeBeside(path: string, pem: string, mode: number): void {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, pem, { flag: "wx", mode, flush: true });
}

function readPem(path: string, checkMode: (mode: number) => void): string {
  return attempt(path, () => {
    // One open file is judged and read, so that it cannot be exchanged between the two.
    const file = openSync(path, "r");
    try {
      const { mode, size } = fstatSync(file);
      checkMode(mode);
      if (size > PEM_BYTES_MAX) throw new Failure("configuration", `${path} is too large for a PEM file.`);
      return readFileSync(file, "utf8");
    } finally {
      closeSync(file);
    }
  });
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown;
    throw new Failure("configuration", describe(path, thrown), { where: path, cause: thrown });
  }
}

function describe(path: string, thrown: unknown): string {
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  if (code === "EEXIST") return `${path} exists already and has been left alone.`;
  if (code === "ENOENT") return `${path} does not exist. Make it with: corridor certs`;
  if (code === "EACCES" || code === "EPERM") return `${path} may not be opened by this user: check owner and mode.`;
  return `${path} cannot be used: ${code === "" ? "unknown reason" : code}.`;
}
