import { Command, Option } from "commander";

import { EMERGENCY_REASONS } from "../access/emergency.ts";
import type { AreaAnswer, SignedBytes, Verdict } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import { type ClaimOptions, parseClaim, withClaimOptions } from "./claim-options.ts";
import type { ClientTarget, Connect, LocateCall, NodeClient } from "./client.ts";
import { EXIT, reportFailure, reporting } from "./exit.ts";
import { areaLines, verdictLines } from "./locate-lines.ts";
import type { ReadVerdict, VerifyOptions } from "./locate-verify.ts";
import { DEMO_CALLER } from "./mesh/demo-caller.ts";
import { MESH_DIR } from "./mesh/mesh-file.ts";
import { type PatientOptions, parsePatient, withPatientOptions } from "./patient-options.ts";
import { findTarget } from "./target.ts";

export interface LocateCommandNeeds {
  readonly connect: Connect;
  readonly clock: Clock;
  readonly random: Random;
  readonly readStdin: () => Promise<string>;
  readonly readVerdict: ReadVerdict;
  /** Asks for emergency access to the patient of a call. */
  readonly requestAccess: (
    target: ClientTarget,
    wish: Pick<LocateCall, "patient" | "claim" | "requestId"> & { readonly reasonCode: string },
  ) => Promise<EmergencyAccess>;
}

interface EmergencyAccess {
  readonly caseId: string;
  readonly expiresAtMs: bigint;
  readonly credentialsRechecked: boolean;
}

interface LocateOptions extends ClaimOptions, PatientOptions {
  readonly via: string;
  readonly answerBy: string;
  readonly emergencyReason?: string;
  readonly late?: string;
  readonly certs?: string;
  readonly mesh: string;
  readonly json?: true;
}

/**
 * `corridor locate`: asks one node where a person's records are, and prints the answer with its verdict. `locate verify` checks
 * a verdict afterwards.
 *
 * The question is a command of its own that runs where none is named: what it requires is not required of `verify`.
 */
export function locateCommand(needs: LocateCommandNeeds): Command {
  return new Command("locate")
    .description("find where a person's records are held, and what could not be asked")
    .helpOption(false)
    .addCommand(askCommand(needs), { isDefault: true })
    .addCommand(verifyCommand(needs));
}

function askCommand(needs: LocateCommandNeeds): Command {
  const command = new Command("ask")
    .configureHelp({ commandUsage: () => "corridor locate [options]\n       corridor locate verify [options] <file>" })
    .description("find where a person's records are held, and what could not be asked")
    .requiredOption("--via <url|id>", "the node to ask: its id in a mesh on this machine, or https://HOST:PORT")
    .option("--postcode <postcode>", "postcode, with a name and no number");
  return withClaimOptions(withPatientOptions(command))
    .addOption(
      new Option(
        "--emergency-reason <code>",
        "with --purpose BTG: asks for emergency access first, for 60 minutes",
      ).choices(EMERGENCY_REASONS),
    )
    .option("--answer-by <ms>", "milliseconds until the verdict is wanted", "2000")
    .option(
      "--late <request>",
      "what a locate of yours about this patient was answered, also after its verdict; by its id",
    )
    .option("--certs <dir>", "folder of the caller's certificate (caller.crt.pem, caller.key.pem, trust.crt.pem)")
    .option("--mesh <dir>", "folder of the mesh on this machine", MESH_DIR)
    .option("--json", "print one JSON object instead of the table")
    .action(async (options: LocateOptions) => {
      try {
        process.exitCode = await run(options, needs);
      } catch (thrown) {
        reportFailure(thrown);
      }
    });
}

function verifyCommand({ readVerdict }: LocateCommandNeeds): Command {
  return new Command("verify")
    .description("check, offline, a verdict that 'corridor locate --json' printed: who signed it, and that it is whole")
    .argument("<file>", "what 'corridor locate --json' printed")
    .option("--manifest <file>", "the network's signed manifest of that time (default: the mesh's)")
    .option("--key <key>", "the authority's public key, manifest.pub.pem (default: the mesh's)")
    .option("--mesh <dir>", "folder of the mesh on this machine", MESH_DIR)
    .action((file: string, options: VerifyOptions) =>
      reporting(async () => {
        const { verifyKeptVerdict } = await import("./locate-verify.ts"); // a question is to start at once, without it
        await verifyKeptVerdict(file, options, readVerdict);
      }),
    );
}

async function run(options: LocateOptions, needs: LocateCommandNeeds): Promise<number> {
  const call: LocateCall = {
    patient: await parsePatient(options, needs),
    claim: parseClaim(options),
    requestId: needs.random.uuid(),
    answerByMs: parseAnswerBy(options.answerBy),
    ...(options.late !== undefined && { lateOf: options.late }),
  };
  const target = findTarget(options, DEMO_CALLER.name);
  if (options.emergencyReason !== undefined) await askForAccess(target, call, options.emergencyReason, needs);
  const client = await needs.connect(target);
  try {
    const verdict = await show(client, call, options);
    return verdict.scopes.find(({ scope }) => scope === "network")?.everyAreaAnswered === true
      ? EXIT.done
      : EXIT.partial;
  } finally {
    client.close();
  }
}

/** Says so beside the answer, whose form stays. */
async function askForAccess(
  target: ClientTarget,
  { patient, claim }: LocateCall,
  reasonCode: string,
  { requestAccess, random }: LocateCommandNeeds,
): Promise<void> {
  const { caseId, expiresAtMs, credentialsRechecked } = await requestAccess(target, {
    ...{ patient, claim, reasonCode, requestId: random.uuid() },
  });
  const until = new Date(Number(expiresAtMs)).toISOString().slice(11, 16);
  const checked = credentialsRechecked ? "" : "; credentials not re-checked";
  console.error(`Emergency access until ${until} UTC, to be reviewed: case ${caseId}${checked}.`);
}

const HEADING = ["Find records in other areas", ""];

async function show(client: NodeClient, call: LocateCall, options: LocateOptions): Promise<Verdict> {
  const answers: AreaAnswer[] = [];
  const listed = new Map<string, string>();
  for await (const event of client.locate(call)) {
    if (event.kind === "answer") {
      const isFirst = answers.push(event.answer) === 1; // a refusal prints no heading
      if (options.json === undefined)
        console.log([...(isFirst ? HEADING : []), ...areaLines(event.answer, listed)].join("\n"));
      continue;
    }
    const { verdict } = event;
    if (options.json === undefined) console.log(verdictLines(verdict, answers).join("\n"));
    else {
      const { requestId } = call;
      console.log(JSON.stringify({ requestId, answers, verdict, signed: inBase64(event.signed) }, undefined, 2));
    }
    return verdict;
  }
  throw new Failure("unreachable", "The node ended its answer without a verdict: treat it as no answer at all.");
}

function inBase64(signed: SignedBytes | undefined): { payload: string; signature: string } | undefined {
  if (signed === undefined) return undefined;
  const { payload, signature } = signed;
  return { payload: Buffer.from(payload).toString("base64"), signature: Buffer.from(signature).toString("base64") };
}

function parseAnswerBy(text: string): number {
  const ms = Number(text);
  if (!Number.isInteger(ms) || ms < 100 || ms > 30_000) throw wrong("--answer-by", "must be 100 to 30000 milliseconds");
  return ms;
}

function wrong(option: string, what: string): Failure {
  return new Failure("invalid-input", `${option} ${what}.`);
}
