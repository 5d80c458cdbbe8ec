import { readFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { Failure } from "../../base/failure.ts";

/** Where a mesh on this machine keeps everything, unless told otherwise: beside the command's working folder. */
export const MESH_DIR = ".mesh";

const meshSchema = z.strictObject({
  network: z.string(),
  /** Process id of `corridor mesh up`. */
  pid: z.number().int(),
  nodes: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      host: z.string(),
      port: z.number().int(),
      /** Codes of the ICSs that it answers for, or answered for under a code that ended. */
      ics: z.array(z.string()),
      /** Callers' certificate folders by name. */
      callers: z.record(z.string(), z.string()),
      dataDir: z.string(),
    }),
  ),
});

/** What is running where: written by `mesh up`, read by the commands that speak to it. */
export type MeshFile = z.infer<typeof meshSchema>;

export function meshFilePath(dir: string): string {
  return join(dir, "mesh.json");
}

/** @throws {Failure} `configuration` where no mesh has been started in that folder. */
export function readMeshFile(dir: string): MeshFile {
  const path = meshFilePath(dir);
  try {
    return meshSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    const remedy = "start one with 'make mesh', or name the node by URL and the caller's certificate with --certs";
    throw new Failure("configuration", `No record network is described here: ${remedy}.`, { where: path, cause });
  }
}
