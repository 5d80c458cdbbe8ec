import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { AreaAnswer, Verdict } from "../../node/base/answer.ts";
import { systemClock } from "../../node/base/clock.ts";
import { systemRandom } from "../../node/base/random.ts";
import { openDatabase } from "../../node/storage/database.ts";
import { EXIT } from "../../node/cli/exit.ts";
import { DEMO_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import { corridor } from "../demo/command.ts";
import { differenceOf } from "../evidence/welch.ts";
import { type TestNetwork, startNetwork } from "../testing/a-network.ts";
import { type Asked, type Asker, DOCTOR, ask, claimOf, outcomeAt, patientOf, say } from "../testing/asking.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { aPerson, type TrialPerson } from "../testing/people.ts";

const START_MS = 60_000;
/** A filter is built, fetched, and known to be fresh; and a write has come to it. */
const IN_FILTER_WITHIN_MS = 30_000;

const ADULT = "1961-04-12";
/** An imaging report is nothing that they see. */
const CREW: Asker = { ...DOCTOR, role: "R1070", setting: "ambulance" };
/** Above it two sets of times differ, says dudect. */
const T_MAX = 4.5;
/** The control: such a difference must be found; at fewer rounds a small one drowns in the noise. */
const SEEDED_MS = process.env["COUNT"] === "full" ? 1 : 20;
const AREAS = ["ash", "birch", "cedar"].map((id) => ({ id, name: id, collaborative: "north", region: "Upland" }));
const AGREEMENTS = [{ between: ["ash", "birch"], purposes: ["TREAT", "BTG"] as const }, { between: ["ash", "cedar"] }];

describe("a network that routes by presence filters", function () {
  this.timeout(START_MS);
  const known = aPerson(1, ADULT, [{ area: "birch", records: ["discharge-letter"] }]);
  const stranger = aPerson(2, ADULT);
  const withoutRecords = aPerson(3, ADULT, [{ area: "birch", records: [] }]);
  const objector = aPerson(4, ADULT, [{ area: "birch", records: ["discharge-letter"], objected: true }]);
  const restricted = aPerson(5, ADULT, [{ area: "birch", records: ["discharge-letter"], restricted: true }]);
  const newcomer = aPerson(6, ADULT);
  /** In the filter, for others may see it, but not this crew. */
  const hidden = aPerson(7, ADULT, [{ area: "birch", records: ["imaging-report"] }]);

  let network: TestNetwork;
  before(async () => {
    const people = [known, withoutRecords, objector, restricted, hidden];
    network = await startNetwork({ areas: AREAS, agreements: AGREEMENTS, signedOff: ["ash", "birch"], people });
    await untilAsked(stranger, false);
  });
  after(() => network?.stop());

  const wasAsked = (nodeId: string, { requestId }: Asked): boolean => network.entries(nodeId, requestId).length > 0;

  async function untilAsked(person: TrialPerson, isAsked: boolean): Promise<Asked> {
    for (const beganMs = performance.now(); ;) {
      const asked = await ask(network, person);
      if (wasAsked("birch", asked) === isAsked) return asked;
      assert.ok(performance.now() - beganMs < IN_FILTER_WITHIN_MS, `birch is ${isAsked ? "not " : ""}asked, still`);
      await sleep(200);
    }
  }

  /** All that is said of an area, but for times. */
  const saidBy = (nodeId: string, { answers, verdict }: Asked): unknown => [
    { ...answers.find(({ area }) => area.nodeId === nodeId), elapsedMs: 0, coverage: "" },
    { ...verdict.areas.find((each) => each.nodeId === nodeId), elapsedMs: 0 },
  ];

  it("asks the node that has something to show", async () => {
    const asked = await ask(network, known);
    assert.deepEqual(outcomeAt(asked, "birch"), ["records", ""]);
    assert.ok(wasAsked("birch", asked));
  });

  it("asks no node about whom it would show nothing of, whatever the cause, and says of all of them the same", async () => {
    const first = await ask(network, stranger);
    assert.deepEqual(outcomeAt(first, "birch"), ["nothing-to-show", ""]);
    for (const person of [stranger, withoutRecords, objector, restricted]) {
      const asked = await ask(network, person);
      assert.ok(!wasAsked("birch", asked), "birch is not asked");
      assert.deepEqual(saidBy("birch", asked), saidBy("birch", first));
      await untilNoted(asked);
    }
  });

  async function untilNoted({ requestId }: Asked): Promise<void> {
    for (const beganMs = performance.now(); ; await sleep(20)) {
      const outcomes = network.entries("ash", requestId).find(({ kind }) => kind === "outcomes");
      const detail = JSON.parse(outcomes?.detail ?? "{}") as { otherwise?: object };
      if (outcomes !== undefined) return assert.deepEqual(detail.otherwise, { birch: "not-asked" }, "the audit knows");
      assert.ok(performance.now() - beganMs < 5_000, "the outcomes were not recorded");
    }
  }

  it("asks a node whose Caldicott Guardian has not signed, about everybody", async () => {
    const asked = await ask(network, stranger);
    assert.ok(wasAsked("cedar", asked));
    assert.ok(!existsSync(join(network.mesh.node("ash").dataDir, "presence", "cedar.filter")));
  });

  it("keeps what it follows for people to look at, without its key, and says whether it is what its holder signed", async () => {
    const file = join(network.mesh.node("ash").dataDir, "presence", "birch.filter");
    const inspected = await corridor(["presence", "inspect", file, "--json"]);
    const { holder, keys } = JSON.parse(inspected.stdout) as { holder: string; keys: number };
    assert.deepEqual([holder, keys], ["birch", 2], "known and hidden: what somebody may be shown");
    const verified = await corridor(["presence", "verify", file, "--mesh", network.folder]);
    assert.equal(verified.exitCode, 0, verified.stderr);
    assert.match(verified.stdout, /^Signed by birch: the whole filter, nothing changed\./);

    const bytes = readFileSync(file);
    const other = join(network.folder, "changed.filter");
    writeFileSync(other, Buffer.from(bytes.toString("latin1").replace('"epoch":', '"epoch":1'), "latin1"));
    const refused = await corridor(["presence", "verify", other, "--mesh", network.folder]);
    assert.equal(refused.exitCode, EXIT.refused);
    assert.match(refused.stderr, /the signature is not birch's, or the file was changed/);
    writeFileSync(other, bytes.subarray(0, -1));
    assert.equal((await corridor(["presence", "inspect", other])).exitCode, EXIT.usage);
  });

  it("says in the holder's audit whom it was handed to", () => {
    const db = openDatabase(network.auditPath("birch"), { readonly: true });
    try {
      const handed = db.prepare("SELECT detail FROM audit_log WHERE outcome = 'presence-filter'").pluck().all();
      assert.equal(handed.length, 1);
      assert.match(String(handed[0]), /"caller":"ash"/);
    } finally {
      db.close();
    }
  });

  it("asks everybody under emergency access, for it may be shown more", async () => {
    const asker = { ...DOCTOR, purpose: "BTG" } as const;
    const said = await say(network, stranger, { asker }, "--emergency-reason", "unconscious", "--json");
    const { requestId } = JSON.parse(said.stdout) as { requestId: string };
    assert.ok(network.entries("birch", requestId).length > 0);
  });

  catalogueRow(
    {
      ...{ id: "X2", title: "who is ruled out and who is asked about in vain: bytes equal, times alike" },
      ...{ quick: 60, full: 2_000, slice: 2_000, timeoutMs: 30 * 60_000 },
    },
    async (trials) => {
      const client = await connectTo(network);
      try {
        const askOf = (person: TrialPerson) => askTimed(client, person);
        // First as often as the times are drawn from.
        for (let round = 0; round < 64; round++) await askOf(hidden);
        const first = await askOf(hidden);
        const times = { ruledOut: [] as number[], asked: [] as number[] };
        for (const trial of trials) {
          const inTurn = [
            ["ruledOut", stranger],
            ["asked", hidden],
          ] as const;
          for (const [which, person] of trial % 2 === 0 ? inTurn : inTurn.toReversed()) {
            const asked = await askOf(person);
            assert.equal(wasAsked("birch", asked), which === "asked");
            assert.deepEqual(saidBy("birch", asked), saidBy("birch", first));
            times[which].push(asked.tookMs);
          }
        }
        const t = differenceOf(times.ruledOut, times.asked);
        const control = differenceOf(
          times.ruledOut,
          times.asked.map((ms) => ms + SEEDED_MS),
        );
        assert.ok(t < T_MAX, `they can be told apart: t is ${t.toFixed(1)}`);
        assert.ok(control > T_MAX, `a difference that is there is not found: t is ${control.toFixed(1)}`);
        return { counts: { pairs: trials.count }, worst: { t, control } };
      } finally {
        client.close();
      }
    },
  );

  it("asks again soon after a write has given it something to show", async () => {
    assert.ok(!wasAsked("birch", await ask(network, newcomer)));
    const file = join(network.folder, "newcomer.identities.csv");
    const pointers = join(network.folder, "newcomer.pointers.csv");
    writeFileSync(
      file,
      `provider,local_id,nhs_number,nhs_number_status,given_name,middle_name,family_name,birth_date,gender,address_line1,address_line2,locality,postcode,phone,recorded_on,restricted\n` +
        `BIRCHH,N1,${newcomer.nhsNumber},01,Robin,,Trial,${ADULT},female,,,,,,2024-05-01,false\n`,
    );
    writeFileSync(
      pointers,
      `provider,local_id,record_id,record_type,recorded_on,format,fetch,sensitivity\n` +
        `BIRCHH,N1,N1-1,discharge-letter,2025-03-02,application/pdf,https://records.birch.example/N1-1,N\n`,
    );
    const where = ["--via", "birch", "--mesh", network.folder, "--provider", "BIRCHH"];
    const loaded = await corridor(["load", file, pointers, ...where]);
    assert.equal(loaded.exitCode, 0, loaded.stderr);
    const asked = await untilAsked(newcomer, true);
    assert.deepEqual(outcomeAt(asked, "birch"), ["records", ""]);
  });
});

type Client = Awaited<ReturnType<typeof connectCaller>>;

function connectTo({ mesh }: TestNetwork): Promise<Client> {
  const { host, port, callerDir } = mesh.node("ash");
  return connectCaller({ host, port, certsDir: callerDir(DEMO_CALLER.name) }, systemClock);
}

/** As the crew; and how long birch's answer took. */
async function askTimed(client: Client, person: TrialPerson): Promise<Asked & { readonly tookMs: number }> {
  const requestId = systemRandom.uuid();
  const answers: AreaAnswer[] = [];
  const question = { patient: patientOf(person), claim: claimOf(CREW), requestId, answerByMs: 2_000, lateOf: "" };
  const beganMs = performance.now();
  let tookMs = Infinity;
  let verdict: Verdict | undefined;
  // To its end: who leaves before resets the call, and hundreds of resets look like an abuse.
  for await (const event of client.locate(question)) {
    if (event.kind === "verdict") verdict = event.verdict;
    else {
      answers.push(event.answer);
      if (event.answer.area.nodeId === "birch") tookMs = performance.now() - beganMs;
    }
  }
  assert.ok(verdict, "the stream ends with a verdict");
  return { requestId, answers, verdict, tookMs };
}
