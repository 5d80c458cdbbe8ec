import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { stringify } from "yaml";

import { systemClock } from "../../node/base/clock.ts";
import { systemRandom } from "../../node/base/random.ts";
import { DEMO_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import { corridor } from "../demo/command.ts";
import { startNetwork, type TestNetwork } from "../testing/a-network.ts";
import { answerAt, ask, type Asker, claimOf, DOCTOR, patientOf } from "../testing/asking.ts";
import { aPerson } from "../testing/people.ts";
import { type SourceDouble, startSourceDouble } from "./source-double.ts";

const AREAS = ["ash", "council", "practice"] as const;
const SOCIAL_WORKER: Asker = {
  ...{ role: "R8014", setting: "adult-social-care", purpose: "CAREMGT", relationship: "caseload" },
  reason: "Discharge planning",
};
/** In the emergency department, by night, for somebody whom a council may know. */
const AMHP: Asker = { ...DOCTOR, role: "R1340" };
const SENT = {
  asOf: "2026-11-20T08:30:00Z",
  fields: {
    "allocated-case-worker": "Invented Worker, 01632 960000",
    "risk-type": ["Falls", "Lives <b>alone</b>"],
    "case-details": "CANARYDETAIL not for health",
    "unknown-field": "CANARYFIELD",
  },
};

/** As the Medical Interoperability Gateway had it: councils show health some fields, health shows councils its plans. */
describe("datasets that health and social care share", function () {
  this.timeout(60_000);
  let network: TestNetwork;
  let source: SourceDouble;
  const html = (base: string) => ({ fetch: { base, format: "text/html" } });
  const person = aPerson(1, "1948-02-03", [
    { area: "council", records: ["social-care-involvement"], ...html("https://cases.council.example/") },
    { area: "practice", records: ["care-plan", "medications"], ...html("https://plans.practice.example/") },
  ]);

  before(async () => {
    source = await startSourceDouble();
    const social = { dataset: "social-care", roleGroups: ["approved-mental-health-professional"] } as const;
    network = await startNetwork({
      areas: AREAS.map((id) => ({ id, name: `${id} area`, collaborative: "north", region: "North" })),
      agreements: [
        {
          ...{ between: AREAS, recordTypes: [] },
          datasets: [
            { ...social, fields: ["allocated-case-worker", "risk-type", "disability"] },
            { dataset: "care-plans", roleGroups: ["social-worker"], fields: "all" },
          ],
        },
      ],
      people: [person],
    });
    for (const [area, base] of [
      ["council", "https://cases.council.example/"],
      ["practice", "https://plans.practice.example/"],
    ] as const) {
      const node = network.mesh.node(area);
      const entry = { provider: `${area.toUpperCase()}H`, kind: "dataset", base, server: source.base };
      appendFileSync(node.configPath, stringify({ records: { sources: [entry] } }));
      await node.process.stop();
      await node.restart();
    }
  });
  after(async () => {
    await network?.stop();
    await source?.close();
  });

  function sends(body: unknown, type = "application/json"): void {
    source.behave((response) => response.writeHead(200, { "content-type": type }).end(JSON.stringify(body)));
  }

  async function typesSeen(area: string, asker: Asker): Promise<readonly string[]> {
    return answerAt(await ask(network, person, { asker }), area).pointers.map(({ recordType }) => recordType);
  }

  /** What the asker gets of a record: its text, or why it was not opened. */
  async function open(area: string, asker: Asker): Promise<{ readonly text: string; readonly fault?: string }> {
    const [pointer] = answerAt(await ask(network, person, { asker }), area).pointers;
    const { host, port, callerDir } = network.mesh.node("ash");
    const client = await connectCaller({ host, port, certsDir: callerDir(DEMO_CALLER.name) }, systemClock);
    let text = "";
    try {
      const who = { patient: patientOf(person), claim: claimOf(asker), nodeId: area, pointerId: pointer!.pointerId };
      for await (const event of client.retrieve({ ...who, requestId: systemRandom.uuid() })) {
        if (event.kind === "piece") text += Buffer.from(event.bytes).toString();
        if (event.kind === "unavailable") return { text, fault: event.unavailable.fault };
      }
      return { text };
    } finally {
      client.close();
    }
  }

  it("show each side what is meant for it, and nothing else", async () => {
    assert.deepEqual(await typesSeen("council", AMHP), ["social-care-involvement"]);
    assert.deepEqual(await typesSeen("practice", AMHP), []);
    assert.deepEqual(await typesSeen("practice", SOCIAL_WORKER), ["care-plan"]);
    assert.deepEqual(await typesSeen("council", SOCIAL_WORKER), []);
  });

  it("open as a page of the fields that are agreed, as they are now, and say which are not", async () => {
    sends({ asOf: SENT.asOf, fields: { plan: "Wants to stay at home", contacts: "" } });
    const plan = await open("practice", SOCIAL_WORKER);
    assert.match(plan.text, /<h1>Care plans<\/h1><p>As at 2026-11-20T08:30:00Z\.<\/p>/);
    assert.match(plan.text, /<th>Plan<\/th><td>Wants to stay at home<\/td>/);
    assert.match(plan.text, /<th>Contacts<\/th><td>Not recorded there<\/td>/);
    assert.doesNotMatch(plan.text, /Not shared by agreement/);
  });

  it("let no field leave the holder that the agreement leaves out", async () => {
    sends(SENT);
    const { text, fault } = await open("council", AMHP);
    assert.equal(fault, undefined);
    assert.match(text, /<th>Allocated case worker<\/th><td>Invented Worker, 01632 960000<\/td>/);
    assert.match(text, /<th>Risk type<\/th><td>Falls<br>Lives &lt;b&gt;alone&lt;\/b&gt;<\/td>/);
    assert.match(text, /<th>Disability<\/th><td>Not recorded there<\/td>/);
    assert.match(text, /Not shared by agreement: Demographics; Associated carer; Case details\./);
    assert.doesNotMatch(text, /CANARY/);
  });

  it("are not opened where the source sends something else, and nothing of it is shown", async () => {
    const bad: readonly [unknown, string?][] = [
      [{ fields: {} }],
      [{ ...SENT, asOf: "yesterday" }],
      [{ ...SENT, more: 1 }],
      [{ ...SENT, fields: { "risk-type": { deep: [[[["CANARY"]]]] } } }],
      [{ ...SENT, fields: { "risk-type": "x".repeat(300_000) } }],
      [[SENT]],
      [SENT, "text/html"],
    ];
    for (const [body, type] of bad) {
      sends(body, type);
      const { text, fault } = await open("council", AMHP);
      assert.equal(text, "");
      assert.ok(fault === "unexpected-content" || fault === "too-large", fault);
    }
    assert.doesNotMatch(readFileSync(network.mesh.paths.log("council"), "utf8"), /CANARY|xxxx/);
  });

  it("are not opened at a source that cannot hold a part back", async () => {
    const node = network.mesh.node("council");
    const asItWas = readFileSync(node.configPath, "utf8");
    writeFileSync(node.configPath, asItWas.replace("kind: dataset", "kind: documents"));
    await node.process.stop();
    await node.restart();
    const before = source.asked.length;
    assert.deepEqual(await open("council", AMHP), { text: "", fault: "not-connected" });
    assert.equal(source.asked.length, before);
    writeFileSync(node.configPath, asItWas);
    await node.process.stop();
    await node.restart();
  });

  it("are explained, with their fields", async () => {
    const { configPath } = network.mesh.node("council");
    const asked = [
      "--config",
      configPath,
      "--asker",
      "ash",
      "--role",
      "R1340",
      "--setting",
      "emergency",
      "--purpose",
      "TREAT",
    ];
    const { stdout } = await corridor(["access", "explain", ...asked, "--type", "social-care-involvement"]);
    assert.match(stdout, /opened, by dataset\s+social-care: allocated-case-worker, risk-type, disability/);
  });

  it("are compared: who gains and who loses which field", async () => {
    const manifest = (fields: readonly string[]): string => {
      const path = join(network.folder, `${fields.join("-")}.json`);
      const [, payload = ""] = readFileSync(network.mesh.paths.manifest, "utf8").split(".");
      const whole = JSON.parse(Buffer.from(payload, "base64url").toString()) as {
        agreements: { datasets: object[] }[];
      };
      whole.agreements[0]!.datasets = [{ dataset: "social-care", roleGroups: ["doctor"], fields }];
      writeFileSync(path, JSON.stringify(whole));
      return path;
    };
    const { stdout, exitCode } = await corridor([
      ...["access", "diff", manifest(["risk-type", "disability"]), manifest(["risk-type", "case-details"])],
    ]);
    assert.equal(exitCode, 1);
    assert.deepEqual(stdout.trim().split("\n"), [
      "gains: case-details of social-care for doctor; agreement agreement-0",
      "loses: disability of social-care for doctor; agreement agreement-0",
    ]);
  });
});
