import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { BirthDate } from "../base/birth-date.ts";
import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { PatientQuery } from "../base/question.ts";
import { seededRandom } from "../base/random.ts";
import { makePatientToken, openTokenKey } from "./patient-token.ts";

describe("openTokenKey", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-token-"));
    path = join(folder, "audit-token.key");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("makes the key once, for its owner alone", () => {
    const random = seededRandom(1);
    const key = openTokenKey(path, random);
    assert.equal(key.length, 32);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(openTokenKey(path, random), Buffer.from(key));
  });

  it("refuses a key that others may read, and says which command mends it", () => {
    openTokenKey(path, seededRandom(1));
    chmodSync(path, 0o640);
    assertRefused(path, /run chmod 600/);
  });

  it("refuses a file that holds no key", () => {
    writeFileSync(path, "short", { mode: 0o600 });
    assertRefused(path, /does not hold 32 bytes/);
  });

  it("names a folder that is not there", () => {
    assertRefused(join(folder, "none", "audit-token.key"), /cannot be made/);
  });
});

describe("a patient's token", () => {
  const born = BirthDate.parse("1950-04-03", "2026-01-01");
  const number = NhsNumber.parse("9000000009");
  const other = NhsNumber.parse("9000000017");
  assert.ok(born !== undefined && number !== undefined && other !== undefined);
  const query = (nhsNumber: NhsNumber): PatientQuery => ({ by: "number", nhsNumber, birthDate: born });

  it("is the same for the same patient and key, and another for another of either", () => {
    const token = makePatientToken(Buffer.alloc(32, 1));
    assert.equal(token(query(number)), token(query(number)));
    assert.notEqual(token(query(number)), token(query(other)));
    assert.notEqual(token(query(number)), makePatientToken(Buffer.alloc(32, 2))(query(number)));
  });
});

function assertRefused(path: string, message: RegExp): void {
  assert.throws(
    () => openTokenKey(path, seededRandom(2)),
    (thrown: unknown) => {
      assert.ok(thrown instanceof Failure);
      assert.deepEqual([thrown.code, thrown.where], ["configuration", path]);
      assert.match(thrown.message, message);
      return true;
    },
  );
}
