import assert from "node:assert/strict";

import type { HolderAnswer } from "../base/answer.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { Permit } from "../base/permit.ts";
import type { PatientQuery, Question } from "../base/question.ts";
import type { RecordTypeKey } from "../base/record-types.ts";
import type { OrganisationCode } from "../base/words.ts";
import type { NationalPointer } from "../nrl/nrl.ts";
import { aPermit, aQuestion, byDemographics, byNumber } from "../testing/an-index.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { askNrl, type AskNrlNeeds } from "./ask-nrl.ts";

const OLD = "9000000068";
const NOW = "9000000009";
const BORN = "1980-05-17";

/** A pointer of a kind that the tests name as they please. */
const pointer = (code: string, more: Partial<NationalPointer> = {}): NationalPointer => ({
  ...{ id: `RXX-${code}`, types: [{ system: "kind", code }], sensitivity: "N", updatedAtMs: 0 },
  custodian: { code: "RXX" as OrganisationCode, name: "Trust RXX" },
  ...more,
});

type Person = Awaited<ReturnType<AskNrlNeeds["readPerson"]>>;
const person = (
  more: { number?: string; restricted?: boolean; born?: string; given?: readonly string[] } = {},
): Person => {
  const { number = NOW, restricted = false, born = BORN, given = ["Aisha", "Noor"] } = more;
  const details = new Concealed({ names: [{ given }], birthDate: born });
  return { kind: "found", patient: { nhsNumber: NhsNumber.parse(number)!, restricted, details } };
};

interface World {
  readonly pointers?: Readonly<Record<string, readonly NationalPointer[]>>;
  readonly person?: Person | Failure;
  readonly patient?: PatientQuery;
  readonly claim?: Partial<Question["claim"]>;
  readonly permit?: Permit;
}

describe("asking the record locator", () => {
  const permit = aPermit({ levels: { "imaging-report": "none", maternity: "sealed", "care-plan": "summary" } });
  let [asked, unknown] = [[] as string[], 0];
  let hiddenHere: readonly string[] = [];
  beforeEach(() => {
    [asked, unknown] = [[], 0];
    hiddenHere = [];
  });

  function ask({
    pointers = { [NOW]: [pointer("allergies")] },
    claim = {},
    ...world
  }: World = {}): Promise<HolderAnswer> {
    const { patient = byNumber(NOW, BORN), person: who = person(), permit: by = permit } = world;
    const question = aQuestion(patient, makeFakeClock());
    return askNrl({ ...question, claim: { ...question.claim, ...claim } }, by, new AbortController().signal, {
      nrl: {
        search(nhsNumber) {
          asked.push(nhsNumber.expose());
          return Promise.resolve(pointers[nhsNumber.expose()] ?? []);
        },
      },
      readPerson: () => (who instanceof Failure ? Promise.reject(who) : Promise.resolve(who)),
      recordTypeOf: ([type]) => (type?.code === "strange" ? undefined : (type?.code as RecordTypeKey)),
      isHiddenHere: (nhsNumber) => hiddenHere.includes(nhsNumber.expose()),
      isOfNetwork: (organisation) => organisation === "QHL",
      unknownTypes: (count) => (unknown += count),
    });
  }
  const kinds = ({ pointers }: HolderAnswer): string[] => pointers.map((each) => `${each.recordType} ${each.access}`);

  it("shows what the permit lets be seen of the person's own, and none that opens", async () => {
    const all = ["allergies", "imaging-report", "maternity", "care-plan", "sexual-health", "strange"].map((code) =>
      pointer(code),
    );
    const answer = await ask({ pointers: { [NOW]: all } });
    assert.deepEqual([answer.outcome, kinds(answer)], ["records", ["allergies full", "care-plan summary"]]);
    assert.ok(answer.pointers.every(({ format, source }) => format === "" && source === undefined));
    assert.equal(unknown, 1);
    const scan = pointer("MAXIB", { types: [{ system: "https://nicip.nhs.uk", code: "MAXIB" }] });
    assert.deepEqual(kinds(await ask({ pointers: { [NOW]: [scan] }, permit: aPermit() })), ["imaging-report full"]);
    const { pointers } = await ask({ pointers: { [NOW]: [pointer("imaging-report")] } });
    assert.deepEqual(pointers, []);
  });

  it("leaves out the shared care records of this network alone", async () => {
    const custodian = { code: "QHL" as OrganisationCode, name: "Us" };
    const answer = await ask({
      pointers: { [NOW]: [pointer("clinical-summary", { custodian }), pointer("allergies", { custodian })] },
    });
    assert.deepEqual(kinds(answer), ["allergies full"]);
  });

  it("shows nothing of whom nothing is told here, by the number asked with or by the one that took its place", async () => {
    const superseded = { ...person(), kind: "superseded" } as Exclude<World["person"], undefined>;
    const worlds: readonly World[] = [{ person: person({ born: "1981-05-17" }) }, {}, { person: superseded }];
    for (const world of worlds) {
      hiddenHere = [];
      const { outcome } = await ask({ ...world, pointers: { [NOW]: [pointer("allergies")] } });
      assert.notEqual(outcome, "nothing-to-show");
      hiddenHere = [NOW];
      assert.equal((await ask({ ...world, pointers: { [NOW]: [pointer("allergies")] } })).outcome, "nothing-to-show");
    }
  });

  const doubts: [what: string, world: World, outcome: HolderAnswer["outcome"]][] = [
    ["another date of birth", { person: person({ born: "1981-05-17" }) }, "identity-check"],
    ["no date of birth", { person: person({ born: "" }) }, "identity-check"],
    ["a year alone, and the same", { person: person({ born: "1980" }) }, "records"],
    ["another given name", { patient: byNumber(NOW, BORN, { given: "Imran" }) }, "identity-check"],
    ["a middle name", { patient: byNumber(NOW, BORN, { given: "Noor" }) }, "records"],
    ["nobody of that number", { person: { kind: "not-found" } }, "identity-check"],
    ["a withdrawn number", { person: { kind: "invalidated" } }, "nothing-to-show"],
    ["another date of birth, and no pointers", { person: person({ born: "1981" }), pointers: {} }, "nothing-to-show"],
    ["a restricted person", { person: person({ restricted: true }) }, "nothing-to-show"],
    [
      "a restricted person of another birth date",
      { person: person({ restricted: true, born: "1981" }) },
      "nothing-to-show",
    ],
  ];
  for (const [what, world, outcome] of doubts) {
    it(`says ${outcome} at ${what}`, async () => {
      const answer = await ask(world);
      assert.deepEqual([answer.outcome, answer.pointers.length], [outcome, outcome === "records" ? 1 : 0]);
    });
  }

  it("follows a number to the one that replaced it", async () => {
    const found = person();
    assert.ok("patient" in found);
    const answer = await ask({ patient: byNumber(OLD, BORN), person: { ...found, kind: "superseded" } });
    assert.deepEqual([answer.outcome, asked], ["records", [OLD, NOW]]);
  });

  it("has no answer where the national service cannot be asked whose number it is", async () => {
    const away = new Failure("unreachable", "The service could not be reached.");
    await assert.rejects(ask({ person: away }), (thrown) => thrown === away);
  });

  it("asks nobody without a number, nor for whom the locator is not", async () => {
    const refused: [World, string, string][] = [
      [{ patient: byDemographics("Khan", "Aisha", BORN) }, "not-covered", "no-number"],
      [{ claim: { trigger: "automatic" } }, "refused", "automatic"],
      [{ claim: { assurance: "two-factor" } }, "refused", "sign-in"],
    ];
    for (const [world, outcome, reason] of refused) {
      const answer = await ask(world);
      assert.deepEqual([answer.outcome, answer.reason], [outcome, reason]);
    }
    assert.deepEqual(asked, []);
  });
});
