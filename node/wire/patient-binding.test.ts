import assert from "node:assert/strict";
import { createHash } from "node:crypto";

import { PatientQuery } from "./generated/corridor/v1/identity.ts";
import { PATIENT_NONCE_BYTES, bindPatient } from "./patient-binding.ts";

const ATTEMPT = "6f1b2c7e-3b1a-4c55-9a55-0123456789ab";

const patient = (birthDate: string): PatientQuery => ({
  by: { $case: "number", value: { nhsNumber: "9000000009", birthDate, familyName: "", givenName: "" } },
});
const nonce = (byte: number): Buffer => Buffer.alloc(PATIENT_NONCE_BYTES, byte);

describe("the binding of a claim to its patient", () => {
  it("is what the protocol says, so that another implementation finds the same", () => {
    const bytes = Buffer.concat([Buffer.from(ATTEMPT), nonce(7), PatientQuery.encode(patient("1958-04-17")).finish()]);
    const bound = bindPatient(ATTEMPT, nonce(7), patient("1958-04-17"));
    assert.deepEqual(bound, createHash("sha256").update(bytes).digest());
  });

  it("is another for another patient, attempt or nonce", () => {
    const bindings = [
      bindPatient(ATTEMPT, nonce(7), patient("1958-04-17")),
      bindPatient(ATTEMPT, nonce(7), patient("1958-04-18")),
      bindPatient(ATTEMPT.replace("6", "7"), nonce(7), patient("1958-04-17")),
      bindPatient(ATTEMPT, nonce(8), patient("1958-04-17")),
    ];
    assert.equal(new Set(bindings.map((bound) => bound.toString("hex"))).size, bindings.length);
  });

  it("confirms no number and no birth date to whoever has the signed claim alone", () => {
    const stored = bindPatient(ATTEMPT, nonce(7), patient("1958-04-17"));
    const guesses = [Buffer.alloc(0), nonce(0), Buffer.from(ATTEMPT)];
    for (const guess of guesses) assert.ok(!bindPatient(ATTEMPT, guess, patient("1958-04-17")).equals(stored));
  });
});
