import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { Database } from "better-sqlite3";

import { check } from "../base/check.ts";
import { Failure } from "../base/failure.ts";
import type { StoreName } from "./executor.ts";

/** Marks in the file's header whose store it is, so that two files that were swapped are noticed ("Cidx", "Caud"). */
const APPLICATION_IDS = { index: 0x43696478, audit: 0x43617564 } as const satisfies Record<StoreName, number>;

interface Migration {
  readonly version: number;
  readonly sql: string;
}

/**
 * Brings a store's tables up to this program's version: each numbered file of its folder once, in order, each in a
 * transaction of its own together with the new `user_version`, so that a crash leaves a whole version behind.
 *
 * @param path the file's name, for messages.
 * @throws {Failure} `store-unavailable`: a newer Corridor wrote the file, or it is another store's; nothing was changed.
 */
export function migrate(db: Database, store: StoreName, path: string = db.name): void {
  const migrations = readMigrations(store);
  refuseForeignFile(db, store, path);
  const version = Number(db.pragma("user_version", { simple: true }));
  for (const migration of migrations.slice(version)) apply(db, migration, APPLICATION_IDS[store]);
}

/** @throws {Failure} `store-unavailable`: the file is another store's, a newer program's, or no store of ours. */
export function refuseForeignFile(db: Database, store: StoreName, path: string): void {
  const version = Number(db.pragma("user_version", { simple: true }));
  const id = Number(db.pragma("application_id", { simple: true }));
  if (id === APPLICATION_IDS[store]) return refuseNewerFile(path, version, readMigrations(store).length);
  const isNew = id === 0 && version === 0 && db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
  if (isNew) return;
  throw new Failure(
    "store-unavailable",
    `${path} is not the ${store} store of a Corridor node: check the data folder in the node's settings.`,
    { where: path },
  );
}

function refuseNewerFile(path: string, version: number, known: number): void {
  if (version <= known) return;
  throw new Failure(
    "store-unavailable",
    `${path} was written by a newer Corridor (its tables have version ${version}, this program knows ${known}): start the newer program, or restore a backup made before it.`,
    { where: path },
  );
}

function apply(db: Database, migration: Migration, applicationId: number): void {
  db.transaction(() => {
    db.exec(migration.sql);
    db.pragma(`application_id = ${applicationId}`);
    db.pragma(`user_version = ${migration.version}`);
  }).immediate();
}

function listFolder(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    const message = `This copy of Corridor is not whole, ${folder} is missing: install it again.`;
    throw new Failure("configuration", message, { where: folder, cause });
  }
}

function readMigrations(store: StoreName): readonly Migration[] {
  const folder = fileURLToPath(new URL(`./migrations/${store}/`, import.meta.url));
  const names = listFolder(folder)
    .filter((name) => name.endsWith(".sql"))
    .sort();
  check(names.length > 0, `the ${store} store has migrations`);
  return names.map((name, at) => {
    check(name.startsWith(`${String(at + 1).padStart(4, "0")}-`), `migrations/${store}/${name} is number ${at + 1}`);
    return { version: at + 1, sql: readFileSync(join(folder, name), "utf8") };
  });
}
