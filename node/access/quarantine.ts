import { readFileSync } from "node:fs";

import { z } from "zod";

import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { Decision } from "../base/permit.ts";
import { replaceFile } from "../base/replace-file.ts";
import { makeTurns } from "../base/turns.ts";

const quarantinedSchema = z.strictObject({
  peer: z.string(),
  reason: z.string(),
  /** The user who said so. */
  by: z.string(),
  /** Milliseconds since the epoch. */
  sinceMs: z.number(),
  /** When it ends by itself; absent = when somebody releases it. */
  untilMs: z.number().optional(),
});

/** Another node that is not answered here for now. */
export type Quarantined = z.infer<typeof quarantinedSchema>;

/** Whom this node does not answer. Says nothing of what is asked of them: that goes on. */
export interface Quarantine {
  /** Why this asker is not answered now; `undefined` where it is. */
  readonly refusalOf: (asker: string) => Extract<Decision, { kind: "refused" }> | undefined;
  /** Everybody who is not answered now. */
  readonly list: () => readonly Quarantined[];
  /**
   * In force at once, and across restarts when it resolves. Of somebody in it already, what is said now counts.
   *
   * @throws {Failure} `store-unavailable`: it is in force, but would be forgotten at a restart.
   */
  readonly add: (quarantined: Quarantined) => Promise<void>;
  /**
   * @returns false where the peer was not in it.
   * @throws {Failure} `store-unavailable`: as {@link add}.
   */
  readonly release: (peer: string) => Promise<boolean>;
}

/** The reason that is said openly to the node that asks: independent of the patient. */
export const QUARANTINED = "quarantined";
const REFUSED = { kind: "refused", code: "not-permitted", reason: QUARANTINED } as const;

/**
 * Opens the list in a file of the node's data folder.
 *
 * @throws {Failure} `configuration`: the file cannot be read; whom it held is not guessed.
 */
export function openQuarantine(path: string, clock: Pick<Clock, "wallMs">): Quarantine {
  const held = new Map(readQuarantined(path).map((each) => [each.peer, each]));
  const inTurn = makeTurns(1);
  const keep = (): Promise<void> =>
    inTurn(async () => {
      try {
        await replaceFile(path, `${JSON.stringify([...held.values()], undefined, 2)}\n`);
      } catch (cause) {
        const message = `Whom this node does not answer cannot be kept in ${path}: it counts until the next start only.`;
        throw new Failure("store-unavailable", message, { where: path, cause });
      }
    });
  const isOver = ({ untilMs }: Quarantined): boolean => untilMs !== undefined && clock.wallMs() >= untilMs;

  return {
    refusalOf(asker) {
      const found = held.get(asker);
      return found === undefined || isOver(found) ? undefined : REFUSED;
    },
    list: () => [...held.values()].filter((each) => !isOver(each)),
    async add(quarantined) {
      held.set(quarantined.peer, quarantined);
      await keep();
    },
    async release(peer) {
      const found = held.get(peer);
      held.delete(peer);
      await keep();
      return found !== undefined && !isOver(found);
    },
  };
}

/** What such a file holds, those whose time is over included; nobody where there is none. @throws {Failure} `configuration` */
export function readQuarantined(path: string): readonly Quarantined[] {
  try {
    return z.array(quarantinedSchema).parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return [];
    const message = `${path} does not say whom this node does not answer: restore it from a backup, or remove it and quarantine them again.`;
    throw new Failure("configuration", message, { where: path, cause });
  }
}
