import assert from "node:assert/strict";

import { Failure } from "../../base/failure.ts";
import { seededRandom } from "../../base/random.ts";
import { hl7FeedSchema, toHl7Feed } from "../../config/hl7-feed.ts";
import type { DeadLetter } from "../../requests/dead-letters.ts";
import type { FeedMessage, FeedTaken } from "../../requests/feed-message.ts";
import { type LogFields, silentLog } from "../../telemetry/log.ts";
import { makeFakeClock } from "../../testing/fake-clock.ts";
import type { AdmittedFeed } from "../items.ts";
import { makeAdtHandler } from "./adt-handler.ts";
import { makeAdtReader } from "./adt-reader.ts";
import { firstOf, parseMessage } from "./message.ts";

const TAKEN: FeedTaken = { kind: "taken", isNew: true, version: 1, waitsForReview: false };
const PAS = { name: "pas", rights: { feed: true, organisations: ["RRK", "RXX"] } };
const ADMIT = "EVN|A01|20250602\rPID|1||P1^^^RRK^PI\rPV1|1|E|||||||||||||||||V7";

const aMessage = ({
  application = "PAS",
  facility = "RRK",
  type = "ADT^A01",
  processing = "P",
  body = ADMIT,
} = {}): Buffer =>
  Buffer.from(`MSH|^~\\&|${application}|${facility}|||20250602||${type}|M1|${processing}|2.4\r${body}`);

function aHandler(given: object[] = [{}], answer: () => Promise<FeedTaken> = () => Promise.resolve(TAKEN)) {
  const clock = makeFakeClock(Date.UTC(2025, 5, 3));
  const letters: DeadLetter[] = [];
  const messages: FeedMessage[] = [];
  const logged: object[] = [];
  const admitted = new Map<string, AdmittedFeed>(
    ["RRK", "RXX"].map((code) => [code, { state: "feeding", recordTypes: "all" }]),
  );
  const feeds = given.map((each) => {
    const settings = toHl7Feed(hl7FeedSchema.parse({ provider: "RRK", sender: "pas", ...each }));
    return { settings, read: makeAdtReader(settings, admitted, clock) };
  });
  const note = (event: string, fields?: LogFields): void => void logged.push({ event, ...fields });
  const handler = makeAdtHandler({
    ...{ facility: "wm-bsol", feeds, clock, random: seededRandom(1) },
    log: { ...silentLog, info: note, warn: note, error: (event: string) => note(event) },
    take(message) {
      messages.push(message);
      return answer();
    },
    keepLetter: (letter) => Promise.resolve(letters.push(letter)),
  });
  async function said(bytes: Buffer, sender = PAS): Promise<(string | null | undefined)[]> {
    const [msh, msa, err] = parseMessage(await handler.handle(bytes, sender)).segments;
    assert.ok(msh !== undefined && msa !== undefined);
    assert.equal(firstOf(msa, 2), "M1");
    const [where, code] = [err?.field(1)[0], err?.field(1)[0]?.[3]?.[0]];
    const place = where && [where[0]?.[0], where[2]?.[0]].filter((part) => part !== undefined).join("-");
    return err === undefined ? [firstOf(msa, 1)] : [firstOf(msa, 1), code, place];
  }
  return { handler, said, letters, messages, logged };
}

const refusing = (why: Extract<FeedTaken, { kind: "refused" }>["why"]) => (): Promise<FeedTaken> =>
  Promise.resolve({ kind: "refused", why });

describe("answering HL7 v2 messages", () => {
  it("accepts what was taken, and keeps no letter of it", async () => {
    const { said, letters, messages } = aHandler();
    assert.deepEqual(await said(aMessage()), ["AA"]);
    assert.deepEqual(letters, []);
    assert.equal(messages[0]?.feed, "rrk");
  });

  it("names what cannot be read, and keeps all of it for somebody to look at", async () => {
    const { said, letters, messages, logged } = aHandler();
    const bytes = aMessage({ body: `${ADMIT}|||||||||||||||||||||||||soon` });
    assert.deepEqual(await said(bytes), ["AE", "102", "PV1-44"]);
    const [letter] = letters;
    assert.deepEqual([letter?.feed, letter?.at], ["rrk", "PV1-44"]);
    assert.deepEqual(letter?.bytes.expose(), bytes);
    assert.deepEqual(messages, []);
    assert.doesNotMatch(JSON.stringify(logged), /P1|V7|M1|soon/, "the log has neither patient nor message");
  });

  it("names what the index refuses, and keeps it", async () => {
    for (const [why, code, place] of [
      ["winning-unknown", "204", "PID-3"],
      ["losing-unknown", "204", "MRG-1"],
      ["onto-itself", "204", "MRG-1"],
      ["refused-by-manual-decision", "206", "PID-3"],
      ["message-id-reused", "205", "MSH-10"],
    ] as const) {
      const { said, letters } = aHandler([{}], refusing(why));
      assert.deepEqual(await said(aMessage()), ["AE", code, place], why);
      assert.equal(letters.length, 1);
    }
  });

  it("rejects what is not for a node, and keeps nothing of it", async () => {
    const { said, letters } = aHandler();
    assert.deepEqual(await said(aMessage({ type: "ORU^R01" })), ["AR", "200", "MSH-9"]);
    assert.deepEqual(await said(aMessage({ type: "ADT^A02" })), ["AR", "201", "MSH-9"]);
    assert.deepEqual(await said(aMessage({ processing: "T" })), ["AR", "202", "MSH-11"]);
    assert.deepEqual(letters, []);
  });

  it("takes test messages only where the feed says so", async () => {
    const { said } = aHandler([{ processing: ["T"] }]);
    assert.deepEqual(await said(aMessage({ processing: "T" })), ["AA"]);
    assert.deepEqual(await said(aMessage({ processing: "P" })), ["AR", "202", "MSH-11"]);
  });

  it("lets a certificate speak on its own feeds only, as the application and facility that they name", async () => {
    const { said, letters, messages } = aHandler([{ application: "PAS" }, { provider: "RXX", sender: "other" }]);
    const wrong = ["AR", "103", "MSH-4"];
    assert.deepEqual(await said(aMessage({ facility: "RXX" })), wrong);
    assert.deepEqual(await said(aMessage({ application: "LAB" })), wrong);
    for (const sender of [
      { ...PAS, name: "ward" },
      { ...PAS, rights: { ...PAS.rights, feed: false } },
      { ...PAS, rights: { ...PAS.rights, organisations: ["RXX"] } },
    ]) {
      assert.deepEqual(await said(aMessage(), sender), wrong);
    }
    assert.deepEqual(await said(aMessage({ facility: "" })), ["AR", "101", "MSH-4"]);
    assert.deepEqual([letters, messages], [[], []]);
  });

  it("tells the feeds of one certificate apart", async () => {
    const { said, messages } = aHandler([
      { name: "others" },
      { name: "ed", application: "ED" },
      { name: "wards", application: "PAS" },
    ]);
    for (const application of ["PAS", "ED", "LAB"]) assert.deepEqual(await said(aMessage({ application })), ["AA"]);
    assert.deepEqual(
      messages.map(({ feed }) => feed),
      ["wards", "ed", "others"],
    );
  });

  it("answers what is no message at all, and keeps it", async () => {
    const { handler, letters } = aHandler();
    for (const bytes of ["", "GET / HTTP/1.1", "PID|1", "MSH", "MSH|^^\\&", "\u0000\u0001"]) {
      const answer = await handler.handle(Buffer.from(bytes), PAS);
      const [, msa] = parseMessage(answer).segments;
      assert.equal(msa && firstOf(msa, 1), "AE", bytes);
    }
    assert.equal(letters.length, 6);
  });

  it("answers a message that is too long, and keeps its beginning", async () => {
    const { handler, letters } = aHandler();
    const [, msa, err] = parseMessage(await handler.handleTooLong(aMessage().subarray(0, 90), PAS)).segments;
    assert.deepEqual([msa && firstOf(msa, 1), msa && firstOf(msa, 2)], ["AE", "M1"]);
    assert.equal(err?.field(1)[0]?.[3]?.[0], "207");
    assert.equal(letters.length, 1);
  });

  it("takes a letter again, on the feed that it came by", async () => {
    const { handler, messages } = aHandler([{ name: "ed" }]);
    assert.deepEqual(await handler.takeAgain("ed", aMessage()), { kind: "taken" });
    assert.equal(messages[0]?.feed, "ed");
    const wrong = { kind: "refused", reason: "100 The segment is missing.", at: "PID" };
    assert.deepEqual(await handler.takeAgain("ed", aMessage({ body: "EVN|A01" })), wrong);
    assert.equal(handler.takeAgain("gone", aMessage()), undefined);
  });

  it("asks for it again where it cannot be kept, neither as a message nor as a letter", async () => {
    const full = (): Promise<never> => Promise.reject(new Failure("store-unavailable", "The disk is full."));
    const { said, letters, logged } = aHandler([{}], full);
    assert.deepEqual(await said(aMessage()), ["AR", "207", ""]);
    assert.deepEqual(letters, []);
    assert.match(JSON.stringify(logged), /hl7-failed/);
  });
});
