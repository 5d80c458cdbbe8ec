import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const RUNNER = join(import.meta.dirname, "test.ts");

describe("the test runner", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-runner-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (text: string, ...options: string[]): { closing: string; exitCode: number | null } => {
    const file = join(folder, "planted.test.ts");
    writeFileSync(file, text);
    const { stdout, status } = spawnSync(process.execPath, [RUNNER, ...options, file], { encoding: "utf8" });
    return { closing: stdout.trimEnd().split("\n").at(-1) ?? "", exitCode: status };
  };
  const sound = 'it("a", () => {});\n';

  const cases: [what: string, text: string, closing: string, exitCode: number][] = [
    ["what passed", sound, "1 passed, 0 failed", 0],
    ["what failed", `${sound}it("b", () => { throw new Error("no"); });`, "1 passed, 1 failed", 1],
    [
      "what was skipped for a reason",
      `${sound}it.skip("b (skipped for a trial)");`,
      "1 passed, 0 failed, 1 skipped",
      0,
    ],
    ["a skip without a reason as failed", `${sound}it.skip("b");`, "1 passed, 1 failed", 1],
    ["a run without any test as failed", 'describe("a", () => {});', "0 passed, 1 failed", 1],
    ["a file that does not load as failed", 'throw new Error("no");', "0 passed, 1 failed", 1],
    ["a process that ends too soon as failed", 'it("a", () => process.exit(0));', "0 passed, 1 failed", 1],
    ["an only as failed", 'it.only("a", () => {});', "0 passed, 1 failed", 1],
    [
      "a lost rejection as failed",
      `${sound}it("b", () => { void Promise.reject(new Error("lost")); });`,
      "2 passed, 1 failed",
      1,
    ],
  ];
  for (const [what, text, closing, exitCode] of cases) {
    it(`counts ${what}, alone and in parallel`, () => {
      assert.deepEqual(run(text), { closing, exitCode });
      assert.deepEqual(run(text, "--parallel", "--jobs=2"), { closing, exitCode });
    });
  }
});
