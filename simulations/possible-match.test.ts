import assert from "node:assert/strict";

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { issueCaller } from "../certs/issue.ts";
import { systemClock } from "../node/base/clock.ts";
import { Concealed } from "../node/base/concealed.ts";
import { EXIT } from "../node/cli/exit.ts";
import { FEED_CALLER } from "../node/cli/mesh/demo-caller.ts";
import type { PointerRecord } from "../node/locator/pointer-store.ts";
import type { FeedItem } from "../node/requests/load-batch.ts";
import { anIdentityRecord } from "../node/testing/an-index.ts";
import { connectCaller } from "../node/wire/caller-client.ts";
import { type CommandResult, corridor } from "./demo/command.ts";
import { startNetwork, type TestNetwork } from "./testing/a-network.ts";
import { providerOf } from "./testing/a-topology.ts";
import { type Asker, ask, DOCTOR, outcomeAt, say } from "./testing/asking.ts";
import { aPerson } from "./testing/people.ts";

const CORRIDOR = fileURLToPath(new URL("../bin/corridor", import.meta.url));

const START_MS = 60_000;
const TEST_MS = 60_000;

const BORN = "1961-04-12";

/** Roles that act at once and can check who it is; and others, who hear nothing of it. */
const MAY_HEAR: readonly Asker[] = [
  DOCTOR,
  { ...DOCTOR, role: "R0260", setting: "general-practice", relationship: "registered" },
  { ...DOCTOR, role: "R1340", setting: "mental-health", relationship: "referral" },
];
const MAY_NOT: readonly Asker[] = [
  { ...DOCTOR, setting: "acute" },
  { ...DOCTOR, role: "R1070", setting: "ambulance" },
  { ...DOCTOR, role: "R1290", setting: "community-pharmacy", relationship: "registered" },
  { ...DOCTOR, role: "R8014", setting: "adult-social-care", relationship: "caseload" },
];

describe("a record in review on another node", function () {
  this.timeout(TEST_MS);
  const AREAS = [
    { id: "ash", name: "Ashdale", collaborative: "north", region: "Upland" },
    { id: "birch", name: "Birchwood", collaborative: "north", region: "Upland" },
  ] as const;
  /** Known at birch, with no record of their own; and so are the others. */
  const patient = aPerson(1, BORN, [{ area: "birch", records: [] }]);
  const protectedPatient = aPerson(2, "1944-11-30", [{ area: "birch", records: [], restricted: true }]);

  let network: TestNetwork;
  before(async function () {
    this.timeout(START_MS);
    network = await startNetwork({
      areas: AREAS,
      agreements: [{ between: ["ash", "birch"] }],
      people: [patient, protectedPatient],
    });
    await loadDoubtful();
  });
  after(async function () {
    this.timeout(START_MS);
    await network?.stop();
  });

  /** Of each patient, a record in every way like theirs under another verified number: somebody has yet to say whose it is. */
  async function loadDoubtful(): Promise<void> {
    const provider = providerOf("birch");
    const items = [patient, protectedPatient].flatMap(({ birthDate }, at): FeedItem[] => {
      const localId = `X${at}`;
      const pointer: PointerRecord = {
        ...{ provider, localId, recordId: `X${at}-1`, recordType: "discharge-letter", recordedOn: "2025-03-02" },
        ...{ format: "application/pdf", fetch: "https://records.birch.example/x", sensitivity: "N" },
      };
      const identity = anIdentityRecord({
        ...{
          provider,
          localId,
          nhsNumber: aPerson(11 + at, birthDate).nhsNumber,
          givenName: "Robin",
          familyName: "Trial",
        },
        ...{ birthDate, addressLine1: "1 Trial Road", locality: "Trialby", postcode: "", phone: "" },
      });
      return [
        { kind: "identity", values: new Concealed(identity) },
        { kind: "pointer", values: new Concealed(pointer) },
      ];
    });
    const { host, port, callerDir } = network.mesh.node("birch");
    const client = await connectCaller({ host, port, certsDir: callerDir(FEED_CALLER.name) }, systemClock);
    try {
      const batches = (async function* () {
        yield items;
      })();
      for await (const { rejected } of client.load({ name: "doubtful", asOfMs: 0 }, batches)) {
        assert.deepEqual(rejected, []);
      }
    } finally {
      client.close();
    }
  }

  const mpi = (...args: readonly string[]): Promise<CommandResult> =>
    corridor(["mpi", ...args, "--via", "birch", "--mesh", network.folder, "--reason", "trial"]);

  it("is a possible match to emergency, general practice and mental health, with whom to ring", async () => {
    for (const asker of MAY_HEAR) {
      const asked = await ask(network, patient, { asker });
      assert.deepEqual(outcomeAt(asked, "birch"), ["possible-match", ""], `${asker.role} in ${asker.setting}`);
      assert.ok(asked.answers.every(({ pointers }) => pointers.length === 0));
      assert.match(asked.verdict.sentence, /Birchwood/);
    }
    const { stdout } = await say(network, patient);
    assert.match(stdout, /A record here may be this patient's; identity not confirmed\./);
  });

  it("is nothing to any other role, in the same words as a patient of whom nothing is held", async () => {
    const stranger = aPerson(9, BORN);
    for (const asker of MAY_NOT) {
      const asked = await ask(network, patient, { asker });
      assert.deepEqual(outcomeAt(asked, "birch"), ["nothing-to-show", ""], `${asker.role} in ${asker.setting}`);
      const nothing = await ask(network, stranger, { asker });
      const told = ({ answers }: typeof asked) =>
        JSON.stringify(
          answers.map(({ outcome, reason, pointers, sealed, notOffered, morePointers }) => ({
            ...{ outcome, reason, pointers, sealed, notOffered, morePointers },
          })),
        );
      assert.equal(told(asked), told(nothing));
    }
  });

  it("is nothing to anybody where the patient is restricted", async () => {
    for (const asker of [...MAY_HEAR, ...MAY_NOT]) {
      const asked = await ask(network, protectedPatient, { asker });
      assert.deepEqual(outcomeAt(asked, "birch"), ["nothing-to-show", ""], `${asker.role} in ${asker.setting}`);
    }
  });

  it("stands in the audit of its node as what it was: somebody's existence disclosed", async () => {
    const { requestId } = await ask(network, patient);
    const answer = network.entries("birch", requestId).find(({ kind }) => kind === "answer");
    assert.equal(answer?.outcome, "possible-match");
    assert.equal(answer.personId?.split(" ").length, 2);
  });

  it("is masked to operators, shown to reviewers, and theirs to decide: then its records are found", async () => {
    const masked = await mpi("review", "list", "--json");
    assert.equal(masked.exitCode, EXIT.done, masked.stderr);
    const { records } = JSON.parse(masked.stdout) as {
      records: { identityNo: number; candidates: { personId: string }[] }[];
    };
    const [doubtful] = records;
    assert.ok(doubtful);
    const identity = String(doubtful.identityNo);
    const operator = await mpi("review", "show", identity);
    assert.match(operator.stdout, /birth/);
    assert.doesNotMatch(operator.stdout, /Robin|Trial/);
    const decide = [
      "review",
      "decide",
      identity,
      "--person",
      doubtful.candidates[0]?.personId ?? "",
      "--verdict",
      "same",
    ];
    assert.equal((await mpi(...decide)).exitCode, EXIT.refused);

    const certs = await reviewersCertificate();
    const reviewer = (...args: readonly string[]) =>
      mpi(...args, "--certs", certs, "--role", "R8008", "--user", "r.one");
    assert.match((await reviewer("review", "show", identity)).stdout, /familyName +Trial/);
    const decided = await reviewer(...decide);
    assert.equal(decided.exitCode, EXIT.done, decided.stderr);
    const found = outcomeAt(await ask(network, patient), "birch");
    assert.deepEqual(found, ["records", ""]);

    const history = await reviewer("history", identity);
    assert.match(history.stdout, /user R8008 r\.one: trial/);
    assert.match((await reviewer("quality")).stdout, /1 same, 0 different, 0 unsure/);
    assert.match((await mpi("hairballs")).stdout, /No person has so many identities/);
    const verdictNo = /verdict (\d+)/.exec(decided.stdout)?.[1] ?? "";
    assert.equal((await reviewer("review", "undecide", verdictNo)).exitCode, EXIT.done);
    assert.deepEqual(outcomeAt(await ask(network, patient), "birch"), ["possible-match", ""]);
  });

  it("is decided by number too, read from standard input and from nowhere else", async () => {
    const certs = await reviewersCertificate();
    const other = aPerson(11, BORN).nhsNumber;
    const supersede = (input: string) =>
      spawnSync(
        CORRIDOR,
        [
          ...["mpi", "supersede", "--via", "birch", "--mesh", network.folder, "--reason", "trial"],
          ...["--certs", certs, "--role", "R8008"],
        ],
        { input, encoding: "utf8" },
      );
    const refused = supersede("9000000000\n9000000001\n");
    assert.deepEqual([refused.status, refused.stdout], [EXIT.usage, ""]);
    assert.ok(!refused.stderr.includes("9000000000"));
    assert.equal(supersede(`${patient.nhsNumber}\n${other}\n`).status, EXIT.done);
    for (const nhsNumber of [patient.nhsNumber, other]) {
      const asked = await ask(network, { nhsNumber, birthDate: BORN });
      assert.deepEqual(outcomeAt(asked, "birch"), ["records", ""], "both numbers find the one person");
    }
  });

  /** A caller whose users review, certified by birch's authority. */
  async function reviewersCertificate(): Promise<string> {
    const rights = {
      ...{ roles: ["R8008"], settings: [], organisations: [] },
      ...{ feed: false, operate: false, review: true, sandbox: false },
    };
    const { files } = await issueCaller(network.mesh.paths.certs, {
      ...{ node: "birch", name: "review-desk", rights, clock: systemClock, replace: true },
    });
    return files.directory;
  }
});
