import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect as connectPlainly } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type ConnectionOptions } from "node:tls";

import type { Database } from "better-sqlite3";
import { parse, stringify } from "yaml";

import { seededRandom } from "../../node/base/random.ts";
import { frame } from "../../node/feeds/hl7/mllp.ts";
import { openDatabase } from "../../node/storage/database.ts";
import type { TlsFiles } from "../../node/wire/tls-files.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import {
  ASKER,
  type DoorNetwork,
  type DoorNode,
  HOLDER,
  makeDoorNetwork,
  OTHERS_PROVIDER,
  PAUSED_PROVIDER,
  PROVIDER,
} from "../testing/doors-network.ts";
import { aMarkedPerson, findPeopleIn } from "../testing/doors-people.ts";
import { findFreePorts } from "../testing/free-ports.ts";
import { adt, type AdtOrder } from "./adt.ts";
import { mutate } from "./adt-mutations.ts";
import { type Hl7Answer, type Hl7Line, openLine } from "./hl7-line.ts";

const person = aMarkedPerson(0);
/** Feeds of one hospital, told apart by MSH-3. */
const APPLICATIONS = ["PAS", "ED", "MATERNITY", "THEATRE"];

/** Everything that a message may leave behind: rows are only ever added to these, or their changes are counted with them. */
const TRACES = [
  ...["identity_record", "person", "event_move", "seen_message", "pointer", "encounter_event"].map(
    (table) => `count(*) FROM ${table}`,
  ),
  "count(*), total(undone_by) FROM link_event",
  "group_concat(json_array(made_by, one, other)) FROM statement",
  "group_concat(json_array(visit, state, local_id, said_ms, ended_ms)) FROM encounter",
];

describe("the door for HL7 v2", function () {
  this.timeout(60_000);
  let network: DoorNetwork;
  let node: DoorNode;
  let port: number;
  let reader: Database;
  let line: Hl7Line;
  let sent = 0;

  before(async () => {
    network = await makeDoorNetwork();
    port = await findFreePorts(1);
    const settings = parse(readFileSync(network.configPath, "utf8")) as object;
    const feeds = [
      ...APPLICATIONS.map((application) => ({ application, provider: PROVIDER, name: application.toLowerCase() })),
      { provider: PAUSED_PROVIDER },
      { provider: OTHERS_PROVIDER },
    ].map((feed) => ({ sender: "feed", ...feed }));
    writeFileSync(network.configPath, stringify({ ...settings, hl7: { listen: `127.0.0.1:${port}`, feeds } }));
    node = await network.start();
    reader = openDatabase(join(network.dataDir, "index.db"), { readonly: true });
    line = await aLine();
  });
  after(async () => {
    line?.close();
    reader?.close();
    await node?.stop();
    network?.remove();
  });

  const aLine = (tls: TlsFiles = network.callerTls("feed")): Promise<Hl7Line> => openLine(port, tls);
  const message = (event: string, more: Partial<AdtOrder> = {}): string =>
    adt({
      ...{ event, localId: "P1", provider: PROVIDER, controlId: `M${++sent}` },
      ...{ familyName: person.familyName, givenName: person.givenName, birthDate: person.birthDate },
      ...{ nhsNumber: person.nhsNumber, gender: "F", ...more },
    });
  const state = (): string => JSON.stringify(TRACES.map((sql) => reader.prepare(`SELECT ${sql}`).raw().get()));
  const letters = (): number =>
    reader.prepare<[], number>("SELECT total(tries) FROM dead_letter").pluck().get() as number;
  const codeOf = ({ code, fault, where }: Hl7Answer): string => [code, fault, where].filter(Boolean).join(" ");

  /** Refused with that, nothing is left of it, and whoever has to can look at it. */
  async function refused(
    expected: string,
    bytes: string | Uint8Array,
    keeps = expected.startsWith("AE"),
  ): Promise<void> {
    const [before, lettersBefore] = [state(), letters()];
    const answer = await line.send(bytes);
    assert.equal(codeOf(answer), expected, answer.text);
    assert.equal(state(), before, `${expected}: nothing of it was kept`);
    assert.equal(letters() - lettersBefore, keeps ? 1 : 0, `${expected}: the dead letters`);
  }

  describe("whom it lets in", () => {
    /** True where a message over such a connection is answered. */
    async function answers(options: ConnectionOptions): Promise<boolean> {
      const socket = connect({ host: "127.0.0.1", port, checkServerIdentity: () => undefined, ...options });
      let bytes = 0;
      socket.on("data", (part: Buffer) => {
        bytes += part.length;
        socket.end();
      });
      socket.on("error", () => {});
      socket.write(frame(Buffer.from(message("A28"))));
      await new Promise((resolve) => socket.once("close", resolve));
      return bytes > 0;
    }
    const shown = ({ certificate, key, trust }: TlsFiles): ConnectionOptions => ({ cert: certificate, key, ca: trust });

    it("is who has a certificate of this network, over TLS 1.3", async () => {
      const own = shown(network.callerTls("feed"));
      const elsewhere = await makeDoorNetwork();
      try {
        assert.equal(await answers({ ...shown(elsewhere.callerTls("feed")), ca: own.ca }), false, "another network's");
      } finally {
        elsewhere.remove();
      }
      assert.equal(await answers({ ca: own.ca }), false, "no certificate");
      assert.equal(await answers({ ...own, maxVersion: "TLSv1.2" }), false, "an older TLS");
      assert.equal(await answers(shown(await network.forge(ASKER, "itself"))), false, "its own authority");
      assert.equal(await answers(own), true);
    });

    it("is no node, and no application of another node", async () => {
      for (const tls of [network.nodeTls(ASKER), network.nodeTls(HOLDER), network.callerTls("ward", ASKER)]) {
        assert.equal(await answers(shown(tls)), false);
      }
    });

    it("lets nobody speak who may not feed, or for whom the certificate does not speak", async () => {
      const before = state();
      const ward = await aLine(network.callerTls("ward"));
      assert.equal(codeOf(await ward.send(message("A28"))), "AR 103 MSH-4");
      ward.close();
      for (const provider of [OTHERS_PROVIDER, "RZZ"]) await refused("AR 103 MSH-4", message("A28", { provider }));
      await refused("AR 101 MSH-4", message("A28", { provider: "" }));
      await refused("AE 102 MSH-4", message("A28", { provider: PAUSED_PROVIDER }));
      assert.equal(state(), before);
    });

    it("is not kept from it by whoever connects and says nothing", async () => {
      const mute = Array.from({ length: 150 }, () => connectPlainly({ host: "127.0.0.1", port }));
      mute.forEach((socket) => socket.on("error", () => {}));
      await Promise.all(mute.map((socket) => once(socket, "connect")));
      const one = await aLine();
      assert.equal((await one.send(message("A28"))).code, "AA");
      one.close();
      mute.forEach((socket) => socket.destroy());
    });

    it("holds how many connections one certificate has, and lets the next one in when one has gone", async () => {
      const lines = await Promise.all(Array.from({ length: 7 }, () => aLine()));
      const one = await aLine();
      await one.ended;
      lines.forEach((each) => each.close());
      await Promise.all(lines.map((each) => each.ended));
      await sleep(100);
      const next = await aLine();
      assert.equal((await next.send(message("A28"))).code, "AA");
      next.close();
    });
  });

  describe("what it takes for a message", () => {
    it("answers each in its turn, however they come", async () => {
      const messages = Array.from({ length: 20 }, (_, at) => message("A31", { controlId: `T${at}` }));
      const stream = Buffer.concat(messages.map((text) => frame(Buffer.from(text))));
      const other = await aLine();
      other.write(stream.subarray(0, 700));
      await sleep(20);
      other.write(stream.subarray(700));
      for (let at = 0; at < messages.length; at++) {
        const { code, controlId } = await other.answer();
        assert.deepEqual([code, controlId], ["AA", `T${at}`]);
      }
      other.close();
    });

    it("refuses what is too long by its id, and reads the next", async () => {
      const long = `${message("A31", { controlId: "LONG" })}\rNTE|1||${"x".repeat(2 * 1024 * 1024)}`;
      const before = state();
      const answer = await line.send(long);
      assert.deepEqual([codeOf(answer), answer.controlId], ["AE 207", "LONG"]);
      assert.equal(state(), before);
      assert.equal((await line.send(message("A31"))).code, "AA");
    });

    it("takes a segment of nearly a megabyte that nobody reads", async () => {
      assert.equal((await line.send(`${message("A31")}\rNTE|1||${"x".repeat(1_000_000)}`)).code, "AA");
    });

    it("closes on bytes that are no message", async () => {
      for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "MSH|^~\\&|", "\u001c\r", "\u0000"]) {
        const other = await aLine();
        other.write(Buffer.from(bytes));
        await other.ended;
      }
      assert.ok(node.isAlive());
    });

    const hostile: [what: string, expected: string, bytes: () => string | Uint8Array][] = [
      ["nothing", "AE 102 MSH-1", () => ""],
      ["no MSH", "AE 102 MSH-1", () => message("A31").split("\r").slice(1).join("\r")],
      ["MSH alone", "AR 101 MSH-4", () => "MSH|^~\\&"],
      ["a batch", "AE 102 MSH-1", () => `BHS|^~\\&\r${message("A31")}\rBTS|1`],
      ["two messages in one frame", "AE 100 MSH", () => `${message("A31")}\r${message("A31")}`],
      [
        "a message that was cut off, and the next",
        "AE 102",
        () => `${message("A31").slice(0, 90)}\u000b${message("A31")}`,
      ],
      ["delimiters that are alike", "AE 102 MSH-2", () => message("A31").replace("^~\\&", "^^\\&")],
      ["line feeds for carriage returns", "AE 102", () => message("A31").replaceAll("\r", "\n")],
      [
        "bytes that are not the set that it names",
        "AE 102 MSH-18",
        () => Buffer.from(message("A31", { familyName: "Zoë" }), "latin1"),
      ],
      ["a set that is not read", "AE 102 MSH-18", () => message("A31").replace("UNICODE UTF-8", "UNICODE UTF-16")],
      ["zeros", "AE 102 MSH-1", () => Buffer.alloc(2_000)],
      ["a control character in a name", "AE 102 PID-5", () => message("A31", { familyName: "A\u0000B" })],
      ["an escape without an end", "AE 102 PID-5", () => message("A31", { familyName: "A\\X4" })],
      ["marks that turn text", "AE 102 PID-5", () => message("A31", { familyName: "A\u202eB" })],
      ["a name of 2,000 letters", "AE 102 PID-5", () => message("A31", { familyName: "x".repeat(2_000) })],
      ["a birth before 1860", "AE 102 PID-7", () => message("A31", { birthDate: "1859-12-31" })],
      ["a birth to come", "AE 102 PID-7", () => message("A31", { birthDate: "2999-01-01" })],
      ["a day that there is not", "AE 102 PID-7", () => message("A31", { birthDate: "2025-02-30" })],
      ["a sex that there is not", "AE 103 PID-8", () => message("A31", { gender: "X" })],
      ["a number with a wrong check digit", "AE 102 PID-3", () => message("A31", { nhsNumber: "9000000000" })],
      ["a number of one digit", "AE 102 PID-3", () => message("A31", { nhsNumber: "1111111111" })],
      ["a number in other digits", "AE 102 PID-3", () => message("A31", { nhsNumber: "９０００００００09" })],
      ["no local number", "AE 101 PID-3", () => message("A31", { localId: "" })],
      ["a local number of 65 characters", "AE 102 PID-3", () => message("A31", { localId: "1".repeat(65) })],
      ["no id of its own", "AE 101 MSH-10", () => message("A31", { controlId: "" })],
      ["a moment to come", "AE 102 EVN-2", () => message("A31", { atMs: Date.now() + 86_400_000 })],
      ["no visit", "AE 100 PV1", () => message("A01")],
      ["a visit without a number", "AE 101 PV1-19", () => message("A01", { visit: "" })],
      ["a class that there is not", "AE 103 PV1-2", () => message("A01", { visit: "V1", visitClass: "Z" })],
      ["600 segments", "AE 102", () => `${message("A31")}${"\rNTE|1".repeat(600)}`],
      ["a field of 200 repetitions", "AE 102 PID-3", () => message("A31", { localId: "P1~".repeat(200) })],
      ["a merge onto itself", "AE 204 MRG-1", () => message("A40", { otherId: "P1" })],
      ["a merge of nobody", "AE 204 MRG-1", () => message("A40", { otherId: "NOBODY" })],
      ["a merge into nobody", "AE 204 PID-3", () => message("A40", { localId: "NOBODY", otherId: "P1" })],
      ["a merge without MRG", "AE 100 MRG", () => message("A40")],
      ["an event that is not taken", "AR 201 MSH-9", () => message("A02")],
      ["another kind", "AR 200 MSH-9", () => message("A31").replace("ADT^", "ORU^")],
      ["a message for a test", "AR 202 MSH-11", () => message("A31").replace("|P|2.4", "|T|2.4")],
      ["another version", "AR 203 MSH-12", () => message("A31").replace("|P|2.4", "|P|2.5")],
    ];
    before(async () => assert.equal((await line.send(message("A28"))).code, "AA"));
    for (const [what, expected, bytes] of hostile) {
      it(`refuses ${what}`, () => refused(expected, bytes()));
    }

    it("refuses a circle of merges, and a second merge of one number", async () => {
      for (const localId of ["C1", "C2", "C3"]) {
        assert.equal((await line.send(message("A28", { localId, nhsNumber: undefined as never }))).code, "AA");
      }
      assert.equal((await line.send(message("A40", { localId: "C1", otherId: "C2" }))).code, "AA");
      await refused("AE 204 MRG-1", message("A40", { localId: "C2", otherId: "C1" }));
      await refused("AE 204 MRG-1", message("A40", { localId: "C3", otherId: "C2" }));
    });

    it("parts two whom it merged, and merges them again", async () => {
      const other = aMarkedPerson(1);
      const { nhsNumber, familyName, givenName, birthDate } = other;
      const stranger = { nhsNumber, familyName, givenName, birthDate };
      const personOf = (localId: string): unknown =>
        reader.prepare("SELECT person_id FROM identity_record WHERE current = 1 AND local_id = ?").pluck().get(localId);
      const taken = async (text: string): Promise<void> => assert.equal((await line.send(text)).code, "AA");
      await taken(message("A28", { localId: "D1" }));
      await taken(message("A28", { localId: "D2", ...stranger }));
      for (const [event, together] of [
        ["A40", true],
        ["A37", false],
        ["A40", true],
        ["A37", false],
        ["A24", true],
        ["A37", false],
      ] as const) {
        await taken(message(event, { localId: "D1", otherId: "D2" }));
        assert.equal(personOf("D1") === personOf("D2"), together, event);
      }
    });

    it("refuses another message under an id that was one's", async () => {
      assert.equal((await line.send(message("A31", { controlId: "ONCE" }))).code, "AA");
      await refused("AE 205 MSH-10", message("A31", { controlId: "ONCE", gender: "M" }));
    });
  });

  catalogueRow(
    {
      id: "P9",
      title: "a changed message is taken whole, or refused with nothing left of it but a dead letter",
      ...{ quick: 500, full: 20_000, timeoutMs: 300_000 },
    },
    async (trials) => {
      const counts: Record<string, number> = {};
      for (const trial of trials) {
        const random = seededRandom(trial + 1);
        const event = ["A01", "A03", "A04", "A05", "A08", "A11", "A13", "A28", "A31", "A34", "A40", "A24", "A37"][
          trial % 13
        ]!;
        const pairs = ["A34", "A40", "A24", "A37"].includes(event);
        const order = {
          ...{ localId: `F${trial % 40}`, controlId: `P9-${trial}` },
          ...(pairs ? { otherId: `F${(trial * 7) % 41}` } : { visit: `V${trial % 60}`, visitClass: "EIO"[trial % 3]! }),
        };
        const text = message(event, order).replace("|PAS|", `|${APPLICATIONS[trial % 4]}|`);
        const bytes = mutate(text, random);
        const [before, lettersBefore] = [state(), letters()];
        const answer = await line.send(bytes).catch(() => undefined);
        const code = answer?.code ?? "closed";
        counts[code] = (counts[code] ?? 0) + 1;
        if (answer === undefined || bytes.includes("\u001c\r")) {
          // An end in its middle makes two of it; the second is none, and ends the connection.
          await line.ended;
          line = await aLine();
          continue;
        }
        assert.ok(["AA", "AE", "AR"].includes(code), `${trial}: ${code}`);
        if (code === "AA") continue;
        assert.equal(state(), before, `${trial} left something behind: ${codeOf(answer)}`);
        assert.notEqual(`${answer.fault} ${answer.text}`, "207 It could not be kept: send it again.", String(trial));
        assert.equal(letters() - lettersBefore, code === "AE" ? 1 : 0, `${trial}: ${codeOf(answer)}`);
      }
      assert.ok((counts["AA"] ?? 0) > trials.count / 20, "some that are taken");
      assert.ok((counts["AE"] ?? 0) > trials.count / 20, "and some that are not");
      assert.ok(node.isAlive());
      return { counts };
    },
  );

  describe("after all that", () => {
    it("has said nothing of a patient in its log", async () => {
      await sleep(100);
      assert.deepEqual(findPeopleIn(node.output(), [person]), []);
      assert.doesNotMatch(node.output(), /hl7-failed|"level":50/);
    });

    it("answers what is in hand when it stops, and takes nothing new", async () => {
      const answer = line.send(message("A31"));
      assert.equal(await node.stop(), 0);
      assert.equal((await answer.catch(() => ({ code: "closed" }))).code.length > 0, true);
      await line.ended;
      node = await network.start();
      line = await aLine();
      assert.equal((await line.send(message("A31"))).code, "AA");
    });
  });
});
