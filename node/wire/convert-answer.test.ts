import assert from "node:assert/strict";

import { OUTCOMES } from "../base/answer.ts";
import type { HolderAnswer, PointerView } from "../base/answer.ts";
import { Failure } from "../base/failure.ts";
import type { NodeId, OrganisationCode } from "../base/words.ts";
import {
  encodeHolderAnswer,
  fromAreaAnswer,
  fromVerdict,
  paddingFor,
  toAreaAnswer,
  toHolderAnswer,
  toVerdict,
} from "./convert-answer.ts";
import { AreaAnswer as WireAreaAnswer, Verdict as WireVerdict } from "./generated/corridor/v1/federation_service.ts";
import { HolderAnswer as WireHolderAnswer } from "./generated/corridor/v1/locator_service.ts";
import { aVerdict, anAreaAnswer, nothingToShow } from "./testing/a-door.ts";

const ATTEMPT = "6f1b2c7e-3b1a-4c55-9a55-0123456789ab";

const pointer: PointerView = {
  pointerId: "p-1",
  recordType: "discharge-letter",
  custodian: { code: "RRK" as OrganisationCode, name: "An NHS trust", phone: "0121 496 0000" },
  recordedOn: "2026-02-03",
  updatedAtMs: 1_700_000_000_000,
  format: "application/pdf",
  access: "full",
  sources: ["wm-cw" as NodeId],
  document: "M6Ej5dR06PNJWnwwTxcYQn",
};

const encode = (answer: HolderAnswer): Uint8Array => encodeHolderAnswer(answer, ATTEMPT);

describe("a holder's answer on the wire", () => {
  it("comes back as it was", () => {
    const stay: PointerView = { ...pointer, encounter: { class: "inpatient", state: "closed", endedOn: "2026-02-04" } };
    const pointers = [pointer, stay];
    const records: HolderAnswer = { ...nothingToShow(), outcome: "records", pointers, morePointers: 40 };
    for (const answer of [nothingToShow(), records]) {
      assert.deepEqual(toHolderAnswer(WireHolderAnswer.decode(encode(answer))), answer);
    }
  });

  it("is padded to a multiple of 256 bytes where it has no records, whatever is in it", () => {
    for (let letters = 0; letters < 600; letters++) {
      const providers = [
        { code: "RRK" as OrganisationCode, name: "x".repeat(letters), state: "stale" as const, lastReceivedAtMs: 0 },
      ];
      for (const outcome of ["nothing-to-show", "identity-check", "refused"] as const) {
        const length = encode({ ...nothingToShow(), outcome, coverage: { providers } }).length;
        assert.equal(length % 256, 0, `${letters} letters, ${outcome}`);
      }
    }
  });

  it("has the same bytes for the same answer, whatever its cause", () => {
    assert.deepEqual(encode(nothingToShow()), encode(structuredClone(nothingToShow())));
  });

  it("has room for no padding of which the head alone would be too long", () => {
    for (let bytes = 0; bytes < 1_024; bytes++) {
      const padding = paddingFor(bytes);
      const head = padding === 0 ? 0 : padding < 128 ? 2 : 3;
      assert.equal((bytes + head + padding) % 256, 0, `${bytes}`);
    }
  });

  it("is refused whole where any of it is not understood", () => {
    const good = WireHolderAnswer.decode(encode({ ...nothingToShow(), outcome: "records", pointers: [pointer] }));
    const wire = good.pointers[0]!;
    const bad: WireHolderAnswer[] = [
      { ...good, outcome: 0 },
      { ...good, outcome: 99 as never },
      { ...good, outcome: 9 }, // unreachable: the asker's to find, not the holder's to say
      { ...good, pointers: [{ ...wire, recordType: "horoscope" }] },
      { ...good, pointers: [{ ...wire, access: 0 }] },
      { ...good, pointers: [{ ...wire, encounter: { class: 1, state: 0, endedOn: "" } }] },
      { ...good, pointers: [{ ...wire, encounter: { class: 99 as never, state: 1, endedOn: "" } }] },
      { ...good, pointers: [{ ...wire, custodian: undefined }] },
      { ...good, pointers: [{ ...wire, updatedAtMs: 2n ** 60n }] },
      { ...good, pointers: [{ ...wire, sources: ["Not A Node"] }] },
      { ...good, sealed: [{ recordType: "", recordTypeDisplay: "" }] },
      { ...good, notOffered: ["horoscope"] },
      { ...good, coverage: { providers: [{ code: "RRK", name: "", state: 0, lastReceivedAtMs: 0n }] } },
      { ...good, coverage: { providers: [{ code: "a b", name: "", state: 1, lastReceivedAtMs: 0n }] } },
    ];
    for (const [at, answer] of bad.entries()) {
      assert.throws(
        () => toHolderAnswer(answer),
        (thrown) => thrown instanceof Failure && thrown.code === "incompatible",
        `case ${at}`,
      );
    }
  });
});

describe("an area's answer on the wire", () => {
  for (const outcome of OUTCOMES) {
    it(`comes back as it was: ${outcome}`, () => {
      const answer = anAreaAnswer({ outcome, pointers: outcome === "records" ? [pointer] : [], notOffered: ["ecg"] });
      assert.deepEqual(
        toAreaAnswer(WireAreaAnswer.decode(WireAreaAnswer.encode(fromAreaAnswer(answer)).finish())),
        answer,
      );
    });
  }

  it("may be of an area without a node", () => {
    const answer = anAreaAnswer({ outcome: "not-in-network" });
    const { nodeId: _without, ...area } = answer.area;
    assert.deepEqual(toAreaAnswer(fromAreaAnswer({ ...answer, area })).area, area);
  });
});

describe("a verdict on the wire", () => {
  it("comes back as it was", () => {
    const verdict = {
      ...aVerdict(ATTEMPT),
      unfed: ["wm-hw" as NodeId],
      gaps: [
        {
          nodeId: "wm-cw" as NodeId,
          provider: {
            code: "RYA" as OrganisationCode,
            name: "A service",
            state: "paused" as const,
            lastReceivedAtMs: 5,
          },
        },
      ],
    };
    assert.deepEqual(toVerdict(WireVerdict.decode(WireVerdict.encode(fromVerdict(verdict)).finish())), verdict);
  });
});
