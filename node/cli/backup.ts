import { createReadStream, createWriteStream, existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { Command } from "commander";

import { readPrivateKey, writePrivateKey } from "../../certs/key-file.ts";
import { nodeFilesIn } from "../../certs/layout.ts";
import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { readSettings, type Settings } from "../config/settings.ts";
import {
  copiesFolder,
  copyStore,
  examineStore,
  refuseWithoutRoom,
  removeLeftCopies,
  sha256Of,
} from "../storage/backup.ts";
import { syncFolder } from "../storage/sync-folder.ts";
import { type TarEntry, tarOf } from "../storage/tar.ts";
import {
  BACKED_UP,
  type BackedUp,
  type BackupManifest,
  encrypted,
  MANIFEST_NAME,
  readRecipients,
  SIGNATURE_NAME,
  signBackup,
} from "./backup-format.ts";
import { reportFailure } from "./exit.ts";

interface BackupOptions {
  readonly config: string;
  readonly to: string;
  readonly recipients?: string;
  readonly unencrypted?: true;
  readonly json?: true;
}

/** Looked at the room that is left after so many bytes of output. */
const ROOM_LOOKED_AT_EACH_BYTES = 16 * 2 ** 20;

/** `corridor backup`: one file with everything of a node's data folder, made beside the running node. */
export function backupCommand(clock: Clock): Command {
  return new Command("backup")
    .description("back up a node's data folder into one encrypted file, while the node runs")
    .requiredOption("--config <file>", "the node's configuration")
    .requiredOption("--to <path>", "the file to write, or a folder in which to name it by node and time")
    .option("--recipients <file>", "public keys (age1…), one a line: who may open it")
    .option("--unencrypted", "write it as it is: whoever has the file has every patient in it")
    .option("--json", "print the summary as JSON")
    .action(async (options: BackupOptions) => {
      try {
        const settings = readSettings(options.config);
        const summary = await backUp(settings, options, clock);
        if (options.json === true) console.log(JSON.stringify(summary, undefined, 2));
        else console.log(textOf(summary));
      } catch (thrown) {
        reportFailure(thrown);
      }
    });
}

/** `corridor backup-key`: the pair of keys that backups are encrypted for and opened with. */
export function backupKeyCommand(): Command {
  return new Command("backup-key")
    .description("make a secret key that opens backups, and print its public key, for which they are encrypted")
    .argument("<file>", "where the secret key goes: keep it away from the node, and keep a copy of it")
    .action(async (file: string) => {
      try {
        const identity = await generateX25519Identity();
        writePrivateKey(file, `${identity}\n`, false);
        console.log(await identityToRecipient(identity));
      } catch (thrown) {
        reportFailure(thrown);
      }
    });
}

export interface BackupSummary {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly encrypted: boolean;
  readonly manifest: BackupManifest;
}

async function backUp(settings: Settings, options: BackupOptions, clock: Clock): Promise<BackupSummary> {
  const recipients = recipientsOf(options);
  const key = readPrivateKey(nodeFilesIn(settings.certsDir).assertionKey);
  removeLeftCopies(settings.dataDir);
  const copies = copiesFolder(settings.dataDir);
  mkdirSync(copies, { mode: 0o700 });
  try {
    const manifest = await copyAll(settings, copies, clock);
    const file = outputFile(options.to, settings.id, manifest.madeAtMs, recipients.length > 0);
    await writeArchive(file, copies, manifest, key, recipients);
    const { size } = statSync(file);
    return { file, bytes: size, sha256: await sha256Of(file), encrypted: recipients.length > 0, manifest };
  } finally {
    rmSync(copies, { recursive: true, force: true });
  }
}

function recipientsOf({ recipients, unencrypted }: BackupOptions): readonly string[] {
  if ((recipients === undefined) !== (unencrypted === true)) {
    throw new Failure(
      "invalid-input",
      "Say who may open the backup with --recipients FILE ('corridor backup-key' makes a key), or --unencrypted.",
      { where: "--recipients" },
    );
  }
  return recipients === undefined ? [] : readRecipients(recipients);
}

/** Copies every file, and says what each copy holds. Of the stores the copies are read from end to end. */
async function copyAll({ id, dataDir }: Settings, copies: string, clock: Clock): Promise<BackupManifest> {
  const madeAtMs = clock.wallMs();
  const stores = ["index", "audit"] as const;
  refuseWithoutRoom(
    join(copies, "all"),
    stores.reduce((sum, store) => sum + sizeOf(join(dataDir, `${store}.db`)), 0),
  );
  const files: BackupManifest["files"] = [];
  for (const store of stores) {
    const name = `${store}.db` as const;
    const holdsToMs = clock.wallMs();
    await copyStore(join(dataDir, name), join(copies, name), showing(name));
    files.push({ name, holdsToMs, ...(await examineStore(join(copies, name), store)) });
  }
  for (const name of BACKED_UP) {
    if (name.endsWith(".db") || !existsSync(join(dataDir, name))) continue;
    await copySmall(join(dataDir, name), join(copies, name));
    files.push({ name, bytes: sizeOf(join(copies, name)), sha256: await sha256Of(join(copies, name)) });
  }
  return { format: "corridor-backup-1", node: id, madeAtMs, files };
}

async function copySmall(from: string, to: string): Promise<void> {
  const copy = await open(to, "wx", 0o600);
  try {
    await copy.writeFile(await readFile(from));
  } finally {
    await copy.close();
  }
}

/** Written beside, and put in its place when it is whole and durable: what has the name is a backup. */
async function writeArchive(
  file: string,
  copies: string,
  manifest: BackupManifest,
  key: string,
  recipients: readonly string[],
): Promise<void> {
  const partial = `${file}.partial`;
  const archive = Readable.from(tarOf(entriesOf(copies, manifest, key)));
  const gzipped = archive.pipe(createGzip({ level: 1 }));
  archive.once("error", (error) => gzipped.destroy(error));
  try {
    const output = recipients.length > 0 ? await encrypted(gzipped, recipients) : gzipped;
    await pipeline(output, watchRoom(file), createWriteStream(partial, { flags: "w", mode: 0o600, flush: true }));
    await rename(partial, file);
    syncFolder(dirname(file));
  } catch (thrown) {
    await rm(partial, { force: true });
    if (thrown instanceof Failure) throw thrown;
    throw new Failure("store-unavailable", `${file} cannot be written: check the folder and its free space.`, {
      where: file,
      cause: thrown,
    });
  }
}

function* entriesOf(copies: string, manifest: BackupManifest, key: string): Generator<TarEntry> {
  const bytes = Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`);
  const signature = signBackup(bytes, key);
  yield { name: MANIFEST_NAME, bytes: bytes.length, content: [bytes] };
  yield { name: SIGNATURE_NAME, bytes: signature.length, content: [signature] };
  for (const { name, bytes: length } of manifest.files) {
    yield { name, bytes: length, content: createReadStream(join(copies, name)) as AsyncIterable<Buffer> };
  }
}

/** Passes everything on, as long as there is room for more. */
function watchRoom(file: string) {
  return async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let sinceLook = ROOM_LOOKED_AT_EACH_BYTES;
    for await (const chunk of chunks) {
      sinceLook += chunk.length;
      if (sinceLook >= ROOM_LOOKED_AT_EACH_BYTES) {
        refuseWithoutRoom(file, 0);
        sinceLook = 0;
      }
      yield chunk;
    }
  };
}

function outputFile(to: string, id: string, madeAtMs: number, isEncrypted: boolean): string {
  const path = resolve(to);
  const time = new Date(madeAtMs).toISOString().replace(/[-:]|\.\d+/g, "");
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  const file = isFolder ? join(path, `${id}-${time}.tar.gz${isEncrypted ? ".age" : ""}`) : path;
  if (!existsSync(file)) return file;
  throw new Failure("invalid-input", `${file} is there already: name another file.`, { where: file });
}

function showing(name: BackedUp): (part: number) => void {
  let shown = -1;
  return (part) => {
    const percent = Math.floor(part * 100);
    if (percent === shown || !process.stderr.isTTY) return;
    shown = percent;
    process.stderr.write(`\rcopying ${name}: ${percent} %${percent === 100 ? "\n" : ""}`);
  };
}

function textOf({ file, bytes, sha256, encrypted: isEncrypted, manifest }: BackupSummary): string {
  const stores = manifest.files.filter(({ holdsToMs }) => holdsToMs !== undefined);
  const lines = stores.map(({ name, holdsToMs = 0, rows = {} }) => {
    const held = Object.values(rows).reduce((sum, count) => sum + count, 0);
    return `  ${name}: everything up to ${new Date(holdsToMs).toISOString()}, ${held} rows, read and in order`;
  });
  const warning = isEncrypted ? [] : ["NOT ENCRYPTED: whoever has this file has every patient in it."];
  return [`${basename(file)}: ${bytes} bytes, SHA-256 ${sha256}`, ...lines, ...warning].join("\n");
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
