import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { Failure } from "../node/base/failure.ts";

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

/** Created exclusively, so that no key is lost by mistake; a replacement takes the name in one step. */
function write(path: string, pem: string, mode: number, replace: boolean): void {
  attempt(path, () => {
    if (!replace) return writeFileSync(path, pem, { flag: "wx", mode, flush: true });
    const fresh = `${path}.new`;
    rmSync(fresh, { force: true });
    writeFileSync(fresh, pem, { flag: "wx", mode, flush: true });
    renameSync(fresh, path);
  });
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
