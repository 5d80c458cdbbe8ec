import type { Command } from "commander";

import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { HandChange } from "../mpi/review-desk.ts";
import type { LetterChoice } from "../requests/dead-letter-store.ts";
import type { LetterList, PurgeChoice, ReplayChoice, ReplayResult, ShownLetter } from "../requests/dead-letters.ts";
import type { Comparison, ReviewList } from "../requests/review.ts";
import type { ClientTarget } from "./client.ts";
import { reportFailure } from "./exit.ts";
import { FEED_CALLER } from "./mesh/demo-caller.ts";
import { MESH_DIR } from "./mesh/mesh-file.ts";
import type { Hairball, Quality, TimedEvent } from "./mpi-lines.ts";
import { findTarget } from "./target.ts";

/** Who looks or decides, and why. */
export interface By {
  readonly userId: string;
  readonly role: string;
  readonly reason: string;
  readonly requestId: string;
}

/** What the commands need of a node's door for reviewers. Every method throws {@link Failure} as the node said. */
export interface ReviewClient {
  listReview(by: By): Promise<ReviewList>;
  showReview(by: By, identityNo: number): Promise<Comparison>;
  changePersons(by: By, change: HandChange): Promise<Outcome>;
  showHistory(by: By, identityNo: number): Promise<readonly TimedEvent[]>;
  listHairballs(by: By, identitiesFrom: number): Promise<readonly Hairball[]>;
  showQuality(by: By): Promise<Quality>;
  listLetters(by: By, choice: LetterChoice): Promise<LetterList>;
  showLetter(by: By, id: string): Promise<ShownLetter>;
  replayLetters(by: By, choice: ReplayChoice): Promise<ReplayResult>;
  /** How many were dropped. */
  purgeLetters(by: By, choice: PurgeChoice): Promise<number>;
  close(): void;
}

interface Outcome {
  readonly outcome: string;
  readonly eventNo: number;
  readonly verdictNo: number;
}

export interface MpiCommandNeeds {
  readonly connect: (target: ClientTarget) => Promise<ReviewClient>;
  readonly random: Random;
  readonly readStdin: () => Promise<string>;
}

export interface CommonOptions {
  readonly via: string;
  readonly user: string;
  readonly role: string;
  readonly reason: string;
  readonly certs?: string;
  readonly mesh: string;
  readonly json?: true;
}

/** The options of every command that asks a node who is whom. */
export function withCommon(command: Command): Command {
  return command
    .requiredOption("--via <url|id>", "the node: its id in a mesh on this machine, or https://HOST:PORT")
    .requiredOption("--reason <text>", "why, in your words; it is audited")
    .option("--user <id>", "who looks or decides", process.env["USER"] ?? "operator")
    .option("--role <code>", "a reviewer's national job role, one that the certificate lists", "operator")
    .option("--certs <dir>", "folder of the caller's certificate (caller.crt.pem, caller.key.pem, trust.crt.pem)")
    .option("--mesh <dir>", "folder of the mesh on this machine", MESH_DIR)
    .option("--json", "print JSON instead of lines");
}

/** Works with a node, under the options' name and reason; a failure is told, and ends the command. */
export async function running(
  options: CommonOptions,
  needs: MpiCommandNeeds,
  work: (client: ReviewClient, by: By) => Promise<void>,
): Promise<void> {
  try {
    const client = await needs.connect(findTarget(options, FEED_CALLER.name));
    const { user: userId, role, reason } = options;
    try {
      await work(client, { userId, role, reason, requestId: needs.random.uuid() });
    } finally {
      client.close();
    }
  } catch (thrown) {
    reportFailure(thrown);
  }
}

export function print({ json }: CommonOptions, value: unknown, lines: () => readonly string[]): void {
  console.log(json === undefined ? lines().join("\n") : JSON.stringify(value, undefined, 2));
}

/** What is wrong with an argument. */
export function wrong(message: string): Failure {
  return new Failure("invalid-input", message);
}
