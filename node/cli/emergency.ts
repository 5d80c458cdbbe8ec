import { Command, Option } from "commander";

import { EMERGENCY_OUTCOMES } from "../access/emergency.ts";
import type { Random } from "../base/random.ts";
import type { ClientTarget } from "./client.ts";
import { caseLines, type QueuedCase, type ShownCase, shownLines } from "./emergency-lines.ts";
import { EXIT, reporting } from "./exit.ts";
import { DEMO_CALLER } from "./mesh/demo-caller.ts";
import { MESH_DIR } from "./mesh/mesh-file.ts";
import { findTarget } from "./target.ts";

/** Who reviews, and why. */
interface By {
  readonly userId: string;
  readonly role: string;
  readonly reason: string;
  readonly requestId: string;
}

/** What the commands need of a node's door. Every method throws {@link Failure} as the node said. */
export interface EmergencyClient {
  endAccess(which: { readonly userId: string; readonly organisation: string; readonly caseId: string }): Promise<void>;
  listCases(by: By, reviewedToo: boolean): Promise<readonly QueuedCase[]>;
  showCase(by: By, caseId: string): Promise<ShownCase>;
  reviewCase(by: By, caseId: string, outcome: string, note: string): Promise<void>;
  writeLetter(by: By, caseId: string, text: string): Promise<void>;
  close(): void;
}

export interface EmergencyCommandNeeds {
  readonly connect: (target: ClientTarget) => Promise<EmergencyClient>;
  readonly random: Random;
}

interface TargetOptions {
  readonly via: string;
  readonly certs?: string;
  readonly mesh: string;
  readonly json?: true;
}

interface OfficerOptions extends TargetOptions {
  readonly user: string;
  readonly role: string;
  readonly reason: string;
}

/** `corridor emergency`: emergency access, as privacy officers review it. It is asked for by `corridor locate`. */
export function emergencyCommand(needs: EmergencyCommandNeeds): Command {
  return new Command("emergency")
    .description("review emergency access: what was given here, and what of this node's records was shown by it")
    .addCommand(listCommand(needs))
    .addCommand(showCommand(needs))
    .addCommand(reviewCommand(needs))
    .addCommand(
      letterCommand(needs, "challenge", "asks the privacy officer of the user's node to explain; as a holder"),
    )
    .addCommand(letterCommand(needs, "explain", "answers a holder that has asked; as the user's node"))
    .addCommand(endCommand(needs));
}

function listCommand(needs: EmergencyCommandNeeds): Command {
  const command = new Command("list").description("what is to be reviewed, the oldest first");
  return asOfficer(command, "looked at the queue")
    .option("--all", "those too that were reviewed")
    .option("--overdue", "those alone whose day is past; exit code 1 where there are any")
    .action((options: OfficerOptions & { readonly all?: true; readonly overdue?: true }) =>
      running(options, needs, async (client) => {
        const listed = await client.listCases(officerOf(options, needs), options.all === true);
        const cases = options.overdue === true ? listed.filter(({ overdue }) => overdue) : listed;
        print(options, cases, () => caseLines(cases));
        if (options.overdue === true && cases.length > 0) process.exitCode = EXIT.failed;
      }),
    );
}

function showCommand(needs: EmergencyCommandNeeds): Command {
  return asOfficer(new Command("show").description("one case, its questions and its letters"), "looked at a case")
    .argument("<case>", "id of the case")
    .action((caseId: string, options: OfficerOptions) =>
      running(options, needs, async (client) => {
        const shown = await client.showCase(officerOf(options, needs), caseId);
        print(options, shown, () => shownLines(shown));
      }),
    );
}

function reviewCommand(needs: EmergencyCommandNeeds): Command {
  return asOfficer(new Command("review").description("closes a case, once"), "reviewed a case")
    .argument("<case>", "id of the case")
    .addOption(new Option("--outcome <outcome>", "what came of it").choices(EMERGENCY_OUTCOMES).makeOptionMandatory())
    .requiredOption("--note <text>", "why, in your words, without any patient's value")
    .action((caseId: string, options: OfficerOptions & { readonly outcome: string; readonly note: string }) =>
      running(options, needs, async (client) => {
        const { outcome, note } = options;
        await client.reviewCase(officerOf(options, needs), caseId, outcome, note);
        print(options, { caseId, outcome }, () => [`Reviewed: ${outcome}.`]);
      }),
    );
}

function letterCommand(needs: EmergencyCommandNeeds, name: string, what: string): Command {
  return asOfficer(new Command(name).description(what), "wrote about a case")
    .argument("<case>", "id of the case")
    .requiredOption("--text <text>", "the letter: 1 to 500 characters, without any patient's value")
    .action((caseId: string, options: OfficerOptions & { readonly text: string }) =>
      running(options, needs, async (client) => {
        await client.writeLetter(officerOf(options, needs), caseId, options.text);
        print(options, { caseId, written: true }, () => ["Written. It is sent until the other node has it."]);
      }),
    );
}

function endCommand(needs: EmergencyCommandNeeds): Command {
  return withTarget(new Command("end").description("ends your own emergency access before its hour is over"))
    .argument("<case>", "id of the case, as 'locate' said it")
    .option("--user <id>", "whose it is", DEMO_CALLER.user)
    .option("--organisation <ods>", "the user's organisation", DEMO_CALLER.organisation)
    .action((caseId: string, options: TargetOptions & { readonly user: string; readonly organisation: string }) =>
      running(options, needs, async (client) => {
        await client.endAccess({ userId: options.user, organisation: options.organisation, caseId });
        print(options, { caseId, ended: true }, () => ["It is over."]);
      }),
    );
}

function asOfficer(command: Command, usualReason: string): Command {
  return withTarget(command)
    .option("--user <id>", "who reviews", process.env["USER"] ?? "privacy.officer")
    .option("--role <code>", "a privacy officer's job role", "R0001")
    .option("--reason <text>", "why, in your words; it is audited", usualReason);
}

function withTarget(command: Command): Command {
  return command
    .requiredOption("--via <url|id>", "the node: its id in a mesh on this machine, or https://HOST:PORT")
    .option("--certs <dir>", "folder of the caller's certificate (caller.crt.pem, caller.key.pem, trust.crt.pem)")
    .option("--mesh <dir>", "folder of the mesh on this machine", MESH_DIR)
    .option("--json", "print JSON instead of lines");
}

function officerOf({ user, role, reason }: OfficerOptions, { random }: EmergencyCommandNeeds): By {
  return { userId: user, role, reason, requestId: random.uuid() };
}

function running(
  options: TargetOptions,
  { connect }: EmergencyCommandNeeds,
  work: (client: EmergencyClient) => Promise<void>,
): Promise<void> {
  return reporting(async () => {
    const client = await connect(findTarget(options, DEMO_CALLER.name));
    try {
      await work(client);
    } finally {
      client.close();
    }
  });
}

/** Milliseconds as numbers: all of them are far below what JSON's numbers can hold. */
function print({ json }: TargetOptions, value: unknown, lines: () => readonly string[]): void {
  const asNumber = (_key: string, each: unknown): unknown => (typeof each === "bigint" ? Number(each) : each);
  console.log(json === undefined ? lines().join("\n") : JSON.stringify(value, asNumber, 2));
}
