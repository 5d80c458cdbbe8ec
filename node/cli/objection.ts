import { join } from "node:path";

import { Command } from "commander";

import { makeObjectionList, type ObjectionList } from "../access/objection-list.ts";
import type { ObjectionRecord, ObjectionState } from "../access/objection-store.ts";
import { type Clock, today } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { Random } from "../base/random.ts";
import { readSettings } from "../config/settings.ts";
import type { FeedItem } from "../requests/load-batch.ts";
import { openDatabase } from "../storage/database.ts";
import type { Connect } from "./client.ts";
import { reporting } from "./exit.ts";
import { FEED_CALLER } from "./mesh/demo-caller.ts";
import { MESH_DIR } from "./mesh/mesh-file.ts";
import { findTarget } from "./target.ts";

export interface ObjectionCommandNeeds {
  readonly connect: Connect;
  readonly clock: Clock;
  readonly random: Random;
  readonly readStdin: () => Promise<string>;
  /** The command that loads files: one way for one objection and for many. */
  readonly load: Command;
}

interface TargetOptions {
  readonly config: string;
  readonly via: string;
  readonly certs?: string;
  readonly mesh: string;
}

interface AddOptions extends TargetOptions {
  readonly provider: string;
  readonly nhsNumber?: string;
  readonly localId?: string;
  readonly id?: string;
  readonly scope: string;
  readonly receivedOn?: string;
  readonly overrideInEmergency?: true;
}

/**
 * `corridor objection`: what patients have objected to. Read from the node's own index, beside it; said through its door
 * for feeds, as a provider says it, so that there is one way in and the same checks.
 */
export function objectionCommand(needs: ObjectionCommandNeeds): Command {
  return new Command("objection")
    .description("what patients have objected to: list, add, decide, withdraw")
    .addCommand(listCommand(needs))
    .addCommand(addCommand(needs))
    .addCommand(decideCommand(needs, "uphold", "upheld", "keeps withholding what a patient objected to"))
    .addCommand(decideCommand(needs, "decline", "declined", "shares again, for a reason that somebody answers for"))
    .addCommand(decideCommand(needs, "withdraw", "withdrawn", "shares again, because the patient said so"))
    .addCommand(needs.load.name("import").description("load a file of objections: as 'corridor load'"));
}

function listCommand({ readStdin }: ObjectionCommandNeeds): Command {
  return new Command("list")
    .description("a patient's objections, whoever received them: the NHS number comes from standard input")
    .requiredOption("--config <file>", "the node's configuration")
    .option("--json", "print JSON lines")
    .action(({ config, json }: { config: string; json?: true }) =>
      reporting(async () => {
        const number = await numberFrom(readStdin);
        const found = reading(config, (list) => list.ofNumber(number));
        for (const objection of found) {
          const { localId: _localId, ...shown } = objection;
          console.log(json === true ? JSON.stringify(shown) : lineOf(objection));
        }
        if (found.length === 0 && json !== true) console.log("No objection is held here. Other areas hold their own.");
      }),
    );
}

function addCommand(needs: ObjectionCommandNeeds): Command {
  return withTarget(new Command("add").description("a patient objects: counts from the next question on"))
    .requiredOption("--provider <code>", "the organisation that received it, and feeds this node")
    .option("--nhs-number <->", "- : the patient's NHS number comes from standard input")
    .option("--local-id <id>", "instead: the organisation's own id for the patient")
    .option("--id <id>", "the organisation's own id for the objection; made up, if not given")
    .option("--scope <scope>", "organisation:CODE, type:RECORD_TYPE or record:ID; everything, if not given", "")
    .option("--received-on <day>", "YYYY-MM-DD; today, if not given")
    .option("--override-in-emergency", "the patient lets emergency access override it")
    .action((options: AddOptions) =>
      reporting(async () => {
        const { provider, scope, id: objectionId = needs.random.uuid() } = options;
        const objection: ObjectionRecord = {
          ...{ provider, localId: await localIdOf(options, needs), objectionId, state: "received", scope, reason: "" },
          receivedOn: options.receivedOn ?? today(needs.clock),
          overrideInEmergency: options.overrideInEmergency === true,
        };
        await send(objection, options, needs);
        console.log(lineOf(objection));
      }),
    );
}

function decideCommand(needs: ObjectionCommandNeeds, name: string, state: ObjectionState, says: string): Command {
  const command = withTarget(new Command(name).description(says))
    .argument("<id>", "the objection's id, as 'list' prints it")
    .requiredOption("--provider <code>", "the organisation that received it");
  if (state === "declined") {
    command.requiredOption("--reason <text>", "why, for the patient to read; never a patient's details");
  }
  return command.action((id: string, options: TargetOptions & { provider: string; reason?: string }) =>
    reporting(async () => {
      const held = reading(options.config, (list) => list.one(options.provider, id));
      if (held === undefined) throw wrong("No such objection is held here: 'corridor objection list' names them.");
      const objection = { ...held, state, reason: options.reason ?? "" };
      await send(objection, options, needs);
      console.log(lineOf(objection));
    }),
  );
}

function withTarget(command: Command): Command {
  return command
    .requiredOption("--config <file>", "the node's configuration: who is who is read beside it")
    .requiredOption("--via <url|id>", "the node: its id in a mesh on this machine, or https://HOST:PORT")
    .option("--certs <dir>", "folder of the caller's certificate, which may feed for the organisation")
    .option("--mesh <dir>", "folder of the mesh on this machine", MESH_DIR);
}

/** Complete up to the beginning of 1970: one objection says nothing of how fresh its provider's other data are. */
const NOTHING_NEW_MS = 1;

async function send(objection: ObjectionRecord, options: TargetOptions, { connect }: ObjectionCommandNeeds) {
  const client = await connect(findTarget(options, FEED_CALLER.name));
  async function* once(): AsyncGenerator<readonly FeedItem[], void> {
    yield [{ kind: "objection", values: new Concealed(objection) }];
  }
  try {
    for await (const { rejected } of client.load({ name: "corridor objection", asOfMs: NOTHING_NEW_MS }, once())) {
      const [fault] = rejected;
      if (fault !== undefined) throw wrong(`Not kept: ${fault.field}: ${fault.reason}.`);
    }
  } finally {
    client.close();
  }
}

async function localIdOf(options: AddOptions, { readStdin }: ObjectionCommandNeeds): Promise<string> {
  const { provider, localId, nhsNumber, config } = options;
  if ((localId === undefined) === (nhsNumber === undefined)) throw wrong("Give --nhs-number -, or --local-id.");
  if (localId !== undefined) return localId;
  if (nhsNumber !== "-") throw wrong("--nhs-number takes - alone: the number comes from standard input.");
  const number = await numberFrom(readStdin);
  const [only, ...more] = reading(config, (list) => list.localIds(provider, number));
  if (only === undefined) throw wrong(`${provider} has told this node of nobody with this number.`);
  if (more.length > 0) throw wrong(`${provider} has several records under this number: name one by --local-id.`);
  return only;
}

async function numberFrom(readStdin: () => Promise<string>): Promise<string> {
  const number = NhsNumber.parse((await readStdin()).trim());
  if (number === undefined) throw wrong("Standard input must be one NHS number.");
  return number.expose();
}

function reading<Result>(config: string, read: (list: ObjectionList) => Result): Result {
  const db = openDatabase(join(readSettings(config).dataDir, "index.db"), { readonly: true });
  try {
    return read(makeObjectionList(db));
  } finally {
    db.close();
  }
}

/** Names no patient. */
function lineOf({
  provider,
  objectionId,
  state,
  receivedOn,
  scope,
  overrideInEmergency,
  reason,
}: ObjectionRecord): string {
  return [
    `${objectionId} (${provider}): ${state}, received on ${receivedOn}`,
    scope === "" ? "about everything held here" : `about ${scope}`,
    overrideInEmergency ? "emergency access may override it" : "not even emergency access overrides it",
    ...(reason === "" ? [] : [`because: ${reason}`]),
  ].join("; ");
}

function wrong(message: string): Failure {
  return new Failure("invalid-input", message);
}
