import assert from "node:assert/strict";

import { BirthDate } from "../base/birth-date.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import { systemRandom } from "../base/random.ts";
import type { OrganisationCode } from "../base/words.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { Contexts, type LaunchContext } from "./contexts.ts";

const CONTEXT: LaunchContext = {
  patient: {
    by: "number",
    nhsNumber: NhsNumber.parse("9000000009")!,
    birthDate: BirthDate.parse("1958-02-03", "2026-01-01")!,
  },
  claim: {
    ...{ userId: "u1", role: "R8000", setting: "emergency", organisation: "RRK" as OrganisationCode },
    ...{ assurance: "smartcard", purpose: "TREAT", relationship: { kind: "attendance" }, trigger: "person" },
  },
  rights: () => ({ roles: [], settings: [], organisations: [], feed: false, operate: false, sandbox: false }),
};

describe("links that open the page", () => {
  function someContexts() {
    const clock = makeFakeClock();
    return { clock, contexts: new Contexts(clock, systemRandom) };
  }

  it("become a session once, which is found by its cookie alone", () => {
    const { contexts } = someContexts();
    const { secret } = contexts.offer(CONTEXT);
    assert.equal(contexts.session(secret), undefined);
    const cookie = contexts.open(secret) ?? assert.fail("it opens");
    assert.equal(contexts.session(cookie)?.claim.userId, "u1");
    assert.equal(contexts.open(secret), undefined);
    assert.notEqual(cookie, secret);
  });

  it("are good for a minute, and the session for a quarter of an hour", async () => {
    const { clock, contexts } = someContexts();
    const [early, late] = [contexts.offer(CONTEXT), contexts.offer(CONTEXT)];
    await clock.advance(59_000);
    const cookie = contexts.open(early.secret) ?? assert.fail("it opens");
    await clock.advance(1_000);
    assert.equal(contexts.open(late.secret), undefined);
    await clock.advance(14 * 60_000 + 58_000);
    assert.ok(contexts.session(cookie));
    await clock.advance(2_000);
    assert.equal(contexts.session(cookie), undefined);
  });

  it("are bounded: the oldest goes first", () => {
    const { contexts } = someContexts();
    const first = contexts.offer(CONTEXT);
    const others = Array.from({ length: 2_000 }, () => contexts.offer(CONTEXT));
    assert.equal(contexts.open(first.secret), undefined);
    assert.ok(contexts.open(others[0]!.secret));
  });
});
