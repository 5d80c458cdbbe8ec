import type { CallerRights } from "../../certs/caller-rights.ts";
import { type Clock, today } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import { isPlainText } from "../base/plain-text.ts";
import type { Claim, PatientQuery } from "../base/question.ts";
import type { ReadClaim } from "./bearer.ts";
import type { BodyReader, Json } from "./body.ts";
import { type Answer, Refusal } from "./outcome.ts";
import { parametersIn } from "./parameters.ts";
import { searchOf, wrong } from "./record-search.ts";
import type { Route, RouteRequest } from "./routes.ts";

/** Keeps who looks at whom, and gives the address that opens it, once. */
export type OfferLink = (context: {
  readonly patient: Extract<PatientQuery, { by: "number" }>;
  readonly claim: Claim;
  readonly rights: () => CallerRights;
}) => { readonly url: string; readonly untilMs: number };

export interface ContextLinkNeeds {
  readonly clock: Clock;
  readonly readClaim: ReadClaim;
  /** Absent where this node has no pages. */
  readonly offerLink?: OfferLink;
}

const DEFINITION = "urn:corridor:operation:context-link";
const NAME_CHARACTERS_MAX = 200;

/**
 * The operation by which an application opens the node's page for its user and one patient: what the signed token says of user,
 * attendance and reason is taken over, so that nobody types it again. The link is good once, for a minute; nothing of the
 * patient is in it.
 */
export function contextLinkRoutes(bodies: BodyReader, needs: ContextLinkNeeds): readonly Route[] {
  const { offerLink } = needs;
  if (offerLink === undefined) return [];
  return [
    {
      ...{ method: "POST", path: "/Patient/$context-link", who: "anyone" },
      says: { operation: "context-link", definition: DEFINITION },
      handle: (call) => bodies.withBody(call.request, (body) => offer(call, body, offerLink, needs)),
    },
  ];
}

async function offer(call: RouteRequest, body: Json, offerLink: OfferLink, needs: ContextLinkNeeds): Promise<Answer> {
  const claim = await needs.readClaim(call.request.headers, call.caller);
  if (claim.trigger !== "person")
    throw new Refusal(403, "forbidden", "A page is opened for a user: send a token with nhsid_useruid.");
  const { url, untilMs } = offerLink({
    ...{ patient: patientOf(body, today(needs.clock)), claim },
    rights: () => call.admitAgain().rights,
  });
  const parameter = [
    { name: "url", valueUrl: url },
    { name: "expires", valueInstant: new Date(untilMs).toISOString() },
  ];
  return { status: 200, body: { resourceType: "Parameters", parameter } };
}

const KNOWN = ["identifier", "birthdate", "family", "given"];

/** By number and birth date, as records are searched for; a name is shown on the page, and compared where records are held. */
function patientOf(body: Json, day: string): Extract<PatientQuery, { by: "number" }> {
  const given = parametersIn(body, KNOWN.length);
  if ([...given.keys()].some((name) => !KNOWN.includes(name))) {
    throw wrong("a parameter is not known here: send identifier, birthdate and, to show them, family and given");
  }
  const query = new URLSearchParams();
  for (const name of ["identifier", "birthdate"])
    for (const value of given.getAll(name)) query.append(`patient.${name}`, value);
  const { patient } = searchOf(query, day);
  const familyName = nameIn(given, "family");
  const givenName = nameIn(given, "given");
  return { ...patient, ...(familyName && { familyName }), ...(givenName && { givenName }) };
}

function nameIn(given: URLSearchParams, name: string): Concealed<string> | undefined {
  const [text, ...more] = given.getAll(name);
  if (text === undefined || text.trim() === "") return undefined;
  if (more.length > 0 || text.length > NAME_CHARACTERS_MAX || !isPlainText(text))
    throw wrong(`${name} is not one name`);
  return new Concealed(text.trim());
}
