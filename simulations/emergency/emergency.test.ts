import assert from "node:assert/strict";
import { appendFileSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { AreaAnswer } from "../../node/base/answer.ts";
import { systemClock } from "../../node/base/clock.ts";
import { Failure } from "../../node/base/failure.ts";
import type { Claim } from "../../node/base/question.ts";
import { seededRandom, systemRandom } from "../../node/base/random.ts";
import type { EmergencyCase as QueuedCase } from "../../node/wire/generated/corridor/v1/emergency_service.ts";
import { DEMO_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import { connectForEmergency, type EmergencyClient } from "../../node/wire/emergency-client.ts";
import { type AuditEvent, assertBalp } from "../audit/balp.ts";
import { corridor } from "../demo/command.ts";
import { type NetworkOrder, startNetwork, type TestNetwork } from "../testing/a-network.ts";
import { answerAt, type Asker, claimOf, locate, patientOf, say } from "../testing/asking.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { run } from "../testing/doors-cli.ts";
import { aPerson, type TrialPerson } from "../testing/people.ts";

const START_MS = 120_000;
const ALERT_MS = 60_000;
/** To a paramedic a letter is sealed, and mental health is. */
const CREW: Asker = {
  ...{ role: "R1070", setting: "ambulance", purpose: "TREAT", relationship: "attendance" },
  reason: "Found collapsed, cannot speak",
};
const BTG: Asker = { ...CREW, purpose: "BTG" };

const HELD = ["allergies", "discharge-letter", "mental-health-record"] as const;
const patient = aPerson(1, "1980-05-17", [
  { area: "elm", records: HELD },
  { area: "oak", records: HELD },
]);
const other = aPerson(2, "1980-05-17", [{ area: "elm", records: HELD }]);
const ORDER: NetworkOrder = {
  areas: [
    { id: "ash", name: "Ashdale", collaborative: "north", region: "Upland" },
    { id: "elm", name: "Elmstead", collaborative: "north", region: "Upland" },
    { id: "oak", name: "Oakford", collaborative: "south", region: "Upland" },
  ],
  agreements: [{ between: ["ash", "elm", "oak"], purposes: ["TREAT", "ETREAT", "CAREMGT", "BTG"] }],
  people: [patient, other],
};

function linesOf<Line>(text: string): Line[] {
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

interface Alert {
  readonly node: string;
  readonly caseId: string;
  readonly side: string;
}

describe("emergency access across organisations", function () {
  this.timeout(START_MS);
  let network: TestNetwork;
  let webhook: Server;
  let refusals = 2;
  const bodies: string[] = [];
  const alerts = (): Alert[] => bodies.map((body) => JSON.parse(body) as Alert);

  before(async () => {
    webhook = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += String(chunk)));
      request.on("end", () => {
        const isTaken = refusals-- <= 0; // the first are turned away, and must come again
        if (isTaken) bodies.push(body);
        response.writeHead(isTaken ? 204 : 503).end();
      });
    });
    await new Promise<void>((resolve) => webhook.listen(0, "127.0.0.1", resolve));
    network = await startNetwork(ORDER);
    const url = `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/alerts`;
    for (const id of ["ash", "elm", "oak"]) {
      const node = network.mesh.node(id);
      await node.process.stop();
      appendFileSync(node.configPath, `emergency:\n  webhook: ${url}\n`);
      await node.restart();
    }
  });
  after(async () => {
    await network?.stop();
    webhook?.close();
  });

  const targetOf = (nodeId: string) => {
    const { host, port, callerDir } = network.mesh.node(nodeId);
    return { host, port, certsDir: callerDir(DEMO_CALLER.name) };
  };
  const officer = (role = "R0001") => ({
    ...{ userId: "privacy.officer", role, reason: "review", requestId: systemRandom.uuid() },
  });

  async function at<Result>(nodeId: string, work: (client: EmergencyClient) => Promise<Result>): Promise<Result> {
    const client = connectForEmergency(targetOf(nodeId), systemClock);
    try {
      return await work(client);
    } finally {
      client.close();
    }
  }
  const casesAt = (nodeId: string): Promise<readonly QueuedCase[]> =>
    at(nodeId, (client) => client.listCases(officer(), true));

  async function until(what: string, isSo: () => Promise<boolean> | boolean, withinMs = ALERT_MS): Promise<void> {
    for (const endMs = performance.now() + withinMs; performance.now() < endMs; await sleep(250))
      if (await isSo()) return;
    assert.fail(`${what} within ${withinMs} ms`);
  }

  it("opens at every holder what the role is not shown otherwise, and says that it will be reviewed", async () => {
    const usual = await locate(network, patient, { asker: CREW });
    assert.deepEqual(
      answerAt(usual, "elm").pointers.map(({ recordType }) => recordType),
      ["allergies"],
    );
    assert.ok(answerAt(usual, "elm").sealed.includes("discharge-letter"));

    const before = await say(network, patient, { asker: BTG });
    assert.equal(before.exitCode, 3);
    assert.match(before.stderr, /no emergency access to this patient/);

    const given = await say(network, patient, { asker: BTG, answerByMs: 10_000 }, "--emergency-reason", "unconscious");
    assert.equal(given.exitCode, 0, given.stderr);
    assert.match(given.stderr, /Emergency access until \d\d:\d\d UTC, to be reviewed: case .*not re-checked/);

    const opened = await locate(network, patient, { asker: BTG });
    for (const area of ["elm", "oak"]) {
      const { pointers, sealed } = answerAt(opened, area);
      assert.deepEqual(
        pointers.map(({ recordType, access }) => `${recordType} ${access}`).sort(),
        HELD.map((type) => `${type} full`),
      );
      assert.deepEqual(sealed, []);
    }
    const [entry] = network.entries("elm", opened.requestId);
    assert.equal(entry?.purpose, "BTG");
  });

  it("tells the privacy officers of both sides within a minute, by ids alone, though the address was down at first", async () => {
    const [ash = [], elm = [], oak = []] = await Promise.all(["ash", "elm", "oak"].map((id) => casesAt(id)));
    assert.deepEqual([ash.length, elm.length, oak.length], [1, 1, 1], "two questions of one hour are one case each");
    const all = [...ash, ...elm, ...oak].map(({ caseId }) => caseId).sort();
    await until("all alerts come", () => alerts().length >= 3);
    assert.deepEqual([...new Set(alerts().map(({ caseId }) => caseId))].sort(), all);
    for (const body of bodies) {
      assert.deepEqual(Object.keys(JSON.parse(body) as object).sort(), [
        "caseId",
        "event",
        "node",
        "openedAt",
        "reviewBy",
        "side",
      ]);
    }
    await until("the queue knows it", async () => (await casesAt("ash"))[0]!.alertedAtMs > 0n);
    assert.equal(ash[0]?.credentials, "not-re-checked");
    assert.equal(ash[0]?.reasonCode, "unconscious");
    assert.equal(elm[0]?.asker, "ash");
    assert.equal(elm[0]?.reasonCode, "", "the reason stays at the asker");
  });

  it("outlives a restart of the asker's node", async () => {
    const node = network.mesh.node("ash");
    await node.process.kill();
    await node.restart();
    assert.equal((await locate(network, patient, { asker: BTG })).answers.length, 3);
    assert.equal((await casesAt("ash")).length, 1);
  });

  it("is questioned by a holder, explained, and reviewed once, by privacy officers alone", async () => {
    const [mine] = await casesAt("elm");
    const [theirs] = await casesAt("ash");
    assert.ok(mine && theirs);
    const nobody = at("elm", (client) => client.listCases(officer("R8000"), false));
    await assert.rejects(nobody, (thrown: unknown) => thrown instanceof Failure && thrown.code === "not-permitted");
    await assert.rejects(
      at("ash", (client) => client.writeLetter(officer(), theirs.caseId, "Because.")),
      /Nobody has asked/,
    );

    await at("elm", (client) => client.writeLetter(officer(), mine.caseId, "Why was the letter opened?"));
    const lettersOf = async (nodeId: string, caseId: string) =>
      (await at(nodeId, (client) => client.showCase(officer(), caseId))).letters;
    await until("the question comes", async () => (await lettersOf("ash", theirs.caseId)).length === 1);
    await at("ash", (client) => client.writeLetter(officer(), theirs.caseId, "The crew could not wake the patient."));
    await until("the answer comes", async () => (await lettersOf("elm", mine.caseId)).length === 2);
    const told = (await lettersOf("elm", mine.caseId)).map(({ kind, direction, text }) => [kind, direction, text]);
    assert.deepEqual(told, [
      ["challenge", "sent", "Why was the letter opened?"],
      ["explanation", "received", "The crew could not wake the patient."],
    ]);

    await at("elm", (client) => client.reviewCase(officer(), mine.caseId, "justified", "Explained"));
    const again = at("elm", (client) => client.reviewCase(officer(), mine.caseId, "not-justified", "No"));
    await assert.rejects(again, /reviewed before/);
    const open = await at("elm", (client) => client.listCases(officer(), false));
    assert.deepEqual(open, []);
    const listed = await corridor(["emergency", "list", "--via", "elm", "--mesh", network.folder, "--all"]);
    assert.match(listed.stdout, /records of ours shown to ash {2}justified/);
    const overdue = await corridor(["emergency", "list", "--via", "ash", "--mesh", network.folder, "--overdue"]);
    assert.deepEqual([overdue.exitCode, overdue.stdout.trim()], [0, "Nothing to review."]);
  });

  it("stands in the report of emergency access at both ends, and in what is exported for an organisation's own audit", async () => {
    for (const [nodeId, what] of [
      ["ash", "emergency"],
      ["elm", "answered"],
    ] as const) {
      const config = ["--config", network.mesh.node(nodeId).configPath];
      const report = await run(["audit", "report", "emergency", ...config, "--json"]);
      assert.equal(report.code, 0, report.err);
      const looks = linesOf<{ what: string; purpose: string }>(report.out);
      assert.ok(
        looks.some((look) => look.what === what) && looks.every(({ purpose }) => purpose === "BTG"),
        report.out,
      );
    }
    const file = join(network.folder, "ash.fhir.ndjson");
    const exported = await run([
      "audit",
      "export",
      "--fhir",
      "--config",
      network.mesh.node("ash").configPath,
      "--out",
      file,
    ]);
    assert.equal(exported.code, 0, exported.err);
    const events = linesOf<AuditEvent>(readFileSync(file, "utf8"));
    const [given, ...more] = events.filter(({ subtype }) => subtype?.[0]?.code === "110127");
    assert.ok(given !== undefined && more.length === 0, "access was given once");
    const asked = events.filter((event) => event !== given);
    for (const event of asked) assertBalp(event, ["TREAT", "BTG"]);
    assert.ok(asked.some(({ purposeOfEvent }) => JSON.stringify(purposeOfEvent).includes("BTG")));
  });

  it("ends by hand, of its own user alone", async () => {
    const [mine] = await casesAt("ash");
    const caseId = mine?.caseId ?? "";
    const end = (userId: string) =>
      at("ash", (client) => client.endAccess({ userId, organisation: DEMO_CALLER.organisation, caseId }));
    await assert.rejects(end("somebody.else"), /not yours/);
    await end(DEMO_CALLER.user);
    assert.equal((await say(network, patient, { asker: BTG })).exitCode, 3);
    await assert.rejects(end(DEMO_CALLER.user), /is over/);
  });

  catalogueRow(
    {
      id: "X7",
      title: "access without reason or user; emergency access: refused, or queued for review",
      quick: 20,
      full: 50,
    },
    async (trials) => {
      const counts = { refused: 0, queued: 0 };
      for (const trial of trials) {
        const random = seededRandom(trial);
        const claim: Claim = { ...claimOf(BTG), userId: `user-${trial}` };
        const give = (change: Partial<Claim> = {}, reasonCode = "unconscious") =>
          at("ash", (client) =>
            client.requestAccess({
              ...{ requestId: systemRandom.uuid(), patient: patientOf(patient), reasonCode },
              claim: { ...claim, ...change },
            }),
          );
        const wrong: readonly (() => Promise<unknown>)[] = [
          () => give({ reason: "" }),
          () => give({ userId: "" }),
          () => give({}, "curious"),
          () => give({ trigger: "automatic" }),
          () => give({ role: "R0001" }),
          () => give({ purpose: "TREAT" }),
          () => ask(claim, patient),
          () => ask({ ...claimOf(CREW), reason: "" }, patient),
          () => ask({ ...claimOf(CREW), userId: "" }, patient),
        ];
        const chosen = wrong[Math.floor(random.fraction() * wrong.length)]!;
        await assert.rejects(chosen(), (thrown: unknown) => thrown instanceof Failure && REFUSED.has(thrown.code));
        counts.refused++;

        const { caseId } = await give();
        assert.ok(
          (await casesAt("ash")).some((each) => each.caseId === caseId && each.outcome === ""),
          "it is queued",
        );
        counts.queued++;
        const others: readonly [Claim, TrialPerson][] = [
          [claim, other],
          [{ ...claim, userId: "another" }, patient],
          [{ ...claim, organisation: "RYA" as Claim["organisation"] }, patient],
        ];
        const [asker, person] = others[Math.floor(random.fraction() * others.length)]!;
        await assert.rejects(
          ask(asker, person),
          (thrown: unknown) => thrown instanceof Failure && REFUSED.has(thrown.code),
        );
        counts.refused++;
      }
      return { counts };
    },
  );

  const REFUSED: ReadonlySet<string> = new Set(["not-permitted", "purpose-refused", "role-refused", "invalid-input"]);

  async function ask(claim: Claim, person: TrialPerson): Promise<readonly AreaAnswer[]> {
    const client = await connectCaller(targetOf("ash"), systemClock);
    try {
      const answers: AreaAnswer[] = [];
      const call = { patient: patientOf(person), claim, requestId: systemRandom.uuid(), answerByMs: 5_000 };
      for await (const event of client.locate(call)) if (event.kind === "answer") answers.push(event.answer);
      return answers;
    } finally {
      client.close();
    }
  }
});
