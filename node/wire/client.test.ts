import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import type { AreaAnswer, LocateEvent, PointerView, Verdict } from "../base/answer.ts";
import { Failure } from "../base/failure.ts";
import { type CallerQuestion, locate } from "./client.ts";

const HOME = join(import.meta.dirname, "..", "..");

const POINTER = { pointerId: "p-1", recordType: "allergies" } as unknown as PointerView;
const ANSWER = { area: { name: "Cedar" }, outcome: "records", pointers: [POINTER] } as unknown as AreaAnswer;

function aVerdict(change: Partial<Verdict> = {}): Verdict {
  return {
    scopes: [{ scope: "network", everyAreaAnswered: true, areas: 1, answered: 1 }],
    areas: [{ name: "Cedar", outcome: "records", elapsedMs: 3, reason: "", scopes: ["network"] }],
    ...{ gaps: [], unfed: [], sentence: "Every area answered.", ...change },
  } as unknown as Verdict;
}

function told(...events: readonly LocateEvent[]) {
  return locate(
    {
      locate: async function* () {
        yield* events;
      },
    },
    {} as CallerQuestion,
  );
}

describe("a locate as one value", () => {
  it("has its records where every area answered, from feeds that are up to date", async () => {
    const located = await told({ kind: "answer", answer: ANSWER }, { kind: "verdict", verdict: aVerdict() });
    assert.ok(located.kind === "whole");
    assert.deepEqual(located.records, [{ pointer: POINTER, area: ANSWER.area }]);
  });

  it("gives them elsewhere only after what is missing was shown", async () => {
    const silent = { name: "Birch", outcome: "timed-out", elapsedMs: 2_000, reason: "", scopes: ["network"] } as const;
    const gap = { nodeId: "cedar", provider: { code: "RRK" } };
    const partial: readonly Partial<Verdict>[] = [
      {
        scopes: [{ scope: "network", everyAreaAnswered: false, areas: 2, answered: 1 }],
        areas: [...aVerdict().areas, silent],
      },
      { gaps: [gap] as unknown as Verdict["gaps"] },
      { unfed: ["cedar"] as unknown as Verdict["unfed"] },
    ];
    for (const change of partial) {
      const located = await told({ kind: "answer", answer: ANSWER }, { kind: "verdict", verdict: aVerdict(change) });
      assert.ok(located.kind === "partial");
      const shown: unknown[] = [];
      const records = located.recordsWith((missing, verdict) => shown.push(missing, verdict.sentence));
      assert.equal(records.length, 1);
      assert.deepEqual(shown, [
        { areas: change.areas === undefined ? [] : [silent], gaps: change.gaps ?? [], unfed: change.unfed ?? [] },
        "Every area answered.",
      ]);
      assert.throws(() => located.recordsWith(() => assert.fail("no screen")), /no screen/);
    }
  });

  it("is none where the node ended the call without a verdict", async () => {
    await assert.rejects(told({ kind: "answer", answer: ANSWER }), (thrown) => thrown instanceof Failure);
  });

  it("does not compile where the verdict is ignored", async function () {
    this.timeout(60_000);
    const cache = join(HOME, "node_modules", ".cache");
    mkdirSync(cache, { recursive: true });
    const folder = mkdtempSync(join(cache, "client-"));
    try {
      const head = `import type { Located } from "../../../node/wire/client.ts";\ndeclare const located: Located;\n`;
      const uses: Readonly<Record<string, string>> = {
        "good.ts": `if (located.kind === "whole") console.log(located.records);\nelse console.log(located.recordsWith(({ areas }) => console.error(areas)));`,
        "unread.ts": "console.log(located.records);",
        "partial.ts": `if (located.kind === "partial") console.log(located.records);`,
        "unshown.ts": `if (located.kind === "partial") console.log(located.recordsWith());`,
      };
      for (const [name, use] of Object.entries(uses)) writeFileSync(join(folder, name), `${head}${use}\n`);
      writeFileSync(
        join(folder, "tsconfig.json"),
        JSON.stringify({ extends: "../../../tsconfig.json", include: ["*.ts"] }),
      );
      const tsc = join(HOME, "node_modules", ".bin", "tsc");
      const said = await promisify(execFile)(tsc, ["-p", folder]).then(
        () => "",
        ({ stdout }: { stdout: string }) => stdout,
      );
      const refused = [...said.matchAll(/(\w+)\.ts\(3,\d+\): error (TS\d+)/g)].map(
        ([, name, code]) => `${name} ${code}`,
      );
      assert.deepEqual(refused.toSorted(), ["partial TS2339", "unread TS2339", "unshown TS2554"], said);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
