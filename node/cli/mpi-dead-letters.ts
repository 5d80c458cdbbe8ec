import { Command } from "commander";

import { toPlainText } from "../base/plain-text.ts";
import type { LetterChoice, LetterLine } from "../requests/dead-letter-store.ts";
import type { LetterList, ReplayResult, ShownLetter } from "../requests/dead-letters.ts";
import { EXIT } from "./exit.ts";
import { type CommonOptions, type MpiCommandNeeds, print, running, withCommon, wrong } from "./mpi-session.ts";

interface FeedOptions extends CommonOptions {
  readonly feed?: string;
}

interface AllOptions extends FeedOptions {
  readonly all?: true;
}

interface PurgeOptions extends AllOptions {
  readonly olderThan: string;
}

const DAY_MS = 24 * 3_600_000;
/** As long as a node keeps them. */
const DAYS_MAX = 30;

/** `corridor mpi dead-letters`: messages of feeds that a node could not take. */
export function deadLettersCommand(needs: MpiCommandNeeds): Command {
  return new Command("dead-letters")
    .description("messages of feeds that a node could not take: which, why, and until when they are kept")
    .addCommand(listCommand(needs), { isDefault: true })
    .addCommand(showCommand(needs))
    .addCommand(purgeCommand(needs));
}

function listCommand(needs: MpiCommandNeeds): Command {
  return withFeed(new Command("list").description("in the order of arrival; nothing of what is in them")).action(
    (options: FeedOptions) =>
      running(options, needs, async (client, by) => {
        const list = await client.listLetters(by, choiceOf(options));
        print(options, list, () => listLines(list));
      }),
  );
}

function showCommand(needs: MpiCommandNeeds): Command {
  return withCommon(new Command("show").description("one message whole: for reviewers alone"))
    .argument("<id>", "its id, as listed")
    .action((id: string, options: CommonOptions) =>
      running(options, needs, async (client, by) => {
        const shown = await client.showLetter(by, id);
        print(options, spelledOut(shown), () => letterLines(shown));
      }),
    );
}

function purgeCommand(needs: MpiCommandNeeds): Command {
  return withAll(new Command("purge").description("drops messages for good; they go by themselves after 30 days"))
    .option("--older-than <days>", "of a feed or of all: only those that arrived so many days ago", "0")
    .action((id: string | undefined, options: PurgeOptions) =>
      running(options, needs, async (client, by) => {
        const choice = chosen(id, options);
        const olderThanMs = daysOf(options.olderThan) * DAY_MS;
        const dropped = await client.purgeLetters(by, "id" in choice ? choice : { feed: choice.feed, olderThanMs });
        print(options, { dropped }, () => [`${dropped} dropped.`]);
      }),
    );
}

/** `corridor mpi replay`: hands messages that could not be taken to their feeds again. */
export function replayCommand(needs: MpiCommandNeeds): Command {
  return withAll(
    new Command("replay").description("hands dead letters to their feeds again, in the order in which they arrived"),
  ).action((id: string | undefined, options: AllOptions) =>
    running(options, needs, async (client, by) => {
      const choice = chosen(id, options);
      const all = { taken: 0, refused: 0, notTried: 0 };
      for (let next: typeof choice | undefined = choice; next !== undefined;) {
        const result: ReplayResult = await client.replayLetters(by, next);
        for (const count of ["taken", "refused", "notTried"] as const) all[count] += result[count];
        next = result.next === 0 ? undefined : { ...choice, after: result.next };
      }
      print(options, all, () => replayLines(all));
      if (all.refused + all.notTried > 0) process.exitCode = EXIT.refused;
    }),
  );
}

function withFeed(command: Command): Command {
  return withCommon(command).option("--feed <name>", "of this feed alone, by its name in the node's settings");
}

function withAll(command: Command): Command {
  return withFeed(command).argument("[id]", "one, by its id as listed").option("--all", "of all feeds");
}

/** Exactly one of the three, so that nobody drops or replays more than they meant. */
function chosen(id: string | undefined, { feed, all }: AllOptions): LetterChoice | { readonly id: string } {
  const given = [id, feed, all].filter((each) => each !== undefined);
  if (given.length !== 1) throw wrong("Give one of: an id, --feed NAME, --all.");
  return id === undefined ? choiceOf({ feed }) : { id };
}

function choiceOf({ feed }: { readonly feed?: string | undefined }): LetterChoice {
  return feed === undefined ? {} : { feed };
}

function daysOf(text: string): number {
  const days = /^\d{1,2}$/.test(text) ? Number(text) : Infinity;
  if (days > DAYS_MAX) throw wrong(`--older-than must be a number of days up to ${DAYS_MAX}.`);
  return days;
}

function listLines({ letters, count, oldestMs }: LetterList): string[] {
  if (oldestMs === undefined) return ["Nothing waits."];
  const more = count > letters.length ? [`${count - letters.length} more.`] : [];
  return [`${count} messages were not taken, the first on ${moment(oldestMs)}.`, ...letters.map(letterLine), ...more];
}

function letterLine({ id, feed, arrivedMs, tries, place, reason }: LetterLine): string {
  const often = tries === 1 ? "" : `  (tried ${tries} times)`;
  return [id, feed.padEnd(16), moment(arrivedMs), place.padEnd(8), reason].join("  ") + often;
}

/** A message's segments end in carriage returns; what else a terminal might obey is shown as a space. */
function letterLines({ line, bytes }: ShownLetter): string[] {
  const text = Buffer.from(bytes.expose()).toString();
  return [letterLine(line), ...text.split(/\r\n?|\n/).map(toPlainText)];
}

/** On the reviewer's own screen, and nowhere else. */
function spelledOut({ line, bytes }: ShownLetter): object {
  return { ...line, bodyBase64: Buffer.from(bytes.expose()).toString("base64") };
}

function replayLines({ taken, refused, notTried }: Omit<ReplayResult, "next">): string[] {
  const left = [
    ...(refused > 0 ? [`${refused} refused again: corridor mpi dead-letters says why.`] : []),
    ...(notTried > 0
      ? [`${notTried} not tried: the node has no such feed any more, or their key is another one.`]
      : []),
  ];
  return [`${taken} taken.`, ...left];
}

function moment(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace("T", " ");
}
