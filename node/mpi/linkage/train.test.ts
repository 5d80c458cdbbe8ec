import assert from "node:assert/strict";

import { seededRandom } from "../../base/random.ts";
import { type Comparable, type MatchInput, toComparable } from "./comparable.ts";
import { levelOf } from "./levels.ts";
import { ownModel } from "./model.ts";
import { train } from "./train.ts";

const base = ownModel();

const GIVEN = "Amina Samira Nadia Farah Grace Olivia Poppy Freya Martha Edith Harriet Beatrice Philippa Rosalind".split(
  " ",
);
const FAMILY = "Hussain Rahman Okafor Whitehouse Hadley Kowalski Preece Cartwright Dyer Bagnall Tranter Sandhu".split(
  " ",
);

/** Three records of each of so many people; in `error` of them the given name is another's, in half as many the town. */
function people(count: number, error: number): Comparable[] {
  const { fraction } = seededRandom(17);
  const from = <T>(list: readonly T[]): T => list[Math.floor(fraction() * list.length)]!;
  const two = (most: number) => String(1 + Math.floor(fraction() * most)).padStart(2, "0");
  return Array.from({ length: count }, (): MatchInput => {
    const person = {
      givenName: from(GIVEN),
      familyName: from(FAMILY),
      birthDate: `19${two(99)}-${two(12)}-${two(28)}`,
    };
    const place = {
      addressLine1: `${two(90)} ${from(FAMILY)} Road`,
      postcode: `WS${two(9)[1]} ${two(9)[1]}${from(["QX", "AB", "TD", "HN"])}`,
    };
    return {
      ...{ ...person, ...place, nhsNumber: "", nhsNumberStatus: "", middleName: "", gender: "female" },
      ...{ addressLine2: "", locality: "", phone: "", recordedOn: "2024-05-02" },
    };
  })
    .flatMap((person) =>
      Array.from({ length: 3 }, () => (fraction() < error ? { ...person, givenName: from(GIVEN) } : person)),
    )
    .map(toComparable);
}

describe("training", () => {
  it("finds how often one person's records agree, without being told whose they are", () => {
    const { model, blockings, records } = train(people(1_500, 0.1), base, "trial", 1);
    assert.equal(records, 4_500);
    assert.ok(blockings.length >= 3);
    // A pair is spoilt where either record is, and not where the other name is by chance the same.
    const expected = 1 - 2 * 0.1 + 0.1 ** 2 + (2 * 0.1) / GIVEN.length;
    const { m, u } = model.fields.given;
    assert.ok(Math.abs(m[0]! - expected) < 0.03, `${m[0]} of ${expected}`);
    assert.ok(Math.abs(u[0]! - 1 / GIVEN.length) < 0.02, String(u[0]));
    assert.ok(m[levelOf("given", "different")]! > 0.1);
    assert.equal(model.version, "trial");
  });

  it("gives the same model for the same records and seed, and leaves what they do not have as it was", () => {
    const some = people(300, 0.05);
    assert.deepEqual(train(some, base, "a", 7), train(some, base, "a", 7));
    const { model } = train(some, base, "a", 7);
    assert.deepEqual(model.fields.phone, base.fields.phone);
    assert.deepEqual(model.common, base.common);
  });

  it("says nothing from too few", () => {
    assert.deepEqual(train(people(10, 0), base, "a", 1).blockings, []);
    assert.deepEqual(train([], base, "a", 1).blockings, []);
  });
});
