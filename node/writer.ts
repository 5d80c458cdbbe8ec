import * as audit from "./audit/audit-store.ts";
import { systemClock } from "./base/clock.ts";
import { systemRandom } from "./base/random.ts";
import * as fillMatchKeys from "./requests/fill-match-keys.ts";
import * as loadBatch from "./requests/load-batch.ts";
import * as patientFeed from "./requests/patient-feed.ts";
import * as pdsEvents from "./requests/pds-events.ts";
import * as review from "./requests/review.ts";
import * as outbox from "./storage/outbox.ts";
import { serveWriter } from "./storage/writer-thread.ts";

/** The composition root of the writer threads: which commands each store file knows. Run as a worker, never imported. */
serveWriter(
  {
    index: [
      outbox.makeHandlers,
      (db) => fillMatchKeys.makeHandlers(db, systemClock),
      (db) => loadBatch.makeHandlers(db, systemRandom, systemClock),
      (db) => patientFeed.makeHandlers(db, systemRandom),
      (db) => pdsEvents.makeHandlers(db, systemRandom),
      (db) => review.makeHandlers(db, systemRandom),
    ],
    audit: [audit.makeHandlers],
  },
  systemClock,
);
