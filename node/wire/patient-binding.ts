import { hash } from "node:crypto";

import { encode } from "./encode.ts";
import { PatientQuery } from "./generated/corridor/v1/identity.ts";

/**
 * Binds a claim to its patient: SHA-256 over the attempt id and the patient's query, serialised canonically (known fields
 * in the order of their numbers, defaults left out). Both ends compute it from what they understood, so a holder that was
 * sent a field which it does not know gets another value, and refuses.
 */
export function bindPatient(attemptId: string, patient: PatientQuery): Buffer {
  return hash("sha256", Buffer.concat([Buffer.from(attemptId), encode(PatientQuery, patient)]), "buffer");
}
