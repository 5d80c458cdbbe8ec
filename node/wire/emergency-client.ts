import type { MethodDefinition } from "@grpc/grpc-js";

import type { EmergencyLetter } from "../audit/emergency-store.ts";
import type { Clock } from "../base/clock.ts";
import type { Claim, PatientQuery } from "../base/question.ts";
import type { Member } from "../../topology/manifest.ts";
import { askOnce } from "./ask-once.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { type CallerTarget, openCallerChannel } from "./caller-client.ts";
import { fromClaim, fromPatient } from "./convert.ts";
import {
  type EmergencyCase,
  EmergencyServiceService,
  type EndAccessRequest,
  type PrivacyOfficer,
  type RequestAccessResponse,
  type ShowCaseResponse,
} from "./generated/corridor/v1/emergency_service.ts";
import { type MemberChannelOrder, openMemberChannel } from "./member-channel.ts";

/** Signing in again may take ten seconds of it. */
const WITHIN_MS = 20_000;
const LETTER_WITHIN_MS = 5_000;

/** A caller's side of emergency access. Every method throws {@link Failure} as the node said. */
export interface EmergencyClient {
  requestAccess(wish: {
    readonly requestId: string;
    readonly patient: PatientQuery;
    readonly claim: Claim;
    readonly reasonCode: string;
  }): Promise<RequestAccessResponse>;
  endAccess(which: EndAccessRequest): Promise<void>;
  listCases(by: PrivacyOfficer, reviewedToo: boolean): Promise<readonly EmergencyCase[]>;
  showCase(by: PrivacyOfficer, caseId: string): Promise<ShowCaseResponse>;
  reviewCase(by: PrivacyOfficer, caseId: string, outcome: string, note: string): Promise<void>;
  writeLetter(by: PrivacyOfficer, caseId: string, text: string): Promise<void>;
  close(): void;
}

/** @throws {Failure} `configuration`: the caller's files cannot be read, are not a pair, or name no node. */
export function connectForEmergency(target: CallerTarget, clock: Clock): EmergencyClient {
  const client = openCallerChannel(target, clock);
  const ask = <Request, Response>(method: MethodDefinition<Request, Response>, request: Request): Promise<Response> =>
    askOnce(client, method, request, clock.wallMs() + WITHIN_MS);
  const service = EmergencyServiceService;
  return {
    requestAccess: ({ patient, claim, ...wish }) =>
      ask(service.requestAccess, {
        ...wish,
        patient: fromPatient(patient),
        claim: fromClaim(claim, "stated"),
      }),
    async endAccess(which) {
      await ask(service.endAccess, which);
    },
    listCases: async (by, reviewedToo) => (await ask(service.listCases, { by, reviewedToo })).cases,
    showCase: (by, caseId) => ask(service.showCase, { by, caseId }),
    async reviewCase(by, caseId, outcome, note) {
      await ask(service.reviewCase, { by, caseId, outcome, note });
    },
    async writeLetter(by, caseId, text) {
      await ask(service.writeLetter, { by, caseId, text });
    },
    close: () => client.close(),
  };
}

/** Takes a letter to another node. @throws {Failure} as that node said; `unreachable`, `timed-out`. */
export function makeLetterSender(
  order: MemberChannelOrder,
): (member: Member, letter: EmergencyLetter) => Promise<void> {
  return async (member, { letterId, requestId, kind, userId, text }) => {
    const client = openMemberChannel(member, REQUEST_BYTES_MAX, order);
    try {
      const until = order.clock.wallMs() + LETTER_WITHIN_MS;
      const letter = { letterId, requestId, kind, userId, text };
      await askOnce(client, EmergencyServiceService.takeLetter, letter, until);
    } finally {
      client.close();
    }
  };
}
