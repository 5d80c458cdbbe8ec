import { EMERGENCY_OUTCOMES, EMERGENCY_REASONS } from "../access/emergency.ts";
import type { ShownCase } from "../audit/emergency-store.ts";
import { type Clock, today } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { containsNhsNumber } from "../base/nhs-number.ts";
import type { Claim } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import { type NodeId, parseOrganisationCode } from "../base/words.ts";
import type {
  EmergencyGiven,
  EmergencyWish,
  IncomingLetter,
  PrivacyOfficer,
  QueuedCase,
} from "../requests/emergency.ts";
import type { EmergencyOutcome } from "../access/emergency.ts";
import type { Log } from "../telemetry/log.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { checkHoldsNoNumber, invalid, required, requiredText, requiredUuid, toClaim, toPatient } from "./convert.ts";
import type { CallerRights } from "./federation-service.ts";
import {
  type EndAccessRequest,
  type EmergencyCase as WireCase,
  EmergencyServiceService,
  type ListCasesRequest,
  type PrivacyOfficer as WireOfficer,
  type RequestAccessRequest,
  type ReviewCaseRequest,
  type ShowCaseRequest,
  type ShowCaseResponse,
  type TakeLetterRequest,
  type WriteLetterRequest,
} from "./generated/corridor/v1/emergency_service.ts";
import { boundRequest, unary } from "./handlers.ts";
import { type IncomingCall, peerOf } from "./interceptors.ts";
import type { Service } from "./service.ts";

const TEXT_CHARACTERS_MAX = 500;
const USER_CHARACTERS_MAX = 100;
const ROLE_CHARACTERS_MAX = 40;

/** What the door for emergency access needs: its stories. */
export interface EmergencyDoorNeeds {
  readonly giveAccess: (wish: EmergencyWish, rights: CallerRights) => Promise<EmergencyGiven>;
  readonly endAccess: (
    by: Pick<PrivacyOfficer, "requestId" | "caller"> & Pick<Claim, "userId" | "organisation">,
    caseId: string,
  ) => Promise<void>;
  readonly listCases: (by: PrivacyOfficer, which: "open" | "all") => Promise<readonly QueuedCase[]>;
  readonly showCase: (by: PrivacyOfficer, caseId: string) => Promise<ShownCase & { readonly of: QueuedCase }>;
  readonly reviewCase: (
    by: PrivacyOfficer,
    caseId: string,
    review: { readonly outcome: EmergencyOutcome; readonly note: string },
  ) => Promise<void>;
  readonly writeLetter: (by: PrivacyOfficer, caseId: string, text: string) => Promise<void>;
  readonly takeLetter: (from: NodeId, letter: IncomingLetter) => Promise<void>;
}

/** Gives emergency access to callers' users, and shows privacy officers what came of it. */
export function emergencyService(clock: Clock, random: Random, log: Log, needs: EmergencyDoorNeeds): Service {
  const service = EmergencyServiceService;
  const bound = <Request, Response>(method: Parameters<typeof boundRequest<Request, Response>>[0]) =>
    boundRequest(method, REQUEST_BYTES_MAX, "everything-known");
  const by = (message: WireOfficer | undefined, call: IncomingCall): PrivacyOfficer => toOfficer(message, call, random);
  return {
    name: "corridor.v1.EmergencyService",
    definition: {
      requestAccess: bound(service.requestAccess),
      endAccess: bound(service.endAccess),
      listCases: bound(service.listCases),
      showCase: bound(service.showCase),
      reviewCase: bound(service.reviewCase),
      writeLetter: bound(service.writeLetter),
      takeLetter: boundRequest(service.takeLetter, REQUEST_BYTES_MAX),
    },
    implementation: {
      requestAccess: unary(log, async (request: RequestAccessRequest, call) => {
        const { expiresAtMs, ...given } = await needs.giveAccess(toWish(request, clock, random), callerOf(call).rights);
        return { ...given, expiresAtMs: BigInt(Math.round(expiresAtMs)) };
      }),
      endAccess: unary(log, async ({ userId, organisation: code, caseId }: EndAccessRequest, call) => {
        const organisation = parseOrganisationCode(code);
        const { rights, name } = callerOf(call);
        if (organisation === undefined) throw invalid("organisation", "is not an organisation's code");
        if (!rights.sandbox && !rights.organisations.includes(organisation)) {
          throw new Failure("not-permitted", "This caller's certificate does not list that organisation.");
        }
        await needs.endAccess({ requestId: random.uuid(), caller: name, userId, organisation }, caseId);
        return {};
      }),
      listCases: unary(log, async (request: ListCasesRequest, call) => {
        const cases = await needs.listCases(by(request.by, call), request.reviewedToo ? "all" : "open");
        return { cases: cases.map(fromCase) };
      }),
      showCase: unary(log, async (request: ShowCaseRequest, call) =>
        fromShown(await needs.showCase(by(request.by, call), request.caseId)),
      ),
      reviewCase: unary(log, async (request: ReviewCaseRequest, call) => {
        const outcome = EMERGENCY_OUTCOMES.find((each) => each === request.outcome);
        if (outcome === undefined) throw invalid("outcome", `is not one of ${EMERGENCY_OUTCOMES.join(", ")}`);
        await needs.reviewCase(by(request.by, call), request.caseId, { outcome, note: words(request.note, "note") });
        return {};
      }),
      writeLetter: unary(log, async (request: WriteLetterRequest, call) => {
        await needs.writeLetter(by(request.by, call), request.caseId, words(request.text, "text"));
        return {};
      }),
      takeLetter: unary(log, async (request: TakeLetterRequest, call) => {
        const peer = peerOf(call);
        if (peer.kind !== "node") throw new Failure("not-permitted", "Only member nodes may write.");
        await needs.takeLetter(peer.member.id as NodeId, toLetter(request));
        return {};
      }),
    },
  };
}

function callerOf(call: IncomingCall) {
  const peer = peerOf(call);
  if (peer.kind !== "caller") throw new Failure("not-permitted", "Only callers of this node may ask here.");
  return peer;
}

function toWish(request: RequestAccessRequest, clock: Clock, random: Random): EmergencyWish {
  const patient = toPatient(request.patient, today(clock));
  const claim = toClaim(request.claim, "stated");
  checkHoldsNoNumber(claim, patient);
  if (claim.purpose !== "BTG") throw invalid("claim.purpose", "is not BTG");
  const reasonCode = EMERGENCY_REASONS.find((each) => each === request.reasonCode);
  if (reasonCode === undefined) throw invalid("reason_code", `is not one of ${EMERGENCY_REASONS.join(", ")}`);
  const requestId = request.requestId === "" ? random.uuid() : requiredUuid(request.requestId, "request_id");
  return { requestId, patient, claim, reasonCode };
}

function toOfficer(message: WireOfficer | undefined, call: IncomingCall, random: Random): PrivacyOfficer {
  const { name, rights } = callerOf(call);
  const { userId, role, reason, requestId } = required(message, "by");
  return {
    requestId: requestId === "" ? random.uuid() : requiredUuid(requestId, "by.request_id"),
    ...{ caller: name, roles: rights.roles },
    userId: withoutNumber(requiredText(userId, USER_CHARACTERS_MAX, "by.user_id"), "by.user_id"),
    role: requiredText(role, ROLE_CHARACTERS_MAX, "by.role"),
    reason: words(reason, "by.reason"),
  };
}

function toLetter({ letterId, requestId, kind, userId, text }: TakeLetterRequest): IncomingLetter {
  if (kind !== "challenge" && kind !== "explanation") throw invalid("kind", "is not challenge or explanation");
  return {
    ...{ letterId: requiredUuid(letterId, "letter_id"), requestId: requiredUuid(requestId, "request_id"), kind },
    userId: withoutNumber(requiredText(userId, USER_CHARACTERS_MAX, "user_id"), "user_id"),
    text: words(text, "text"),
  };
}

function words(text: string, where: string): string {
  return withoutNumber(requiredText(text, TEXT_CHARACTERS_MAX, where), where);
}

function withoutNumber(text: string, where: string): string {
  if (containsNhsNumber(text)) throw invalid(where, "holds what looks like an NHS number");
  return text;
}

function fromShown({ of, requestIds, letters }: ShownCase & { readonly of: QueuedCase }): ShowCaseResponse {
  return {
    of: fromCase(of),
    requestIds: [...requestIds],
    letters: letters.map(({ kind, direction, otherNode, userId, text, atMs, sentAtMs }) => ({
      ...{ kind, direction, otherNode, userId, text, atMs: wholeMs(atMs), sentAtMs: wholeMs(sentAtMs) },
    })),
  };
}

/** The token of the patient stays: it is this node's alone. */
function fromCase({ patient: _patient, ...of }: QueuedCase): WireCase {
  return {
    ...of,
    reasonCode: of.reasonCode ?? "",
    credentials: of.credentials ?? "",
    openedAtMs: wholeMs(of.openedAtMs),
    expiresAtMs: wholeMs(of.expiresAtMs),
    endedAtMs: wholeMs(of.endedAtMs),
    alertedAtMs: wholeMs(of.alertedAtMs),
    outcome: of.outcome ?? "",
    reviewedBy: of.reviewedBy ?? "",
    reviewedAtMs: wholeMs(of.reviewedAtMs),
    note: of.note ?? "",
  };
}

function wholeMs(ms: number | null): bigint {
  return BigInt(Math.round(ms ?? 0));
}
