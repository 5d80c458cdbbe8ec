import assert from "node:assert/strict";

import fc from "fast-check";

import { systemClock } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { Claim } from "../base/question.ts";
import { systemRandom } from "../base/random.ts";
import { parseOrganisationCode } from "../base/words.ts";
import type { AskedSearch } from "../mpi/search-terms.ts";
import type { PersonSearchQuestion, SearchAnswer } from "../requests/search-people.ts";
import { makeLog } from "../telemetry/log.ts";
import { type CallerClient, connectCaller } from "./caller-client.ts";
import { fromClaim } from "./convert.ts";
import { fromAsked } from "./convert-search.ts";
import { SearchServiceService } from "./generated/corridor/v1/search_service.ts";
import type { RunningServer } from "./server.ts";
import { failureOf, isCallError } from "./status.ts";
import { failureFrom, plainClient, sendBytes } from "./testing/a-call.ts";
import { openDoor } from "./testing/a-door.ts";
import { ASKER, makeWireNetwork, type WireNetwork } from "./testing/a-network.ts";

const CLAIM: Claim = {
  userId: "user-1",
  role: "R8000",
  setting: "emergency",
  organisation: parseOrganisationCode("RRK")!,
  assurance: "smartcard",
  purpose: "TREAT",
  relationship: { kind: "attendance" },
  trigger: "person",
  reason: "Brought in by ambulance",
};
const ASKED: AskedSearch = {
  ...{ family: "Quillfeather*", given: ["Zephyrine"], birthDate: ["1980-05-17"], postcode: "CV80 9XY" },
  ...{ fuzzy: false, exact: false, history: true, maxResults: 7 },
};
const FOUND: SearchAnswer = {
  result: "found",
  askForMore: true,
  persons: [
    {
      personId: "p1",
      score: 0.9512,
      restricted: false,
      warnings: ["same-name", "household"],
      details: new Concealed({
        ...{
          nhsNumber: "9000000009",
          verified: true,
          died: "2025-03",
          deathRegistered: true,
          postcode: "CV80 9XY",
          phone: "01632 960711",
        },
        names: [{ family: "Quillfeatherstone", given: "Zephyrine", middle: "" }],
        birthDates: ["1980-05-17"],
        genders: ["female"],
        addressLines: ["1 Canal Road"],
      }),
    },
  ],
};

describe("the door for searches", () => {
  let network: WireNetwork;
  let door: RunningServer;
  let caller: CallerClient;
  let asked: PersonSearchQuestion[];
  let log: string[];
  let answer: () => Promise<SearchAnswer>;

  before(async () => {
    log = [];
    network = await makeWireNetwork();
    const searchPeople = (question: PersonSearchQuestion): Promise<SearchAnswer> => {
      asked.push(question);
      return answer();
    };
    door = await openDoor(network, { searchPeople }, { log: makeLog("debug", (line) => void log.push(line)) });
    caller = await connectCaller(
      { host: "127.0.0.1", port: door.port, certsDir: network.callerDir("demo") },
      systemClock,
    );
  });
  after(async () => {
    caller.close();
    await door.close(0);
    network.remove();
  });
  beforeEach(() => {
    asked = [];
    answer = () => Promise.resolve(FOUND);
  });

  const search = (more: Partial<AskedSearch> = {}, claim: Partial<Claim> = {}) =>
    caller.search({ search: { ...ASKED, ...more }, claim: { ...CLAIM, ...claim }, requestId: systemRandom.uuid() });

  it("hands a search over as it was asked, and gives everything back but the index's own ids", async () => {
    const told = await search();
    const [question] = asked;
    assert.deepEqual(question?.search.terms.expose(), {
      ...{ family: ["quillfeather", ""], given: [["zephyrine"]], postcode: ["CV809XY"] },
      born: { from: "1980-05-17", to: "1980-05-17" },
    });
    const { fuzzy, exact, history, maxResults, unattended } = question.search;
    assert.deepEqual([fuzzy, exact, history, maxResults, unattended], [false, false, true, 7, false]);
    const [{ personId: _, ...shown }] = FOUND.persons as [(typeof FOUND.persons)[number]];
    assert.deepEqual({ ...told, persons: undefined }, { ...FOUND, persons: undefined });
    assert.deepEqual({ ...told.persons[0], details: undefined }, { ...shown, details: undefined });
    assert.deepEqual(told.persons[0]?.details.expose(), shown.details.expose());
  });

  it("takes a system's search for what it is", async () => {
    await search({ maxResults: 1 }, { trigger: "automatic" });
    assert.equal(asked[0]?.search.unattended, true);
    assert.equal((await failureFrom(search({}, { trigger: "automatic" }))).code, "not-permitted");
  });

  it("refuses by the field's name what cannot be answered, before anybody is asked", async () => {
    const refused: [Partial<AskedSearch>, Failure["code"], string][] = [
      [{ birthDate: [] }, "invalid-input", "birth_date"],
      [{ family: "" }, "invalid-input", "family"],
      [{ family: "Q*" }, "invalid-input", "family"],
      [{ family: "Q".repeat(101) }, "invalid-input", "family_name"],
      [{ given: [""] }, "invalid-input", "given_names"],
      [{ given: ["Zeph\u0000yrine"] }, "invalid-input", "given_names"],
      [{ maxResults: 51 }, "invalid-input", "max_results"],
      [{ practice: "M85001" }, "not-served", "practice"],
      [{ email: "someone@corridor.example" }, "not-served", "email"],
      [{ deathDate: "2020-01-01" }, "not-served", "death_date"],
    ];
    for (const [more, code, where] of refused) {
      const failure = await failureFrom(search(more));
      assert.deepEqual([failure.code, failure.where], [code, where]);
    }
    assert.equal((await failureFrom(search({}, { userId: "900 000 0009" }))).where, "claim.user_id");
    assert.equal(asked.length, 0);
  });

  it("serves callers of this node alone", async () => {
    const peer = plainClient(door.port, network.nodeTls(ASKER));
    try {
      const failure = await failureFrom(sendBytes(peer, SearchServiceService.search.path, Buffer.alloc(0)));
      assert.equal(failure.code, "not-permitted");
    } finally {
      peer.close();
    }
    assert.equal(asked.length, 0);
  });

  it("refuses what it does not know, and what is too large", async () => {
    const client = plainClient(door.port, network.callerTls("demo"));
    const { path } = SearchServiceService.search;
    try {
      assert.equal((await failureFrom(sendBytes(client, path, Buffer.from([0xfa, 0x3f, 1, 1])))).code, "invalid-input");
      assert.equal((await failureFrom(sendBytes(client, path, Buffer.alloc(70_000)))).code, "overloaded");
    } finally {
      client.close();
    }
  });

  it("answers whatever bytes come with a refusal that says what was wrong", async () => {
    const client = plainClient(door.port, network.callerTls("demo"));
    const { path, requestSerialize } = SearchServiceService.search;
    const whole = requestSerialize({
      ...fromAsked(ASKED),
      claim: fromClaim(CLAIM, "stated"),
      requestId: systemRandom.uuid(),
    });
    /** The real message with some bytes turned, cut off, or something behind it. */
    const mutated = fc
      .record({
        turned: fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 }),
        length: fc.nat(whole.length),
        more: fc.uint8Array({ maxLength: 12 }),
      })
      .map(({ turned, length, more }) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of turned) bytes[at] = value;
        return Buffer.concat([bytes.subarray(0, length), more]);
      });
    try {
      await fc.assert(
        fc.asyncProperty(mutated, async (bytes) => {
          const code = await sendBytes(client, path, bytes).then(
            () => undefined,
            (thrown: unknown) => (isCallError(thrown) ? failureOf(thrown).code : "lost"),
          );
          assert.ok([undefined, "invalid-input", "not-permitted", "not-served"].includes(code), code);
        }),
        { numRuns: 400 },
      );
    } finally {
      client.close();
    }
  });

  it("writes nothing of a patient into its log, nor into what it refuses with", async () => {
    answer = () => Promise.reject(new Failure("store-unavailable", "index.db cannot be read."));
    const failure = await failureFrom(search());
    assert.equal(failure.code, "store-unavailable");
    const texts = `${log.join("\n")}${failure.message}${failure.where}`;
    assert.ok(log.some((line) => line.includes("SearchService")));
    assert.doesNotMatch(texts, /quillfeather|zephyrine|1980-05-17|CV80|9000000009/i);
  });
});
