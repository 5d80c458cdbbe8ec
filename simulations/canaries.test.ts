import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { nodeDns } from "../certs/profile.ts";
import { DEMO_CALLER, FEED_CALLER } from "../node/cli/mesh/demo-caller.ts";
import { openDatabase } from "../node/storage/database.ts";
import { readCallerTls } from "../node/wire/tls-files.ts";
import { type TestNetwork, startNetwork } from "./testing/a-network.ts";
import { providerOf } from "./testing/a-topology.ts";
import { type Ended, METHOD, rawClient } from "./testing/doors-call.ts";
import { type Ran, run } from "./testing/doors-cli.ts";
import { readColumns, readFiles } from "./testing/doors-columns.ts";
import { type MarkedPerson, aMarkedPerson, findPeopleIn } from "./testing/doors-people.ts";
import { aClaim, aLocate, anIdentity, batch, header, locateBytes } from "./testing/doors-questions.ts";

/** Held in both areas; held and restricted in the asker's; held and objected; in rejected lines only; held nowhere. */
const HELD = aMarkedPerson(0);
const RESTRICTED = aMarkedPerson(1);
const OBJECTOR = aMarkedPerson(2);
const REJECTED = aMarkedPerson(3);
const STRANGER = aMarkedPerson(4);
/** In an index row that is damaged. */
const DAMAGED = aMarkedPerson(5);
const EVERYBODY = [HELD, RESTRICTED, OBJECTOR, REJECTED, STRANGER, DAMAGED];

/**
 * Where patients may stand, and nowhere else: what the stores hold of them, which is what stores are for, and the file of
 * lines that were not kept, which is its operator's own. The answers printed to whoever gave the number may name the
 * patient as well; they do not.
 */
const ALLOWED_COLUMNS = [
  ...["given_name", "middle_name", "family_name", "birth_date", "address_line1", "postcode", "phone", "nhs_number"].map(
    (column) => `identity_record.${column}`,
  ),
  "audit_log.patient",
];
const ALLOWED_FILES = /\.rejects\.ndjson$/;
/** Looked at column by column instead. */
const STORES = /(?:^|\/)(?:index|audit)\.db(?:-wal|-shm)?$/;

const AREAS = ["ash", "birch"];
const IDENTITY_HEADER =
  "provider,local_id,nhs_number,nhs_number_status,given_name,middle_name,family_name,birth_date,gender,address_line1,address_line2,locality,postcode,phone,recorded_on,restricted";
const POINTER_HEADER = "provider,local_id,record_id,record_type,recorded_on,format,fetch,sensitivity";
const OBJECTION_HEADER = "provider,local_id,objection_id,state,received_on,override_in_emergency";

describe("marked people, loaded and asked for in every way that can go wrong", () => {
  let network: TestNetwork;
  /** The operator's own files: what is loaded. */
  let inputs: string;
  let temporaryBefore: readonly string[];
  /** All that commands printed and calls were told. */
  const heard: string[] = [];

  before(async function () {
    this.timeout(60_000);
    temporaryBefore = readdirSync(tmpdir());
    inputs = mkdtempSync(join(tmpdir(), "corridor-inputs-"));
    network = await startNetwork({
      areas: AREAS.map((id) => ({ id, name: `${id} vale`, collaborative: "vales", region: "Vales" })),
      agreements: [{ between: AREAS }],
      people: [],
    });
    for (const node of network.mesh.nodes) {
      await node.process.stop();
      appendFileSync(node.configPath, "logLevel: debug\n"); // as talkative as it can be
      await node.restart();
    }
  });
  after(async () => {
    await network?.stop();
    if (inputs !== undefined) rmSync(inputs, { recursive: true, force: true });
  });

  const corridor = async (args: readonly string[], stdin = ""): Promise<Ran> => {
    const ran = await run([...args, "--mesh", network.folder], { stdin });
    heard.push(ran.out, ran.err);
    return ran;
  };
  const hear = ({ said, messages, ...ended }: Ended): Ended => {
    heard.push(said, ...messages.map((message) => message.toString("latin1")));
    return { said, messages, ...ended };
  };
  const dataOf = (id: string): string => network.mesh.node(id).dataDir;

  it("loads them, bad lines and broken loads among the good", async () => {
    for (const area of AREAS) {
      const provider = providerOf(area);
      const line = (localId: string, person: MarkedPerson, number = person.nhsNumber): string => {
        const { givenName, middleName, familyName, birthDate, addressLine1, postcode, phone } = person;
        const restricted = area === "ash" && person === RESTRICTED;
        return `${provider},${localId},${number},01,${givenName},${middleName},${familyName},${birthDate},female,${addressLine1},,Nowhere,${postcode},${phone},2024-05-01,${restricted}`;
      };
      const identities = [
        line("M-1", HELD),
        line("M-2", RESTRICTED),
        line("M-3", OBJECTOR),
        line("M-4", DAMAGED),
        line("X-1", REJECTED, `${REJECTED.nhsNumber.slice(0, 9)}X`),
        line("X-2", REJECTED).replace(provider, "RZZ"),
        `${line("X-3", REJECTED)},one field more`,
        `"${line("X-4", REJECTED)}`,
        line("X-5", { ...REJECTED, postcode: `${REJECTED.postcode} far too long` }),
      ];
      const pointers = ["M-1", "M-2", "M-3", "M-4"].map(
        (id) => `${provider},${id},${id}-R,discharge-letter,2025-03-02,application/pdf,https://records.example/${id},N`,
      );
      const named = `${provider},M-1,X-R,discharge-letter,2025-03-02,application/pdf,https://records.example/${HELD.nhsNumber},N`;
      const files = [
        [`${area}.identities.csv`, IDENTITY_HEADER, ...identities],
        [`${area}.pointers.csv`, POINTER_HEADER, ...pointers, named],
        [`${area}.objections.csv`, OBJECTION_HEADER, `${provider},M-3,O-3,upheld,2025-01-01,false`],
      ].map(([name, ...lines]) => {
        const path = join(inputs, name!);
        writeFileSync(path, lines.join("\n"));
        return path;
      });
      const rejects = join(network.folder, `${area}.rejects.ndjson`);
      const { code, out, err } = await corridor(["load", ...files, "--via", area, "--rejects", rejects]);
      assert.deepEqual([code, /^9 of 15 lines/.exec(out)?.[0]], [0, "9 of 15 lines"], out + err);
    }
    await corridor(["load", join(inputs, "ash.identities.csv"), "--via", "ash", "--name", `for ${HELD.nhsNumber}`]);
    const headless = join(inputs, "headless.csv");
    writeFileSync(headless, readFileSync(join(inputs, "ash.identities.csv"), "utf8").split("\n").slice(1).join("\n"));
    assert.equal((await corridor(["load", headless, "--via", "ash"])).code, 2);
    assert.equal(
      (
        await corridor([
          "load",
          join(inputs, "ash.identities.csv"),
          "--via",
          "ash",
          "--certs",
          callerDir(DEMO_CALLER.name),
        ])
      ).code,
      3,
    );
  });

  it("asks for them: found, hidden, unknown, refused, mistyped, by name, with an area gone", async function () {
    this.timeout(60_000);
    const ask = (person: MarkedPerson, more: Readonly<Record<string, string>> = {}, ...flags: string[]) =>
      corridor([...locateArgs({ "nhs-number": person.nhsNumber, "birth-date": person.birthDate, ...more }), ...flags]);
    const byName = ({ familyName, givenName, birthDate, postcode }: MarkedPerson) =>
      corridor(locateArgs({ family: familyName, given: givenName, "birth-date": birthDate, postcode }));
    const codes = {
      table: (await ask(HELD)).code,
      json: (await ask(HELD, {}, "--json")).code,
      names: (await ask(HELD, { family: HELD.familyName, given: HELD.givenName })).code,
      stdin: (await corridor(locateArgs({ "nhs-number": "-", "birth-date": HELD.birthDate }), HELD.nhsNumber)).code,
      name: (await byName(HELD)).code,
      nobody: (await byName(STRANGER)).code,
      other: (await ask(HELD, { "birth-date": STRANGER.birthDate })).code,
      restricted: (await ask(RESTRICTED)).code,
      objected: (await ask(OBJECTOR)).code,
      stranger: (await ask(STRANGER)).code,
      research: (await ask(HELD, { purpose: "HRESCH" })).code,
      role: (await ask(HELD, { role: "R9999" })).code,
      mistyped: (await ask(HELD, { "nhs-number": `${HELD.nhsNumber.slice(0, 9)}X` })).code,
      reference: (await ask(HELD, { reference: HELD.nhsNumber })).code,
      control: (await ask(HELD, { family: `${HELD.familyName}\u001b` })).code,
      long: (await ask(HELD, { family: HELD.familyName.repeat(20) })).code,
    };
    assert.deepEqual(codes, {
      ...{ table: 0, json: 0, names: 0, stdin: 0, name: 0, nobody: 3, other: 0, restricted: 3, objected: 0 },
      ...{ stranger: 0, research: 3, role: 3, mistyped: 2, reference: 2, control: 2, long: 2 },
    });
    network.mesh.node("birch").process.pause();
    assert.equal((await ask(HELD, { "answer-by": "300" })).code, 4);
    network.mesh.node("birch").process.resume();
    await network.mesh.node("birch").process.kill();
    assert.equal((await ask(HELD)).code, 4);
    await network.mesh.node("birch").restart();
  });

  it("breaks calls and stores under the questions", async function () {
    this.timeout(60_000);
    const { port } = network.mesh.node("ash");
    const name = nodeDns("trial.corridor.example", "ash");
    const ward = rawClient(port, readCallerTls(callerDir(DEMO_CALLER.name)), undefined, name);
    const feed = rawClient(port, readCallerTls(callerDir(FEED_CALLER.name)), undefined, name);
    const locate = async (person: MarkedPerson): Promise<Ended> =>
      hear(
        await ward.call(METHOD.locate, [
          locateBytes(aLocate(person, { claim: aClaim({ organisation: DEMO_CALLER.organisation }) })),
        ]),
      );
    try {
      assert.equal((await locate(HELD)).code, 0);
      const whole = Buffer.from(locateBytes(aLocate(HELD)));
      for (let at = 1; at < whole.length; at += 5) hear(await ward.call(METHOD.locate, [whole.subarray(0, at)]));
      hear(await ward.call(METHOD.locate, [Buffer.concat([whole, whole])]));
      hear(await ward.call(METHOD.locate, [whole, whole]));
      hear(await ward.call(METHOD.answerLocate, [whole]));
      hear(await feed.call(METHOD.load, [header(HELD.familyName + "\u0000"), whole]));
      hear(await feed.call(METHOD.load, [header(), batch(7n, [anIdentity("X-9", STRANGER)])]));
      const index = openDatabase(join(dataOf("ash"), "index.db"));
      index.prepare("UPDATE identity_record SET gender = 'male' WHERE local_id = 'M-4'").run();
      assert.equal((await locate(DAMAGED)).failure, "store-unavailable");
      index.exec("ALTER TABLE objection RENAME TO mislaid");
      await locate(HELD);
      index.exec("ALTER TABLE mislaid RENAME TO objection");
      index.exec("BEGIN IMMEDIATE");
      const load = feed.call(METHOD.load, [
        header(),
        batch(1n, [anIdentity("X-9", STRANGER, { provider: providerOf("ash") })]),
      ]);
      assert.equal(hear(await load).failure, "store-unavailable");
      index.close();
    } finally {
      ward.close();
      feed.close();
    }
  });

  it("finds them in no output, error, log or file, and in the stores where they belong alone", async () => {
    await Promise.all(network.mesh.nodes.map((node) => node.process.stop()));
    assert.deepEqual(findPeopleIn(heard.join("\n"), EVERYBODY), [], "an output or an error names a patient");

    const logs = AREAS.map((id) => readFileSync(network.mesh.paths.log(id), "utf8")).join("\n");
    assert.match(logs, /"event":"call"/, "the logs were read");
    assert.match(logs, /"failure":"store-unavailable"/);

    for (const [path, text] of readFiles(network.folder)) {
      assert.deepEqual(findPeopleIn(path, EVERYBODY), [], "a file's name");
      if (STORES.test(path) || ALLOWED_FILES.test(path)) continue;
      assert.deepEqual(findPeopleIn(text, EVERYBODY), [], path);
    }
    const found = new Set<string>();
    for (const path of AREAS.flatMap((id) => [join(dataOf(id), "index.db"), join(dataOf(id), "audit.db")])) {
      for (const [column, text] of readColumns(path)) {
        const hits = findPeopleIn(text, EVERYBODY);
        if (hits.length > 0) found.add(column);
        if (!ALLOWED_COLUMNS.includes(column)) assert.deepEqual(hits, [], `${column} of ${path}`);
      }
    }
    assert.deepEqual([...found].toSorted(), ALLOWED_COLUMNS.toSorted(), "the search finds what is there");
  });

  it("keeps of a rejected line what its operator's file has, and of a stranger nothing but a token", () => {
    const inStores = AREAS.flatMap((id) => ["index.db", "audit.db"].map((name) => join(dataOf(id), name)))
      .flatMap((path) => [...readColumns(path).values()])
      .join("\n");
    assert.deepEqual(findPeopleIn(inStores, [REJECTED]), []);
    const rejects = AREAS.map((id) => readFileSync(join(network.folder, `${id}.rejects.ndjson`), "utf8")).join("\n");
    assert.notDeepEqual(findPeopleIn(rejects, [REJECTED]), []);
    const birch = [...readColumns(join(dataOf("birch"), "audit.db")).values()].join("\n");
    assert.deepEqual(findPeopleIn(birch, [STRANGER]), [], "a holder that does not know the person");
    assert.match(birch, /^t:/m);
  });

  it("leaves nothing in the machine's temporary folder", () => {
    const own = [network.folder, inputs];
    const left = readdirSync(tmpdir()).filter(
      (name) => !temporaryBefore.includes(name) && !own.includes(join(tmpdir(), name)),
    );
    for (const name of left) assert.deepEqual(findPeopleIn(name, EVERYBODY), []);
  });

  function callerDir(name: string): string {
    return network.mesh.node("ash").callerDir(name);
  }
  function locateArgs(more: Readonly<Record<string, string>>): string[] {
    const options = {
      ...{ via: "ash", role: "R8000", setting: "emergency", purpose: "TREAT", relationship: "attendance" },
      ...{ reason: "In resus", "answer-by": "2000", ...more },
    };
    return ["locate", ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])];
  }
});
