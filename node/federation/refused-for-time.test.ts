import assert from "node:assert/strict";

import type { Member } from "../../topology/manifest.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import type { Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { tellRefusedForTime } from "./refused-for-time.ts";

describe("a question that is refused for its time", () => {
  it("is told of once in five minutes for each member, and fails as it did; any other failure is not", async () => {
    const clock = makeFakeClock();
    const told: string[] = [];
    let failure = new Failure("clocks-differ", "It is 74 s ahead.");
    const transport = tellRefusedForTime({ ask: () => Promise.reject(failure) }, clock, (id) => told.push(id));
    const [question, permit, deadline] = [{} as Question, {} as Permit, Deadline.in(clock, 1_000)];
    const ask = (id: string): Promise<unknown> =>
      transport.ask({ id } as Member, question, permit, deadline, new AbortController().signal);
    for (const id of ["a", "b", "a", "a"]) await assert.rejects(ask(id), failure);
    assert.deepEqual(told, ["a", "b"]);
    await clock.advance(300_000);
    await assert.rejects(ask("a"), failure);
    assert.deepEqual(told, ["a", "b", "a"]);
    await clock.advance(300_000);
    failure = new Failure("unreachable", "It is away.");
    await assert.rejects(ask("a"), failure);
    assert.equal(told.length, 3);
  });
});
