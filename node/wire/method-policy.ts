import { CALL_MS_MAX, RECORD_MS_MAX, REQUEST_WITHIN_MS, SILENCE_MS_MAX } from "./bounds.ts";

/**
 * Who may use a method. `peer`: a live member node. `caller`: an application of this node. `feeder`, `operator`, `reviewer`:
 * a caller whose certificate gives that right. `steward`: a reviewer or an operator. `anyone`: whoever has a certificate of
 * this network.
 */
export type Admission = "peer" | "caller" | "feeder" | "operator" | "reviewer" | "steward" | "anyone";

/** How long a call may take, in milliseconds. */
export interface CallTimes {
  /** From the first header until the request is there. */
  readonly requestWithinMs: number;
  /** From the first header until the end. */
  readonly lastsMsMax: number;
  /** Between two messages of a conversation. */
  readonly silenceMsMax: number;
}

export interface MethodPolicy {
  readonly who: Admission;
  readonly times: CallTimes;
}

const oneAnswer: CallTimes = { requestWithinMs: REQUEST_WITHIN_MS, lastsMsMax: CALL_MS_MAX, silenceMsMax: CALL_MS_MAX };
const conversation: CallTimes = {
  requestWithinMs: REQUEST_WITHIN_MS,
  lastsMsMax: Infinity,
  silenceMsMax: SILENCE_MS_MAX,
};
/** A record on its way. */
const record: CallTimes = { requestWithinMs: REQUEST_WITHIN_MS, lastsMsMax: RECORD_MS_MAX, silenceMsMax: CALL_MS_MAX };
/** Lasts as long as its connection. */
const watch: CallTimes = { requestWithinMs: REQUEST_WITHIN_MS, lastsMsMax: Infinity, silenceMsMax: Infinity };

/** Every method of every service that a node serves. A method that is not here is refused to everybody. */
const METHOD_POLICIES: Readonly<Record<string, MethodPolicy>> = {
  "/corridor.v1.LocatorService/AnswerLocate": { who: "peer", times: oneAnswer },
  "/corridor.v1.LocatorService/AnswerLocateStream": { who: "peer", times: conversation },
  "/corridor.v1.RecordService/FetchRecord": { who: "peer", times: record },
  "/corridor.v1.DiscoveryService/IdentifyPerson": { who: "peer", times: oneAnswer },
  "/corridor.v1.RetrievalService/Retrieve": { who: "caller", times: record },
  "/corridor.v1.FederationService/Locate": { who: "caller", times: oneAnswer },
  "/corridor.v1.SearchService/Search": { who: "caller", times: oneAnswer },
  "/corridor.v1.EmergencyService/RequestAccess": { who: "caller", times: oneAnswer },
  "/corridor.v1.EmergencyService/EndAccess": { who: "caller", times: oneAnswer },
  "/corridor.v1.EmergencyService/ListCases": { who: "caller", times: oneAnswer },
  "/corridor.v1.EmergencyService/ShowCase": { who: "caller", times: oneAnswer },
  "/corridor.v1.EmergencyService/ReviewCase": { who: "caller", times: oneAnswer },
  "/corridor.v1.EmergencyService/WriteLetter": { who: "caller", times: oneAnswer },
  "/corridor.v1.EmergencyService/TakeLetter": { who: "peer", times: oneAnswer },
  "/corridor.v1.FeedService/Load": { who: "feeder", times: conversation },
  "/corridor.v1.MpiService/ListReview": { who: "steward", times: oneAnswer },
  "/corridor.v1.MpiService/ShowReview": { who: "steward", times: oneAnswer },
  "/corridor.v1.MpiService/ChangePersons": { who: "reviewer", times: oneAnswer },
  "/corridor.v1.MpiService/ShowHistory": { who: "steward", times: oneAnswer },
  "/corridor.v1.MpiService/ListHairballs": { who: "steward", times: oneAnswer },
  "/corridor.v1.MpiService/ShowQuality": { who: "steward", times: oneAnswer },
  "/corridor.v1.MpiService/ListDeadLetters": { who: "steward", times: oneAnswer },
  "/corridor.v1.MpiService/ShowDeadLetter": { who: "reviewer", times: oneAnswer },
  "/corridor.v1.MpiService/ReplayDeadLetters": { who: "steward", times: oneAnswer },
  "/corridor.v1.MpiService/PurgeDeadLetters": { who: "steward", times: oneAnswer },
  "/corridor.v1.PeerService/Greet": { who: "peer", times: oneAnswer },
  "/corridor.v1.PeerService/ListPeers": { who: "operator", times: oneAnswer },
  "/corridor.v1.PeerService/QuarantinePeer": { who: "operator", times: oneAnswer },
  "/corridor.v1.PeerService/ReleasePeer": { who: "operator", times: oneAnswer },
  "/corridor.v1.PeerService/TestPeer": { who: "operator", times: oneAnswer },
  "/corridor.v1.MembershipService/ExchangeManifest": { who: "peer", times: oneAnswer },
  "/corridor.v1.WitnessService/AddCheckpoint": { who: "peer", times: oneAnswer },
  "/corridor.v1.WitnessService/ListCheckpoints": { who: "peer", times: oneAnswer },
  "/corridor.v1.WitnessService/ProveConsistency": { who: "peer", times: oneAnswer },
  "/corridor.v1.PresenceService/ReadPresence": { who: "peer", times: oneAnswer },
  "/corridor.v1.PresenceService/FetchPresenceFilter": { who: "peer", times: oneAnswer },
  "/grpc.health.v1.Health/Check": { who: "anyone", times: oneAnswer },
  "/grpc.health.v1.Health/List": { who: "anyone", times: oneAnswer },
  "/grpc.health.v1.Health/Watch": { who: "anyone", times: watch },
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": { who: "operator", times: conversation },
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": { who: "operator", times: conversation },
};

export function policyOf(method: string): MethodPolicy | undefined {
  return Object.hasOwn(METHOD_POLICIES, method) ? METHOD_POLICIES[method] : undefined;
}

/** The paths of the table, for the test that holds it against the services. */
export function methodsWithPolicy(): readonly string[] {
  return Object.keys(METHOD_POLICIES);
}
