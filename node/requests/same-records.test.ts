import assert from "node:assert/strict";

import type { AreaAnswer, PointerView } from "../base/answer.ts";
import type { NodeId } from "../base/words.ts";
import { SameRecords } from "./same-records.ts";

const record = (code: string, document?: string): PointerView =>
  ({ custodian: { code }, sources: [], ...(document !== undefined && { document }) }) as unknown as PointerView;
const answer = (nodeId: string | undefined, ...pointers: PointerView[]): AreaAnswer =>
  ({ area: { nodeId: nodeId as NodeId }, pointers }) as unknown as AreaAnswer;

describe("records that several areas name", () => {
  it("name the areas that named the same before, and themselves", () => {
    const same = new SameRecords();
    const sourcesOf = (said: AreaAnswer) => same.note(said).pointers.map(({ sources }) => sources);
    assert.deepEqual(sourcesOf(answer("n-a", record("RRK", "x"), record("RRK", "y"))), [[], []]);
    assert.deepEqual(sourcesOf(answer("n-b", record("RRK", "x"))), [["n-a", "n-b"]]);
    assert.deepEqual(sourcesOf(answer("n-c", record("RRK", "x"), record("RWE", "x"))), [["n-a", "n-b", "n-c"], []]);
  });

  it("are the same by custodian and document alone; of whom nothing is said, nothing is taken for the same", () => {
    const same = new SameRecords();
    const first = answer("n-a", record("RRK"), record("RRK", "x"), record("RRK", "x"));
    assert.deepEqual(same.note(first), first, "nor is what one area says twice");
    const other = answer("n-b", record("RRK"), record("RRK", "z"));
    assert.deepEqual(same.note(other), other);
    const nobody = answer(undefined, record("RRK", "x"));
    assert.equal(same.note(nobody), nobody);
  });
});
