import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";

import { parse, stringify } from "yaml";

import { systemClock, today } from "../../node/base/clock.ts";
import { FEED_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import { readCallerTls } from "../../node/wire/tls-files.ts";
import { startNetwork, type TestNetwork } from "../testing/a-network.ts";
import { providerOf } from "../testing/a-topology.ts";
import { answerAt, ask, outcomeAt } from "../testing/asking.ts";
import { findFreePorts } from "../testing/free-ports.ts";
import { aPerson } from "../testing/people.ts";
import { type AdtOrder, adt } from "./adt.ts";
import { type Hl7Line, openLine } from "./hl7-line.ts";

const START_MS = 60_000;
/** What is promised between an acknowledgement and the answer of a peer. */
const FOUND_WITHIN_MS = 60_000;

const HOLDER = "birch";
const PROVIDER = providerOf(HOLDER);

describe("an attendance that one node hears of by HL7", function () {
  this.timeout(START_MS);
  const patient = { ...aPerson(1, "1961-04-12"), familyName: "Trial", givenName: "Robin", gender: "F" };
  const unknown = aPerson(2, "1984-11-30");
  let network: TestNetwork;
  let line: Hl7Line;
  let port: number;
  let sent = 0;

  before(async function () {
    this.timeout(2 * START_MS);
    network = await startNetwork({
      areas: [
        { id: "ash", name: "Ashdale", collaborative: "north", region: "Upland" },
        { id: HOLDER, name: "Birchwood", collaborative: "north", region: "Upland" },
      ],
      agreements: [{ between: ["ash", HOLDER] }],
      people: [],
    });
    port = await findFreePorts(1);
    await openDoor();
    line = await aLine();
  });
  after(async function () {
    line?.close();
    await network?.stop();
  });

  /** Two feeds of one hospital: one line in its settings for each. */
  async function openDoor(): Promise<void> {
    const node = network.mesh.node(HOLDER);
    const settings = parse(readFileSync(node.configPath, "utf8")) as object;
    const feeds = ["PAS", "ED"].map((application) => ({
      ...{ provider: PROVIDER, sender: FEED_CALLER.name, name: application.toLowerCase(), application },
    }));
    writeFileSync(node.configPath, stringify({ ...settings, hl7: { listen: `127.0.0.1:${port}`, feeds } }));
    await node.process.stop();
    await node.restart();
  }

  const aLine = (): Promise<Hl7Line> =>
    openLine(port, readCallerTls(network.mesh.node(HOLDER).callerDir(FEED_CALLER.name)));

  function message(event: string, more: Partial<AdtOrder> = {}): string {
    const { nhsNumber, birthDate, familyName, givenName, gender } = patient;
    const who = { nhsNumber, birthDate, familyName, givenName, gender };
    return adt({ event, localId: "P1", provider: PROVIDER, controlId: `M${++sent}`, ...who, ...more });
  }

  async function taken(text: string): Promise<void> {
    const answer = await line.send(text);
    assert.equal(answer.code, "AA", JSON.stringify(answer));
  }

  /** The other node's view of the one attendance. */
  async function view(): Promise<unknown> {
    const { pointers } = answerAt(await ask(network, patient), HOLDER);
    assert.equal(pointers.length, 1);
    return pointers[0]?.encounter;
  }

  /** What the other node hears: how many attendances. */
  async function heard(who: Parameters<typeof ask>[1] = patient): Promise<number> {
    const ackedMs = performance.now();
    const asked = await ask(network, who);
    assert.ok(performance.now() - ackedMs < FOUND_WITHIN_MS);
    const [outcome] = outcomeAt(asked, HOLDER);
    const { pointers } = answerAt(asked, HOLDER);
    assert.equal(outcome, pointers.length === 0 ? "nothing-to-show" : "records");
    assert.ok(pointers.every(({ recordType }) => recordType === "encounters"));
    return pointers.length;
  }

  it("is found by a peer as soon as it is acknowledged, and gone when it is cancelled", async () => {
    assert.equal(await heard(), 0);
    await taken(message("A05", { visit: "V1" }));
    assert.deepEqual(await view(), { class: "emergency", state: "planned", endedOn: "" });
    await taken(message("A04", { visit: "V1" }));
    assert.deepEqual(await view(), { class: "emergency", state: "open", endedOn: "" });
    await taken(message("A03", { visit: "V1" }));
    assert.deepEqual(await view(), { class: "emergency", state: "closed", endedOn: today(systemClock) });
    await taken(message("A13", { visit: "V1", visitClass: "I" }));
    assert.deepEqual(await view(), { class: "inpatient", state: "open", endedOn: "" });
    assert.equal(await heard(), 1);
    await taken(message("A11", { visit: "V1" }));
    assert.equal(await heard(), 0);
  });

  it("is nothing twice where the message comes twice", async () => {
    const twice = message("A01", { visit: "V2", visitClass: "I" });
    await taken(twice);
    await taken(twice);
    assert.equal(await heard(), 1);
  });

  it("is found under the patient's name when they are known at last", async () => {
    const stranger = { nhsNumber: undefined, familyName: "", birthDate: "", gender: "" } as unknown as AdtOrder;
    await taken(message("A04", { ...stranger, localId: "U1", visit: "V3" }));
    const before = await heard();
    await taken(message("A40", { otherId: "U1" }));
    assert.equal(await heard(), before + 1);
  });

  it("survives that two feeds speak of one patient at once", async () => {
    const other = await aLine();
    const who = { ...unknown, localId: "P7", familyName: "Trial", givenName: "Alex" };
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, at) => {
        const isEd = at % 2 === 0;
        const text = message(isEd ? "A04" : "A31", { ...who, ...(isEd && { visit: `V7${at}` }) });
        return (isEd ? other : line).send(isEd ? text.replace("|PAS|", "|ED|") : text);
      }),
    );
    assert.deepEqual([...new Set(answers.map(({ code }) => code))], ["AA"]);
    assert.equal(await heard(unknown), 20);
    other.close();
  });

  it("is not merged with a patient of whom nobody has heard", async () => {
    const answer = await line.send(message("A40", { otherId: "NOBODY" }));
    assert.deepEqual([answer.code, answer.fault, answer.where], ["AE", "204", "MRG-1"]);
    const first = await line.send(message("A40", { localId: "NEITHER", otherId: "P1" }));
    assert.deepEqual([first.code, first.fault, first.where], ["AE", "204", "PID-3"]);
  });

  it("is durable when it is acknowledged, though the node is killed at once", async () => {
    const before = await heard();
    await taken(message("A01", { visit: "V9" }));
    const node = network.mesh.node(HOLDER);
    process.kill(node.process.pid, "SIGKILL");
    await line.ended;
    await node.process.stop();
    await node.restart();
    line = await aLine();
    assert.equal(await heard(), before + 1);
  });
});
