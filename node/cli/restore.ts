import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";

import { Command } from "commander";

import { nodeFilesIn } from "../../certs/layout.ts";
import { readPublicPem } from "../../certs/key-file.ts";
import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { readSettings, type Settings } from "../config/settings.ts";
import { examineStore, refuseWithoutRoom } from "../storage/backup.ts";
import { behindText, forgetBehind, noteBehind, readBehind } from "../storage/behind.ts";
import { openDatabase } from "../storage/database.ts";
import { openSeal } from "../storage/seal.ts";
import { renewStoreId } from "../storage/store-id.ts";
import { syncFolder } from "../storage/sync-folder.ts";
import { readTar, type TarEntry } from "../storage/tar.ts";
import {
  type BackupManifest,
  decrypted,
  MANIFEST_NAME,
  openManifest,
  readIdentities,
  SIGNATURE_NAME,
} from "./backup-format.ts";
import { reportFailure } from "./exit.ts";

interface RestoreOptions {
  readonly config: string;
  readonly from?: string;
  readonly identity?: string;
  readonly signedBy?: string;
  readonly replace?: true;
  readonly caughtUp?: true;
}

const STORES = ["index", "audit"] as const;
/** A backup's manifest and its signature are small; anything larger is something else. */
const SMALL_BYTES_MAX = 1024 * 1024;
const AGE_BEGINS = "age-encryption.org/";

/** `corridor restore`: a node's data folder from a backup, and the end of what a restore leaves behind. */
export function restoreCommand(clock: Clock): Command {
  return new Command("restore")
    .description("make a node's data folder anew from a backup")
    .requiredOption("--config <file>", "the node's configuration")
    .option("--from <file>", "the backup")
    .option("--identity <file>", "the secret key that opens it (AGE-SECRET-KEY-…)")
    .option("--signed-by <file>", "public key (PEM) that signed it, where the node has another assertion key by now")
    .option("--replace", "put the data folder that is there aside, and restore in its place")
    .option("--caught-up", "say that every source was loaded again since: nothing counts as behind any longer")
    .action(async (options: RestoreOptions) => {
      try {
        const settings = readSettings(options.config);
        if (options.caughtUp === true) catchUp(settings, options);
        else await restore(settings, options, clock);
      } catch (thrown) {
        reportFailure(thrown);
      }
    });
}

/** Takes the notes away that keep a restored store's feeds from counting as fresh. The running node sees it at once. */
function catchUp({ dataDir }: Settings, { from }: RestoreOptions): void {
  if (from !== undefined) {
    throw new Failure("invalid-input", "Restore first; say --caught-up when the sources were loaded again.");
  }
  for (const store of STORES) {
    const file = join(dataDir, `${store}.db`);
    const behind = readBehind(file);
    if (behind !== undefined) console.log(`No longer behind. It said: ${behindText(file, behind)}`);
    forgetBehind(file);
  }
}

async function restore(settings: Settings, options: RestoreOptions, clock: Clock): Promise<void> {
  const { dataDir } = settings;
  if (options.from === undefined) {
    throw new Failure("invalid-input", "Name the backup with --from FILE.", { where: "--from" });
  }
  const isThere = existsSync(dataDir) && readdirSync(dataDir).length > 0;
  if (isThere) checkReplaceable(dataDir, options.replace === true);

  const staged = `${dataDir}.restoring`;
  rmSync(staged, { recursive: true, force: true });
  mkdirSync(staged, { recursive: true, mode: 0o700 });
  try {
    const manifest = await unpack(settings, options, staged);
    await proveStores(staged, manifest);
    const kept = keepHigherSequence(dataDir, staged);
    keepQuarantine(dataDir, staged);
    for (const store of STORES) noteRestored(join(staged, `${store}.db`), store, manifest, clock.wallMs());
    syncFolder(staged);
    const aside = isThere ? `${dataDir}.replaced-${new Date(clock.wallMs()).toISOString().replace(/[-:.]/g, "")}` : "";
    if (isThere) renameSync(dataDir, aside);
    else rmSync(dataDir, { recursive: true, force: true });
    renameSync(staged, dataDir);
    syncFolder(dirname(dataDir));
    say(manifest, dataDir, aside, kept);
  } catch (thrown) {
    rmSync(staged, { recursive: true, force: true });
    throw thrown;
  }
}

/** @throws {Failure} `invalid-input`: nobody said that it may be replaced; `store-unavailable`: a node is using it. */
function checkReplaceable(dataDir: string, mayReplace: boolean): void {
  if (!mayReplace) {
    throw new Failure(
      "invalid-input",
      `${dataDir} is not empty: with --replace it is put aside, and nothing of it is lost.`,
      { where: "--replace" },
    );
  }
  for (const store of STORES) {
    const file = join(dataDir, `${store}.db`);
    if (existsSync(file)) refuseInUse(file);
  }
}

function refuseInUse(file: string): void {
  let db;
  try {
    db = openDatabase(file);
    db.pragma("locking_mode = EXCLUSIVE");
    db.exec("BEGIN EXCLUSIVE; ROLLBACK");
  } catch (cause) {
    // A damaged file is no hindrance: that is what a restore is for.
    if (!(cause instanceof Error && "code" in cause && String(cause.code).startsWith("SQLITE_BUSY"))) return;
    const message = `${file} is in use: stop the node first.`;
    throw new Failure("store-unavailable", message, { where: file, cause });
  } finally {
    db?.close();
  }
}

/** Writes the backup's files into a folder, each held against its hash; the manifest against its signature. */
async function unpack(settings: Settings, options: RestoreOptions, folder: string): Promise<BackupManifest> {
  const publicPem = readPublicPem(options.signedBy ?? nodeFilesIn(settings.certsDir).assertionPublic);
  const source = await openBackup(options.from ?? "", options.identity);
  const unzipped = source.pipe(createGunzip());
  source.once("error", (error) => unzipped.destroy(error));
  const entries = readTar(unzipped);
  try {
    const manifest = openManifest(
      await small(await entries.next(), MANIFEST_NAME),
      await small(await entries.next(), SIGNATURE_NAME),
      publicPem,
    );
    if (manifest.node !== settings.id) {
      throw new Failure("invalid-input", `This is a backup of ${manifest.node}, not of ${settings.id}.`);
    }
    refuseWithoutRoom(
      join(folder, "all"),
      manifest.files.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    const expected = new Map(manifest.files.map((file) => [file.name as string, file]));
    for await (const entry of entries) {
      const file = expected.get(entry.name);
      if (file === undefined || file.bytes !== entry.bytes) throw notWhole();
      if ((await writeEntry(entry, join(folder, entry.name))) !== file.sha256) throw notWhole();
      expected.delete(entry.name);
    }
    if (expected.size > 0 || !STORES.every((store) => existsSync(join(folder, `${store}.db`)))) throw notWhole();
    return manifest;
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown;
    throw new Failure("invalid-input", "The backup is damaged: nothing was restored; use another one.", {
      cause: thrown,
    });
  } finally {
    source.destroy();
  }
}

async function openBackup(path: string, identity: string | undefined): Promise<Readable> {
  if (!existsSync(path)) throw new Failure("invalid-input", `${path} is not there.`, { where: "--from" });
  const head = createReadStream(path, { end: AGE_BEGINS.length - 1, encoding: "latin1" });
  let begins = "";
  for await (const text of head) begins += String(text);
  if (begins !== AGE_BEGINS) return createReadStream(path);
  if (identity === undefined) {
    throw new Failure("invalid-input", "The backup is encrypted: name the secret key with --identity FILE.", {
      where: "--identity",
    });
  }
  return decrypted(createReadStream(path), readIdentities(identity));
}

async function small(next: IteratorResult<TarEntry>, name: string): Promise<Buffer> {
  if (next.done === true || next.value.name !== name || next.value.bytes > SMALL_BYTES_MAX) throw notWhole();
  const parts: Uint8Array[] = [];
  for await (const part of next.value.content) parts.push(part);
  return Buffer.concat(parts);
}

/** @returns its SHA-256, in hexadecimal; durable when it resolves. */
async function writeEntry({ content }: TarEntry, path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path, "wx", 0o600);
  await pipeline(
    async function* () {
      for await (const part of content) {
        hash.update(part);
        yield part;
      }
    },
    file.createWriteStream({ flush: true }),
  );
  return hash.digest("hex");
}

/** What was unpacked holds what the manifest says of it. */
async function proveStores(folder: string, { files }: BackupManifest): Promise<void> {
  for (const store of STORES) {
    const found = await examineStore(join(folder, `${store}.db`), store);
    const said = files.find(({ name }) => name === `${store}.db`);
    if (said?.groups !== found.groups || JSON.stringify(said.rows) !== JSON.stringify(found.rows)) throw notWhole();
  }
}

/** Of the manifest's sequence the higher one is kept: an older directory must not come back with an older backup. */
function keepHigherSequence(dataDir: string, staged: string): number {
  const [before, restored] = [dataDir, staged].map((folder) => sequenceIn(join(folder, "manifest.sequence")));
  const higher = Math.max(before ?? 0, restored ?? 0);
  if (higher > 0) writeFileSync(join(staged, "manifest.sequence"), `${higher}\n`, { mode: 0o600, flush: true });
  return higher;
}

/** Whom the node did not answer when its folder was put aside, rather than when the backup was made. */
function keepQuarantine(dataDir: string, staged: string): void {
  const [now, restored] = [dataDir, staged].map((folder) => join(folder, "quarantine.json")) as [string, string];
  if (existsSync(now)) writeFileSync(restored, readFileSync(now), { mode: 0o600, flush: true });
}

function sequenceIn(path: string): number {
  return existsSync(path) ? Number(readFileSync(path, "utf8")) || 0 : 0;
}

/** A load that was begun into the index as it was cannot go on: what was acknowledged of it may be gone. */
function renewIn(file: string): void {
  const db = openDatabase(file);
  renewStoreId(db);
  db.close();
}

/** The seal says how much the file holds; the note, that more may have been acknowledged since. */
function noteRestored(file: string, store: (typeof STORES)[number], { files }: BackupManifest, nowMs: number): void {
  const { groups = 0, holdsToMs = 0 } = files.find(({ name }) => name === `${store}.db`) ?? {};
  const seal = openSeal(file);
  seal.mark({ acknowledged: groups });
  seal.close();
  if (store === "index") renewIn(file);
  noteBehind(file, { why: "restored", heldToMs: holdsToMs, notedMs: nowMs });
}

function say({ node, files }: BackupManifest, dataDir: string, aside: string, sequence: number): void {
  const { holdsToMs = 0 } = files.find(({ name }) => name === "index.db") ?? {};
  console.log(`${node} is restored in ${dataDir}: it holds everything up to ${new Date(holdsToMs).toISOString()}.`);
  if (aside !== "") console.log(`What was there is in ${aside}: it holds patients; remove it when nobody needs it.`);
  console.log(`It will start on no manifest older than sequence ${sequence}: check that the newest one is in place.`);
  console.log("Its feeds count as behind until their sources were loaded again from before then. Then run");
  console.log("'corridor restore --caught-up'. For a minute it answers no peer: it cannot know what it has answered.");
}

function notWhole(): Failure {
  return new Failure("invalid-input", "The backup does not hold what it says: nothing was restored; use another one.");
}
