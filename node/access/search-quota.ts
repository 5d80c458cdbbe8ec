import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { Bucket } from "./bucket.ts";

/** Users remembered at once, the latest ones: beyond, whoever has searched longest ago is forgotten. */
const USERS_MAX = 20_000;

/** Who searches: a user, as the application of that certificate names them. */
export interface Searcher {
  readonly caller: string;
  readonly userId: string;
}

/** Something about a user that a person should look at. No patient's value. */
export interface SearchAlarm extends Searcher {
  /** `user-searches-a-lot`: half of what they may. `user-over-quota`: from now on refused. */
  readonly event: "user-searches-a-lot" | "user-over-quota";
  /** What they may in an hour. */
  readonly limit: number;
}

export interface SearchQuotaNeeds {
  readonly clock: Clock;
  /** Searches an hour that a user may make; a search that shows several people counts for each of them. */
  readonly perUserHour: number;
  /** Told once for each cause, again only when the user has been quiet. */
  readonly alarm: (alarm: SearchAlarm) => void;
}

/** How much each user may search. Known since the node's start: to start it again is in no user's hand. */
export interface SearchQuota {
  /** Counts a search before the index is read; the refusal to give, where it is one too many: it says when to ask again. */
  readonly admit: (searcher: Searcher) => Failure | undefined;
  /** Counts whom a search is about to show, the first of them left out. */
  readonly noteShown: (searcher: Searcher, people: number) => void;
}

interface User {
  readonly bucket: Bucket;
  readonly alarmed: Set<SearchAlarm["event"]>;
}

export function makeSearchQuota({ clock, perUserHour: limit, alarm }: SearchQuotaNeeds): SearchQuota {
  const users = new Map<string, User>();

  function find({ caller, userId }: Searcher): User {
    const key = JSON.stringify([caller, userId]);
    const user = users.get(key) ?? { bucket: new Bucket(0, clock.monotonicMs()), alarmed: new Set() };
    users.delete(key); // the latest stand last
    users.set(key, user);
    const [oldest] = users.keys();
    if (users.size > USERS_MAX && oldest !== undefined) users.delete(oldest);
    return user;
  }

  function alarmOnce({ alarmed }: User, event: SearchAlarm["event"], { caller, userId }: Searcher): void {
    if (alarmed.has(event)) return;
    alarmed.add(event);
    alarm({ event, caller, userId, limit });
  }

  return {
    admit(searcher) {
      const user = find(searcher);
      const now = clock.monotonicMs();
      const waitMs = user.bucket.take(1, limit, now);
      if (waitMs > 0) {
        alarmOnce(user, "user-over-quota", searcher);
        const seconds = Math.ceil(waitMs / 1_000);
        const text = `This user has searched as often as one may in an hour: search again in ${seconds} s. Finding records by NHS number is not affected.`;
        return new Failure("over-quota", text, { retryAfterMs: waitMs });
      }
      if (user.bucket.spentAt(now, limit) >= limit / 2) alarmOnce(user, "user-searches-a-lot", searcher);
      else user.alarmed.clear();
      return undefined;
    },
    noteShown(searcher, people) {
      if (people > 1) find(searcher).bucket.charge(people - 1, limit, clock.monotonicMs());
    },
  };
}
