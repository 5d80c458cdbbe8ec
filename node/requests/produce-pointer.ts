import type { Database } from "better-sqlite3";

import type { Clock } from "../base/clock.ts";
import type { Concealed } from "../base/concealed.ts";
import { asFailure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { PointerRecord, PointerStore } from "../locator/pointer-store.ts";
import type { IdentityStore } from "../mpi/identity-store.ts";
import type { CommandHandlers, StoreCommands, StoreExecutor } from "../storage/executor.ts";
import { feedStores } from "./load-batch.ts";
import { makeSeenMessages } from "./seen-messages.ts";

/** By what a producer names the patient: the number, as the National Record Locator does, or its own id. */
export type ProducedFor =
  { readonly by: "number"; readonly nhsNumber: string } | { readonly by: "local-id"; readonly localId: string };

/** One pointer that a provider's own system publishes, by itself and at once. */
export interface PointerToProduce {
  /** Who sent it: with the message's id, what makes it the same message. No patient's value. */
  readonly feed: string;
  /** Absent where the sender gives none: then the message is never known again. */
  readonly messageId?: string | undefined;
  readonly patient: Concealed<ProducedFor>;
  /** Everything but its patient. */
  readonly pointer: Concealed<Omit<PointerRecord, "localId">>;
  /** Records of the same provider, patient and type that it replaces: their pointers go. */
  readonly replaces: readonly string[];
}

/** Why nothing was kept. */
export type ProduceRefused =
  /** Its provider has sent no such patient. */
  | "patient-unknown"
  /** Its provider has several patients of this number. */
  | "patient-ambiguous"
  | "target-unknown"
  | "target-of-another-patient"
  | "target-of-another-type"
  /** One patient has more pointers than any can have. */
  | "too-many"
  | "message-id-reused";

export type Produced =
  /** @property recordId as it was given when the message came first. */
  { readonly kind: "produced"; readonly recordId: string } | { readonly kind: "refused"; readonly why: ProduceRefused };

export interface ProducePointerNeeds {
  readonly clock: Clock;
  /** Of the index. */
  readonly store: StoreExecutor;
}

/**
 * Takes one pointer of a provider's own system, with what it replaces, whole or not at all. When it resolves to `produced`, it
 * is durable and the next question finds it. The same message again changes nothing and has the same answer.
 *
 * A pointer hangs on the provider's own record of the patient, as one of a file does: it needs no birth date, for whose number
 * it is, that record says.
 *
 * @throws {Failure} `store-unavailable`, `overloaded`: nothing is acknowledged; it is to be sent again.
 */
export function producePointer(order: PointerToProduce, { clock, store }: ProducePointerNeeds): Promise<Produced> {
  const { patient, pointer, ...rest } = order;
  // The way from the door to the store: the one place where the values are taken out.
  const values = { patient: patient.expose(), pointer: pointer.expose() };
  return store.run("produce-pointer", { ...rest, ...values, nowMs: clock.wallMs() });
}

/**
 * Takes a pointer of a provider back: the next question does not find it.
 *
 * @returns false where there is none under that id.
 * @throws {Failure} `store-unavailable`, `overloaded`: nothing is acknowledged; it is to be sent again.
 */
export function withdrawPointer(
  record: Pick<PointerRecord, "provider" | "recordId">,
  { store }: Pick<ProducePointerNeeds, "store">,
): Promise<boolean> {
  return store.run("withdraw-pointer", record);
}

declare module "../storage/executor.ts" {
  interface StoreCommands {
    "produce-pointer": {
      payload: Omit<PointerToProduce, "patient" | "pointer"> & {
        readonly patient: ProducedFor;
        readonly pointer: Omit<PointerRecord, "localId">;
        readonly nowMs: number;
      };
      result: Produced;
    };
    "withdraw-pointer": { payload: Pick<PointerRecord, "provider" | "recordId">; result: boolean };
  }
}

type Payload = StoreCommands["produce-pointer"]["payload"];

interface Stores {
  readonly identities: IdentityStore;
  readonly pointers: PointerStore;
}

/** The handlers decide and write inside one transaction of the index's writer. */
export function makeHandlers(db: Database, random: Random): CommandHandlers {
  const stores = feedStores(db, random);
  const seen = makeSeenMessages<Produced>(db);
  return {
    "produce-pointer"(payload) {
      const { feed, messageId, patient, pointer, replaces, nowMs } = payload;
      const { recordId: _given, ...said } = pointer; // made anew each time that the message comes
      const name = { feed, messageId, content: ["pointer", patient, said, replaces] };
      const before = seen.answerTo(name);
      if (before === "id-reused") return { kind: "refused", why: "message-id-reused" };
      if (before !== undefined) return before;
      const produced = produce(stores, payload);
      if (produced.kind === "produced") seen.keep(name, produced, nowMs);
      return produced;
    },
    "withdraw-pointer"(record) {
      const isHeld = stores.pointers.held(record) !== undefined;
      if (isHeld) stores.pointers.remove(record);
      return isHeld;
    },
  };
}

/** Looks at everything before it writes anything. */
function produce({ identities, pointers }: Stores, { patient, pointer, replaces, nowMs }: Payload): Produced {
  const { provider, recordId, recordType } = pointer;
  const localIds = patient.by === "local-id" ? [patient.localId] : identities.localIdsOf(provider, patient.nhsNumber);
  const [localId = "", another] = localIds;
  if (another !== undefined) return refused("patient-ambiguous");
  const identityNo = identities.identityNoOf(provider, localId);
  if (identityNo === undefined) return refused("patient-unknown");
  for (const replaced of replaces) {
    const target = pointers.held({ provider, recordId: replaced });
    if (target === undefined) return refused("target-unknown");
    if (target.identityNo !== identityNo) return refused("target-of-another-patient");
    if (target.recordType !== recordType) return refused("target-of-another-type");
  }
  try {
    pointers.put({ ...pointer, localId }, identityNo, nowMs);
  } catch (thrown) {
    // Said to be busy, its sender would send it again for ever.
    if (asFailure(thrown).code === "overloaded") return refused("too-many");
    throw thrown;
  }
  for (const replaced of replaces) pointers.remove({ provider, recordId: replaced });
  return { kind: "produced", recordId };
}

function refused(why: ProduceRefused): Produced {
  return { kind: "refused", why };
}
