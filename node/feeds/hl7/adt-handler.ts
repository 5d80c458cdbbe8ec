import type { CallerRights } from "../../../certs/caller-rights.ts";
import type { Clock } from "../../base/clock.ts";
import { Concealed } from "../../base/concealed.ts";
import { asFailure } from "../../base/failure.ts";
import type { Random } from "../../base/random.ts";
import type { Hl7Feed } from "../../config/hl7-feed.ts";
import type { DeadLetter, TakenAgain } from "../../requests/dead-letters.ts";
import type { FeedMessage, FeedRefused, FeedTaken } from "../../requests/feed-message.ts";
import type { Log } from "../../telemetry/log.ts";
import { acknowledgement, type Addressee, type Answered } from "./acknowledgement.ts";
import type { AdtRead } from "./adt-reader.ts";
import { type FaultCode, Hl7Fault } from "./fault.ts";
import { parseHead } from "./message.ts";
import { textOf } from "./values.ts";

/** Who is at the other end of a connection. */
export interface Hl7Sender {
  readonly name: string;
  readonly rights: Pick<CallerRights, "feed" | "organisations">;
}

export interface AdtHandlerOrder {
  /** Who answers: the node's id. */
  readonly facility: string;
  readonly feeds: readonly { readonly settings: Hl7Feed; readonly read: (bytes: Buffer) => AdtRead }[];
  /** Takes a message, whole or not at all; durable when it resolves. */
  readonly take: (message: FeedMessage) => Promise<FeedTaken>;
  /** Durable when it resolves. */
  readonly keepLetter: (letter: DeadLetter) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface AdtHandler {
  /**
   * Takes one message and answers it: AA when all of it is on disk; AE when it is in the dead letters; AR when nothing of it
   * is kept. Never rejects.
   */
  handle(bytes: Buffer, sender: Hl7Sender): Promise<Buffer>;
  /** The same of a message that is too long, of which only the beginning is left. */
  handleTooLong(head: Buffer, sender: Hl7Sender): Promise<Buffer>;
  /** Takes a message that was kept as a dead letter, by the name of its feed; `undefined` where there is none of that name. */
  takeAgain(feed: string, bytes: Buffer): Promise<TakenAgain> | undefined;
}

type Feed = AdtHandlerOrder["feeds"][number];

/** What messages of other kinds are: they are not for a node, and are not kept for anybody. */
const NOT_FOR_US: ReadonlySet<FaultCode> = new Set(["200", "201", "202", "203"]);

/** Makes what answers the messages of all feeds of a node. */
export function makeAdtHandler(order: AdtHandlerOrder): AdtHandler {
  const { facility, clock, random, log } = order;

  /** @param judge what becomes of it, once it is known whose it is. */
  async function answer(
    bytes: Buffer,
    sender: Hl7Sender,
    judge: (feed: Feed) => Promise<Hl7Fault | undefined>,
  ): Promise<Buffer> {
    const head = headOf(bytes);
    const to = head ?? {};
    const answered = await judgeAll();
    return acknowledgement(answered, { facility, controlId: random.uuid().slice(0, 20), nowMs: clock.wallMs() });

    async function judgeAll(): Promise<Answered> {
      const feed = feedOf(head, sender, order.feeds);
      if (feed instanceof Hl7Fault) return refuse("AR", feed);
      const { name } = feed.settings;
      try {
        const fault = await judge(feed);
        if (fault === undefined) return { code: "AA", to };
        if (NOT_FOR_US.has(fault.fault)) return refuse("AR", fault, name);
        await order.keepLetter(asLetter(name, fault, bytes));
        return refuse("AE", fault, name);
      } catch (thrown) {
        log.error("hl7-failed", asFailure(thrown));
        return refuse("AR", new Hl7Fault("207", "", "It could not be kept: send it again."), name);
      }
    }

    function refuse(code: "AE" | "AR", { fault, where = "", message: text }: Hl7Fault, feed?: string): Answered {
      log.info("hl7-refused", { feed: feed ?? sender.name, code, fault, where });
      return { code, to, fault: { code: fault, where, text } };
    }
  }

  /** @returns what is wrong with it; `undefined` where it was taken. */
  async function take({ read }: Feed, bytes: Buffer): Promise<Hl7Fault | undefined> {
    const found = read(bytes);
    if (found.kind === "rejected") return found.fault;
    const taken = await order.take(found.message);
    return taken.kind === "taken" ? undefined : refusal(taken.why);
  }

  async function takeOf(feed: Feed, bytes: Buffer): Promise<TakenAgain> {
    const fault = await take(feed, bytes);
    return fault === undefined ? { kind: "taken" } : { kind: "refused", ...reasonOf(fault) };
  }

  return {
    handle: (bytes, sender) => answer(bytes, sender, (feed) => take(feed, bytes)),
    takeAgain(name, bytes) {
      const feed = order.feeds.find(({ settings }) => settings.name === name);
      return feed && takeOf(feed, bytes);
    },
    handleTooLong: (head, sender) =>
      answer(head, sender, () => Promise.resolve(new Hl7Fault("207", "", "The message is longer than a megabyte."))),
  };
}

/**
 * The feed that a sender speaks on. What cannot be read is taken for one of its first.
 *
 * @returns the fault where its certificate has none, or none of that application and facility.
 */
function feedOf(to: Addressee | undefined, { name, rights }: Hl7Sender, feeds: readonly Feed[]): Feed | Hl7Fault {
  const own = feeds.filter(
    ({ settings }) => settings.sender === name && rights.feed && rights.organisations.includes(settings.provider),
  );
  const [first] = own;
  if (first === undefined)
    return new Hl7Fault("103", "MSH-4", "This certificate may not speak on any feed of this node.");
  if (to === undefined) return first;
  if (to.facility === undefined) return new Hl7Fault("101", "MSH-4", "It is missing.");
  const here = own.filter(({ settings }) => settings.facility === to.facility);
  const found =
    here.find(({ settings }) => settings.application === to.application) ??
    here.find(({ settings }) => settings.application === undefined);
  return found ?? new Hl7Fault("103", "MSH-4", "No feed of this certificate has this application and facility.");
}

/** What can be read of the head of a message, whatever the rest is; `undefined` where it has none. */
function headOf(bytes: Buffer): Addressee | undefined {
  try {
    const msh = parseHead(bytes);
    const text = (field: number, component = 1): string | undefined => {
      try {
        return textOf(msh.field(field)[0], component) || undefined;
      } catch {
        return undefined;
      }
    };
    const [application, facility, event] = [text(3), text(4), text(9, 2)];
    return { application, facility, event, controlId: text(10), processing: text(11) };
  } catch {
    return undefined;
  }
}

function asLetter(feed: string, fault: Hl7Fault, bytes: Buffer): DeadLetter {
  return { feed, ...reasonOf(fault), bytes: new Concealed<Uint8Array>(bytes) };
}

function reasonOf({ fault, where = "", message }: Hl7Fault): Pick<DeadLetter, "reason" | "at"> {
  return { reason: `${fault} ${message}`, at: where };
}

const UNKNOWN = "No patient of this number is known here: send that one first.";

/** What is said of each refusal; where, when it is not at the number that the message is about. */
const REFUSAL_OF = {
  "patient-unknown": ["204", UNKNOWN, "PID-3"],
  "losing-unknown": ["204", UNKNOWN, "MRG-1"],
  "winning-unknown": ["204", UNKNOWN, "PID-3"],
  "one-unknown": ["204", UNKNOWN, "PID-3"],
  "other-unknown": ["204", UNKNOWN, "PID-3"],
  "onto-itself": ["204", "The two numbers are one.", "MRG-1"],
  cycle: ["204", "The number that stays was itself merged into this one: unlink them first.", "MRG-1"],
  "merged-elsewhere": ["204", "This number was merged into another one before: unlink them first.", "MRG-1"],
  "refused-by-manual-decision": ["206", "A reviewer has decided otherwise: ask the node's reviewers.", "PID-3"],
  "version-differs": ["207", "Another version is held.", "PID-3"],
  older: ["205", "A later word on this patient is held.", "EVN-2"],
  "too-many-visits": ["207", "More visits than any patient has: is this number one to test with?", "PID-3"],
  "message-id-reused": ["205", "This id was another message's: give each message its own.", "MSH-10"],
} as const satisfies Record<FeedRefused, readonly [FaultCode, string, string]>;

function refusal(why: FeedRefused): Hl7Fault {
  const [fault, text, where] = REFUSAL_OF[why];
  return new Hl7Fault(fault, where, text);
}
