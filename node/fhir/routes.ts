import type { CallerRights } from "../../certs/caller-rights.ts";
import type { Answer } from "./outcome.ts";

/**
 * Who may use a route. `feeder`: a caller whose certificate gives the right to feed. `system`: one whose certificate gives
 * the rights to feed and to operate, which is to say the node's own machinery. `anyone`: any caller of this node.
 */
export type Admission = "anyone" | "feeder" | "system";

/** An application of this node, admitted for this one request. */
export interface Caller {
  readonly name: string;
  readonly rights: CallerRights;
}

export interface RouteRequest {
  readonly request: Request;
  readonly caller: Caller;
  /** The caller, admitted anew: for what goes on after the request. @throws {Failure} they are admitted no more. */
  readonly admitAgain: () => Caller;
  /** The request's own id: its `X-Request-ID`, or a fresh one. */
  readonly requestId: string;
  /** The id in the path; empty where the route has none. */
  readonly id: string;
  /** True where the caller gave the id: then it names the message, and a repetition is told by it. */
  readonly isNamed: boolean;
}

/** One route of the door. What is not in the table is not served, and what the table does not admit is refused. */
export interface Route {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Under the door's base. */
  readonly path: string;
  readonly who: Admission;
  /** `any`: it answers with what the record is, not with FHIR. */
  readonly media?: "any";
  /** What the CapabilityStatement says of it. */
  readonly says?: Said;
  readonly handle: (request: RouteRequest) => Promise<Answer>;
}

/** A line of the CapabilityStatement. */
export type Said =
  | { readonly resource: string; readonly profile: string; readonly conditionalUpdate: true; readonly search: string }
  | {
      readonly resource: string;
      readonly profile: string;
      readonly interaction: "read" | "search-type" | "create" | "delete";
      readonly search: readonly { readonly name: string; readonly type: "token" | "date" | "string" }[];
    }
  | { readonly operation: string; readonly definition: string };
