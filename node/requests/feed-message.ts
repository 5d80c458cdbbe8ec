import type { Concealed } from "../base/concealed.ts";
import type { IdentityRecord } from "../mpi/identity-record.ts";

/** What one message of a feed says; all of it is taken or nothing. */
export interface FeedMessage {
  /** The feed's name. */
  readonly feed: string;
  /** As the sender numbers its messages; absent where it does not. */
  readonly messageId?: string | undefined;
  /** ODS code of the provider for which it speaks. */
  readonly provider: string;
  /** When the sender says that it happened. */
  readonly atMs: number;
  /** In their order. */
  readonly changes: Concealed<readonly FeedChange[]>;
}

export type FeedChange =
  | { readonly kind: "identity"; readonly record: IdentityRecord }
  /** Only what is said: empty text is deleted, what has no field here stays. */
  | {
      readonly kind: "update";
      readonly localId: string;
      readonly fields: Partial<Omit<IdentityRecord, "provider" | "localId">>;
    }
  | { readonly kind: "merge" | "unmerge"; readonly losing: string; readonly winning: string }
  | { readonly kind: "link" | "unlink"; readonly one: string; readonly other: string }
  | {
      readonly kind: "encounter";
      readonly localId: string;
      readonly visit: string;
      readonly state: "planned" | "open" | "closed" | "cancelled";
      readonly startedAtMs?: number;
      readonly endedAtMs?: number;
      readonly encounterClass: string;
    };
