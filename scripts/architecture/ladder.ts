import { dirname, join } from "node:path/posix";

import { type Import, importsOf } from "./imports.ts";

/** Rungs from the top down. A room imports from lower rungs, never from a higher one, never from a neighbour. */
const LADDER = [
  ["wire", "fhir", "web", "cli", "feeds", "jobs"],
  ["requests"],
  ["access", "audit", "mpi", "locator", "federation", "presence", "records", "nrl", "trust"],
  ["storage", "telemetry", "config", "platform", "base"],
] as const;
const GROUND = LADDER.length - 1;

/** Composition roots: they introduce the rooms to each other, and nobody in a room may import them. */
const ROOTS: ReadonlySet<string> = new Set(["node/node.ts", "node/main.ts", "node/writer.ts"]);

/** Started, not imported: a worker thread has its own composition root. */
const STARTS: ReadonlyMap<string, string> = new Map([["node/storage/thread-executor.ts", "node/writer.ts"]]);

/** What the rules need to know of a project: its sources, what else lies there, and its packages. */
export interface Tree {
  /** Source texts by path from the project's root. */
  readonly sources: ReadonlyMap<string, string>;
  /** True where a file or folder of any other kind exists at a path from the project's root. */
  readonly exists: (path: string) => boolean;
  readonly dependencies: ReadonlySet<string>;
  readonly devDependencies: ReadonlySet<string>;
}

type Room =
  | { readonly kind: "rung"; readonly name: string; readonly rung: number }
  | { readonly kind: "library" | "root" | "testing" | "simulations" | "scripts" | "unknown"; readonly name: string };

export function isTest(path: string): boolean {
  return path.endsWith(".test.ts") || path.includes("/testing/");
}

/** The room that a source file stands in. */
export function roomOf(path: string): Room {
  const [top = "", second = ""] = path.split("/");
  if ((path.includes("/testing/") && top !== "simulations") || /^node\/[^/]+\.test\.ts$/.test(path))
    return { kind: "testing", name: "testing" };
  if (top === "certs" || top === "topology") return { kind: "library", name: top };
  if (top === "simulations" || top === "scripts") return { kind: top, name: top };
  if (ROOTS.has(path)) return { kind: "root", name: path };
  if (top !== "node") return { kind: "unknown", name: top };
  const rung = LADDER.findIndex((names) => names.some((name) => name === second));
  return rung === -1 ? { kind: "unknown", name: `node/${second}` } : { kind: "rung", name: second, rung };
}

/** Every import of a tree that breaks a rule, one line each: where, and which rule. */
export function findImportFaults(tree: Tree): string[] {
  return [...tree.sources].flatMap(([path, text]) => {
    if (roomOf(path).kind === "unknown") return [`${path}: a room that is not on the ladder`];
    return importsOf(text).flatMap((one) => {
      const fault = faultOf(path, one, tree);
      return fault === undefined ? [] : [`${path}:${one.line}: ${fault}`];
    });
  });
}

function faultOf(from: string, { specifier }: Import, tree: Tree): string | undefined {
  if (specifier === undefined) return "an import that cannot be resolved";
  if (!specifier.startsWith(".")) return packageFault(from, specifier, tree);
  const to = join(dirname(from), specifier);
  if (tree.sources.has(to)) return fileFault(from, to);
  if (to.endsWith(".ts") || !tree.exists(to)) return isTest(from) ? undefined : `'${specifier}' does not exist`;
  return undefined;
}

function packageFault(from: string, specifier: string, tree: Tree): string | undefined {
  if (specifier.startsWith("node:")) return undefined;
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  if (tree.dependencies.has(name)) return undefined;
  if (!tree.devDependencies.has(name)) return `'${name}' is not in package.json (Node's own modules start with node:)`;
  const tool = isTest(from) || roomOf(from).kind === "scripts" || roomOf(from).kind === "simulations";
  return tool ? undefined : `'${name}' is a development dependency`;
}

function fileFault(from: string, to: string): string | undefined {
  const [asker, target] = [roomOf(from), roomOf(to)];
  if (to.endsWith(".test.ts")) return "a test is imported by nobody";
  if (target.kind === "simulations")
    return asker.kind === "simulations" ? undefined : "only simulations import simulations";
  if (target.kind === "scripts") {
    return asker.kind === "scripts" || isTest(from) ? undefined : "scripts are no part of the product";
  }
  if (target.kind === "testing") {
    return isTest(from) || asker.kind === "simulations" ? undefined : "fakes are for tests only";
  }
  if (to.startsWith("node/wire/generated/") && asker.name !== "wire" && asker.kind !== "simulations") {
    return "only wire imports wire/generated";
  }
  if (isTest(from) || asker.kind === "simulations") return undefined;
  if (to === "node/base/permit-maker.ts" && asker.name !== "access") return "only access makes permits";
  if (STARTS.get(from) === to) return undefined;
  return ladderFault(asker, target);
}

function ladderFault(asker: Room, target: Room): string | undefined {
  if (asker.kind === "root") return undefined;
  if (target.kind === "root") return "composition roots are imported by nobody in a room";
  if (asker.name === target.name || target.name === "base") return undefined;
  if (asker.name === "base") return "base imports nothing but base";
  if (target.kind === "library") {
    return asker.kind === "library" ? "certs and topology do not import each other" : undefined;
  }
  if (asker.kind === "library") return `${asker.name} imports nothing of node but base`;
  if (asker.kind !== "rung" || target.kind !== "rung") return `${asker.name} may not import ${target.name}`;
  if (target.rung < asker.rung) return `up the ladder: ${asker.name} may not import ${target.name}`;
  if (target.rung === asker.rung || asker.rung === GROUND) {
    return `sideways: ${asker.name} may not import ${target.name}`;
  }
  return undefined;
}
