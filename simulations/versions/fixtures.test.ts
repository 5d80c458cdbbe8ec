import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { existsSync } from "node:fs";

import { systemClock, today } from "../../node/base/clock.ts";
import { PROTOCOL, type ProtocolVersion, speaksWith } from "../../node/base/words.ts";
import { verifyAssertion, verifyVerdict } from "../../node/trust/assertion.ts";
import { fromPatient, toClaim, toPatient } from "../../node/wire/convert.ts";
import { toAreaAnswer, toHolderAnswer } from "../../node/wire/convert-answer.ts";
import { AssertionPayload } from "../../node/wire/generated/corridor/v1/assertion.ts";
import { LocateResponse } from "../../node/wire/generated/corridor/v1/federation_service.ts";
import { AnswerLocateRequest, AnswerLocateResponse } from "../../node/wire/generated/corridor/v1/locator_service.ts";
import { bindPatient } from "../../node/wire/patient-binding.ts";
import { readVerdict } from "../../node/wire/signed-verdict.ts";
import { fixturePath, readFixtures } from "./fixtures.ts";
import { ASKER_KEY, samplesOf } from "./messages.ts";

/** Every version with which this one must be able to talk, its own among them. */
const SPOKEN: readonly ProtocolVersion[] = [PROTOCOL.minor - 1, PROTOCOL.minor]
  .filter((minor) => minor >= 0)
  .map((minor) => ({ major: PROTOCOL.major, minor }));

const asker = { assertionKey: createPublicKey(ASKER_KEY).export({ format: "jwk" }).x! };

describe("messages as recorded", () => {
  for (const version of SPOKEN) {
    describe(`of protocol ${version.major}.${version.minor}`, () => {
      const bytesOf = (name: string): Buffer => Buffer.from(readFixtures(version)[name]!, "hex");

      it("are on record, and of a version that is spoken here", () => {
        assert.ok(existsSync(fixturePath(version)), "record it: node simulations/versions/fixtures.ts");
        assert.ok(speaksWith(PROTOCOL, version));
      });

      it("are read whole: said again, nothing is lost and nothing added", () => {
        const samples = samplesOf(version);
        for (const [name, hex] of Object.entries(readFixtures(version))) {
          const { codec } = samples.get(name) ?? assert.fail(`${name} is spoken no more`);
          assert.equal(
            Buffer.from(codec.encode(codec.decode(Buffer.from(hex, "hex"))).finish()).toString("hex"),
            hex,
            name,
          );
        }
      });

      it("are what is still said of the same things, byte by byte", () => {
        for (const [name, { bytes }] of samplesOf(version)) {
          const recorded = readFixtures(version)[name];
          // A kind of message that the version did not have is news, not a change.
          if (recorded !== undefined) assert.equal(Buffer.from(bytes).toString("hex"), recorded, name);
        }
      });

      it("hold what a holder needs to answer: who asks, about whom, signed and bound", async () => {
        const { assertion, question, protocol } = AnswerLocateRequest.decode(bytesOf("AnswerLocateRequest"));
        assert.deepEqual(protocol, version);
        assert.equal(await verifyAssertion(asker, assertion!.payload, assertion!.signature), true);
        const { claims, holder } = AssertionPayload.decode(assertion!.payload);
        const [{ attemptId, claim, patientBinding } = assert.fail("no claim")] = claims;
        const patient = toPatient(question!.patient, today(systemClock));
        assert.deepEqual(patientBinding, bindPatient(attemptId, question!.patientNonce, fromPatient(patient)));
        assert.equal(toClaim(claim, "kept-back").role, "S0010:G0020:R8000");
        assert.deepEqual([holder, patient.by], ["wm-cw", "number"]);
      });

      it("hold what an asker needs to show: records, nothing, and a verdict that was signed", async () => {
        const answerIn = (name: string) => toHolderAnswer(AnswerLocateResponse.decode(bytesOf(name)).answer!);
        const { outcome, pointers } = answerIn("AnswerLocateResponse records");
        assert.deepEqual([outcome, pointers[0]?.encounter?.state], ["records", "closed"]);
        assert.equal(answerIn("AnswerLocateResponse nothing").outcome, "nothing-to-show");

        const eventIn = (name: string) => LocateResponse.decode(bytesOf(name)).event;
        const answer = eventIn("LocateResponse answer");
        assert.ok(answer?.$case === "answer" && toAreaAnswer(answer.value).area.nodeId === "wm-cw");
        const verdict = eventIn("LocateResponse verdict");
        assert.ok(verdict?.$case === "verdict");
        assert.equal(await verifyVerdict(asker, verdict.value.payload, verdict.value.signature), true);
        assert.equal(readVerdict(verdict.value.payload).areas.length, 2);
      });
    });
  }
});
