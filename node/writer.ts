import * as audit from "./audit/audit-store.ts";
import * as outbox from "./storage/outbox.ts";
import { serveWriter } from "./storage/writer-thread.ts";

/** The composition root of the writer threads: which commands each store file knows. Run as a worker, never imported. */
serveWriter({
  index: [outbox.makeHandlers],
  audit: [audit.makeHandlers],
});
