import { z } from "zod";

import { NhsNumber } from "../base/nhs-number.ts";
import type { ProducedFor } from "../requests/produce-pointer.ts";
import type { Json } from "./body.ts";
import { NHS_NUMBER_SYSTEM, ODS_SYSTEM } from "./document-reference.ts";
import { type RefusalDetail, Refusal } from "./outcome.ts";

/** What a producer's DocumentReference says beside the record itself: whose it is, who speaks, and what it replaces. */
export interface ProducerDocument {
  /** Code of the organisation that holds it. */
  readonly custodian: string;
  /** By the NHS number, or by whatever system of the provider's own. */
  readonly patient: ProducedFor & { readonly system: string };
  /** Ids of records that it replaces, as this door gave them. */
  readonly replaces: readonly string[];
}

const TEXT = z.string().min(1).max(500);
const IDENTIFIER = z.object({ system: TEXT, value: TEXT });
const IDENTIFIED = z.object({ identifier: IDENTIFIER });
const CODED = z.object({ coding: z.array(z.object({ system: TEXT, code: TEXT })).min(1) });

/** What the National Record Locator demands of a producer. Each element's path names its own fault. */
const SHAPE = z.object({
  resourceType: z.literal("DocumentReference"),
  status: z.literal("current"),
  type: CODED,
  category: z.array(CODED).length(1),
  subject: IDENTIFIED,
  author: z.array(IDENTIFIED).length(1),
  custodian: IDENTIFIED,
  content: z
    .array(z.object({ attachment: z.object({ contentType: TEXT, url: TEXT }) }))
    .min(1)
    .max(10),
  context: z.object({ practiceSetting: CODED }),
  relatesTo: z
    .array(
      z.object({
        code: TEXT,
        target: z.object({ reference: TEXT.optional(), identifier: z.object({ value: TEXT }).optional() }),
      }),
    )
    .max(20)
    .optional(),
});

/** @throws {Refusal} 400: an element is missing or not as it should be; it is named, its value is not. */
export function readProducerDocument(resource: Json): ProducerDocument {
  const read = SHAPE.safeParse(resource);
  if (!read.success) {
    const path = (read.error.issues[0]?.path ?? []).filter((step) => typeof step === "string");
    const element = path[0] === "resourceType" ? "resourceType" : ["DocumentReference", ...path].join(".");
    throw malformed(`${element} is missing, or not as a producer's pointer has it`, "MESSAGE_NOT_WELL_FORMED", element);
  }
  const { subject, author, custodian, relatesTo = [] } = read.data;
  const custodianCode = organisationIn(custodian, "custodian");
  organisationIn(author[0]!, "author");
  return {
    custodian: custodianCode,
    patient: patientIn(subject.identifier),
    replaces: relatesTo.flatMap(({ code, target }) => (code === "replaces" ? [targetOf(target)] : [])),
  };
}

function organisationIn({ identifier: { system, value } }: z.infer<typeof IDENTIFIED>, element: string): string {
  if (system === ODS_SYSTEM) return value;
  const where = `DocumentReference.${element}.identifier.system`;
  throw malformed(`${where} must be ${ODS_SYSTEM}`, "INVALID_IDENTIFIER_SYSTEM", where);
}

function patientIn({ system, value }: z.infer<typeof IDENTIFIER>): ProducerDocument["patient"] {
  if (system !== NHS_NUMBER_SYSTEM) return { by: "local-id", localId: value, system };
  const nhsNumber = NhsNumber.parse(value);
  if (nhsNumber !== undefined) return { by: "number", nhsNumber: nhsNumber.expose(), system };
  const element = "DocumentReference.subject.identifier.value";
  throw malformed(`${element} is not a valid NHS number: check each digit`, "INVALID_NHS_NUMBER", element);
}

function targetOf({
  reference,
  identifier,
}: {
  readonly reference?: string | undefined;
  readonly identifier?: { readonly value: string } | undefined;
}): string {
  const id = identifier?.value ?? /^DocumentReference\/([^/]+)$/.exec(reference ?? "")?.[1];
  if (id !== undefined) return id;
  const element = "DocumentReference.relatesTo.target";
  throw malformed(`${element} does not name a pointer by its identifier`, "MESSAGE_NOT_WELL_FORMED", element);
}

function malformed(text: string, spineCode: string, element: string): Refusal {
  const detail: RefusalDetail = { spineCode, element };
  return new Refusal(400, spineCode === "MESSAGE_NOT_WELL_FORMED" ? "structure" : "invalid", `${text}.`, detail);
}
