import assert from "node:assert/strict";

import type { Client } from "@grpc/grpc-js";

import type { Member } from "../../topology/manifest.ts";
import { BirthDate } from "../base/birth-date.ts";
import { systemClock } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import { Deadline } from "../base/deadline.ts";
import type { Identified } from "../base/identified.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { PatientQuery, Question } from "../base/question.ts";
import { systemRandom } from "../base/random.ts";
import { PROTOCOL } from "../base/words.ts";
import type { PeerQuestion } from "../requests/answer-locate.ts";
import { askOnce } from "./ask-once.ts";
import { type IdentifyAtPeer, makeDiscoveryClient } from "./discovery-client.ts";
import { IDENTIFY } from "./discovery-service.ts";
import { DiscoveryServiceService } from "./generated/corridor/v1/discovery_service.ts";
import { LocatorServiceService } from "./generated/corridor/v1/locator_service.ts";
import { makeLoneQuestion } from "./lone-question.ts";
import type { RunningServer } from "./server.ts";
import { failureFrom, plainClient } from "./testing/a-call.ts";
import { PATIENT_BORN, PATIENT_NUMBER, aClaim, aPatient, openDoor } from "./testing/a-door.ts";
import { ASKER, DOMAIN, HOLDER, type WireNetwork, makeWireNetwork } from "./testing/a-network.ts";

const TOLD: Identified = { nhsNumber: NhsNumber.parse(PATIENT_NUMBER)!, grade: "with-place" };

function named(family: string, given: string, postcode: string): PatientQuery {
  return {
    ...{ by: "demographics", familyName: new Concealed(family), givenName: new Concealed(given) },
    ...{ birthDate: BirthDate.parse(PATIENT_BORN, "2026-11-22")!, postcode: new Concealed(postcode) },
  };
}
const NAMED = named("Khan", "Aisha", "B86 8QD");

describe("the door for whose number it is", () => {
  let network: WireNetwork;
  let door: RunningServer;
  let client: Client;
  let identify: IdentifyAtPeer;
  let holder: Member;
  let asked: PeerQuestion[];
  let says: Identified | undefined;

  before(async () => {
    network = await makeWireNetwork();
    door = await openDoor(network, {
      async answerIdentify(question) {
        asked.push(question);
        return says;
      },
    });
    holder = { ...network.directory.member(HOLDER)!, endpoints: [`127.0.0.1:${door.port}`] };
    identify = makeDiscoveryClient({ ...order(), domain: DOMAIN, tls: () => network.nodeTls(ASKER), checkMember });
    client = plainClient(door.port, network.nodeTls(ASKER));
  });
  after(async () => {
    client.close();
    await door.close(0);
    network.remove();
  });
  beforeEach(() => {
    asked = [];
    says = TOLD;
  });

  const checkMember: WireNetwork["checkMember"] = (member, identity) => network.checkMember(member, identity);
  const order = () => ({
    ...{ ownId: ASKER, clock: systemClock, random: systemRandom, protocol: PROTOCOL },
    sign: (payload: Uint8Array) => network.signer(ASKER).sign(payload),
  });
  const question = (patient: PatientQuery): Question => {
    const answerBy = Deadline.in(systemClock, 5_000);
    return { requestId: systemRandom.uuid(), patient, claim: aClaim(), answerBy, lateUntil: answerBy };
  };
  const ask = (patient: PatientQuery) =>
    identify(holder, question(patient), Deadline.in(systemClock, 5_000), new AbortController().signal);
  const until = (): number => systemClock.wallMs() + 5_000;

  it("gives the story a proven question and the asker the number with its grade, or nobody", async () => {
    const told = await ask(NAMED);
    assert.deepEqual([told?.nhsNumber.expose(), told?.grade], [PATIENT_NUMBER, "with-place"]);
    const [{ asker, patient } = assert.fail("nobody was asked")] = asked;
    assert.equal(asker, ASKER);
    assert.ok(patient.by === "demographics" && patient.familyName.expose() === "Khan");
    says = undefined;
    assert.equal(await ask(NAMED), undefined);
  });

  it("takes no wildcard, and no question that has a number already", async () => {
    for (const patient of [
      named("Kh*", "Aisha", "B86 8QD"),
      named("Khan", "A%", "B86 8QD"),
      named("Khan", "Aisha", "B86?"),
      aPatient(),
    ]) {
      const { code, message } = await failureFrom(ask(patient));
      assert.equal(code, "invalid-input", message);
      assert.ok(!/Kh|Aisha|B86/.test(message) && !message.includes(PATIENT_NUMBER));
    }
    assert.deepEqual(asked, []);
  });

  it("takes no claim that was made to locate; and nobody locates by one that was made for this", async () => {
    const { identifyPerson } = DiscoveryServiceService;
    const toLocate = await makeLoneQuestion(order(), holder, question(NAMED), "");
    assert.equal((await failureFrom(askOnce(client, identifyPerson, toLocate, until()))).code, "not-authenticated");
    assert.deepEqual(asked, []);
    const { answerLocate } = LocatorServiceService;
    const toIdentify = await makeLoneQuestion(order(), holder, question(NAMED), IDENTIFY);
    assert.equal((await failureFrom(askOnce(client, answerLocate, toIdentify, until()))).code, "not-authenticated");
  });

  it("opens to members alone", async () => {
    const caller = plainClient(door.port, network.callerTls("demo"));
    const request = await makeLoneQuestion(order(), holder, question(NAMED), IDENTIFY);
    const failure = await failureFrom(askOnce(caller, DiscoveryServiceService.identifyPerson, request, until()));
    assert.equal(failure.code, "not-permitted");
    caller.close();
    assert.deepEqual(asked, []);
  });
});
