import assert from "node:assert/strict";

import { familyNamesContradict, givenNamesContradict, initialOf, isPlaceholder, normaliseName } from "./names.ts";

describe("names", () => {
  it("are compared without case, marks and punctuation", () => {
    assert.equal(normaliseName("O'Brien"), normaliseName("OBRIEN"));
    assert.equal(normaliseName("José"), "jose");
    assert.equal(normaliseName("Zoe\u0308"), normaliseName("Zo\u00eb"));
    assert.equal(normaliseName("Łukasz 2"), "lukasz");
  });

  const apart: [string, string][] = [
    ["Aisha", "Amira"],
    ["Jaspreet", "Jasmeet"],
    ["Ellie", "Elsie"],
    ["Anna", "Anya"],
    ["Piotr", "Beryl"],
    ["John", "Jack"],
  ];
  for (const [one, other] of apart) {
    it(`${one} is not ${other}`, () => assert.ok(givenNamesContradict(one, other)));
  }

  const together: [string, string][] = [
    ["Aisha", "A"],
    ["Anne", "Anne-Marie"],
    ["Kate", "Katherine"],
    ["Mohammed", "Muhammad"],
    ["Michael", "Micheal"],
    ["Margaret", "Margret"],
    ["Aisha", ""],
    ["BABY", "Olivia"],
    ["Aisha", "TWIN ONE"],
  ];
  for (const [one, other] of together) {
    it(`${one} may be ${other === "" ? "nameless" : other}`, () => assert.ok(!givenNamesContradict(one, other)));
  }

  for (const name of ["BABY", "Baby Of Khan", "TWIN ONE", "UNKNOWN", "Not known", "Male", "NK"]) {
    it(`${name} names nobody`, () => {
      assert.ok(isPlaceholder(name));
      assert.equal(initialOf(name), "");
    });
  }

  it("family names may be joined or misspelt by one letter", () => {
    assert.ok(!familyNamesContradict("Khan-Ali", "Ali"));
    assert.ok(!familyNamesContradict("Whitehouse", "Whitehose"));
    assert.ok(familyNamesContradict("Khan", "Sheldon"));
  });
});
