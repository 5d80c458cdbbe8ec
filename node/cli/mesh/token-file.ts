import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { Failure } from "../../base/failure.ts";

/** In the folder of a mesh: what a sandbox tells the application that is being made. */
export const SANDBOX_FOLDER = "application";

const tokenFileSchema = z.strictObject({ issuer: z.string(), audience: z.string(), key: z.string() });

/** For whom and with which key `corridor token` signs, where a sandbox says it. */
export type TokenFile = z.infer<typeof tokenFileSchema>;

/** @param folder {@link SANDBOX_FOLDER} in that of the mesh. */
export function writeTokenFile(folder: string, file: TokenFile): void {
  writeFileSync(join(folder, "token.json"), JSON.stringify(file), { mode: 0o600 });
}

/** @throws {Failure} `configuration` where no sandbox was started in that mesh's folder. */
export function readTokenFile(meshDir: string): TokenFile {
  const path = join(meshDir, SANDBOX_FOLDER, "token.json");
  try {
    return tokenFileSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    const remedy =
      "start one with 'make sandbox' and name its folder with --mesh .sandbox, or give --key, --issuer and --audience";
    throw new Failure("configuration", `No sandbox is described here: ${remedy}.`, { where: path, cause });
  }
}
