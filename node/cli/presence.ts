import { readFileSync, statSync } from "node:fs";

import { Command } from "commander";

import { readPublicPem } from "../../certs/key-file.ts";
import { authorityFiles } from "../../certs/layout.ts";
import { verifyManifest } from "../../topology/manifest.ts";
import { Failure } from "../base/failure.ts";
import { FILTER_FILE_BYTES_MAX, type FilterFile, readFilterFile } from "../presence/filter-file.ts";
import { verifyPresence } from "../trust/assertion.ts";
import { reporting } from "./exit.ts";
import { MESH_DIR } from "./mesh/mesh-file.ts";
import { meshPaths } from "./mesh/network-files.ts";

/** `corridor presence`: what a presence filter is that this node follows, and whether it is what its holder signed. Asks nobody. */
export function presenceCommand(): Command {
  return new Command("presence")
    .description("look at a presence filter: <data folder>/presence/HOLDER.filter")
    .addCommand(inspectCommand())
    .addCommand(verifyCommand());
}

function inspectCommand(): Command {
  return new Command("inspect")
    .description("say what a filter is; nothing is verified but that it is whole")
    .argument("<file>", "a presence filter")
    .option("--json", "print one JSON object")
    .action((file: string, { json }: { json?: true }) =>
      reporting(async () => {
        const shown = describe(readFile(file));
        console.log(json ? JSON.stringify(shown) : linesOf(shown).join("\n"));
      }),
    );
}

interface VerifyOptions {
  readonly manifest?: string;
  readonly key?: string;
  readonly mesh: string;
}

function verifyCommand(): Command {
  return new Command("verify")
    .description("say whether a filter is what its holder signed")
    .argument("<file>", "a presence filter")
    .option("--manifest <path>", "the manifest that lists the holder")
    .option("--key <path>", "the manifest's public key")
    .option("--mesh <dir>", "the folder of a mesh on this machine, for its manifest and key", MESH_DIR)
    .action((file: string, options: VerifyOptions) => reporting(() => verify(file, options)));
}

async function verify(file: string, options: VerifyOptions): Promise<void> {
  const read = readFile(file);
  const { certs, manifest: ofMesh } = meshPaths(options.mesh);
  const { manifest: path = ofMesh, key = authorityFiles(certs).manifestPublic } = options;
  const manifest = await verifyManifest(readText(path), readPublicPem(key));
  const { holder } = read.head;
  const member = manifest.members.find(({ id }) => id === holder);
  if (member === undefined) throw refused(`${holder}, whose it says it is, is no member by this manifest`, file);
  if (!(await verifyPresence(member, read.signed, read.signature))) {
    throw refused(`the signature is not ${holder}'s, or the file was changed after it was signed`, file);
  }
  const hasSigned = manifest.presence?.signOffs.some((signed) => signed.member === holder) === true;
  console.log(`Signed by ${holder}: the whole filter, nothing changed.`);
  if (manifest.routing !== "presence-filter") console.log("The manifest asks everybody: this filter is not used.");
  else if (!hasSigned) console.log(`${holder}'s Caldicott Guardian has not signed: this filter is not used.`);
  console.log(linesOf(describe(read)).join("\n"));
}

function describe({ head, filter }: FilterFile) {
  const { holder, epoch, asOf, keyId, keys, seed, segmentLength, segmentCount, sha256 } = head;
  const bytes = filter.fingerprints.length;
  const bitsPerKey = keys === 0 ? 0 : Number(((bytes * 8) / keys).toFixed(2));
  return { holder, epoch, asOf, keyId, keys, bytes, bitsPerKey, seed, segmentLength, segmentCount, sha256 };
}

function linesOf(shown: ReturnType<typeof describe>): string[] {
  const { holder, epoch, asOf, keyId, keys, bytes, bitsPerKey } = shown;
  return [
    `holder       ${holder}`,
    `epoch        ${epoch}`,
    `as of        ${asOf} (what was added since is not in the file)`,
    `key          ${keyId} (not in the file)`,
    `keys         ${keys}`,
    `size         ${bytes} bytes, ${bitsPerKey} bits a key`,
    `lets through every key, and one in 256 of all others`,
  ];
}

function readFile(path: string): FilterFile {
  const { size } = attempt(path, () => statSync(path));
  if (size > FILTER_FILE_BYTES_MAX) {
    throw new Failure("invalid-input", `The file has more than ${FILTER_FILE_BYTES_MAX} bytes.`, { where: path });
  }
  return readFilterFile(attempt(path, () => readFileSync(path)));
}

function readText(path: string): string {
  return attempt(path, () => readFileSync(path, "utf8"));
}

function attempt<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (cause) {
    const what = "The file cannot be read: check its name and permissions.";
    throw new Failure("invalid-input", what, { where: path, cause });
  }
}

function refused(why: string, where: string): Failure {
  return new Failure("not-authenticated", `Do not rely on this filter: ${why}.`, { where });
}
