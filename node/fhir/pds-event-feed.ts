import type { PdsEvent, PdsEventTaken } from "../requests/pds-events.ts";
import type { BodyReader } from "./body.ts";
import { type Answer, outcome } from "./outcome.ts";
import { readPdsEvent } from "./pds-event.ts";
import type { Route, RouteRequest } from "./routes.ts";

export interface PdsEventNeeds {
  /** Takes one event; durable when it resolves. */
  readonly takeEvent: (event: PdsEvent) => Promise<PdsEventTaken>;
}

/** The route for what the national service says through its event service, by whatever fetches its messages. */
export function pdsEventFeed(bodies: BodyReader, { takeEvent }: PdsEventNeeds): readonly Route[] {
  const handle = ({ request }: RouteRequest): Promise<Answer> =>
    bodies.withBody(request, async (bundle) => {
      await takeEvent(readPdsEvent(bundle));
      // The same words whether anybody here has the number: the sender needs no more.
      const said = { severity: "information", code: "informational", diagnostics: "Taken." } as const;
      return { status: 200, body: outcome(said) };
    });
  const definition = "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message";
  const says = { operation: "process-message", definition };
  return [{ method: "POST", path: "/$process-message", who: "system", says, handle }];
}
