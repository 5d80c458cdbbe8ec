import { existsSync, readFileSync, readdirSync } from "node:fs";
import { extname, join } from "node:path";

import type { Tree } from "./ladder.ts";

const LEFT_OUT = new Set(["node_modules", ".git", "out", "dist", ".mesh", ".sandbox"]);
const SOURCE_FOLDERS = /^(?:node|certs|topology|simulations|scripts)\//;
const BINARY = new Set([".binpb", ".png", ".db", ".gz"]);

/** The project at `root` as it lies on disk. */
export interface Project extends Tree {
  /** Every text file by path from the root, sources included; not the lock file. */
  readonly texts: ReadonlyMap<string, string>;
}

export function readProject(root: string): Project {
  const texts = new Map(
    [...walk(root, "")]
      .filter((path) => !BINARY.has(extname(path)) && path !== "package-lock.json")
      .map((path) => [path, readFileSync(join(root, path), "utf8")] as const),
  );
  const sources = new Map([...texts].filter(([path]) => SOURCE_FOLDERS.test(path) && path.endsWith(".ts")));
  const manifest = JSON.parse(texts.get("package.json") ?? "{}") as Record<string, Record<string, string>>;
  return {
    texts,
    sources,
    exists: (path) => existsSync(join(root, path)),
    dependencies: new Set(Object.keys(manifest["dependencies"] ?? {})),
    devDependencies: new Set(Object.keys(manifest["devDependencies"] ?? {})),
  };
}

function* walk(root: string, folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (LEFT_OUT.has(entry.name)) continue;
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* walk(root, path);
    else if (entry.isFile()) yield path;
  }
}
