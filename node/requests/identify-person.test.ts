import assert from "node:assert/strict";

import { Concealed } from "../base/concealed.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { PatientQuery } from "../base/question.ts";
import type { PdsPatient, PdsSearch } from "../mpi/pds.ts";
import type { AskedSearch } from "../mpi/search-terms.ts";
import {
  anIdentity,
  anObjection,
  aQuestion,
  byDemographics,
  byNumber,
  openTestIndex,
  type TestIndex,
} from "../testing/an-index.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { identifyPerson } from "./identify-person.ts";
import type { OwnKnowledge } from "./locate.ts";

const NUMBER = "9000000009";
const BORN = "1980-05-17";
const ANSWER_BY_MS = 2_000;
const KHAN = byDemographics("Khan", "Aisha", BORN);
const KHAN_AT_HOME = byDemographics("Khan", "Aisha", BORN, "B86 8QD");
const NOT_KNOWN = { code: "identity-not-known", message: /^Cannot ask yet: identity not known\./ };

/** The service's answer: one person. */
function oneOf(more: Partial<PdsPatient> & { readonly given?: string; readonly born?: string } = {}): PdsSearch {
  const { given = "Aisha", born = BORN, ...patient } = more;
  const details = new Concealed({
    ...{ names: [{ use: "usual", family: "KHAN", given: [given, "Noor"] }], birthDate: born, gender: "female" },
    ...{ addressLines: [], postcode: "", phones: [], emails: [], practice: "", died: "", deathRegistered: false },
  });
  const nhsNumber = NhsNumber.parse(NUMBER) ?? assert.fail();
  return { kind: "found", score: 1, patient: { nhsNumber, versionId: "1", restricted: false, details, ...patient } };
}

describe("identifying a person whom the own index does not know by number", () => {
  let index: TestIndex;
  let clock = makeFakeClock();
  let asked: AskedSearch[];
  let failures: Failure[];
  /** What other nodes say, and about how many they were asked. */
  let discovered: NhsNumber | undefined;
  let discoveries: number;
  beforeEach(() => {
    index = openTestIndex();
    clock = makeFakeClock();
    [asked, failures] = [[], []];
    [discovered, discoveries] = [undefined, 0];
  });
  afterEach(() => index.close());

  const identify = (
    patient: PatientQuery,
    answer: () => PdsSearch | Promise<PdsSearch> = () => oneOf(),
  ): Promise<OwnKnowledge> =>
    identifyPerson(aQuestion(patient, clock), Deadline.in(clock, ANSWER_BY_MS), {
      ...index.mpi,
      withheldOf: index.objections.withheld,
      clock,
      pdsFailed: (failure) => void failures.push(failure),
      async discover() {
        discoveries++;
        return discovered;
      },
      pds: {
        search: async (search) => {
          asked.push(search.expose());
          return answer();
        },
      },
    });
  const numberIn = (known: OwnKnowledge): string | undefined =>
    known.kind === "ask" && known.question.patient.by === "number"
      ? known.question.patient.nhsNumber.expose()
      : undefined;

  it("asks nobody else where the question or the own index has the number", async () => {
    assert.equal(numberIn(await identify(byNumber(NUMBER, BORN))), NUMBER);
    await index.load([anIdentity()]);
    assert.equal(numberIn(await identify(KHAN)), NUMBER);
    await index.load([anIdentity({ provider: "RJE", localId: "X9", restricted: true })]);
    assert.deepEqual(await identify(KHAN), { kind: "restricted" });
    assert.deepEqual(asked, []);
  });

  it("asks nobody about a person who has objected to everything here", async () => {
    await index.load([anIdentity({ nhsNumber: "", nhsNumberStatus: "" }), anObjection()]);
    const known = await identify(KHAN);
    assert.ok(known.kind === "ask" && known.objected === true);
    assert.deepEqual(asked, []);
  });

  it("takes the number of the one person whom the service has of exactly these details", async () => {
    const known = await identify(KHAN_AT_HOME);
    assert.equal(numberIn(known), NUMBER);
    assert.ok(known.kind === "ask" && known.byPds === true && known.here === undefined);
    const [{ fuzzy, exact, history, postcode } = assert.fail(), ...more] = asked;
    assert.deepEqual([fuzzy, exact, history, postcode, more], [false, true, false, "B86 8QD", []]);
  });

  it("asks the others by that number and the own index by what it has, where it has the person without one", async () => {
    await index.load([anIdentity({ nhsNumber: "", nhsNumberStatus: "" })]);
    const known = await identify(KHAN);
    assert.equal(numberIn(known), NUMBER);
    assert.ok(known.kind === "ask" && known.here?.patient.by === "demographics");
  });

  it("chooses by the service between several whom the own index has", async () => {
    await index.load([anIdentity(), anIdentity({ localId: "P2", nhsNumber: "9000000017" })]);
    assert.equal(numberIn(await identify(KHAN)), NUMBER);
  });

  it("asks nobody where the service has nobody, or more than one, or somebody else", async () => {
    for (const answer of [
      { kind: "none" },
      { kind: "too-many" },
      oneOf({ given: "Amira" }),
      oneOf({ born: "1980-05-18" }),
    ] as const) {
      await assert.rejects(
        identify(KHAN, () => answer),
        NOT_KNOWN,
      );
    }
    assert.deepEqual(failures, []);
  });

  it("asks for nobody by what names nobody, and never with an asterisk", async () => {
    const nobodys = [
      byDemographics("Kh*", "Aisha", BORN),
      byDemographics("Khan", "BABY", BORN),
      byDemographics("Khan", "Aisha", "1900-01-01"),
    ];
    for (const patient of nobodys) await assert.rejects(identify(patient), NOT_KNOWN);
    assert.deepEqual(asked, []);
  });

  it("stops for whom the service marks, or the own index under that number", async () => {
    assert.deepEqual(await identify(KHAN, () => oneOf({ restricted: true })), { kind: "restricted" });
    await index.load([anIdentity({ givenName: "A", restricted: true })]);
    assert.deepEqual(await identify(KHAN), { kind: "restricted" });
  });

  it("never finds by place whom either marks, and does not say that they are marked", async () => {
    const said = async (answer: () => PdsSearch): Promise<unknown> =>
      identify(KHAN_AT_HOME, answer).then(
        () => assert.fail("found by place"),
        ({ code, message }: Failure) => [code, message],
      );
    const nobody = await said(() => ({ kind: "none" }));
    assert.deepEqual(await said(() => oneOf({ restricted: true })), nobody);
    await index.load([anIdentity({ restricted: true })]);
    assert.deepEqual(await said(() => oneOf()), nobody);
  });

  it("says so where the service could not be asked, and goes on with what the own index knows", async () => {
    const away = (): never => {
      throw new Failure("not-authenticated", "The key has ended.");
    };
    await assert.rejects(identify(KHAN, away), {
      code: "unreachable",
      message: /identity not known.*could not be asked/,
    });
    assert.deepEqual(
      failures.map(({ code }) => code),
      ["not-authenticated"],
    );
    await index.load([anIdentity({ nhsNumber: "", nhsNumberStatus: "" })]);
    const known = await identify(KHAN, away);
    assert.ok(known.kind === "ask" && known.question.patient.by === "demographics");
  });

  it("waits for the service no longer than leaves time for the others", async () => {
    const ended = assert.rejects(
      identify(KHAN, () => new Promise(() => {})),
      { code: "timed-out", message: /identity not known.*did not answer in time/ },
    );
    await clock.advance(ANSWER_BY_MS / 2);
    await ended;
    assert.equal(clock.pending(), 0);
  });

  describe("whom neither the own index nor the service knows", () => {
    const nobody = (): PdsSearch => ({ kind: "none" });
    beforeEach(() => (discovered = NhsNumber.parse(NUMBER)));

    it("is asked for at other nodes, and then by the number that they give", async () => {
      const known = await identify(KHAN, nobody);
      assert.equal(numberIn(known), NUMBER);
      assert.ok(known.kind === "ask" && known.byPeer === true);
    });

    it("is asked for there also where the service could not be asked, and is not known where they know nobody", async () => {
      const away = (): never => {
        throw new Failure("unreachable", "No way there.");
      };
      assert.equal(numberIn(await identify(KHAN, away)), NUMBER);
      discovered = undefined;
      await assert.rejects(identify(KHAN, nobody), NOT_KNOWN);
      await assert.rejects(identify(KHAN, away), { code: "unreachable" });
    });

    it("is asked for nowhere else where anybody here fits, be it several", async () => {
      await index.load([anIdentity(), anIdentity({ localId: "P2", nhsNumber: "9000000017" })]);
      await assert.rejects(identify(KHAN, nobody), NOT_KNOWN);
      assert.equal(discoveries, 0);
    });

    it("is nobody where the own index has that number for somebody of another birth date", async () => {
      await index.load([anIdentity({ birthDate: "1971-01-02", givenName: "Amira" })]);
      await assert.rejects(identify(KHAN, nobody), NOT_KNOWN);
      assert.equal(discoveries, 1);
    });

    it("stops for whom the own index marks restricted under that number, and never tells so by place", async () => {
      await index.load([anIdentity({ givenName: "A", restricted: true })]);
      assert.deepEqual(await identify(KHAN, nobody), { kind: "restricted" });
      await assert.rejects(identify(KHAN_AT_HOME, nobody), NOT_KNOWN);
    });
  });
});
