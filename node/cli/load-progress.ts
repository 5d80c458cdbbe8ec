import { createHash } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { resolve } from "node:path";

import { z } from "zod";

import { Failure } from "../base/failure.ts";
import type { RejectsSoFar } from "./client.ts";
import { BEGINNING, type Position } from "./load-position.ts";

/** What makes a load the same load: only then is it taken up again. */
export interface LoadIdentity {
  readonly via: string;
  readonly provider?: string | undefined;
  readonly asOf?: string | undefined;
  readonly fhirBase?: string | undefined;
  readonly files: readonly string[];
}

/** Where a load begins or goes on. */
export interface LoadStart {
  readonly position: Position;
  readonly rejects: RejectsSoFar;
  /** When the load was begun, milliseconds since the epoch, by this machine's clock. */
  readonly begunAtMs: number;
  /** Why an earlier load of these files is not gone on with, in words; absent where there was none, or where it is. */
  readonly notResumed?: string;
}

/**
 * How far a load has come, in a small file of its owner's, so that the same command goes on where an earlier one ended.
 * Written over in one step, and durable; it holds positions and counts, and nothing of a patient.
 */
export interface LoadProgress {
  readonly start: LoadStart;
  /** Of each file. */
  readonly bytes: readonly number[];
  /** @throws {Failure} `configuration`: the file cannot be written. */
  keep(position: Position, rejects: RejectsSoFar): void;
  /** Nothing is left to go on with. */
  remove(): void;
}

/** So much of each file is compared, beside its length and the time of its last change. */
const HEAD_BYTES = 1024 * 1024;

const count = z.int().min(0);
const fileSchema = z.strictObject({ path: z.string(), bytes: count, modifiedMs: z.number(), head: z.string() });
const schema = z.strictObject({
  version: z.literal(2),
  load: z.strictObject({
    via: z.string(),
    provider: z.string().nullable(),
    asOf: z.string().nullable(),
    fhirBase: z.string().nullable(),
    files: z.array(fileSchema),
  }),
  begunAtMs: count,
  position: z.strictObject({
    file: count,
    place: count,
    line: count,
    entry: count.optional(),
    read: count,
    accepted: count,
    rejected: count,
    storeId: z.string(),
    providers: z.array(z.string()),
  }),
  rejects: z.strictObject({
    bytes: count,
    reasons: z.array(z.strictObject({ field: z.string(), reason: z.string(), count })),
  }),
});
type Kept = z.infer<typeof schema>;

export interface ProgressOrder {
  readonly path: string;
  readonly rejectsPath: string;
  readonly load: LoadIdentity;
  readonly nowMs: number;
  /** Forget an earlier load. */
  readonly restart: boolean;
}

/**
 * Finds where a load goes on. Loading again what was loaded changes nothing, so in doubt it begins anew, and says why.
 *
 * @throws {Failure} `invalid-input`: one of the files cannot be read.
 */
export function openProgress({ path, rejectsPath, load, nowMs, restart }: ProgressOrder): LoadProgress {
  const described = describe(load);
  const earlier = restart ? undefined : readKept(path);
  const why = earlier === undefined ? undefined : whyNot(earlier, described, rejectsPath);
  const start: LoadStart =
    earlier === undefined || earlier === "unreadable" || why !== undefined
      ? {
          ...{ position: BEGINNING, rejects: { bytes: 0, reasons: [] }, begunAtMs: nowMs },
          ...(why !== undefined && { notResumed: why }),
        }
      : earlier;
  return {
    start,
    bytes: described.files.map(({ bytes }) => bytes),
    keep(position, rejects) {
      const kept: Kept = {
        ...{ version: 2, load: described, begunAtMs: start.begunAtMs },
        position: { ...position, storeId: position.storeId ?? "", providers: [...position.providers] },
        rejects: { bytes: rejects.bytes, reasons: [...rejects.reasons] },
      };
      write(path, kept);
    },
    remove: () => rmSync(path, { force: true }),
  };
}

function describe({ via, provider, asOf, fhirBase, files }: LoadIdentity): Kept["load"] {
  const options = { provider: provider ?? null, asOf: asOf ?? null, fhirBase: fhirBase ?? null };
  return { via, ...options, files: files.map(describeFile) };
}

function describeFile(name: string): Kept["load"]["files"][number] {
  const path = resolve(name);
  try {
    const { size: bytes, mtimeMs: modifiedMs } = statSync(path);
    return { path, bytes, modifiedMs, head: headOf(path) };
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unexpected";
    const message = `${name} cannot be read (${code}): check its name and permissions.`;
    throw new Failure("invalid-input", message, { cause });
  }
}

function headOf(path: string): string {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const length = readSync(file, head, 0, HEAD_BYTES, 0);
    return createHash("sha256").update(head.subarray(0, length)).digest("base64url");
  } finally {
    closeSync(file);
  }
}

function readKept(path: string): Kept | "unreadable" | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined; // there is none, or it is not ours to go on with
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return "unreadable";
  }
}

function whyNot(earlier: Kept | "unreadable", load: Kept["load"], rejectsPath: string): string | undefined {
  if (earlier === "unreadable") return "what is kept of it cannot be read";
  const { load: before } = earlier;
  if (before.via !== load.via) return "it was into another node";
  const options = ({ provider, asOf, fhirBase }: Kept["load"]): string => JSON.stringify([provider, asOf, fhirBase]);
  if (options(before) !== options(load)) return "it was with other options";
  if (before.files.map(({ path }) => path).join("\n") !== load.files.map(({ path }) => path).join("\n")) {
    return "it was of other files";
  }
  const changed = load.files.find((file, at) => !isSameFile(file, before.files[at]!));
  if (changed !== undefined) return `${changed.path} has changed since`;
  return bytesIn(rejectsPath) < earlier.rejects.bytes ? "its rejects file is gone or has changed" : undefined;
}

type KeptFile = Kept["load"]["files"][number];

function isSameFile(one: KeptFile, other: KeptFile): boolean {
  return one.bytes === other.bytes && one.modifiedMs === other.modifiedMs && one.head === other.head;
}

function bytesIn(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function write(path: string, kept: Kept): void {
  const fresh = `${path}.new`;
  try {
    writeFileSync(fresh, "", { mode: 0o600 });
    const file = openSync(fresh, "r+");
    writeSync(file, `${JSON.stringify(kept, null, 2)}\n`);
    fsyncSync(file);
    closeSync(file);
    renameSync(fresh, path);
  } catch (cause) {
    const message = `${path} cannot be written, by which the load could be gone on with: check its folder.`;
    throw new Failure("configuration", message, { where: path, cause });
  }
}
