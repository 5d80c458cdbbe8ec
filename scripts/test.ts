/**
 * Runs every test, or the files given, with mocha and the options given, then prints the closing line `N passed, N failed` (`, N skipped`) as the very last
 * one. A skipped test that does not say why counts as failed, and so do a run without any test and one that something
 * still open keeps alive.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { COUNTS_FILE, type Counts } from "./counting-reporter.ts";

/** How long mocha may stay alive after its last test. */
const LINGER_MS = 15_000;

const EVERY_TEST = "{node,certs,topology,simulations,scripts}/**/*.test.ts";

const options = process.argv.slice(2).filter((argument) => argument.startsWith("-"));
const files = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "corridor-test-"));
const countsFile = join(folder, "counts.json");

const mocha = spawn(
  join(root, "node_modules/.bin/mocha"),
  [
    "--forbid-only",
    "--reporter",
    join(root, "scripts/counting-reporter.ts"),
    ...options,
    ...(files.length > 0 ? files : [EVERY_TEST]),
  ],
  { cwd: root, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, [COUNTS_FILE]: countsFile } },
);
// Ctrl-C reaches mocha by itself; the closing line is still ours to print.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => mocha.kill());
let lingers = false;
const watch = killLingering(mocha);

mocha.once("exit", (code) => {
  clearInterval(watch);
  const { passed, failed, skipped, unexplained } = readCounts();
  rmSync(folder, { recursive: true, force: true });
  const problems = unexplained.map((title) => `skipped without a reason in its title: ${title}`);
  if (passed + failed === 0) problems.push("no test ran");
  if (lingers) problems.push("the tests have ended, but something that they opened is still open");
  if (code !== 0 && failed + problems.length === 0) problems.push("mocha failed without a failed test");
  for (const problem of problems) console.log(problem);
  const closing = [`${passed} passed`, `${failed + problems.length} failed`];
  if (skipped > unexplained.length) closing.push(`${skipped - unexplained.length} skipped`);
  process.exitCode = failed + problems.length > 0 ? 1 : 0;
  console.log(closing.join(", "));
});

/** What mocha counted. A run that broke off counts as one failure. */
function readCounts(): Counts {
  if (existsSync(countsFile)) return JSON.parse(readFileSync(countsFile, "utf8")) as Counts;
  console.log("the run broke off before its end");
  return { passed: 0, failed: 1, skipped: 0, unexplained: [] };
}

function killLingering(child: ChildProcess): NodeJS.Timeout {
  let endedForMs = 0;
  return setInterval(() => {
    if (existsSync(countsFile)) endedForMs += 1_000;
    if (endedForMs < LINGER_MS) return;
    lingers = true;
    child.kill("SIGKILL");
  }, 1_000);
}
