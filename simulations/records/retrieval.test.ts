import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { stringify } from "yaml";

import { systemClock } from "../../node/base/clock.ts";
import { Failure } from "../../node/base/failure.ts";
import type { Claim } from "../../node/base/question.ts";
import { systemRandom } from "../../node/base/random.ts";
import type { RecordEvent, RecordHead, RecordUnavailable } from "../../node/base/record.ts";
import { DEMO_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import { corridor } from "../demo/command.ts";
import { startNetwork, type TestNetwork } from "../testing/a-network.ts";
import { answerAt, ask, claimOf, DOCTOR, patientOf } from "../testing/asking.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { aPerson } from "../testing/people.ts";
import { type SourceDouble, startSourceDouble } from "./source-double.ts";

const AREAS = ["ash", "elm", "oak", "fir"] as const;
const PDF = Buffer.from("%PDF-1.7 a discharge letter of nobody\n");
const MB = 1024 * 1024;
const ROWS = 1_000_000;
const ROW = `{"resourceType":"Observation","id":"${"0".repeat(96)}"},\n`;
/** More than a node may grow by. */
const READ_AT_ONCE_BYTES = 68 * MB;
const IS_FULL = process.env["COUNT"] === "full";
const READ_FOR_MS = IS_FULL ? 5_000 : 2_000;
/** A second; beside the whole suite what a busy machine needs. */
const LET_GO_WITHIN_MS = IS_FULL ? 1_000 : 3_000;

/** A record that came whole, or why it did not. */
interface Received {
  readonly head?: RecordHead;
  readonly bytes: Buffer;
  readonly isWhole: boolean;
  readonly unavailable?: RecordUnavailable;
}

describe("opening a record that a locate has named", function () {
  this.timeout(60_000);
  let network: TestNetwork;
  let documents: SourceDouble;
  let fhir: SourceDouble;
  let person: ReturnType<typeof aPerson>;

  before(async () => {
    [documents, fhir] = await Promise.all([startSourceDouble(), startSourceDouble()]);
    const of = (base: string, format: string) => ({ fetch: { base, format } });
    person = aPerson(1, "1958-02-03", [
      { area: "ash", records: ["clinical-letter"] },
      { area: "elm", records: ["discharge-letter", "social-care-assessment"] },
      { area: "oak", records: ["clinical-letter"], ...of("https://records.oak.example/letters/", "text/html") },
      {
        area: "fir",
        records: ["medications"],
        ...of("https://fhir.fir.example/r4/MedicationStatement/", "application/fhir+json"),
      },
    ]);
    network = await startNetwork({
      areas: AREAS.map((id) => ({ id, name: `${id} area`, collaborative: "north", region: "North" })),
      agreements: [{ between: AREAS }],
      people: [person],
    });
    for (const area of ["ash", "elm"]) {
      const folder = join(network.folder, `${area}-records`);
      mkdirSync(folder);
      for (const name of ["P0-0", "P0-1"]) writeFileSync(join(folder, `${name}.pdf`), PDF);
      await connectSource(area, { kind: "files", base: `https://records.${area}.example/`, folder });
    }
    await connectSource("oak", {
      kind: "documents",
      base: "https://records.oak.example/",
      server: documents.base,
      answerWithinMs: 500,
    });
    await connectSource("fir", {
      kind: "fhir",
      base: "https://fhir.fir.example/r4/",
      server: fhir.base,
      answerWithinMs: 500,
    });
  });
  after(async () => {
    await network?.stop();
    await Promise.all([documents?.close(), fhir?.close()]);
  });

  async function connectSource(area: string, source: object): Promise<void> {
    const node = network.mesh.node(area);
    const records = { sources: [{ provider: `${area.toUpperCase()}H`, ...source }] };
    appendFileSync(node.configPath, stringify({ records }));
    await node.process.stop();
    await node.restart();
  }

  async function pointerAt(area: string): Promise<string> {
    const pointer = answerAt(await ask(network, person), area).pointers.find(({ access }) => access === "full");
    assert.ok(pointer, `${area} names the record`);
    return pointer.pointerId;
  }

  async function receive(
    area: string,
    pointerId: string,
    more: { readonly claim?: Partial<Claim>; readonly onPiece?: () => Promise<void>; readonly requestId?: string } = {},
  ): Promise<Received> {
    const pieces: Uint8Array[] = [];
    let head: RecordHead | undefined;
    for await (const event of open(area, pointerId, more)) {
      if (event.kind === "head") head = event.head;
      if (event.kind === "piece") pieces.push(event.bytes);
      if (event.kind === "piece") await more.onPiece?.();
      const bytes = Buffer.concat(pieces);
      if (event.kind === "unavailable") return { bytes, isWhole: false, unavailable: event.unavailable };
      if (event.kind !== "end") continue;
      assert.deepEqual(Buffer.from(event.sha256), createHash("sha256").update(bytes).digest());
      return { bytes, isWhole: true, ...(head && { head }) };
    }
    return assert.fail("the stream ended without an end");
  }

  async function* open(
    nodeId: string,
    pointerId: string,
    {
      claim = {},
      requestId = systemRandom.uuid(),
    }: { readonly claim?: Partial<Claim>; readonly requestId?: string } = {},
  ): AsyncGenerator<RecordEvent, void> {
    const node = network.mesh.node("ash");
    const target = { host: node.host, port: node.port, certsDir: node.callerDir(DEMO_CALLER.name) };
    const client = await connectCaller(target, systemClock);
    try {
      const who = { patient: patientOf(person), claim: { ...claimOf(DOCTOR), ...claim } };
      yield* client.retrieve({ ...who, requestId, nodeId, pointerId });
    } finally {
      client.close();
    }
  }

  const failureOf = async (opening: Promise<unknown>): Promise<Failure> => {
    const thrown = await opening.then(
      () => assert.fail("it was refused"),
      (failure: unknown) => failure,
    );
    assert.ok(thrown instanceof Failure);
    return thrown;
  };

  it("brings a file of another area, with whose it is and how it was come by, and is in both audits", async () => {
    const [pointerId, requestId] = [await pointerAt("elm"), systemRandom.uuid()];
    const { head, bytes } = await receive("elm", pointerId, { requestId });
    assert.ok(bytes.equals(PDF));
    assert.equal(head?.custodian.code, "ELMH");
    assert.deepEqual([head.origin, head.contentType, head.cleaned], ["file-store", "application/pdf", false]);
    assert.ok(Math.abs(head.obtainedAtMs - Date.now()) < 60_000 && head.updatedAtMs > 0);
    await sleep(1_000); // outcomes follow within a second
    const sha256 = createHash("sha256").update(PDF).digest("hex");
    const [asked, told] = network.entries("ash", requestId);
    assert.deepEqual([asked?.kind, told?.kind, told?.outcome], ["question", "outcomes", "delivered"]);
    assert.deepEqual(JSON.parse(asked?.detail ?? ""), { opens: pointerId, at: "elm" });
    assert.equal((JSON.parse(told?.detail ?? "") as { sha256: string }).sha256, sha256);
    const [opened, delivered] = network.entries("elm", requestId);
    assert.deepEqual([opened?.kind, opened?.outcome, opened?.pointerIds], ["answer", "opened", [pointerId]]);
    assert.deepEqual([delivered?.kind, delivered?.outcome, delivered?.asker], ["outcomes", "delivered", "ash"]);
  });

  it("brings one of the own area too", async () => {
    assert.ok((await receive("ash", await pointerAt("ash"))).bytes.equals(PDF));
  });

  it("brings a page with everything taken out that could act or lead elsewhere", async () => {
    documents.behave((response) =>
      response
        .writeHead(200, { "content-type": "text/html; charset=utf-8" })
        .end(`<p onclick="x()">Seen in <b>clinic</b><script>steal()</script><img src="http://evil.example/"></p>`),
    );
    const { head, bytes } = await receive("oak", await pointerAt("oak"));
    assert.equal(head?.cleaned, true);
    assert.match(bytes.toString(), /<body><p>Seen in <b>clinic<\/b><\/p><\/body>/);
  });

  it("brings a resource of a FHIR server as it is", async () => {
    const resource = JSON.stringify({ resourceType: "MedicationStatement", id: "P0-0", status: "active" });
    fhir.behave((response) => response.writeHead(200, { "content-type": "application/fhir+json" }).end(resource));
    const { head, bytes } = await receive("fir", await pointerAt("fir"));
    assert.deepEqual([head?.origin, bytes.toString()], ["fhir-server", resource]);
    assert.equal(fhir.asked.at(-1), "MedicationStatement/P0-0");
  });

  it("says of a source that is down that the record exists, when it last worked, and whom to ring", async () => {
    const pointerId = await pointerAt("fir");
    fhir.behave(() => {}); // takes the question and says nothing
    const { unavailable } = await receive("fir", pointerId);
    assert.deepEqual([unavailable?.fault, unavailable?.recordType], ["not-responding", "medications"]);
    assert.ok(unavailable!.lastWorkedAtMs > 0 && unavailable!.triedAtMs >= unavailable!.lastWorkedAtMs);
    const [{ source } = {}] = answerAt(await ask(network, person), "fir").pointers;
    assert.ok(
      source && source.triedInHour > source.workedInHour && source.lastWorkedAtMs > 0,
      "the pointer says so too",
    );
    const said = await corridor([
      ...["retrieve", "--via", "ash", "--mesh", network.folder, "--area", "fir", "--record", pointerId, "--out", "-"],
      ...["--nhs-number", person.nhsNumber, "--birth-date", person.birthDate, "--role", DOCTOR.role],
      ...["--setting", DOCTOR.setting, "--purpose", "TREAT", "--relationship", "attendance", "--reason", DOCTOR.reason],
    ]);
    assert.equal(said.exitCode, 1);
    assert.match(
      said.stderr,
      /^Record exists \(Medications.*, 2025-03-02\)\. .* is not responding, tried \d\d:\d\d, last worked \d\d:\d\d\. Retry · phone 01632 960000\. Do not read as "none" or "no allergies"\.$/m,
    );
    assert.equal(said.stdout, "");
  });

  for (const [what, behaviour, fault] of [
    ["is gone", (r) => r.writeHead(410).end(), "gone"],
    ["fails", (r) => r.writeHead(500).end("secret"), "source-error"],
    ["sends something else", (r) => r.writeHead(200, { "content-type": "text/html" }).end("<p>"), "unexpected-content"],
    ["leads elsewhere", (r) => r.writeHead(302, { location: "http://127.0.0.1:9/" }).end(), "source-error"],
    [
      "says that it is endless",
      (r) => r.writeHead(200, { "content-type": "application/fhir+json", "content-length": 2 ** 40 }).write("{"),
      "too-large",
    ],
    [
      "stops half-way",
      (r) => {
        r.writeHead(200, { "content-type": "application/fhir+json", "content-length": 1_000 }).write("{");
        setTimeout(() => r.destroy(), 50);
      },
      "broke-off",
    ],
  ] satisfies [string, Parameters<SourceDouble["behave"]>[0], RecordUnavailable["fault"]][]) {
    it(`says of a record that ${what}: ${fault}`, async () => {
      fhir.behave(behaviour);
      const { unavailable, isWhole } = await receive("fir", await pointerAt("fir"));
      assert.deepEqual([unavailable?.fault, isWhole], [fault, false]);
    });
  }

  it("opens nothing that the role does not see in full, and says no more than of what is not there", async () => {
    const pointerId = await pointerAt("elm");
    const asked = documents.asked.length;
    const asAdministrator = await failureOf(receive("elm", pointerId, { claim: { role: "R8008" } }));
    const made = await failureOf(receive("elm", "nowhere-to-be-found"));
    assert.deepEqual([asAdministrator.code, made.code], ["not-permitted", "not-permitted"]);
    assert.equal(documents.asked.length, asked);
  });

  it("opens nothing by itself", async () => {
    const claim = { trigger: "automatic" } as const;
    const refused = await failureOf(receive("elm", await pointerAt("elm"), { claim }));
    assert.deepEqual([refused.code, /opened by a person/.test(refused.message)], ["not-permitted", true]);
  });

  it("lets go of the source within a second when nobody waits any more", async () => {
    fhir.behave((response) => {
      response.writeHead(200, { "content-type": "application/fhir+json" });
      const more = setInterval(() => response.write(" ".repeat(1_000)), 20);
      response.once("close", () => clearInterval(more));
    });
    for await (const { kind } of open("fir", await pointerAt("fir"))) {
      if (kind === "piece") break;
    }
    const leftAtMs = performance.now();
    await until(() => fhir.open() === 0);
    const tookMs = performance.now() - leftAtMs;
    assert.ok(tookMs < 3_000, `it took ${tookMs.toFixed(0)} ms`); // a second, and what a busy machine needs
  });

  catalogueRow(
    {
      ...{ id: "N12", title: "a million rows, read slowly and then left: nobody keeps them, and everybody lets go" },
      ...{ quick: 1, full: 20, slice: 20, timeoutMs: 10 * 60_000 },
    },
    async (trials) => {
      const worst = { "grown MB": 0, "let go after ms": 0, "rows ahead of the reader": 0 };
      for (const _ of trials) {
        let rows = 0;
        fhir.behave((response) => {
          response.writeHead(200, { "content-type": "application/fhir+json" });
          const more = (): void => {
            while (rows < ROWS && response.write(ROW)) rows++;
            if (rows < ROWS) response.once("drain", more);
            else response.end();
          };
          more();
        });
        const pointerId = await pointerAt("fir");
        const restBytes = ["ash", "fir"].map((area) => rssOf(network, area));
        let [slowSinceMs, leftAtMs] = [Infinity, 0];
        let read = 0;
        for await (const event of open("fir", pointerId)) {
          if (event.kind !== "piece") continue;
          read += event.bytes.length;
          // Most of it at once, for what is kept must show; then as somebody who takes their time.
          if (read < READ_AT_ONCE_BYTES) continue;
          slowSinceMs = Math.min(slowSinceMs, performance.now());
          await sleep(20);
          for (const [at, area] of ["ash", "fir"].entries()) {
            worst["grown MB"] = Math.max(worst["grown MB"], (rssOf(network, area) - restBytes[at]!) / MB);
          }
          if (performance.now() - slowSinceMs <= READ_FOR_MS) continue;
          leftAtMs = performance.now();
          break;
        }
        assert.ok(leftAtMs > 0, "the stream was left, and did not end by itself");
        await until(() => fhir.open() === 0);
        worst["let go after ms"] = Math.max(worst["let go after ms"], performance.now() - leftAtMs);
        worst["rows ahead of the reader"] = Math.max(worst["rows ahead of the reader"], rows - read / ROW.length);
        assert.ok(rows < ROWS, "the source was held back");
      }
      assert.ok(worst["grown MB"] <= 64, `a node grew by ${worst["grown MB"].toFixed(0)} MB`);
      assert.ok(worst["let go after ms"] <= LET_GO_WITHIN_MS, `it took ${worst["let go after ms"].toFixed(0)} ms`);
      return { counts: { streams: trials.count }, worst };
    },
  );

  it("carries twenty megabytes without keeping them, in memory or on any disk", async () => {
    const large = randomBytes(20 * MB);
    writeFileSync(join(network.folder, "elm-records", "P0-0.pdf"), large);
    const pointerId = await pointerAt("elm");
    const before = diskOf(network);
    const restBytes = ["ash", "elm"].map((area) => rssOf(network, area));
    let [most, pieces] = [0, 0];
    const { bytes } = await receive("elm", pointerId, {
      async onPiece() {
        if (pieces++ % 40 !== 0) return;
        await sleep(5); // a reader who takes its time
        for (const [at, area] of ["ash", "elm"].entries()) {
          most = Math.max(most, rssOf(network, area) - restBytes[at]!);
        }
        assert.ok(diskOf(network) - before < 2 * MB, "nothing of it is on disk");
      },
    });
    assert.ok(bytes.equals(large));
    assert.ok(most <= 64 * MB, `a node grew by ${(most / MB).toFixed(0)} MB`);
    assert.ok(diskOf(network) - before < 2 * MB, "nothing of it is on disk afterwards");
  });
});

async function until(holds: () => boolean): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += 20) {
    assert.ok(waitedMs < 10_000, "it came in time");
    await sleep(20);
  }
}

/** Bytes of everything that the network's processes keep. */
function diskOf({ folder }: TestNetwork): number {
  const sizes = readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) =>
    entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0,
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

function rssOf(network: TestNetwork, area: string): number {
  const { pid } = network.mesh.node(area).process;
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}
