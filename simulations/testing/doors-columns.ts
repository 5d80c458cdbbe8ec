import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

import { openDatabase } from "../../node/storage/database.ts";

/** Everything that a store holds, as text, by `table.column`. */
export function readColumns(path: string): ReadonlyMap<string, string> {
  const db = openDatabase(path, { readonly: true });
  try {
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
    const columns = new Map<string, string[]>();
    for (const table of tables) {
      for (const row of db.prepare(`SELECT * FROM "${table}"`).all() as Record<string, unknown>[]) {
        for (const [column, value] of Object.entries(row)) {
          const name = `${table}.${column}`;
          columns.set(name, [...(columns.get(name) ?? []), asText(value)]);
        }
      }
    }
    return new Map([...columns].map(([name, values]) => [name, values.join("\n")]));
  } finally {
    db.close();
  }
}

function asText(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value);
}

/** Every file below a folder, by its path from there, as text whatever it is. */
export function readFiles(dir: string): ReadonlyMap<string, string> {
  const paths = readdirSync(dir, { recursive: true, encoding: "utf8" });
  const files = paths.filter((path) => statSync(join(dir, path)).isFile());
  return new Map(files.map((path) => [path, readFileSync(join(dir, path), "latin1")]));
}
