import { ChildProcess } from "node:child_process";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import type { Readable } from "node:stream";

import { NhsNumber } from "../../node/base/nhs-number.ts";
import { aMarkedPerson, findPeopleIn } from "./doors-people.ts";

/**
 * Watches every test for patients where none may stand. Everybody in every test is a canary: their numbers are of the range
 * that is never issued, so that any such number in a log is a patient who got away; marked people are known by name as well.
 * Looked through are what nodes say, what any command complains of, and, before a test removes its folder, the logs and
 * what Redis has written in there, and the name of every file.
 */

const MARKED = [0, 1, 2, 3, 4, 5].map(aMarkedPerson);
/** As machines and people write it, and standing alone: ten digits within a longer number are none. */
const NUMBERS = /(?<!\w|\d[.-])9\d{2}([ -]|%20|)\d{3}\1\d{4}(?!\w|[.-]\d)/g;
/** What nodes write of their own accord. All else in a test's folder is its input, its stores or its answers. */
const OWN_WORDS = /\.log$|\.aof$|dump\.rdb$/;
/** No canary is longer. */
const LONGEST = 128;

/** Whom of the canaries a text names. */
export function findCanaries(text: string): string[] {
  const numbers = [...text.matchAll(NUMBERS)].filter(([digits]) => NhsNumber.parse(digits.replaceAll(/%20|\D/g, "")));
  return [...numbers.map(({ index }) => `an NHS number: …${around(text, index)}…`), ...findPeopleIn(text, MARKED)];
}

function around(text: string, at: number): string {
  return text.slice(Math.max(0, at - 80), at + 80);
}

/** Looks through a folder that is about to go. */
export function findCanariesUnder(folder: string): string[] {
  return fs.readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    const inName = findCanaries(entry.name).map((each) => `a file's name has ${each}`);
    if (!entry.isFile() || !OWN_WORDS.test(entry.name)) return inName;
    return [...inName, ...findCanaries(fs.readFileSync(path, "latin1")).map((each) => `${path} has ${each}`)];
  });
}

/** Looks at all that a stream will carry, without taking any of it. */
export function watchStream(stream: Readable, onFound: (found: string) => void): void {
  let tail = "";
  const push = stream.push.bind(stream);
  stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
    const text = tail + (chunk instanceof Buffer || typeof chunk === "string" ? chunk.toString() : "");
    for (const each of findCanaries(text).slice(findCanaries(tail).length)) onFound(each);
    tail = text.slice(-LONGEST);
    return push(chunk, encoding);
  };
}

const found = new Set<string>();

function watchChildren(): void {
  const prototype = ChildProcess.prototype as unknown as { spawn: (options: { args?: readonly string[] }) => number };
  const spawn = prototype.spawn;
  prototype.spawn = function (this: ChildProcess, options) {
    const result = spawn.call(this, options);
    const command = (options.args ?? []).join(" ");
    // A command prints to standard output what its user asked for; a node asks nothing.
    const streams = command.includes("node --config") ? [this.stdout, this.stderr] : [this.stderr];
    for (const stream of streams) {
      if (stream !== null && stream !== undefined) watchStream(stream, (each) => found.add(`${command} said ${each}`));
    }
    return result;
  };
}

function watchFolders(): void {
  const rmSync = fs.rmSync;
  fs.rmSync = (path, options) => {
    if (options?.recursive === true && fs.existsSync(path) && fs.statSync(path).isDirectory()) {
      for (const each of findCanariesUnder(String(path))) found.add(each);
    }
    rmSync(path, options);
  };
  syncBuiltinESMExports();
}

watchChildren();
watchFolders();

/** In every worker of mocha, after each file. */
export const mochaHooks = {
  afterAll(): void {
    const all = [...found];
    found.clear();
    if (all.length > 0)
      throw new Error(`${all.length} times a patient stands where none may:\n${all.slice(0, 20).join("\n")}`);
  },
};
