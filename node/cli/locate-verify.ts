import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

import { z } from "zod";

import { readPublicPem } from "../../certs/key-file.ts";
import { authorityFiles } from "../../certs/layout.ts";
import { verifyManifest } from "../../topology/manifest.ts";
import { ANSWERED_OUTCOMES, type Verdict } from "../base/answer.ts";
import { Failure } from "../base/failure.ts";
import { verifyVerdict } from "../trust/assertion.ts";
import { verdictLines } from "./locate-lines.ts";
import { meshPaths } from "./mesh/network-files.ts";

/** Reads the bytes of a verdict that was signed. @throws {Failure} `incompatible`. */
export type ReadVerdict = (payload: Uint8Array) => Verdict;

export interface VerifyOptions {
  readonly manifest?: string;
  readonly key?: string;
  readonly mesh: string;
}

const keptSchema = z.object({
  verdict: z.unknown(),
  signed: z.object({ payload: z.base64(), signature: z.base64() }),
});

/**
 * Says whether a verdict that was kept is what a node signed. Asks nobody.
 *
 * @param file what `corridor locate --json` printed.
 * @throws {Failure} `not-authenticated`: it is not. `invalid-input`, `incompatible`: the file is nothing of the kind.
 */
export async function verifyKeptVerdict(file: string, options: VerifyOptions, readVerdict: ReadVerdict): Promise<void> {
  const { verdict: printed, signed } = readKept(file);
  const { certs, manifest: manifestPath } = meshPaths(options.mesh);
  const { manifest: path = manifestPath, key = authorityFiles(certs).manifestPublic } = options;
  const manifest = await verifyManifest(readText(path), readPublicPem(key));

  const payload = Buffer.from(signed.payload, "base64");
  const verdict = readVerdict(payload);
  const member = manifest.members.find(({ id }) => id === verdict.asker);
  if (member === undefined) {
    throw refused(`${verdict.asker}, in whose name the verdict is, is no member by this manifest`, file);
  }
  if (!(await verifyVerdict(member, payload, Buffer.from(signed.signature, "base64")))) {
    throw refused(`the signature is not ${verdict.asker}'s, or the verdict was changed after it was signed`, file);
  }
  if (!isDeepStrictEqual(JSON.parse(JSON.stringify(verdict)), printed)) {
    throw refused("the verdict as printed is not the one that was signed", file);
  }
  if (!agreesWithItself(verdict)) throw refused(`${verdict.asker} signed a verdict whose scopes its areas deny`, file);
  const given = new Date(verdict.givenAtMs).toISOString();
  const { sequence } = verdict.directory;
  console.log(`Signed by ${verdict.asker} at ${given}, request ${verdict.requestId}, manifest ${sequence}.`);
  if (sequence !== manifest.sequence) console.log(`It was checked with the key of manifest ${manifest.sequence}.`);
  console.log(verdictLines(verdict, []).join("\n"));
  console.log("\nThe verdict alone is signed: the records listed beside it are not.");
}

/** What is claimed of each scope must follow from the areas named. */
function agreesWithItself({ scopes, areas }: Verdict): boolean {
  return scopes.every(({ scope, everyAreaAnswered, areas: count, answered }) => {
    const inScope = areas.filter((area) => area.scopes.includes(scope));
    const heard = inScope.filter(({ outcome }) => ANSWERED_OUTCOMES.has(outcome)).length;
    return inScope.length === count && heard === answered && everyAreaAnswered === (count > 0 && heard === count);
  });
}

function readKept(file: string): z.infer<typeof keptSchema> {
  try {
    return keptSchema.parse(JSON.parse(readText(file)));
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    const what = "is not what 'corridor locate --json' prints: it needs its verdict and signed";
    throw new Failure("invalid-input", `The file ${what}.`, { where: file, cause });
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Failure("invalid-input", "The file cannot be read: check its name and permissions.", {
      where: path,
      cause,
    });
  }
}

function refused(why: string, where: string): Failure {
  return new Failure("not-authenticated", `Do not rely on this verdict: ${why}.`, { where });
}
