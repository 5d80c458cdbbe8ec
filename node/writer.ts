import { systemClock } from "./base/clock.ts";
import { systemRandom } from "./base/random.ts";
import type { HandlersMaker } from "./storage/executor.ts";
import { serveWriter } from "./storage/writer-thread.ts";

/**
 * The composition root of the writer threads: which commands each store file knows. Run as a worker, never imported. Each
 * thread loads only what its own store needs: what the others need is several megabytes of a node at rest.
 */
await serveWriter({ index: indexMakers, audit: auditMakers }, systemClock);

async function indexMakers(): Promise<HandlersMaker[]> {
  const [
    outbox,
    deadLetters,
    feedMessage,
    fillMatchKeys,
    loadBatch,
    pdsEvents,
    nationalPointers,
    presence,
    producePointer,
    review,
  ] = await Promise.all([
    import("./storage/outbox.ts"),
    import("./requests/dead-letter-store.ts"),
    import("./requests/feed-message.ts"),
    import("./requests/fill-match-keys.ts"),
    import("./requests/load-batch.ts"),
    import("./requests/pds-events.ts"),
    import("./nrl/pointer-store.ts"),
    import("./requests/presence-changes.ts"),
    import("./requests/produce-pointer.ts"),
    import("./requests/review.ts"),
  ]);
  return [
    outbox.makeHandlers,
    deadLetters.makeHandlers,
    (db) => fillMatchKeys.makeHandlers(db, systemClock),
    (db) => loadBatch.makeHandlers(db, systemRandom, systemClock),
    (db) => feedMessage.makeHandlers(db, systemRandom),
    (db) => pdsEvents.makeHandlers(db, systemRandom),
    nationalPointers.makeHandlers,
    presence.makeHandlers,
    (db) => producePointer.makeHandlers(db, systemRandom),
    (db) => review.makeHandlers(db, systemRandom),
  ];
}

async function auditMakers(): Promise<HandlersMaker[]> {
  const stores = await Promise.all([
    import("./audit/audit-store.ts"),
    import("./audit/checkpoint-store.ts"),
    import("./audit/claim-store.ts"),
    import("./audit/witness-store.ts"),
  ]);
  return stores.map(({ makeHandlers }) => makeHandlers);
}
