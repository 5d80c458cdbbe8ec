import { type Command, Option } from "commander";

import { Failure } from "../base/failure.ts";
import type { Claim } from "../base/question.ts";
import {
  ASSURANCES,
  type Assurance,
  PURPOSES,
  type Purpose,
  RELATIONSHIP_KINDS,
  type RelationshipKind,
  SETTINGS,
  type Setting,
  parseOrganisationCode,
} from "../base/words.ts";
import { DEMO_CALLER } from "./mesh/demo-caller.ts";

/** Who asks, from where and why, as options of a command. */
export interface ClaimOptions {
  readonly role: string;
  readonly setting: Setting;
  readonly purpose: string;
  readonly relationship: RelationshipKind;
  readonly reference: string;
  readonly reason?: string;
  readonly user: string;
  readonly organisation: string;
  readonly assurance: Assurance;
}

/** Adds {@link ClaimOptions}; what the caller of a mesh on this machine may claim is what stands where none are given. */
export function withClaimOptions(command: Command): Command {
  return command
    .requiredOption("--role <code>", "national job role, R8000 or S8000:G8000:R8000")
    .addOption(new Option("--setting <setting>", "care setting").choices(SETTINGS).makeOptionMandatory())
    .requiredOption(
      "--purpose <code>",
      "purpose of use: TREAT, ETREAT, CAREMGT, or BTG (emergency access); this network serves individual care alone",
    )
    .addOption(new Option("--relationship <kind>", "to the patient").choices(RELATIONSHIP_KINDS).makeOptionMandatory())
    .option("--reason <text>", "why, in your words")
    .option("--reference <id>", "your own reference for the attendance, referral or case", DEMO_CALLER.reference)
    .option("--user <id>", "who asks", DEMO_CALLER.user)
    .option("--organisation <ods>", "the originating organisation", DEMO_CALLER.organisation)
    .addOption(new Option("--assurance <level>", "how the user signed in").choices(ASSURANCES).default("smartcard"));
}

/** @throws {Failure} `invalid-input`: an option is wrong. */
export function parseClaim(options: ClaimOptions): Claim {
  const organisation = parseOrganisationCode(options.organisation);
  if (organisation === undefined) throw new Failure("invalid-input", "--organisation is not an ODS code.");
  const known = PURPOSES.find((purpose) => purpose === options.purpose);
  const purpose: Purpose = known ?? "OTHER"; // sent all the same, so that the refusal is audited
  return {
    userId: options.user,
    role: options.role,
    setting: options.setting,
    organisation,
    assurance: options.assurance,
    purpose,
    relationship: { kind: options.relationship, reference: options.reference },
    trigger: "person",
    ...(options.reason !== undefined && { reason: options.reason }),
  };
}
