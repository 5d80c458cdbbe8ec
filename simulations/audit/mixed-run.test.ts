import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { nodeFiles } from "../../certs/layout.ts";
import { systemClock } from "../../node/base/clock.ts";
import { Failure } from "../../node/base/failure.ts";
import type { Claim } from "../../node/base/question.ts";
import { systemRandom } from "../../node/base/random.ts";
import { DEMO_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import { EXIT } from "../../node/cli/exit.ts";
import { openDatabase } from "../../node/storage/database.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import { startNetwork, type TestNetwork } from "../testing/a-network.ts";
import { ANSWER_BY_MS, claimOf, DOCTOR, patientOf } from "../testing/asking.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { run } from "../testing/doors-cli.ts";
import { aPerson, type TrialPerson } from "../testing/people.ts";
import { type AuditEvent, assertBalp } from "./balp.ts";

const IDS = ["ash", "birch", "cedar"] as const;
const AREAS = IDS.map((id) => ({ id, name: id, collaborative: "north", region: "Upland" }));
const BORN = "1961-04-12";
const PEOPLE: readonly TrialPerson[] = [
  aPerson(1, BORN, [{ area: "birch", records: ["discharge-letter"] }]),
  aPerson(2, BORN, [
    { area: "ash", records: ["allergies"] },
    { area: "cedar", records: ["allergies"] },
  ]),
  aPerson(3, BORN, [{ area: "birch", records: ["allergies"], objected: true }]),
  aPerson(4, BORN, [{ area: "cedar", records: ["allergies"], restricted: true }]),
  aPerson(5, BORN),
];
/** Two of seven questions are refused before anybody is asked: for their role, for their purpose. */
const CLAIMS: readonly Partial<Claim>[] = [{}, {}, {}, {}, {}, { role: "R0001" }, { purpose: "OTHER" }];
const AT_ONCE = 6;
/** One member is silent for this part of the run, so that some answers come late or not at all. */
const SILENT = { id: "cedar", from: 0.4, to: 0.5, atLeast: 10 } as const;
/** A checkpoint is signed every ten seconds; a busy machine takes longer. */
const SIGNED_WITHIN_MS = 60_000;

describe("the audits of a mixed run", function () {
  this.timeout(120_000);
  let network: TestNetwork;
  /** Questions that went out, those that were refused or stopped, and those that a busy machine could not begin in time. */
  const asked = { out: 0, stopped: 0, late: 0 };

  before(async () => {
    network = await startNetwork({ areas: AREAS, agreements: [{ between: [...IDS] }], people: PEOPLE });
  });
  after(() => network?.stop());

  /** @returns the audit's signed export, as `reconcile` takes it. */
  async function exported(nodeId: string, name: string): Promise<string> {
    const file = join(network.folder, `${nodeId}.${name}.ndjson`);
    const ran = await run(["audit", "export", "--config", network.mesh.node(nodeId).configPath, "--out", file]);
    assert.equal(ran.code, EXIT.done, ran.err);
    return `${nodeId}=${file}`;
  }

  async function untilSigned(nodeId: string): Promise<void> {
    for (const until = Date.now() + SIGNED_WITHIN_MS; ; await sleep(250)) {
      if (signedTo(network.auditPath(nodeId)) === network.entryCount(nodeId)) return;
      assert.ok(Date.now() < until, `${nodeId} has not signed its audit`);
    }
  }

  catalogueRow(
    {
      ...{ id: "A7", title: "both ends of every question pair, late, refused and stopped ones among them" },
      ...{ quick: 120, full: 10_000, timeoutMs: 600_000 },
    },
    async (trials) => {
      const silent = network.mesh.node(SILENT.id).process;
      const from = trials.from + Math.floor(trials.count * SILENT.from);
      const to =
        trials.from +
        Math.min(Math.floor(trials.count * SILENT.to), Math.floor(trials.count * SILENT.from) + SILENT.atLeast);
      const clients = await Promise.all(
        IDS.map((id) => {
          const { host, port, callerDir } = network.mesh.node(id);
          return connectCaller({ host, port, certsDir: callerDir(DEMO_CALLER.name) }, systemClock);
        }),
      );
      const next = trials[Symbol.iterator]();
      const lane = async (): Promise<void> => {
        for (let trial = next.next(); trial.done !== true; trial = next.next()) {
          if (trial.value === from) silent.pause();
          if (trial.value === to) silent.resume();
          const via = trial.value >= from && trial.value < to ? trial.value % 2 : trial.value % IDS.length;
          const patient = patientOf(PEOPLE[Math.floor(trial.value / 3) % PEOPLE.length]!);
          const claim = { ...claimOf(DOCTOR), ...CLAIMS[trial.value % CLAIMS.length] };
          const order = { patient, claim, requestId: systemRandom.uuid(), answerByMs: ANSWER_BY_MS };
          try {
            for await (const event of clients[via]!.locate(order)) if (event.kind === "verdict") asked.out++;
          } catch (thrown) {
            assert.ok(thrown instanceof Failure, String(thrown));
            if (LATE.includes(thrown.code)) asked.late++;
            else if (STOPPED.includes(thrown.code)) asked.stopped++;
            else throw thrown;
          }
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
      for (const client of clients) client.close();

      await Promise.all(IDS.map(untilSigned));
      const files = await Promise.all(IDS.map((id) => exported(id, `audit-${trials.from}`)));
      const { manifest, certs } = network.mesh.paths;
      const key = nodeFiles(certs, "ash").manifestPublic;
      const paired = await run(["audit", "reconcile", ...files, "--manifest", manifest, "--key", key]);
      assert.equal(paired.code, EXIT.done, paired.out + paired.err);
      const [, both] = /^(\d+) questions are at both ends; 0 differences\.$/m.exec(paired.out) ?? [];
      assert.ok(
        Number(both) >= asked.out && Number(both) <= asked.out + asked.late,
        `${paired.out}${asked.out} went out`,
      );
      assert.ok(asked.late <= trials.count / 20, `${asked.late} were late`);
      assert.ok(asked.stopped + asked.late >= (2 * trials.count) / CLAIMS.length - 2);
      return {
        counts: { asked: trials.count, pairedSoFar: asked.out, stoppedSoFar: asked.stopped, lateSoFar: asked.late },
      };
    },
  );

  catalogueRow(
    { id: "A6", title: "every entry of a mixed run as an AuditEvent of BALP", quick: 1, full: 1 },
    async () => {
      let events = 0;
      for (const nodeId of IDS) {
        const file = join(network.folder, `${nodeId}.fhir.ndjson`);
        const { configPath } = network.mesh.node(nodeId);
        const ran = await run(["audit", "export", "--fhir", "--config", configPath, "--out", file]);
        assert.equal(ran.code, EXIT.done, ran.err);
        for (const line of readFileSync(file, "utf8").trim().split("\n")) {
          assertBalp(JSON.parse(line) as AuditEvent, ["TREAT", "OTHER"]);
          events++;
        }
      }
      assert.ok(events > asked.out + asked.stopped, "each is at the asker, and at a holder where it went out");
      return { counts: { events } };
    },
  );
});

const LATE: readonly string[] = ["store-unavailable", "timed-out", "overloaded"];

/** Refused for its role or purpose; stopped because the asker's own index protects the patient. */
const STOPPED: readonly string[] = ["role-refused", "purpose-refused", "restricted-record"];

function signedTo(auditPath: string): number {
  const db = openDatabase(auditPath, { readonly: true });
  try {
    return Number(db.prepare("SELECT coalesce(max(size), 0) FROM audit_checkpoint").pluck().get());
  } finally {
    db.close();
  }
}
