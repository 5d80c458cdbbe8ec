import type { CallerRights } from "../../certs/caller-rights.ts";
import type { Clock } from "../base/clock.ts";
import type { Claim, PatientQuery } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import { Secrets } from "./secrets.ts";

/** Who looks at whom, as the application that launched the page said and signed it. Nothing of it is typed again. */
export interface LaunchContext {
  readonly patient: Extract<PatientQuery, { by: "number" }>;
  readonly claim: Claim;
  /**
   * What the application may claim at this moment.
   *
   * @throws {Failure} it is no caller of this node any more.
   */
  readonly rights: () => CallerRights;
}

/** A launched page: a browser, and what it may ask about. */
export interface Session extends LaunchContext {
  readonly id: string;
}

/** A link is opened at once, by the application's own browser. */
const LINK_LIVES_MS = 60_000;
/** As long as one patient is looked at; whoever needs longer launches anew. */
const SESSION_LIVES_MS = 15 * 60_000;

/** Links that open the page for one user and one patient, once, and the sessions that pages become. */
export class Contexts {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #links: Secrets<LaunchContext>;
  readonly #sessions: Secrets<Session>;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.#links = new Secrets(clock, random, LINK_LIVES_MS);
    this.#sessions = new Secrets(clock, random, SESSION_LIVES_MS);
  }

  /** @returns the secret that stands in the link, and until when it can be opened, milliseconds since the epoch. */
  offer(context: LaunchContext): { readonly secret: string; readonly untilMs: number } {
    return { secret: this.#links.keep(context), untilMs: this.#clock.wallMs() + LINK_LIVES_MS };
  }

  /** Opens a link, for the only time. @returns the secret of the session's cookie; `undefined`: no such link, or not any more. */
  open(secret: string): string | undefined {
    const context = this.#links.take(secret);
    return context && this.begin(context);
  }

  /** @returns the secret of the session's cookie. */
  begin(context: LaunchContext): string {
    return this.#sessions.keep({ ...context, id: this.#random.uuid() });
  }

  session(cookie: string): Session | undefined {
    return this.#sessions.find(cookie);
  }

  /** Ends a session, so that whoever uses the computer next sees nothing. */
  leave(cookie: string): void {
    this.#sessions.drop(cookie);
  }

  stop(): void {
    for (const secrets of [this.#links, this.#sessions]) secrets.stop();
  }
}
