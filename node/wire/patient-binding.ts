import { hash } from "node:crypto";

import { encode } from "./encode.ts";
import { PatientQuery } from "./generated/corridor/v1/identity.ts";

/** Random bytes that go into a binding: too many to be guessed along with the patient. */
export const PATIENT_NONCE_BYTES = 16;

/**
 * Binds a claim to its patient: SHA-256 over the attempt id, a nonce and the patient's query, serialised canonically (known
 * fields in the order of their numbers, defaults left out). Both ends compute it from what they understood, so a holder that
 * was sent a field which it does not know gets another value, and refuses.
 *
 * @param nonce travels beside the signed claim. There are few people and few birth dates: without it, anybody who keeps the
 * claim could try them all.
 * @param to what the claim is for, and nothing else: the id of the one record that it is to open, or the word for being told
 * a number; empty where it is to locate.
 */
export function bindPatient(attemptId: string, nonce: Uint8Array, patient: PatientQuery, to = ""): Buffer {
  const bound = [Buffer.from(attemptId), nonce, encode(PatientQuery, patient), Buffer.from(to)];
  return hash("sha256", Buffer.concat(bound), "buffer");
}
