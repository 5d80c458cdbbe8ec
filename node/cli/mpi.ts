import { Command, Option } from "commander";

import { NhsNumber } from "../base/nhs-number.ts";
import type { HandChange } from "../mpi/review-desk.ts";
import type { Comparison } from "../requests/review.ts";
import { EXIT } from "./exit.ts";
import { deadLettersCommand, replayCommand } from "./mpi-dead-letters.ts";
import { comparisonLines, hairballLines, historyLines, qualityLines, reviewLines } from "./mpi-lines.ts";
import {
  type By,
  type CommonOptions,
  type MpiCommandNeeds,
  print,
  type ReviewClient,
  running,
  withCommon,
  wrong,
} from "./mpi-session.ts";

/** `corridor mpi`: who is whom in one node's index: what waits for review, what was decided, and deciding by hand. */
export function mpiCommand(needs: MpiCommandNeeds): Command {
  return new Command("mpi")
    .description("who is whom in one node's index: review, history, decisions by hand")
    .addCommand(reviewCommand(needs))
    .addCommand(historyCommand(needs))
    .addCommand(hairballsCommand(needs))
    .addCommand(qualityCommand(needs))
    .addCommand(pairCommand("link", "says that two identities are one person's", needs))
    .addCommand(pairCommand("merge", "says so, and that the first identity is not used any more", needs))
    .addCommand(pairCommand("unmerge", "takes back that two identities are one person's", needs))
    .addCommand(
      changeCommand("break", "parts an identity from everybody it is with", ["identity"], needs, (identityNo) => ({
        kind: "break",
        identityNo,
      })),
    )
    .addCommand(
      changeCommand("revert", "undoes an event exactly, or not at all", ["event"], needs, (eventNo) => ({
        kind: "revert",
        eventNo,
      })),
    )
    .addCommand(supersedeCommand(needs))
    .addCommand(confuseCommand(needs))
    .addCommand(deadLettersCommand(needs))
    .addCommand(replayCommand(needs));
}

interface SupersedeOptions extends CommonOptions {
  readonly protected?: true;
}

function supersedeCommand(needs: MpiCommandNeeds): Command {
  return withCommon(
    new Command("supersede").description(
      "an NHS number was replaced: reads the old and the new one from standard input",
    ),
  )
    .option("--protected", "adoption, gender recognition or protection: the one never leads to the other, nor is shown")
    .action((options: SupersedeOptions) =>
      running(options, needs, async (client, by) => {
        const [old = "", now = ""] = await numbersFrom(needs, 2);
        const isProtected = options.protected === true;
        return change(client, by, options, { kind: "supersede", old, new: now, protected: isProtected });
      }),
    );
}

function confuseCommand(needs: MpiCommandNeeds): Command {
  return withCommon(
    new Command("confuse").description("an NHS number is two people's, and links nobody: reads it from standard input"),
  ).action((options: CommonOptions) =>
    running(options, needs, async (client, by) => {
      const [nhsNumber = ""] = await numbersFrom(needs, 1);
      return change(client, by, options, { kind: "confuse", nhsNumber });
    }),
  );
}

/** From standard input alone: the list of processes shows what stands on a command line. */
async function numbersFrom({ readStdin }: MpiCommandNeeds, count: number): Promise<readonly string[]> {
  const words = (await readStdin()).split(/[\n,;]+/).map((text) => text.trim());
  const numbers = words.filter((text) => text !== "").map((text) => NhsNumber.parse(text));
  if (numbers.length !== count || numbers.includes(undefined)) {
    throw wrong(`Standard input must hold ${count} NHS number${count === 1 ? "" : "s, each on a line of its own"}.`);
  }
  return numbers.flatMap((number) => number?.expose() ?? []);
}

function reviewCommand(needs: MpiCommandNeeds): Command {
  return new Command("review")
    .description("records that stand alone because somebody should look at them")
    .addCommand(
      withCommon(new Command("list").description("what waits, in figures")).action((options: CommonOptions) =>
        running(options, needs, async (client, by) => {
          const list = await client.listReview(by);
          print(options, list, () => reviewLines(list));
        }),
      ),
    )
    .addCommand(
      withCommon(new Command("show").description("one record beside those whom it may be, field by field"))
        .argument("<identity>", "its number, as listed")
        .action((identity: string, options: CommonOptions) =>
          running(options, needs, async (client, by) => {
            const comparison = await client.showReview(by, numbered(identity, "identity"));
            print(options, spelledOut(comparison), () => comparisonLines(comparison));
          }),
        ),
    )
    .addCommand(decideCommand(needs))
    .addCommand(
      changeCommand("undecide", "takes a verdict back", ["verdict"], needs, (verdictNo) => ({
        kind: "undecide",
        verdictNo,
      })),
    );
}

interface DecideOptions extends CommonOptions {
  readonly person: string;
  readonly verdict: "same" | "different" | "unsure";
}

function decideCommand(needs: MpiCommandNeeds): Command {
  return withCommon(new Command("decide").description("says whether a record in review is a person's"))
    .argument("<identity>", "the record's number, as listed")
    .requiredOption("--person <id>", "the person, as shown")
    .addOption(
      new Option("--verdict <verdict>", "one person, two, or cannot tell")
        .choices(["same", "different", "unsure"])
        .makeOptionMandatory(),
    )
    .action((identity: string, options: DecideOptions) => {
      const { person, verdict } = options;
      return running(options, needs, (client, by) => {
        if (!/^[0-9a-z]{1,10}$/.test(person))
          throw wrong("--person is no person's id: corridor mpi review show has it.");
        const identityNo = numbered(identity, "identity");
        const personKey = Number.parseInt(person, 36);
        return change(client, by, options, { kind: "decide", identityNo, personKey, verdict });
      });
    });
}

function historyCommand(needs: MpiCommandNeeds): Command {
  return withCommon(new Command("history").description("every decision that bears on an identity, oldest first"))
    .argument("<identity>", "its number")
    .action((identity: string, options: CommonOptions) =>
      running(options, needs, async (client, by) => {
        const events = await client.showHistory(by, numbered(identity, "identity"));
        print(
          options,
          events.map((event) => ({ ...event, atMs: Number(event.atMs) })),
          () => historyLines(events),
        );
      }),
    );
}

interface HairballOptions extends CommonOptions {
  readonly from: string;
}

function hairballsCommand(needs: MpiCommandNeeds): Command {
  return withCommon(new Command("hairballs").description("persons of suspiciously many identities, in figures"))
    .option("--from <count>", "identities from which a person is listed", "20")
    .action((options: HairballOptions) =>
      running(options, needs, async (client, by) => {
        const hairballs = await client.listHairballs(by, numbered(options.from, "--from"));
        print(options, hairballs, () => hairballLines(hairballs));
      }),
    );
}

function qualityCommand(needs: MpiCommandNeeds): Command {
  return withCommon(new Command("quality").description("how good the linking is, as reviewers judge it")).action(
    (options: CommonOptions) =>
      running(options, needs, async (client, by) => {
        const quality = await client.showQuality(by);
        print(options, { ...quality, oldestMs: Number(quality.oldestMs) }, () => qualityLines(quality));
      }),
  );
}

function pairCommand(kind: "link" | "merge" | "unmerge", what: string, needs: MpiCommandNeeds): Command {
  const make = (identityNo: number, otherIdentityNo: number): HandChange => ({ kind, identityNo, otherIdentityNo });
  return changeCommand(kind, what, ["identity", "other"], needs, make);
}

/** A command that decides something about what its arguments number. */
function changeCommand(
  name: string,
  what: string,
  subjects: readonly string[],
  needs: MpiCommandNeeds,
  make: (one: number, other: number) => HandChange,
): Command {
  const command = withCommon(new Command(name).description(what));
  for (const subject of subjects) command.argument(`<${subject}>`, "its number");
  return command.action((...given: readonly unknown[]) => {
    const numbers = subjects.map((subject, at) => [String(given[at]), subject] as const);
    const options = given[subjects.length] as CommonOptions;
    return running(options, needs, (client, by) => {
      const [one = 0, other = 0] = numbers.map(([text, subject]) => numbered(text, subject));
      return change(client, by, options, make(one, other));
    });
  });
}

/** What is said where nothing has changed. */
const UNCHANGED: Readonly<Record<string, string>> = {
  already: "Nothing has changed: it is so already.",
  unknown: "Nothing has changed: no such number.",
  "onto-itself": "Nothing has changed: the two are one identity.",
  cycle: "Nothing has changed: the new number was itself replaced by the old one.",
  conflicts: "Nothing has changed: another decision made by hand says otherwise. Take that one back first.",
  "not-in-review": "Nothing has changed: the record is not in review with that person.",
  "nothing-to-undo": "Nothing has changed: there is nothing to undo.",
  overtaken: "Nothing has changed: later decisions stand on it. Undo those first.",
};

async function change(client: ReviewClient, by: By, options: CommonOptions, asked: HandChange): Promise<void> {
  const { outcome, eventNo, verdictNo } = await client.changePersons(by, asked);
  print(options, { outcome, eventNo, verdictNo }, () => {
    if (outcome !== "done") return [UNCHANGED[outcome] ?? `Nothing has changed: ${outcome}.`];
    const event = eventNo === 0 ? [] : [`event ${eventNo}`];
    const verdict = verdictNo === 0 ? [] : [`verdict ${verdictNo}`];
    return [["Done", ...event, ...verdict].join(", ")];
  });
  if (outcome !== "done" && outcome !== "already") process.exitCode = EXIT.refused;
}

/** On the reviewer's own screen, and nowhere else. */
function spelledOut(comparison: Comparison): object {
  const spell = ({ identityNo, values }: Comparison["record"]): object => ({ identityNo, values: values?.expose() });
  const candidates = comparison.candidates.map((each) => ({ ...each, records: each.records.map(spell) }));
  return { ...comparison, record: spell(comparison.record), candidates };
}

function numbered(text: string, what: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw wrong(`${what} must be a number, as a list or a history shows it.`);
  return Number(text);
}
