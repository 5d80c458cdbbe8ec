import { createHmac, createSecretKey } from "node:crypto";

import type { PatientQuery } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import { openSecretKey } from "../storage/secret-key.ts";

/** 128 bits: no two people share one by chance, and it is shorter than the details it stands for. */
const TOKEN_BYTES = 16;

/** What a token stands for: a number alone, or demographics. */
type Named =
  Pick<Extract<PatientQuery, { by: "number" }>, "by" | "nhsNumber"> | Extract<PatientQuery, { by: "demographics" }>;

/** Gives the same patient the same token, from which nobody without this node's key can tell who it is. */
export type PatientToken = (patient: Named) => string;

/**
 * Makes the function that stands in for a patient whom this node does not know: it keeps a keyed token of the number,
 * or of the demographics, so that it learns nothing lasting from a question that it could not answer. Tokens begin
 * `t:` and so cannot be mistaken for a number.
 */
export function makePatientToken(key: Uint8Array): PatientToken {
  const secret = createSecretKey(key); // prepared once, not for every question
  return (patient) => {
    const mac = createHmac("sha256", secret).update(patientText(patient)).digest();
    return `t:${mac.subarray(0, TOKEN_BYTES).toString("base64url")}`;
  };
}

/**
 * Reads this node's token key, and makes it at the first start.
 *
 * @throws {Failure} `configuration`: others may read the file, or it does not hold a key.
 */
export function openTokenKey(path: string, random: Random): Uint8Array {
  return openSecretKey(path, "The audit's token key", random);
}

function patientText(patient: Named): string {
  if (patient.by === "number") return `number\0${patient.nhsNumber.expose()}`;
  const parts = [patient.familyName.expose(), patient.givenName.expose(), patient.postcode?.expose() ?? ""];
  const text = parts.map((part) => part.normalize("NFC").replace(/\s+/gu, "").toUpperCase());
  return ["demographics", ...text, patient.birthDate.expose()].join("\0");
}
