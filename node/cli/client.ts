import type { LocateEvent } from "../base/answer.ts";
import type { Claim, PatientQuery } from "../base/question.ts";

/** What a command needs of a node: the caller's side of its gRPC door. The composition root hands in the real one. */
export interface NodeClient {
  /** @throws {Failure} as the node said, typed; `unreachable` where it could not be reached. */
  locate(call: LocateCall): AsyncIterable<LocateEvent>;
  close(): void;
}

export interface LocateCall {
  readonly patient: PatientQuery;
  readonly claim: Claim;
  readonly requestId: string;
  readonly answerByMs: number;
}

/** Where a node listens, and the caller's certificate to show there. */
export interface ClientTarget {
  readonly host: string;
  readonly port: number;
  /** Folder with caller.crt.pem, caller.key.pem and trust.crt.pem. */
  readonly certsDir: string;
}

export type Connect = (target: ClientTarget) => Promise<NodeClient>;
