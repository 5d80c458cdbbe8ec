import { X509Certificate, createPrivateKey } from "node:crypto";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";

import { check } from "../node/base/check.ts";
import type { Clock } from "../node/base/clock.ts";
import { Failure } from "../node/base/failure.ts";
import { AUTHORITY_STATES, Authorities, type AuthorityState, type ListedAuthority } from "./authorities.ts";
import {
  type IssuingAuthority,
  listCollaboratives,
  readIssuingAuthority,
  signIntermediate,
  signRoot,
} from "./authority.ts";
import type { Signer } from "./certificate.ts";
import { readPrivateKey, readPublicPem, writePrivateKey, writePublicPem } from "./key-file.ts";
import { type KeyPair, makeRsaKeyPair, privatePem } from "./key-pair.ts";
import { type CertificateFiles, collaborativeFiles, rootFiles } from "./layout.ts";

/**
 * How the authorities of a network are exchanged, in the folder of `corridor certs init`: prepare, activate, taint, revoke. Each
 * step changes the folder; it is in force when a manifest signed with `--authorities` is. One exchange at a time.
 */

/**
 * The authorities of a network, oldest first, as the manifest is to list them.
 *
 * @throws {Failure} `configuration`: the folder is none, or its register cannot be read.
 */
export function readRegister(dir: string): ListedAuthority[] {
  const path = registerPath(dir);
  if (existsSync(path)) return parseRegister(path);
  return [undefined, ...listCollaboratives(dir)].map((collaborative) =>
    entryOf(readPublicPem(filesOf(dir, collaborative).certificate), collaborative, "active"),
  );
}

/**
 * Makes an authority that is to follow: for a collaborative a new key; for the root a new key, under which every collaborative's
 * key is certified once more, so that no node needs a new certificate.
 *
 * @throws {Failure} `invalid-input`: there is no such authority, or another exchange is not over.
 */
export async function prepareAuthority(dir: string, which: "root" | (string & {}), clock: Clock): Promise<void> {
  const register = readRegister(dir);
  if (register.some((each) => each.state === "prepared" || each.state === "tainted" || isFollowed(each, register))) {
    throw refused("another exchange is not over: activate, taint and revoke first");
  }
  const isRoot = which === "root";
  const before = register.filter(({ collaborative }) => collaborative === (isRoot ? undefined : which)).length;
  if (before === 0) throw refused(`there is no authority of ${which} here`);
  const prepared = isRoot
    ? await prepareRoot(dir, `Root authority ${before + 1}`, clock)
    : [await prepareIssuing(dir, which, `${which} ${before + 1}`, clock)];
  writeRegister(dir, [...register, ...prepared]);
}

async function prepareIssuing(dir: string, id: string, name: string, clock: Clock): Promise<ListedAuthority> {
  const [{ domain }, keys] = [readIssuingAuthority(dir, id), await makeRsaKeyPair()];
  const pem = await signIntermediate({ domain, clock }, name, keys.publicKey, readRoot(dir));
  writeNext(collaborativeFiles(dir, id), pem, keys);
  return entryOf(pem, id, "prepared");
}

async function prepareRoot(dir: string, name: string, clock: Clock): Promise<ListedAuthority[]> {
  const issuing = listCollaboratives(dir).map((id) => readIssuingAuthority(dir, id));
  const [{ domain }] = issuing as [IssuingAuthority];
  const keys = await makeRsaKeyPair();
  const rootPem = await signRoot({ domain, clock }, keys, name);
  const entries = [entryOf(rootPem, undefined, "prepared")];
  for (const { collaborative, certificatePem } of issuing) {
    const { publicKey, subject } = new X509Certificate(certificatePem);
    // The name stays with the key: leaves say by whom they were issued.
    const [, known = collaborative] = /^CN=Issuing authority (.+)$/m.exec(subject) ?? [];
    const root = { certificatePem: rootPem, privateKey: keys.privateKey };
    const pem = await signIntermediate({ domain, clock }, known, publicKey, root);
    writePublicPem(nextOf(collaborativeFiles(dir, collaborative)).certificate, pem, true);
    entries.push(entryOf(pem, collaborative, "prepared"));
  }
  writeNext(rootFiles(dir), rootPem, keys);
  return entries;
}

/**
 * The next step of the exchange under way. `active`: what was prepared issues from now on; `tainted`: what it follows is to be
 * left; `revoked`: that is believed no more.
 *
 * @throws {Failure} `invalid-input`: the step before has not been made.
 */
export function stepAuthorities(dir: string, to: Exclude<AuthorityState, "prepared">): void {
  const register = readRegister(dir);
  const moving = new Set(
    register.filter((each) => (to === "tainted" ? isFollowed(each, register) : isBefore(each, to))),
  );
  if (moving.size === 0) throw refused(`no authority can be ${to} now: see 'corridor certs authority list'`);
  for (const { collaborative } of to === "active" ? moving : []) takeUp(filesOf(dir, collaborative));
  writeRegister(
    dir,
    register.map((each) => (moving.has(each) ? { ...each, state: to } : each)),
  );
}

function isBefore({ state }: ListedAuthority, to: AuthorityState): boolean {
  return state === AUTHORITY_STATES[AUTHORITY_STATES.indexOf(to) - 1];
}

/** True of one that is active and has another active one of its name behind it. */
function isFollowed(entry: ListedAuthority, register: readonly ListedAuthority[]): boolean {
  const active = register.filter(
    ({ collaborative, state }) => collaborative === entry.collaborative && state === "active",
  );
  return active.includes(entry) && active.at(-1) !== entry;
}

/** Puts what was prepared in the place from which is issued; the key of before stays beside it, for its last list. */
function takeUp(files: CertificateFiles): void {
  const [next, before] = [nextOf(files), besideOf(files, "before")];
  renameSync(files.certificate, before.certificate);
  renameSync(next.certificate, files.certificate);
  if (!existsSync(next.key)) return;
  renameSync(files.key, before.key);
  renameSync(next.key, files.key);
}

function filesOf(dir: string, collaborative: string | undefined): CertificateFiles {
  return collaborative === undefined ? rootFiles(dir) : collaborativeFiles(dir, collaborative);
}

function nextOf(files: CertificateFiles): CertificateFiles {
  return besideOf(files, "next");
}

function besideOf({ certificate }: CertificateFiles, name: string): CertificateFiles {
  const folder = dirname(certificate);
  return { certificate: join(folder, `${name}.crt.pem`), key: join(folder, `${name}.key.pem`) };
}

function writeNext(files: CertificateFiles, pem: string, keys: KeyPair): void {
  const next = nextOf(files);
  writePrivateKey(next.key, privatePem(keys), true);
  writePublicPem(next.certificate, pem, true);
}

function readRoot(dir: string): Signer {
  const files = rootFiles(dir);
  return {
    certificatePem: readPublicPem(files.certificate),
    privateKey: createPrivateKey(readPrivateKey(files.key)),
  };
}

function registerPath(dir: string): string {
  return join(dir, "authorities.json");
}

function writeRegister(dir: string, register: readonly ListedAuthority[]): void {
  writePublicPem(registerPath(dir), `${JSON.stringify(register, undefined, 2)}\n`, true);
}

function parseRegister(path: string): ListedAuthority[] {
  try {
    const register = JSON.parse(readFileSync(path, "utf8")) as ListedAuthority[];
    const { certificates } = new Authorities(register);
    check(certificates.length > 0, "a network has authorities");
    return register;
  } catch (cause) {
    throw new Failure("configuration", `${path} is no register of authorities: restore it from a backup.`, {
      where: path,
      cause,
    });
  }
}

function entryOf(pem: string, collaborative: string | undefined, state: AuthorityState): ListedAuthority {
  const certificate = new X509Certificate(pem).raw.toString("base64");
  return { certificate, ...(collaborative !== undefined && { collaborative }), state };
}

function refused(why: string): Failure {
  return new Failure("invalid-input", `The authorities are left as they are: ${why}.`);
}
