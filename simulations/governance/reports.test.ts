import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { nodeFiles } from "../../certs/layout.ts";
import { makeHandlers as claimHandlers } from "../../node/audit/claim-store.ts";
import { systemClock } from "../../node/base/clock.ts";
import { Concealed } from "../../node/base/concealed.ts";
import { systemRandom } from "../../node/base/random.ts";
import { EXIT } from "../../node/cli/exit.ts";
import { DEMO_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import { makeAttendances } from "../../node/requests/attendances.ts";
import { checkClaims } from "../../node/requests/check-claims.ts";
import { makeHandlers as feedHandlers, takeFeedMessage } from "../../node/requests/feed-message.ts";
import { openDatabase } from "../../node/storage/database.ts";
import { makeInlineExecutor } from "../../node/storage/inline-executor.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import { startNetwork, type TestNetwork } from "../testing/a-network.ts";
import { ask, claimOf, DOCTOR, patientOf } from "../testing/asking.ts";
import { run } from "../testing/doors-cli.ts";
import { aPerson } from "../testing/people.ts";

const START_MS = 60_000;
const TEST_MS = 90_000;
const SIGNED_WITHIN_MS = 60_000;
const LATER_MS = 3 * 3_600_000;

const AREAS = ["ash", "birch"].map((id) => ({ id, name: id, collaborative: "north", region: "Upland" }));

describe("the privacy officer's reports", function () {
  this.timeout(TEST_MS);
  const patient = aPerson(1, "1961-04-12", [{ area: "birch", records: ["discharge-letter"] }]);
  const other = aPerson(2, "1958-09-30", [{ area: "birch", records: ["discharge-letter"] }]);
  let network: TestNetwork;

  before(async function () {
    this.timeout(START_MS);
    network = await startNetwork({
      ...{ areas: AREAS, agreements: [{ between: ["ash", "birch"] }], people: [patient, other] },
    });
  });
  after(async function () {
    this.timeout(START_MS);
    await network?.stop();
  });

  const audit = (...args: readonly string[]) => run(["audit", ...args]);
  const onAsh = (...args: readonly string[]) => audit(...args, "--config", network.mesh.node("ash").configPath);

  /** As an application would, before anybody looks. */
  async function askAutomatically(): Promise<void> {
    const node = network.mesh.node("ash");
    const target = { host: node.host, port: node.port, certsDir: node.callerDir(DEMO_CALLER.name) };
    const client = await connectCaller(target, systemClock);
    try {
      const claim = { ...claimOf(DOCTOR), trigger: "automatic" as const };
      const asked = { patient: patientOf(patient), claim, requestId: systemRandom.uuid(), answerByMs: 2_000 };
      for await (const { kind } of client.locate(asked)) if (kind === "verdict") return;
    } finally {
      client.close();
    }
  }

  it("prove one request's entries to somebody who sees no others, and a changed one to nobody", async () => {
    const { requestId } = await ask(network, patient);
    const proofs = async (): Promise<string[]> => {
      const ran = await onAsh("prove", "--request", requestId, "--out", network.folder);
      return ran.code === EXIT.done ? ran.out.trim().split("\n") : [];
    };
    let files: string[] = [];
    for (const until = Date.now() + SIGNED_WITHIN_MS; files.length === 0 && Date.now() < until;) {
      await sleep(1_000);
      files = await proofs();
    }
    const [file] = files;
    assert.ok(file !== undefined, "the log was signed in time");
    const { manifest, certs } = network.mesh.paths;
    const keys = ["--manifest", manifest, "--key", nodeFiles(certs, "ash").manifestPublic];
    const verified = await audit("prove", "--verify", file, "--node", "ash", ...keys);
    assert.equal(verified.code, EXIT.done, verified.err);
    assert.ok(verified.out.includes(requestId) && !verified.out.includes(patient.nhsNumber), verified.out);
    assert.equal((await audit("prove", "--verify", file, "--node", "birch", ...keys)).code, EXIT.failed);
    const elsewhere = (_: string, at: string): string => `index ${Number(at) + 1}`;
    writeFileSync(file, readFileSync(file, "utf8").replace(/^index (\d+)$/m, elsewhere));
    assert.equal((await audit("prove", "--verify", file, "--node", "ash", ...keys)).code, EXIT.failed);
  });

  it("tell what applications asked by themselves apart from what persons did", async () => {
    await ask(network, patient);
    await askAutomatically();
    const { out, code, err } = await run(
      ["audit", "report", "patient", "--config", network.mesh.node("ash").configPath],
      { stdin: patient.nhsNumber },
    );
    assert.equal(code, EXIT.done, err);
    const [byPersons = "", byApplications = ""] = out.split(/^Asked by applications.*$/m);
    assert.match(byPersons, /a doctor \(R8000\)/);
    assert.match(out, /^Other nodes to ask: .*\(birch\)\.$/m);
    assert.ok(
      !byPersons.includes("an application") && /an application, before anybody looked/.test(byApplications),
      out,
    );
  });

  it("name a user who asked about themselves, where the privacy officer says who the users are", async () => {
    await ask(network, patient);
    const staff = join(network.folder, "staff.csv");
    writeFileSync(staff, `user,nhs_number,family_name\n${DEMO_CALLER.user},${patient.nhsNumber},Trial\n`);
    const report = await onAsh("report", "unusual", "--staff", staff);
    assert.equal(report.code, EXIT.done, report.err);
    assert.match(report.out, /user demo\.clinician asked about their own record, (?:once|\d+ times)/);
    assert.ok(!report.out.includes(patient.nhsNumber));
    assert.match((await onAsh("report", "unusual")).out, /Own records and surnames were not looked for/);
    writeFileSync(staff, `user,nhs_number,family_name\nx,123,Trial\n`);
    const wrong = await onAsh("report", "unusual", "--staff", staff);
    assert.equal(wrong.code, EXIT.usage);
    assert.ok(/line 2 is not a user's/.test(wrong.err) && !wrong.err.includes("123"), wrong.err);
  });

  it("list whom nobody bears out, and take off the list what the hospital tells of late", async () => {
    const { requestId } = await ask(network, other, { asker: { ...DOCTOR, relationship: "self-claimed" } });
    const claimed = await ask(network, other);
    const node = network.mesh.node("ash");
    await node.process.stop();
    // Three hours later, in the files that the node left; its hospital tells of attendances, of this one not yet.
    const organisation = DEMO_CALLER.organisation;
    const later = { ...systemClock, wallMs: () => systemClock.wallMs() + LATER_MS };
    const index = openDatabase(join(dirname(network.auditPath("ash")), "index.db"));
    const auditDb = openDatabase(network.auditPath("ash"));
    const store = makeInlineExecutor(auditDb, claimHandlers(auditDb));
    const feed = makeInlineExecutor(index, feedHandlers(index, systemRandom));
    const tell = (localId: string, nhsNumber: string) =>
      takeFeedMessage(
        {
          ...{ feed: "pas", provider: organisation, atMs: systemClock.wallMs() },
          changes: new Concealed([
            { kind: "update", localId, fields: { nhsNumber, nhsNumberStatus: "01" } },
            {
              ...{ kind: "encounter", localId, visit: `V-${localId}`, state: "open", encounterClass: "emergency" },
              startedAtMs: systemClock.wallMs() - 60_000,
            },
          ]),
        },
        { clock: systemClock, store: feed },
      );
    const check = () =>
      checkClaims({ clock: later, store, attendanceOf: makeAttendances(index) }, new AbortController().signal);
    try {
      assert.equal((await tell("P7", aPerson(7, "1970-01-01").nhsNumber)).kind, "taken");
      assert.ok((await check()).unmatched >= 1);
      const list = await onAsh("report", "unmatched", "--json");
      assert.equal(list.code, EXIT.done, list.err);
      assert.ok(list.out.includes(requestId) && list.out.includes(claimed.requestId));
      const plain = await onAsh("report", "unmatched");
      assert.match(plain.out, /by a relationship that nobody but the user can confirm/);
      assert.match(plain.out, /for an attendance of which the organisation told this node nothing/);
      assert.ok(!plain.out.includes(other.nhsNumber) && !plain.out.includes(DEMO_CALLER.user));

      assert.equal((await tell("P8", other.nhsNumber)).kind, "taken");
      assert.ok((await check()).takenOff >= 1);
      const then = await onAsh("report", "unmatched", "--json");
      assert.ok(then.out.includes(requestId) && !then.out.includes(claimed.requestId));
    } finally {
      await Promise.all([store.close(), feed.close()]);
    }
  });
});
