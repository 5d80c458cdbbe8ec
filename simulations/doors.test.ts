import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";

import { status as Status } from "@grpc/grpc-js";
import type { Database } from "better-sqlite3";

import { nodeDns, nodeUri } from "../certs/profile.ts";
import { FAILURE_CODES, type FailureCode } from "../node/base/failure.ts";
import { openDatabase } from "../node/storage/database.ts";
import { readNodeTls, type TlsFiles } from "../node/wire/tls-files.ts";
import type { AssertionPayload } from "../node/wire/generated/corridor/v1/assertion.ts";
import { Outcome } from "../node/wire/generated/corridor/v1/answer.ts";
import { LocateRequest, LocateResponse } from "../node/wire/generated/corridor/v1/federation_service.ts";
import { LoadRequest, LoadResponse } from "../node/wire/generated/corridor/v1/feed_service.ts";
import type {
  Claim,
  DemographicQuery,
  NumberQuery,
  PatientQuery,
} from "../node/wire/generated/corridor/v1/identity.ts";
import { AnswerLocateResponse, type Question } from "../node/wire/generated/corridor/v1/locator_service.ts";
import { nodeFiles } from "../certs/layout.ts";
import { type Ended, METHOD, type RawClient, rawClient } from "./testing/doors-call.ts";
import { type RawReply, rawPost } from "./testing/doors-http2.ts";
import { countKept, type Kept } from "./testing/doors-inside.ts";
import {
  ASKER,
  DOMAIN,
  type DoorNetwork,
  type DoorNode,
  HOLDER,
  LONELY,
  OTHER,
  OTHERS_PROVIDER,
  PAUSED_PROVIDER,
  STRANGER,
  SUSPENDED,
  issueAll,
  makeDoorNetwork,
} from "./testing/doors-network.ts";
import { aMarkedPerson, findPeopleIn } from "./testing/doors-people.ts";
import {
  type IdentityItem,
  type PeerSpoils,
  type PointerItem,
  aClaim,
  aClaimFor,
  aLocate,
  aPointer,
  anIdentity,
  batch,
  finish,
  header,
  locateBytes,
  patientOf,
  peerBytes,
  peerQuestion,
} from "./testing/doors-questions.ts";

/** Loaded: held here, with one record. */
const HELD = aMarkedPerson(0);
/** Never loaded: what is stored of this person was half stored. */
const ABSENT = aMarkedPerson(1);
const PEOPLE = [HELD, ABSENT];

const DAY_MS = 86_400_000;
const KIB = 1_024;
/** No file of the node may grow over a megabyte, in blocks of 512 bytes. */
const FILE_BLOCKS_MAX = 2_048;

/** What a call must end with. */
interface Refusal {
  readonly code: Status;
  /** Beside the status; empty where gRPC refuses before the node can speak. */
  readonly failure: FailureCode | "";
  /** What the words must name. */
  readonly names: RegExp;
}

const invalid = (names: RegExp): Refusal => ({ code: Status.INVALID_ARGUMENT, failure: "invalid-input", names });
const stranger = (names: RegExp, failure: FailureCode = "not-authenticated"): Refusal => ({
  code: Status.UNAUTHENTICATED,
  failure,
  names,
});
const denied = (names: RegExp, failure: FailureCode = "not-permitted"): Refusal => ({
  code: Status.PERMISSION_DENIED,
  failure,
  names,
});
const overLimit = (names: RegExp, failure: FailureCode | "" = "overloaded"): Refusal => ({
  code: Status.RESOURCE_EXHAUSTED,
  failure,
  names,
});
const unready = (names: RegExp, failure: FailureCode): Refusal => ({
  code: Status.FAILED_PRECONDITION,
  failure,
  names,
});
const notServed = (names: RegExp, failure: FailureCode | "" = ""): Refusal => ({
  code: Status.UNIMPLEMENTED,
  failure,
  names,
});
/** Refused in the handshake: there is nobody to tell why. */
const turnedAway: Refusal = { code: Status.UNAVAILABLE, failure: "", names: /./ };

describe("the doors of a running node", () => {
  let network: DoorNetwork;
  let node: DoorNode;
  /** Everything that any call was told. */
  const heard: string[] = [];
  /** What earlier processes of the node have logged. */
  let past = "";
  /** How much of the log has been judged already. */
  let judgedTo = 0;
  const clients: RawClient[] = [];
  let ward: RawClient;
  let asker: RawClient;
  let feed: RawClient;

  const open = (files: TlsFiles | undefined, trust?: string): RawClient => {
    const client = rawClient(node.port, files, trust);
    clients.push(client);
    return client;
  };
  const connect = (): void => {
    ward = open(network.callerTls("ward"));
    asker = open(network.nodeTls(ASKER));
    feed = open(network.callerTls("feed"));
  };

  const log = (): string => past + node.output();
  /** A new process of the node, on what the last one left. */
  async function startAgain(fileBlocksMax?: number): Promise<void> {
    past = log();
    node = await network.start({}, fileBlocksMax);
    connect();
  }

  before(async () => {
    network = await makeDoorNetwork();
    node = await network.start();
    connect();
    const loaded = await feed.call(METHOD.load, [
      header(),
      batch(1n, [anIdentity("L-1", HELD), aPointer("L-1", "R-1")]),
    ]);
    assert.equal(loaded.code, Status.OK, loaded.said);
    await checkWell();
  });
  after(async () => {
    for (const client of clients) client.close();
    await node?.stop();
    network?.remove();
  });
  afterEach(async () => {
    await checkWell();
    assert.deepEqual(findPeopleIn(log(), PEOPLE), [], "the log names a patient");
    const news = log().slice(judgedTo);
    assert.doesNotMatch(news, /"level":(?:50|60)|unhandled|uncaught/i, "the log tells of a mistake of ours");
  });

  /** The node is alive, and answers a good question of a caller and of a peer with the record that it holds. */
  async function checkWell(): Promise<void> {
    assert.ok(node.isAlive(), `the node has ended: ${log()}`);
    const answer = await ask();
    assert.equal(answer.outcome, Outcome.OUTCOME_RECORDS, "a good peer is answered");
    const located = await ward.call(METHOD.locate, [locateBytes(aLocate(HELD))]);
    assert.equal(located.code, Status.OK, located.said);
    const [first] = eventsOf(located);
    assert.ok(first?.$case === "answer" && first.value.own && first.value.pointers.length === 1);
    assert.ok(eventsOf(located).at(-1)?.$case === "verdict", "the verdict closes the answer");
  }

  /** A good question of a good peer, or one spoilt in a way that is no failure; and the answer. */
  async function ask(spoils: PeerSpoils = {}, from: RawClient = asker, as: string = ASKER) {
    const ended = await from.call(METHOD.answerLocate, [peerBytes(await peerQuestion(network, HELD, spoils, as))]);
    assert.equal(ended.code, Status.OK, ended.said);
    return AnswerLocateResponse.decode(ended.messages[0]!).answer!;
  }

  function checkRefused(ended: Ended, { code, failure, names }: Refusal): void {
    heard.push(ended.said);
    assert.deepEqual([Status[ended.code], ended.failure], [Status[code], failure], ended.said);
    assert.match(ended.said, names);
    assert.equal(ended.messages.length, 0, "something was answered all the same");
    if (failure !== "") assert.ok(FAILURE_CODES.includes(failure));
    assert.deepEqual(findPeopleIn(ended.said, PEOPLE), [], "the error names a patient");
    assert.doesNotMatch(ended.said, /\b\d{9,}\b|node_modules|\.ts:|SQLITE|\/tmp/, "the error says more than it should");
  }

  /** Nothing of it is kept: not in the index, and no entry of the audit says that it was asked. */
  async function unkept(work: () => Promise<void>): Promise<void> {
    const before = countKept(network.dataDir);
    await work();
    assert.deepEqual(countKept(network.dataDir), before, "something was kept");
  }

  describe("the callers' door", () => {
    type Row = readonly [what: string, request: LocateRequest | Uint8Array, refusal: Refusal];
    const locating = (more: Partial<LocateRequest>): LocateRequest => aLocate(HELD, more);
    const claiming = (more: Partial<Claim>): LocateRequest => locating({ claim: aClaim(more) });
    const naming = (more: Partial<NumberQuery>): LocateRequest => {
      const { nhsNumber, birthDate, familyName, givenName } = { ...HELD, familyName: "", givenName: "", ...more };
      return locating({ patient: { by: { $case: "number", value: { nhsNumber, birthDate, familyName, givenName } } } });
    };
    const describing = (more: Partial<DemographicQuery>): LocateRequest => {
      const { familyName, givenName, birthDate, postcode } = { ...HELD, ...more };
      return locating({
        patient: { by: { $case: "demographics", value: { familyName, givenName, birthDate, postcode } } },
      });
    };
    const whole = Buffer.from(locateBytes(aLocate(HELD)));
    const n = HELD.nhsNumber;
    const looksLike = (zero: number): string => String.fromCodePoint(...[...n].map((digit) => zero + Number(digit)));
    const notTen = invalid(/patient\.number\.nhs_number is not ten digits/);
    const badDigit = invalid(/patient\.number\.nhs_number is not a valid NHS number/);
    const badDay = invalid(/patient\.number\.birth_date is not a real day/);
    const unfit = (field: string): Refusal => invalid(new RegExp(`${field} holds control characters`));
    const unknownTo = (field: string): Refusal => invalid(new RegExp(`claim\\.${field} has a value that is not known`));
    const missing = (field: string): Refusal => invalid(new RegExp(`^${field} is missing`));

    const messages: Row[] = [
      ["random bytes", Buffer.from("c0ffee00ff17db", "hex"), invalid(/not a well-formed message/)],
      ["a message cut off", whole.subarray(0, -7), invalid(/not a well-formed message/)],
      ["nothing at all", Buffer.alloc(0), missing("patient")],
      ["64 KiB and a byte", Buffer.alloc(64 * KIB + 1, 0x7a), overLimit(/max|larger/i, "")],
      ["a reason of a megabyte", claiming({ reason: "x".repeat(KIB * KIB) }), overLimit(/max|larger/i, "")],
      ["an unknown field", Buffer.concat([whole, Buffer.from([0x78, 0x01])]), invalid(/fields that are not known/)],
      ["an unknown nested field", spoilNested(whole), invalid(/fields that are not known/)],
      ["both of number and demographics", bothNamed(), invalid(/fields that are not known here, or gives one twice/)],
      ["another service's message", header(), invalid(/patient|not known|well-formed/)],
    ];
    const fields: Row[] = [
      ["no patient", locating({ patient: undefined }), missing("patient")],
      ["a patient named by nothing", locating({ patient: { by: undefined } }), invalid(/patient names nobody/)],
      ["no claim", locating({ claim: undefined }), missing("claim")],
      ["no relationship", claiming({ relationship: undefined }), missing("claim.relationship")],
      ["no user", claiming({ userId: "" }), missing("claim.user_id")],
      ["a user of spaces", claiming({ userId: "   " }), missing("claim.user_id")],
      ["a user of 101 characters", claiming({ userId: "u".repeat(101) }), invalid(/claim\.user_id is longer than 100/)],
      ["NUL in the user", claiming({ userId: "a\u0000b" }), unfit("claim\\.user_id")],
      ["a line break in the user", claiming({ userId: "a\nlevel: 60" }), unfit("claim\\.user_id")],
      ["a bidirectional mark in the user", claiming({ userId: "a\u202eb" }), unfit("claim\\.user_id")],
      ["no reason", claiming({ reason: "" }), missing("claim.reason")],
      [
        "a reason of 501 characters",
        claiming({ reason: "r".repeat(501) }),
        invalid(/claim\.reason is longer than 500/),
      ],
      ["bidirectional marks in the reason", claiming({ reason: "\u2066x\u2069" }), unfit("claim\\.reason")],
      ["a reference of 101 characters", referring("r".repeat(101)), invalid(/reference is longer than 100/)],
      ["the number as reference", referring(n), invalid(/claim\.relationship\.reference is the patient's NHS number/)],
      ["the number spaced, as reference", referring(spaced(n, " ")), invalid(/reference is the patient's NHS number/)],
      ["the number within the reference", referring(`ED2 ${n}/1`), invalid(/reference is the patient's NHS number/)],
      ["no role", claiming({ role: "" }), missing("claim.role")],
      ["a role of 41 characters", claiming({ role: "R".repeat(41) }), invalid(/claim\.role is longer than 40/)],
      ["no organisation", claiming({ organisation: "" }), invalid(/claim\.organisation is not an organisation's code/)],
      ["a lower-case organisation", claiming({ organisation: "raa" }), invalid(/claim\.organisation is not/)],
      ["an organisation with a quote", claiming({ organisation: "RA'" }), invalid(/claim\.organisation is not/)],
      ["no UUID as request id", locating({ requestId: "request-1" }), invalid(/^request_id is not a UUID/)],
      [
        "an upper-case request id",
        locating({ requestId: "A".repeat(8) + "-AAAA-4AAA-8AAA-AAAAAAAAAAAA" }),
        invalid(/^request_id/),
      ],
      ["the number as request id", locating({ requestId: n }), invalid(/^request_id is not a UUID/)],
      ["answer_by 1 ms", locating({ answerByMs: 1 }), invalid(/^answer_by_ms is not 100 to 30000/)],
      ["answer_by 50 days", locating({ answerByMs: 0xffffffff }), invalid(/^answer_by_ms is not/)],
      [
        "late_until before answer_by",
        locating({ answerByMs: 900, lateUntilMs: 899 }),
        invalid(/^late_until_ms is not/),
      ],
      ["late_until over a minute", locating({ lateUntilMs: 60_001 }), invalid(/^late_until_ms is not/)],
    ];
    const words: Row[] = (["setting", "assurance", "purpose", "trigger"] as const).flatMap((field) => [
      [`no ${field}`, claiming({ [field]: 0 }), missing(`claim\\.${field}`)] as const,
      [`an unknown ${field}`, claiming({ [field]: 99 }), unknownTo(field)] as const,
      [`a negative ${field}`, claiming({ [field]: -1 }), unknownTo(field)] as const,
    ]);
    const kinds: Row[] = [
      ["no kind of relationship", relating(0), missing("claim.relationship.kind")],
      ["an unknown kind of relationship", relating(77), unknownTo("relationship\\.kind")],
    ];
    const numbers: Row[] = [
      ["no number", naming({ nhsNumber: "" }), missing("patient.number.nhs_number")],
      ["nine digits", naming({ nhsNumber: n.slice(1) }), notTen],
      ["eleven digits", naming({ nhsNumber: `${n}0` }), notTen],
      ["a wrong check digit", naming({ nhsNumber: n.slice(0, 9) + ((Number(n[9]) + 1) % 10) }), badDigit],
      ["two neighbours swapped", naming({ nhsNumber: `${n[1]}${n[0]}${n.slice(2)}` }), badDigit],
      ["letter O for zero", naming({ nhsNumber: `${n.slice(0, 5)}O${n.slice(6)}` }), notTen],
      ["spaces between groups", naming({ nhsNumber: spaced(n, " ") }), notTen],
      ["no-break spaces between groups", naming({ nhsNumber: spaced(n, "\u00a0") }), notTen],
      ["full-width digits", naming({ nhsNumber: looksLike(0xff10) }), notTen],
      ["Arabic-Indic digits", naming({ nhsNumber: looksLike(0x660) }), notTen],
      ["Devanagari digits", naming({ nhsNumber: looksLike(0x966) }), notTen],
      ["mathematical bold digits", naming({ nhsNumber: looksLike(0x1d7ce) }), notTen],
      ["a zero-width joiner inside", naming({ nhsNumber: `${n.slice(0, 4)}\u200d${n.slice(4)}` }), notTen],
      ["NUL at its end", naming({ nhsNumber: `${n}\u0000` }), notTen],
      ["a line break at its end", naming({ nhsNumber: `${n}\n` }), notTen],
      ["a bidirectional mark before it", naming({ nhsNumber: `\u202e${n}` }), notTen],
      ["a wildcard", naming({ nhsNumber: `${n.slice(0, 9)}%` }), notTen],
      ["a sign", naming({ nhsNumber: `+${n.slice(1)}` }), notTen],
      ["a thousand digits", naming({ nhsNumber: "9".repeat(1_000) }), notTen],
      ...Array.from({ length: 10 }, (_, digit): Row => [
        `ten times ${digit}`,
        naming({ nhsNumber: String(digit).repeat(10) }),
        badDigit,
      ]),
    ];
    const tomorrow = new Date(Date.now() + 2 * DAY_MS).toISOString().slice(0, 10);
    const days: Row[] = [
      ["no birth date", naming({ birthDate: "" }), invalid(/birth_date is missing: the number alone/)],
      ["29 February of a common year", naming({ birthDate: "1961-02-29" }), badDay],
      ["month 13", naming({ birthDate: "1961-13-01" }), badDay],
      ["day zero", naming({ birthDate: "1961-01-00" }), badDay],
      ["the English way round", naming({ birthDate: "20/01/1931" }), badDay],
      ["without leading zeros", naming({ birthDate: "1931-1-20" }), badDay],
      ["with a time", naming({ birthDate: "1931-01-20T00:00:00Z" }), badDay],
      ["full-width digits", naming({ birthDate: "１９３１-01-20" }), badDay],
      ["the future", naming({ birthDate: tomorrow }), badDay],
      ["before 1860", naming({ birthDate: "1859-12-31" }), badDay],
      ["year zero", naming({ birthDate: "0000-01-01" }), badDay],
      ["NUL at its end", naming({ birthDate: "1931-01-20\u0000" }), badDay],
    ];
    const names: Row[] = [
      [
        "a family name of 101 characters",
        naming({ familyName: "q".repeat(101) }),
        invalid(/family_name is longer than 100/),
      ],
      ["NUL in the family name", naming({ familyName: "Quill\u0000x" }), unfit("patient\\.number\\.family_name")],
      [
        "an escape sequence in the given name",
        naming({ givenName: "\u001b[2J" }),
        unfit("patient\\.number\\.given_name"),
      ],
      [
        "a bidirectional mark in the given name",
        naming({ givenName: "a\u202ea" }),
        unfit("patient\\.number\\.given_name"),
      ],
      ["bytes that are not UTF-8 in the family name", notUtf8(), invalid(/family_name holds|not known here/)],
      [
        "demographics without a family name",
        describing({ familyName: "" }),
        missing("patient.demographics.family_name"),
      ],
      ["demographics without a given name", describing({ givenName: " " }), missing("patient.demographics.given_name")],
      [
        "demographics without a birth date",
        describing({ birthDate: "" }),
        invalid(/demographics\.birth_date is missing/),
      ],
      [
        "a postcode of 11 characters",
        describing({ postcode: "ZZ98 7QX ZZ" }),
        invalid(/demographics\.postcode is longer than 10/),
      ],
      ["NUL in the postcode", describing({ postcode: "ZZ98\u00007Q" }), unfit("patient\\.demographics\\.postcode")],
    ];

    const tables = { messages, fields, words, kinds, numbers, days, names };
    for (const [table, rows] of Object.entries(tables)) {
      describe(`refuses ${table}:`, () => {
        for (const [what, request, refusal] of rows) {
          it(what, () =>
            unkept(async () => {
              const bytes = request instanceof Uint8Array ? request : locateBytes(request);
              checkRefused(await ward.call(METHOD.locate, [bytes]), refusal);
            }),
          );
        }
      });
    }

    const decided: Row[] = [
      [
        "a role that the certificate does not list",
        claiming({ role: "R8014" }),
        denied(/does not allow it to claim a role/),
      ],
      ["a role that is none", claiming({ role: "doctor" }), denied(/does not allow it to claim a role/)],
      [
        "a setting that the certificate does not list",
        claiming({ setting: 4 }),
        denied(/does not allow it to claim a setting/),
      ],
      ["an organisation that it does not list", claiming({ organisation: "RZZ" }), denied(/to claim an organisation/)],
      [
        "a role that the table does not know",
        claiming({ role: "R9999" }),
        denied(/role has no place in the access table/, "role-refused"),
      ],
      [
        "a purpose that is not individual care",
        claiming({ purpose: 5 }),
        denied(/purpose is not offered/, "purpose-refused"),
      ],
      [
        "emergency access that nobody was given",
        claiming({ purpose: 4 }),
        denied(/no emergency access to this patient/),
      ],
    ];
    describe("refuses and keeps the refusal:", () => {
      for (const [what, request, refusal] of decided) {
        it(what, async () => {
          const before = countKept(network.dataDir);
          checkRefused(await ward.call(METHOD.locate, [locateBytes(request as LocateRequest)]), refusal);
          assert.deepEqual(countKept(network.dataDir), { ...before, gates: before.gates + 1 } satisfies Kept);
        });
      }
      it("demographics that fit nobody", async () => {
        const request = describing({ familyName: ABSENT.familyName });
        const ended = await ward.call(METHOD.locate, [locateBytes(request)]);
        checkRefused(ended, unready(/identity not known/, "identity-not-known"));
      });
    });

    describe("minds the time:", () => {
      const timed = (timeout: string): Promise<RawReply> =>
        rawPost(node.port, network.callerTls("ward"), METHOD.locate, locateBytes(aLocate(HELD)), {
          "grpc-timeout": timeout,
        });
      it("takes an absurdly long deadline for its own", async () => {
        assert.equal((await timed("99999999H")).grpcStatus, Status.OK);
      });
      for (const timeout of ["0n", "0m", "1n", "0H"]) {
        it(`refuses a deadline of ${timeout} before anything is looked at`, () =>
          unkept(async () => {
            const reply = await timed(timeout);
            assert.equal(reply.grpcStatus, Status.DEADLINE_EXCEEDED, reply.said);
            assert.equal(reply.dataBytes, 0);
          }));
      }
      for (const timeout of ["-5S", "5", "S", "1e3S", "99999999999S", "5 S", "５S"]) {
        it(`does not stumble over the deadline ${timeout}`, async () => {
          const { grpcStatus, httpStatus, said } = await timed(timeout);
          heard.push(said);
          const allowed = [Status.OK, Status.INVALID_ARGUMENT, Status.DEADLINE_EXCEEDED, Status.INTERNAL];
          assert.ok(httpStatus !== 200 || allowed.includes(grpcStatus!), `${httpStatus} ${grpcStatus} ${said}`);
        });
      }
    });

    function referring(reference: string): LocateRequest {
      return claiming({ relationship: { kind: 1, reference } });
    }
    function relating(kind: number): LocateRequest {
      return claiming({ relationship: { kind: kind as 1, reference: "" } });
    }
    /** The number and the demographics of one patient: on the wire the later one wins. */
    function bothNamed(): Buffer {
      const inner = (patient: PatientQuery): Buffer => Buffer.from(locateBytes({ ...empty, patient })).subarray(2); // behind its key and length
      const empty = LocateRequest.decode(Buffer.alloc(0));
      const numbered = inner(patientOf(HELD));
      const described = inner(describing({}).patient!);
      const rest = Buffer.from(locateBytes(locating({ patient: undefined })));
      const both = Buffer.concat([numbered, described]);
      return Buffer.concat([Buffer.from([0x0a, both.length]), both, rest]);
    }
    function notUtf8(): Buffer {
      const bytes = Buffer.from(locateBytes(naming({ familyName: "QQQQ" })));
      bytes.fill(0xff, bytes.indexOf("QQQQ"), bytes.indexOf("QQQQ") + 4);
      return bytes;
    }
  });

  describe("the peers' door", () => {
    type Row = readonly [what: string, spoils: PeerSpoils, refusal: Refusal];
    const asking = (question: Partial<Question>): PeerSpoils => ({ question });
    const asserting = (payload: Partial<AssertionPayload>): PeerSpoils => ({ payload });
    const now = Date.now();
    const times = (issuedAtMs: number, expiresAtMs: number): PeerSpoils =>
      asserting({ issuedAtMs: BigInt(issuedAtMs), expiresAtMs: BigInt(expiresAtMs) });
    const manyClaims = (count: number): PeerSpoils =>
      asserting({ claims: Array.from({ length: count }, () => aClaimFor(patientOf(HELD))) });

    const assertions: Row[] = [
      ["no assertion", { request: { assertion: undefined } }, invalid(/^assertion is missing/)],
      ["an empty payload", { tampered: () => Buffer.alloc(0) }, invalid(/^assertion\.payload is missing/)],
      [
        "a payload of noise",
        { tampered: () => Buffer.alloc(300, 0xff) },
        invalid(/assertion\.payload is not a well-formed/),
      ],
      [
        "a payload over 32 KiB",
        { tampered: () => Buffer.alloc(33 * KIB) },
        invalid(/assertion\.payload is over 32768 bytes/),
      ],
      ["a question over 64 KiB", { tampered: () => Buffer.alloc(65 * KIB) }, overLimit(/max|larger/i, "")],
      [
        "a signature of 63 bytes",
        { signature: (bytes) => bytes.subarray(1) },
        invalid(/assertion\.signature is not 64/),
      ],
      ["a signature of zeros", { signature: () => Buffer.alloc(64) }, stranger(/signature is not the asker's/)],
      ["another member's signature", { signedBy: OTHER }, stranger(/signature is not the asker's/)],
      ["a stranger's signature", { signedBy: STRANGER }, stranger(/signature is not the asker's/)],
      [
        "a payload changed after it was signed",
        { tampered: changedReference },
        stranger(/signature is not the asker's/),
      ],
      ["an assertion for another holder", asserting({ holder: OTHER }), stranger(/made for another holder/)],
      ["an assertion for nobody", asserting({ holder: "" }), stranger(/made for another holder/)],
      ["an assertion of nobody", asserting({ asker: "" }), stranger(/not the connected node's own/)],
      [
        "one member in another's name",
        { payload: { asker: OTHER }, signedBy: OTHER },
        stranger(/not the connected node's own/),
      ],
      [
        "the holder's own name",
        { payload: { asker: HOLDER }, signedBy: HOLDER },
        stranger(/not the connected node's own/),
      ],
      ["an expired assertion", times(now - 200_000, now - 1_000), stranger(/expired \d+ s ago/, "clocks-differ")],
      [
        "one issued in the future",
        times(now + 3_600_000, now + 3_660_000),
        stranger(/ahead of the holder's clock/, "clocks-differ"),
      ],
      ["one that lasts an hour", times(now, now + 3_600_000), stranger(/within five minutes/)],
      ["one that ends before it begins", times(now, now - 1), stranger(/within five minutes/)],
      [
        "times at the ends of int64",
        asserting({ issuedAtMs: -(2n ** 63n), expiresAtMs: 2n ** 63n - 1n }),
        stranger(/within five minutes/),
      ],
    ];
    const claims: Row[] = [
      ["no claims", asserting({ claims: [] }), invalid(/assertion\.claims are not 1 to 64/)],
      ["65 claims", manyClaims(65), invalid(/assertion\.claims are not 1 to 64/)],
      ["a claim that is not there", asking({ claimIndex: 1 }), invalid(/question\.claim_index names no claim/)],
      ["a claim far out of range", asking({ claimIndex: 0xffffffff }), invalid(/question\.claim_index names no claim/)],
      ["no attempt id", { covering: { attemptId: "" } }, invalid(/claim\.attempt_id is not a UUID/)],
      [
        "the number as attempt id",
        { covering: { attemptId: HELD.nhsNumber } },
        invalid(/claim\.attempt_id is not a UUID/),
      ],
      ["no request id", { covering: { requestId: "" } }, invalid(/claim\.request_id is not a UUID/)],
      [
        "another patient than the claim's",
        asking({ patient: patientOf(ABSENT) }),
        stranger(/bound to another patient/),
      ],
      ["no nonce", asking({ patientNonce: Buffer.alloc(0) }), invalid(/question\.patient_nonce is not 16 bytes/)],
      ["a nonce of a kilobyte", asking({ patientNonce: Buffer.alloc(KIB) }), invalid(/patient_nonce is not 16 bytes/)],
      ["another nonce", asking({ patientNonce: Buffer.alloc(16) }), stranger(/bound to another patient/)],
      ["no binding", { covering: { patientBinding: Buffer.alloc(0) } }, stranger(/bound to another patient/)],
      ["a binding of zeros", { covering: { patientBinding: Buffer.alloc(32) } }, stranger(/bound to another patient/)],
      [
        "the number as reference",
        { claim: { relationship: { kind: 1, reference: HELD.nhsNumber } } },
        invalid(/reference is the patient's NHS number/),
      ],
      ["an unknown setting", { claim: { setting: 99 as 1 } }, invalid(/claim\.setting has a value that is not known/)],
      ["no purpose", { claim: { purpose: 0 } }, invalid(/^claim\.purpose is missing/)],
      ["NUL in the user", { claim: { userId: "\u0000" } }, invalid(/claim\.user_id holds control/)],
    ];
    const questions: Row[] = [
      ["no question", { request: { question: undefined } }, invalid(/^question is missing/)],
      ["no patient", asking({ patient: undefined }), invalid(/^question\.patient is missing/)],
      ["no time", asking({ answerByMs: 0 }), invalid(/^question\.answer_by_ms is not 1 to 60000/)],
      ["an hour", asking({ answerByMs: 3_600_000, lateUntilMs: 3_600_000 }), invalid(/^question\.answer_by_ms is not/)],
      [
        "less time than an answer takes",
        asking({ answerByMs: 1 }),
        { code: Status.DEADLINE_EXCEEDED, failure: "deadline-too-short", names: /Fewer than \d+ ms/ },
      ],
      [
        "late before the answer",
        asking({ answerByMs: 900, lateUntilMs: 899 }),
        invalid(/^question\.late_until_ms is not/),
      ],
      ["late for ever", asking({ lateUntilMs: 0xffffffff }), invalid(/^question\.late_until_ms is not/)],
      ["no protocol version", { request: { protocol: undefined } }, unready(/speaks protocol 1\.0/, "incompatible")],
      [
        "a major version ahead",
        { request: { protocol: { major: 2, minor: 0 } } },
        unready(/the asker 2\.0/, "incompatible"),
      ],
      [
        "two minor versions ahead",
        { request: { protocol: { major: 1, minor: 2 } } },
        unready(/the asker 1\.2/, "incompatible"),
      ],
    ];
    for (const [table, rows] of Object.entries({ assertions, claims, questions })) {
      describe(`refuses ${table}:`, () => {
        for (const [what, spoils, refusal] of rows) {
          it(what, () =>
            unkept(async () => {
              const request = await peerQuestion(network, HELD, spoils);
              checkRefused(await asker.call(METHOD.answerLocate, [peerBytes(request)]), refusal);
            }),
          );
        }
      });
    }

    it("refuses malformed, cut and doubled messages, and fields that nobody knows", () =>
      unkept(async () => {
        const whole = peerBytes(await peerQuestion(network, HELD));
        const unknown = Buffer.from([0x78, 0x01]);
        const more = await peerQuestion(network, HELD, { signs: (payload) => Buffer.concat([payload, unknown]) });
        for (const bytes of [Buffer.concat([whole, unknown]), peerBytes(more)]) {
          checkRefused(await asker.call(METHOD.answerLocate, [bytes]), invalid(/fields that are not known here/));
        }
        const malformed = invalid(/not a well-formed message/);
        checkRefused(await asker.call(METHOD.answerLocate, [Buffer.from("ffffffff", "hex")]), malformed);
        checkRefused(await asker.call(METHOD.answerLocate, [whole.subarray(0, -3)]), malformed);
        const [none, two] = [
          await asker.call(METHOD.answerLocate, []),
          await asker.call(METHOD.answerLocate, [whole, whole]),
        ];
        for (const ended of [none, two])
          checkRefused(ended, { code: Status.UNIMPLEMENTED, failure: "", names: /message/ });
      }));

    it("takes 64 claims, the last as well as the first, and a minor version more", async () => {
      const claim = aClaimFor(patientOf(HELD));
      const others = Array.from({ length: 63 }, () => aClaimFor(patientOf(ABSENT)));
      const spoils = { payload: { claims: [...others, claim] }, question: { claimIndex: 63 } };
      assert.equal((await ask(spoils)).attemptId, claim.attemptId);
      assert.equal((await ask({ request: { protocol: { major: 1, minor: 1 } } })).outcome, Outcome.OUTCOME_RECORDS);
    });

    it("answers roles, purposes and parties that may not know with a refusal and nothing else", async () => {
      const lonely = open(network.nodeTls(LONELY));
      const own = open(network.nodeTls(HOLDER));
      const answers = [
        [await ask({ claim: { role: "R9999" } }), Outcome.OUTCOME_REFUSED],
        [await ask({ claim: { role: "doctor" } }), Outcome.OUTCOME_REFUSED],
        [await ask({ claim: { purpose: 5 } }), Outcome.OUTCOME_REFUSED],
        [await ask({}, lonely, LONELY), Outcome.OUTCOME_NO_AGREEMENT],
        [await ask({}, own, HOLDER), Outcome.OUTCOME_NO_AGREEMENT],
      ] as const;
      for (const [answer, outcome] of answers) {
        assert.equal(answer.outcome, outcome);
        assert.deepEqual([answer.pointers, answer.coverage, answer.sealed], [[], undefined, []]);
        assert.match(answer.reason, /^[a-z-]+$/);
      }
    });

    it("answers an attempt once: not again, not on another connection, not after a new start", async () => {
      const bytes = peerBytes(await peerQuestion(network, HELD));
      const replayed = denied(/answered before/, "replayed");
      assert.equal((await asker.call(METHOD.answerLocate, [bytes])).code, Status.OK);
      checkRefused(await asker.call(METHOD.answerLocate, [bytes]), replayed);
      checkRefused(await open(network.nodeTls(ASKER)).call(METHOD.answerLocate, [bytes]), replayed);
      checkRefused(
        await open(network.nodeTls(OTHER)).call(METHOD.answerLocate, [bytes]),
        stranger(/not the connected/),
      );

      await node.kill();
      await startAgain();
      checkRefused(await asker.call(METHOD.answerLocate, [bytes]), replayed);
    });
  });

  describe("certificates", () => {
    let foreign: string;
    before(async () => {
      foreign = join(network.dir, "foreign");
      await issueAll(foreign);
    });
    after(() => rmSync(foreign, { recursive: true, force: true }));

    const names = (id: string) => ({ uris: [nodeUri(DOMAIN, id)], dns: [nodeDns(DOMAIN, id)] });
    const ended = { notBeforeMs: Date.now() - 40 * DAY_MS, notAfterMs: Date.now() - 10 * DAY_MS };
    const begun = { notBeforeMs: Date.now() + DAY_MS, notAfterMs: Date.now() + 2 * DAY_MS };
    const member = "not of a member of this network|is not issued by the authority";
    const rows: [what: string, files: () => Promise<TlsFiles | undefined>, refusal: Refusal, as?: string][] = [
      ["none", () => Promise.resolve(undefined), turnedAway],
      ["another network's with the same names", () => Promise.resolve(strangers(foreign)), turnedAway],
      ["one signed by itself", () => network.forge(ASKER, "itself"), turnedAway],
      ["an expired one", () => network.forge(ASKER, "care", ended), turnedAway],
      ["one not valid yet", () => network.forge(ASKER, "care", begun), turnedAway],
      [
        "a member's name by another authority of the network",
        () => network.forge(ASKER, "health"),
        stranger(/not issued by the authority that the directory names/),
      ],
      [
        "a node that is in no manifest",
        () => Promise.resolve(network.nodeTls(STRANGER)),
        stranger(new RegExp(member)),
        STRANGER,
      ],
      [
        "a member that is suspended",
        () => Promise.resolve(network.nodeTls(SUSPENDED)),
        denied(/suspended, not live/),
        SUSPENDED,
      ],
      [
        "two identities in one",
        () =>
          network.forge(ASKER, "care", {
            names: { ...names(ASKER), uris: [nodeUri(DOMAIN, ASKER), nodeUri(DOMAIN, OTHER)] },
          }),
        stranger(/exactly one identity/),
      ],
      [
        "one whose names disagree",
        () => network.forge(ASKER, "care", { names: { ...names(ASKER), dns: [nodeDns(DOMAIN, OTHER)] } }),
        stranger(/certificate/),
      ],
      ["one without a name", () => network.forge(ASKER, "care", { names: {} }), stranger(/identity/)],
    ];
    for (const [what, files, refusal, as = ASKER] of rows) {
      it(`refuses ${what}`, () =>
        unkept(async () => {
          const client = open(await files(), network.nodeTls(ASKER).trust);
          const question = peerBytes(await peerQuestion(network, HELD, {}, as));
          checkRefused(await client.call(METHOD.answerLocate, [question], { withinMs: 4_000 }), refusal);
          checkRefused(await client.call(METHOD.locate, [locateBytes(aLocate(HELD))], { withinMs: 4_000 }), {
            ...refusal,
            ...(refusal.code === Status.PERMISSION_DENIED && { names: /./ }),
          });
        }));
    }
    function strangers(dir: string): TlsFiles {
      return readNodeTls(nodeFiles(dir, ASKER).directory);
    }
  });

  describe("who may call what", () => {
    const question = async (): Promise<Uint8Array> => peerBytes(await peerQuestion(network, HELD));
    const locate = locateBytes(aLocate(HELD));
    it("peers ask, callers locate, feeders load: nobody does another's", () =>
      unkept(async () => {
        const operator = open(network.callerTls("operator"));
        const visitor = open(network.callerTls("ward", ASKER));
        const load = [header(), batch(1n, [anIdentity("X-1", ABSENT)])];
        checkRefused(await ward.call(METHOD.answerLocate, [await question()]), denied(/Only member nodes/));
        checkRefused(await feed.call(METHOD.answerLocate, [await question()]), denied(/Only member nodes/));
        checkRefused(await asker.call(METHOD.locate, [locate]), denied(/Only callers of this node/));
        checkRefused(await visitor.call(METHOD.locate, [locate]), denied(/of another node's caller/));
        checkRefused(await visitor.call(METHOD.answerLocate, [await question()]), denied(/of another node's caller/));
        for (const client of [ward, asker, operator]) {
          checkRefused(await client.call(METHOD.load, load), denied(/right to feed/));
        }
      }));

    it("a caller without roles may not claim one, and that is kept", async () => {
      const before = countKept(network.dataDir);
      checkRefused(await feed.call(METHOD.locate, [locate]), denied(/does not allow it to claim a role/));
      assert.equal(countKept(network.dataDir).gates, before.gates + 1);
    });

    it("what is not served is said to be so", () =>
      unkept(async () => {
        for (const path of ["/corridor.v1.FederationService/Nope", "/corridor.v1.AdminService/Dump", "/", "/x"]) {
          checkRefused(await ward.call(path, [locate]), notServed(/implement|method/i));
        }
        checkRefused(
          await open(network.callerTls("operator")).call(METHOD.reflection, [Buffer.alloc(0)]),
          notServed(/./),
        );
      }));

    it("a call that is no gRPC is told so", () =>
      unkept(async () => {
        const files = network.callerTls("ward");
        const json = await rawPost(node.port, files, METHOD.locate, locate, { "content-type": "application/json" });
        assert.equal(json.httpStatus, 415, json.said);
      }));
  });

  describe("the feeds' door", () => {
    type Row = readonly [what: string, messages: readonly Uint8Array[], refusal: Refusal];
    const good = batch(1n, [anIdentity("X-1", ABSENT), aPointer("X-1", "X-R-1")]);
    const nothing = LoadRequest.encode({ message: undefined }).finish();
    const aheadMs = BigInt(Date.now() + DAY_MS);
    const rows: Row[] = [
      ["a batch before the header", [good], invalid(/^header is missing/)],
      ["an empty message before the header", [nothing], invalid(/^header is missing/)],
      ["a finish before the header", [finish()], invalid(/^header is missing/)],
      ["a finish after what is no batch", [header(), nothing, finish()], invalid(/^batch is missing/)],
      ["a field that nobody knows", [header(), Buffer.from([0x78, 0x01])], invalid(/not known here/)],
      ["two headers", [header(), header()], invalid(/^batch is missing/)],
      ["a batch numbered 0", [header(), batch(0n, [anIdentity("X-1", ABSENT)])], invalid(/batch\.sequence is not 1/)],
      ["a batch numbered 2", [header(), batch(2n, [anIdentity("X-1", ABSENT)])], invalid(/batch\.sequence is not 1/)],
      [
        "a batch numbered past int64",
        [header(), batch(2n ** 64n - 1n, [anIdentity("X-1", ABSENT)])],
        invalid(/batch\.sequence/),
      ],
      [
        "an item that is nothing, among good ones",
        [header(), batch(1n, [anIdentity("X-1", ABSENT), { item: undefined }])],
        invalid(/batch\.items\[1\] is neither/),
      ],
      [
        "1,001 items",
        [
          header(),
          batch(
            1n,
            Array.from({ length: 1_001 }, (_, at) => anIdentity(`X-${at}`, ABSENT)),
          ),
        ],
        overLimit(/1000 items/),
      ],
      [
        "a batch over a megabyte",
        [header(), batch(1n, [anIdentity("X-1", ABSENT, { locality: "x".repeat(1_060_000) })])],
        overLimit(/1048576|max/i),
      ],
      [
        "a batch of 2 MiB",
        [header(), batch(1n, [anIdentity("X-1", ABSENT, { locality: "x".repeat(2_100_000) })])],
        overLimit(/max|larger/i, ""),
      ],
      [
        "malformed bytes after the header",
        [header(), Buffer.from("12ff", "hex")],
        invalid(/not a well-formed message/),
      ],
      ["a name of 101 characters", [header("n".repeat(101)), good], invalid(/^Name the load/)],
      ["no name", [header(""), good], invalid(/^Name the load/)],
      ["NUL in the name", [header("a\u0000b"), good], invalid(/^Name the load/)],
      ["an NHS number as name", [header(`batch ${ABSENT.nhsNumber}`), good], invalid(/without patient data/)],
      ["a moment in the future", [header("a load", aheadMs), good], invalid(/as_of_ms lies ahead/)],
      ["a moment past what a clock can say", [header("a load", 2n ** 63n - 1n), good], invalid(/as_of_ms lies ahead/)],
      ["a moment before 1970", [header("a load", -1n), good], invalid(/as_of_ms/)],
    ];
    for (const [what, messages, refusal] of rows) {
      it(`refuses ${what}, and keeps nothing of it`, () =>
        unkept(async () => {
          checkRefused(await feed.call(METHOD.load, messages), refusal);
        }));
    }

    it("keeps what it acknowledged and nothing after, where a later batch is broken", async () => {
      const before = countKept(network.dataDir);
      const second = anIdentity("K-1", ABSENT, { nhsNumber: "", nhsNumberStatus: "" });
      const messages = [
        header(),
        batch(1n, [second]),
        Buffer.from("12ff", "hex"),
        batch(2n, [anIdentity("X-9", ABSENT)]),
      ];
      const ended = await feed.call(METHOD.load, messages, { inStep: true });
      assert.deepEqual(
        [ended.code, ended.failure, ended.messages.length],
        [Status.INVALID_ARGUMENT, "invalid-input", 1],
      );
      assert.equal(countKept(network.dataDir).identities, before.identities + 1);
    });

    it("counts a provider as complete only when the load is finished, and takes nothing behind that", async () => {
      const identity = anIdentity("K-3", ABSENT, { nhsNumber: "", nhsNumberStatus: "" });
      const before = countKept(network.dataDir);
      assert.equal((await feed.call(METHOD.load, [header(), batch(1n, [identity])])).code, Status.OK);
      assert.equal(countKept(network.dataDir).completeMs, before.completeMs, "a load that broke off is no fresh feed");

      const behind = [header(), batch(1n, [identity]), finish(), batch(2n, [anIdentity("X-8", ABSENT)])];
      const ended = await feed.call(METHOD.load, behind, { inStep: true });
      assert.deepEqual([ended.failure, ended.messages.length], ["invalid-input", 2], ended.said);
      const after = countKept(network.dataDir);
      assert.equal(after.identities, before.identities + 1);
      assert.ok(after.completeMs > before.completeMs, "the finished load counts");
    });

    const spoilt: [field: string, item: Partial<IdentityItem>][] = [
      ["provider", { provider: "RZZ" }],
      ["provider", { provider: PAUSED_PROVIDER }],
      ["provider", { provider: OTHERS_PROVIDER }],
      ["provider", { provider: "" }],
      ["local_id", { localId: "" }],
      ["local_id", { localId: "x".repeat(65) }],
      ["local_id", { localId: "a\u0000" }],
      ["nhs_number", { nhsNumber: "1111111111" }],
      ["nhs_number", { nhsNumber: ABSENT.nhsNumber.slice(0, 9) }],
      ["nhs_number", { nhsNumber: "９".repeat(10) }],
      ["nhs_number_status", { nhsNumberStatus: "09" }],
      ["nhs_number_status", { nhsNumber: "" }],
      ["given_name", { givenName: "x".repeat(101) }],
      ["family_name", { familyName: "a\u202eb" }],
      ["birth_date", { birthDate: "1961-02-29" }],
      ["birth_date", { birthDate: "2999-01-01" }],
      ["gender", { gender: "F" }],
      ["address_line1", { addressLine1: "x".repeat(201) }],
      ["postcode", { postcode: "ZZ98 7QX ZZ" }],
      ["phone", { phone: "0".repeat(41) }],
      ["recorded_on", { recordedOn: "2999-01-01" }],
    ];
    const spoiltPointers: [field: string, item: Partial<PointerItem>][] = [
      ["local_id", { localId: "" }],
      ["record_id", { recordId: "" }],
      ["record_type", { recordType: "diary" }],
      ["record_type", { recordType: "sexual-health" }],
      ["recorded_on", { recordedOn: "yesterday" }],
      ["format", { format: "pdf" }],
      ["fetch", { fetch: "file:///etc/passwd" }],
      ["fetch", { fetch: "https://user:word@records.example/1" }],
      ["fetch", { fetch: `https://records.example/${ABSENT.nhsNumber}` }],
      ["fetch", { fetch: `https://records.example/?n=${spaced(ABSENT.nhsNumber, "%20")}` }],
      ["sensitivity", { sensitivity: "X" }],
    ];
    it("rejects each spoilt item by its field and without its values, and keeps the good one between them", async () => {
      const before = countKept(network.dataDir);
      const keeper = anIdentity("K-2", ABSENT, { nhsNumber: "", nhsNumberStatus: "" });
      const items = [
        ...spoilt.map(([, more]) => anIdentity("X-1", ABSENT, more)),
        keeper,
        ...spoiltPointers.map(([, more]) => aPointer("K-2", "X-R-1", more)),
      ];
      const ended = await feed.call(METHOD.load, [header(), batch(1n, items)]);
      assert.equal(ended.code, Status.OK, ended.said);
      const { accepted, rejected } = LoadResponse.decode(ended.messages[0]!);
      const fields = [...spoilt.map(([field]) => field), "", ...spoiltPointers.map(([field]) => field)];
      assert.equal(accepted, 1);
      assert.deepEqual(
        rejected.map(({ index, field }) => [index, field]),
        fields.map((field, index) => [index, field]).filter(([, field]) => field !== ""),
      );
      const reasons = rejected.map(({ reason }) => reason).join("\n");
      heard.push(reasons);
      assert.deepEqual(findPeopleIn(reasons, PEOPLE), []);
      const kept = countKept(network.dataDir);
      assert.deepEqual(kept, { ...before, identities: before.identities + 1, gates: kept.gates });
    });
  });

  describe("a store that fails", () => {
    const unavailable: Refusal = {
      code: Status.UNAVAILABLE,
      failure: "store-unavailable",
      names: /nothing has been disclosed/,
    };
    const locate = (): Promise<Ended> => ward.call(METHOD.locate, [locateBytes(aLocate(HELD))]);
    const answer = async (): Promise<Ended> =>
      asker.call(METHOD.answerLocate, [peerBytes(await peerQuestion(network, HELD))]);
    const load = (): Promise<Ended> => feed.call(METHOD.load, [header(), batch(1n, [anIdentity("X-1", ABSENT)])]);
    const db = (name: "index" | "audit"): Database => openDatabase(join(network.dataDir, `${name}.db`));
    // Here the log tells of faults, and must; of whom, it must not.
    afterEach(() => {
      assert.deepEqual(findPeopleIn(log(), PEOPLE), []);
      judgedTo = log().length;
    });

    it("that another process keeps locked: nothing is disclosed, nothing kept, and all is well afterwards", async () => {
      await unkept(async () => {
        const [index, audit] = [db("index"), db("audit")];
        try {
          for (const store of [index, audit]) store.exec("BEGIN IMMEDIATE");
          const calls = [locate(), load()];
          const alive = await asker.call(METHOD.health, [Buffer.alloc(0)], { withinMs: 1_000 });
          assert.equal(alive.code, Status.OK, "the event loop does not wait for the lock");
          for (const ended of await Promise.all(calls)) checkRefused(ended, unavailable);
        } finally {
          for (const store of [index, audit]) store.close();
        }
      });
    });

    it("with a damaged row: its person is not answered about, others are", async () => {
      const index = db("index");
      const rename = (to: string): void =>
        void index.prepare("UPDATE identity_record SET family_name = ? WHERE local_id = 'L-1'").run(to);
      try {
        rename("Quillfeatherstonf");
        checkRefused(await answer(), unavailable);
        checkRefused(await locate(), unavailable);
        const other = peerBytes(await peerQuestion(network, ABSENT));
        assert.equal((await asker.call(METHOD.answerLocate, [other])).code, Status.OK);
      } finally {
        rename(HELD.familyName);
        index.close();
      }
    });

    it("without one of its tables: what nobody foresaw is a plain error, and the node goes on", async () => {
      const index = db("index");
      try {
        index.exec("ALTER TABLE pointer RENAME TO mislaid");
        const refused = await answer();
        heard.push(refused.said);
        assert.ok([Status.UNAVAILABLE, Status.INTERNAL].includes(refused.code), refused.said);
        assert.match(refused.failure, /^(?:store-unavailable|internal)$/);
        assert.doesNotMatch(refused.said, /pointer|table|SQL|\.ts/i, "the inside shows");
        assert.equal(refused.messages.length, 0);
        // The other areas' answers stand without the own one, which is told as not given.
        const [own] = eventsOf(await locate());
        assert.ok(own?.$case === "answer" && own.value.own);
        assert.deepEqual([own.value.outcome, own.value.pointers], [Outcome.OUTCOME_UNREACHABLE, []]);
      } finally {
        index.exec("ALTER TABLE mislaid RENAME TO pointer");
        index.close();
      }
    });

    it("on a full disk: discloses nothing that it could not keep, ends in order, and has all it promised", async () => {
      await node.stop();
      await startAgain(FILE_BLOCKS_MAX);
      const before = countKept(network.dataDir);
      let answered = 0;
      let ended = await answer();
      for (; ended.code === Status.OK && answered < 5_000; ended = await answer()) answered++;
      assert.ok(answered > 10, `only ${answered} were answered before the disk was full`);
      checkRefused(ended, unavailable);
      assert.equal(await node.ended, 1, log());
      assert.match(log(), /"event":"fatal"/);

      await startAgain();
      assert.equal(countKept(network.dataDir).gates - before.gates, answered, "each answer has its entry");
    });
  });

  describe("all that was said", () => {
    it("names no patient: not in an error, not in the log", () => {
      assert.ok(heard.length > 150, `only ${heard.length} errors were heard`);
      assert.deepEqual(findPeopleIn(heard.join("\n"), PEOPLE), []);
      assert.deepEqual(findPeopleIn(log(), PEOPLE), []);
      assert.match(log(), /"failure":"store-unavailable"/, "the log was read");
    });
  });
});

function eventsOf({ messages }: Ended): LocateResponse["event"][] {
  return messages.map((message) => LocateResponse.decode(message).event);
}

function spaced(number: string, gap: string): string {
  return [number.slice(0, 3), number.slice(3, 6), number.slice(6)].join(gap);
}

/** A field 15 inside the patient, whose length is put right. */
function spoilNested(request: Buffer): Buffer {
  const spoilt = Buffer.concat([request.subarray(0, 2), Buffer.from([0x78, 0x01]), request.subarray(2)]);
  spoilt[1]! += 2;
  return spoilt;
}

/** The reference of the claim, one letter further. */
function changedReference(payload: Buffer): Buffer {
  const changed = Buffer.from(payload);
  changed[changed.indexOf("ATT-1") + 4]! += 1;
  return changed;
}
