import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Failure } from "../base/failure.ts";
import { BEGINNING, type Position } from "./load-position.ts";
import { type LoadIdentity, type LoadStart, openProgress } from "./load-progress.ts";

describe("how far a load has come", () => {
  let folder: string;
  let load: LoadIdentity;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-progress-"));
    for (const name of ["a.csv", "b.csv"]) writeFileSync(at(name), name.repeat(100));
    load = { via: "wm-cw", files: [at("a.csv"), at("b.csv")] };
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const at = (name: string): string => join(folder, name);
  const open = (more: Partial<LoadIdentity> = {}, restart = false, nowMs = 2) =>
    openProgress({
      ...{ path: at("progress.json"), rejectsPath: at("rejects"), nowMs, restart },
      load: { ...load, ...more },
    });
  const REACHED: Position = {
    ...BEGINNING,
    file: 1,
    place: 7,
    line: 9,
    read: 12,
    accepted: 11,
    providers: ["RRK"],
    storeId: "s",
  };
  const REJECTS = { bytes: 3, reasons: [{ field: "gender", reason: "not one", count: 1 }] };
  const keepOne = (): void => {
    writeFileSync(at("rejects"), "abc");
    open({}, false, 1).keep(REACHED, REJECTS);
  };
  const isAnew = ({ position, begunAtMs }: LoadStart): void => assert.deepEqual([position, begunAtMs], [BEGINNING, 2]);

  it("is found again by the same command, for its owner alone, with nothing of a patient", () => {
    keepOne();
    const { position, rejects, begunAtMs, notResumed } = open().start;
    assert.deepEqual([position, rejects, begunAtMs, notResumed], [REACHED, REJECTS, 1, undefined]);
    assert.equal(statSync(at("progress.json")).mode & 0o777, 0o600);
    assert.ok(!readFileSync(at("progress.json"), "utf8").includes("a.csva.csv"));
  });

  it("is at the beginning where there is nothing, and silently so where it is told", () => {
    isAnew(open().start);
    keepOne();
    const { start } = open({}, true);
    isAnew(start);
    assert.equal(start.notResumed, undefined);
  });

  const differences: [why: RegExp, change: () => Partial<LoadIdentity>][] = [
    [/another node/, () => ({ via: "wm-bsol" })],
    [/other options/, () => ({ provider: "RRK" })],
    [/other options/, () => ({ asOf: "2026-01-01" })],
    [/other files/, () => ({ files: [at("b.csv"), at("a.csv")] })],
    [/b\.csv has changed/, () => (writeFileSync(at("b.csv"), "longer than it was".repeat(100)), {})],
    [/a\.csv has changed/, () => (rewriteInPlace(at("a.csv")), {})],
    [/rejects file/, () => (writeFileSync(at("rejects"), "a"), {})],
    [/cannot be read/, () => (writeFileSync(at("progress.json"), '{"version":1}'), {})],
  ];
  for (const [why, change] of differences) {
    it(`is not gone on with where it does not fit, in words: ${why.source}`, () => {
      keepOne();
      const { start } = open(change());
      isAnew(start);
      assert.match(start.notResumed ?? "", why);
    });
  }

  /** The same length and the same time, other content. */
  function rewriteInPlace(path: string): void {
    const { atime, mtime } = statSync(path);
    writeFileSync(path, readFileSync(path, "utf8").replace("a", "x"));
    utimesSync(path, atime, mtime);
  }

  it("is removed when nothing is left", () => {
    keepOne();
    open().remove();
    isAnew(open().start);
  });

  it("names a file that is not there", () => {
    assert.throws(
      () => open({ files: [at("none.csv")] }),
      (thrown) =>
        thrown instanceof Failure && thrown.code === "invalid-input" && /none\.csv.*ENOENT/.test(thrown.message),
    );
  });
});
