import assert from "node:assert/strict";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { authorityFiles, callerFiles, nodeFiles, rootFiles } from "../certs/layout.ts";
import { signManifest, verifyManifest } from "../topology/manifest.ts";
import { type Ran, type RunOptions, eachOf, run } from "./testing/doors-cli.ts";
import { countKept } from "./testing/doors-inside.ts";
import {
  ASKER,
  type DoorNetwork,
  type DoorNode,
  HOLDER,
  PAUSED_PROVIDER,
  PROVIDER,
  issueAll,
  makeDoorNetwork,
} from "./testing/doors-network.ts";
import { findFreePorts } from "./testing/free-ports.ts";
import { type MarkedPerson, aMarkedPerson, findPeopleIn } from "./testing/doors-people.ts";

const HELD = aMarkedPerson(0);
const OTHER_PERSON = aMarkedPerson(1);
const PEOPLE = [HELD, OTHER_PERSON];

const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, partial: 4 } as const;
const DOCS = fileURLToPath(new URL("../docs/cli.md", import.meta.url));
const DAY_MS = 86_400_000;

const IDENTITY_HEADER =
  "provider,local_id,nhs_number,nhs_number_status,given_name,middle_name,family_name,birth_date,gender,address_line1,address_line2,locality,postcode,phone,recorded_on,restricted";
const POINTER_HEADER = "provider,local_id,record_id,record_type,recorded_on,format,fetch,sensitivity";

type Refused = readonly [what: string, args: readonly string[], code: number, says: RegExp, options?: RunOptions];

describe("the commands of corridor, as processes", () => {
  let network: DoorNetwork;
  let node: DoorNode;
  /** For files of these tests. */
  let dir: string;

  before(async () => {
    network = await makeDoorNetwork();
    dir = join(network.dir, "tried");
    mkdirSync(dir);
    node = await network.start();
  });
  after(async () => {
    await node?.stop();
    network?.remove();
  });
  afterEach(() => assert.ok(node.isAlive(), `the node has ended: ${node.output()}`));

  const file = (name: string, content: string | Uint8Array): string => {
    const path = join(dir, name);
    writeFileSync(path, content);
    return path;
  };

  function checkRan({ code, out, err }: Ran, expected: number, says: RegExp): void {
    const said = `exit ${code}\n${out}${err}`;
    assert.equal(code, expected, said);
    assert.match(`${out}${err}`, says, said);
    assert.doesNotMatch(
      said,
      /\n\s+at |node:internal|UnhandledPromise|\[object/,
      `a stack, or something unread: ${said}`,
    );
    assert.deepEqual(findPeopleIn(said, PEOPLE), []);
  }

  /** Each of these fails as told, says why on standard error, and prints no result. */
  const refuse = (rows: readonly Refused[]): Promise<void> =>
    eachOf(rows, async ([, args, code, says, options]) => {
      const ran = await run(args, options);
      checkRan(ran, code, says);
      assert.equal(ran.out, "", "a result was printed");
    });

  describe("wrong usage", () => {
    it("exits with 2 and names the option", () =>
      refuse([
        ["an unknown command", ["lokate"], EXIT.usage, /unknown command 'lokate'[^]*locate/],
        ["an unknown option", ["doctor", "--config", "x", "--colour"], EXIT.usage, /unknown option '--colour'/],
        ["a missing option", ["node"], EXIT.usage, /--config <file>/],
        ["an option without its value", ["node", "--config"], EXIT.usage, /argument missing/],
        ["a missing argument", ["load", "--via", "x"], EXIT.usage, /missing required argument 'files'/],
        [
          "a setting that is none",
          [...locateArgs(), "--setting", "casualty"],
          EXIT.usage,
          /Allowed choices are emergency/,
        ],
        [
          "a relationship that is none",
          [...locateArgs(), "--relationship", "friend"],
          EXIT.usage,
          /Allowed choices are attendance/,
        ],
        ["no date of birth", ["locate", "--via", "x", "--nhs-number", HELD.nhsNumber], EXIT.usage, /--birth-date/],
        ["an unknown kind of certificate", ["certs", "issue", dir, "printer", "x"], EXIT.usage, /say node or caller/],
        [
          "a port that is none",
          ["mesh", "up", "t.yaml", "--port-base", "many"],
          EXIT.usage,
          /--port-base must be a whole number/,
        ],
      ]));

    it("help is no failure", () =>
      eachOf(
        [
          ["corridor", ["--help"]],
          ["locate", ["locate", "--help"]],
          ["issue", ["certs", "issue", "--help"]],
        ] as const,
        async ([, args]) => {
          const { code, out, err } = await run(args);
          assert.deepEqual([code, err], [EXIT.done, ""]);
          assert.match(out, /^Usage: corridor/);
        },
      ));
  });

  describe("corridor node", () => {
    /** Settings of the running node with these lines instead, on a folder and a port of their own. */
    const settings = (name: string, more: Readonly<Record<string, string>>): string => {
      const lines = {
        id: HOLDER,
        dataDir: join(dir, `${name}-data`),
        listen: "{ port: 0 }",
        certs: `{ dir: ${nodeFiles(network.certsDir, HOLDER).directory} }`,
        manifest: join(network.dir, "manifest.jws"),
        topology: join(network.dir, "topology.yaml"),
        ...more,
      };
      return file(
        `${name}.yaml`,
        Object.entries(lines)
          .map(([key, value]) => `${key}: ${value}\n`)
          .join(""),
      );
    };
    /** The node's folder of certificates, copied, with something done to it. */
    const certs = (name: string, spoil: (folder: string) => void): string => {
      const folder = join(dir, `${name}-certs`);
      cpSync(nodeFiles(network.certsDir, HOLDER).directory, folder, { recursive: true });
      spoil(folder);
      return `{ dir: ${folder} }`;
    };
    type Row = readonly [what: string, config: string, code: number, says: RegExp];
    /** All of them are checked; those that say so are started as well. */
    const checkedAndStarted = (rows: readonly Row[]): Promise<void> =>
      refuse(
        rows.flatMap(([what, config, code, says]): Refused[] => {
          const start: Refused = [`${what}, started`, ["node", "--config", config], code, says];
          const check: Refused = [`${what}, checked`, ["node", "--check", "--config", config], code, says];
          return what.startsWith("*") ? [check, start] : [check];
        }),
      );

    it("--check is content with a good configuration", async () => {
      const { code, out } = await run(["node", "--check", "--config", settings("good", {})]);
      assert.equal(code, EXIT.done);
      assert.match(out, /good\.yaml: in order/);
      assert.ok(!existsSync(join(dir, "good-data")), "and made nothing");
    });

    it("names the settings file, the line, the field and the remedy, all faults at once", () => {
      return refuse([
        ["no such file", ["node", "--config", join(dir, "absent.yaml")], EXIT.usage, /absent\.yaml cannot be read/],
        ["a folder", ["node", "--config", dir], EXIT.usage, /tried cannot be read/],
        [
          "noise",
          ["node", "--config", file("noise.yaml", Buffer.from("00ff1b5b324a", "hex"))],
          EXIT.usage,
          /noise\.yaml/,
        ],
        ["no YAML", ["node", "--config", file("flow.yaml", "id: [unclosed")], EXIT.usage, /flow\.yaml:1/],
        [
          "an empty file",
          ["node", "--config", file("empty.yaml", "")],
          EXIT.usage,
          /empty\.yaml[^]*id[^]*dataDir[^]*listen[^]*certs/,
        ],
        [
          "six faults",
          [
            "node",
            "--config",
            settings("six", {
              id: "Wm_Bsol",
              listen: "{ port: 70000 }",
              logLevel: "loud",
              sandbox: "maybe",
              colour: "blue",
              certs: "here",
            }),
          ],
          EXIT.usage,
          /six\.yaml has 6 faults:[^]*six\.yaml:1: id[^]*2 to 40 lower-case[^]*six\.yaml:3: listen\.port[^]*65535[^]*six\.yaml:4: certs/,
        ],
      ]);
    });

    it("names the certificate or key at fault, and the command that mends it", async () => {
      const other = nodeFiles(network.certsDir, ASKER);
      await checkedAndStarted([
        [
          "* a key that others may read",
          settings("open", { certs: certs("open", (folder) => chmodSync(join(folder, "node.key.pem"), 0o644)) }),
          EXIT.usage,
          /node\.key\.pem has mode 0644[^]*chmod 600 '.*node\.key\.pem'/,
        ],
        [
          "no certificates",
          settings("bare", { certs: join("{ dir: ", dir, "nowhere }") }),
          EXIT.usage,
          /nowhere\/.*\.pem does not exist\. Make it with: corridor certs/,
        ],
        [
          "* no certificate",
          settings("nocert", { certs: certs("nocert", (folder) => rmSync(join(folder, "node.crt.pem"))) }),
          EXIT.usage,
          /node\.crt\.pem does not exist/,
        ],
        [
          "a certificate that is none",
          settings("badcert", {
            certs: certs("badcert", (folder) => writeFileSync(join(folder, "node.crt.pem"), "not PEM")),
          }),
          EXIT.usage,
          /node\.key\.pem is not the key of .*node\.crt\.pem: put back the one that belongs to it/,
        ],
        [
          "another node's key",
          settings("pair", { certs: certs("pair", (folder) => cpSync(other.key, join(folder, "node.key.pem"))) }),
          EXIT.usage,
          /node\.key\.pem is not the key of .*node\.crt\.pem: put back the one that belongs to it/,
        ],
        [
          "an RSA assertion key",
          settings("rsa", {
            certs: certs("rsa", (folder) => cpSync(other.key, join(folder, "assertion.key.pem"))),
          }),
          EXIT.usage,
          /assertion key must be an Ed25519 key/,
        ],
        [
          "a certificate of a megabyte",
          settings("huge", {
            certs: certs("huge", (folder) => writeFileSync(join(folder, "node.crt.pem"), "x".repeat(1_000_000))),
          }),
          EXIT.usage,
          /node\.crt\.pem is too large for a PEM file/,
        ],
      ]);
    });

    it("refuses a manifest that it cannot rely on, and a wrong topology with line, field and remedy", async () => {
      const good = readFileSync(join(network.dir, "manifest.jws"), "utf8");
      const key = readFileSync(authorityFiles(network.certsDir).manifestKey, "utf8");
      const publicKey = readFileSync(authorityFiles(network.certsDir).manifestPublic, "utf8");
      const manifest = await verifyManifest(good.trim(), publicKey);
      const foreign = join(dir, "foreign");
      await issueAll(foreign);
      const foreignKey = readFileSync(authorityFiles(foreign).manifestKey, "utf8");
      const tampered = `${good.slice(0, 400)}${good[400] === "A" ? "B" : "A"}${good.slice(401)}`;
      const withoutUs = { ...manifest, members: manifest.members.filter(({ id }) => id !== HOLDER), agreements: [] };
      const tomorrow = { ...manifest, issuedAt: new Date(Date.now() + DAY_MS).toISOString() };
      const text = readFileSync(join(network.dir, "topology.yaml"), "utf8");
      const wrong = text.replace("state: feeding", "state: feedng").replace("status: live", "status: alive");
      const of = (name: string, more: string | Buffer): string =>
        settings(name, { manifest: file(`${name}.jws`, more) });
      await checkedAndStarted([
        ["no manifest", settings("noman", { manifest: "absent.jws" }), EXIT.usage, /absent\.jws/],
        ["* a garbage manifest", of("garbage", "gar.ba.ge"), EXIT.usage, /garbage\.jws/],
        ["a manifest changed by one letter", of("tampered", tampered), EXIT.usage, /tampered\.jws/],
        [
          "another authority's manifest",
          of("foreign", await signManifest(manifest, foreignKey)),
          EXIT.usage,
          /foreign\.jws/,
        ],
        [
          "a manifest without this node",
          of("without", await signManifest(withoutUs, key)),
          EXIT.usage,
          /does not list this node, holder-one/,
        ],
        [
          "a manifest of tomorrow",
          of("tomorrow", await signManifest(tomorrow, key)),
          EXIT.usage,
          /tomorrow\.jws is issued at [^]*ahead of this machine's clock/,
        ],
        ["no topology", settings("notopo", { topology: "absent-topology.yaml" }), EXIT.usage, /absent-topology\.yaml/],
        [
          "* a wrong topology",
          settings("topo", { topology: file("wrong-topology.yaml", wrong) }),
          EXIT.usage,
          /wrong-topology\.yaml has 2 faults:[^]*wrong-topology\.yaml:\d+: nodes\[\d\]\.status[^]*write one of live[^]*wrong-topology\.yaml:\d+: providers\[\d\]\.feeds\[0\]\.state[^]*did you mean feeding/,
        ],
      ]);
    });

    it("says what keeps it from starting: a port, the store", async () => {
      const data = (name: string, spoil: (path: string) => void): string => {
        const path = join(dir, `${name}-store`);
        spoil(path);
        return settings(name, { dataDir: path });
      };
      const garbage = (path: string): void => {
        mkdirSync(path, { mode: 0o700 });
        writeFileSync(join(path, "index.db"), "This is no database. ".repeat(500), { mode: 0o600 });
      };
      const shared = (path: string): void => {
        mkdirSync(path, { mode: 0o700 });
        writeFileSync(join(path, "audit.db"), "", { mode: 0o644 });
      };
      const start = (config: string): string[] => ["node", "--config", config];
      await refuse([
        [
          "a port in use",
          start(settings("port", { listen: `{ port: ${node.port} }` })),
          EXIT.usage,
          new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${node.port}: another program uses this port`),
        ],
        [
          "an address of another machine",
          start(settings("host", { listen: "{ host: 203.0.113.1, port: 0 }" })),
          EXIT.usage,
          /no such address; correct listen\.host/,
        ],
        [
          "a file where the folder should be",
          start(data("plain", (path) => writeFileSync(path, ""))),
          EXIT.usage,
          /plain-store.* check that dataDir is a folder/,
        ],
        [
          "an index that is no database",
          start(data("nodb", garbage)),
          EXIT.failed,
          /index\.db is not a Corridor store/,
        ],
        [
          "an audit that others may read",
          start(data("shared", shared)),
          EXIT.usage,
          /audit\.db may be read or written by others[^]*chmod 600/,
        ],
      ]);
    });
  });

  describe("corridor mesh up", () => {
    it("says what is wrong with ports and topology before it starts anything", async () => {
      const probe = createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => probe.once("listening", resolve));
      const { port } = probe.address() as AddressInfo;
      try {
        const topology = join(network.dir, "topology.yaml");
        const data = join(dir, "mesh");
        const anothers = join(dir, "anothers-mesh");
        mkdirSync(join(anothers, "certs"), { recursive: true });
        const free = String(await findFreePorts(3));
        await refuse([
          [
            "another network's folder",
            ["mesh", "up", topology, "--data", anothers, "--port-base", free],
            EXIT.usage,
            /no certificates for .*: choose another with --data/,
          ],
          [
            "a port in use",
            ["mesh", "up", topology, "--data", data, "--port-base", String(port)],
            EXIT.usage,
            new RegExp(`port ${port} is in use by another program: choose others with --port-base`),
          ],
          ["no topology", ["mesh", "up", join(dir, "none.yaml"), "--data", data], EXIT.usage, /none\.yaml/],
          [
            "a topology of nothing",
            ["mesh", "up", file("void.yaml", "{}"), "--data", data],
            EXIT.usage,
            /void\.yaml[^]*network[^]*nodes/,
          ],
        ]);
        assert.ok(!existsSync(data), "a folder was made");
      } finally {
        probe.close();
      }
    });
  });

  describe("corridor certs and corridor manifest", () => {
    it("say which file is wrong", () => {
      const key = authorityFiles(network.certsDir);
      return refuse([
        ["inspect: absent", ["certs", "inspect", join(dir, "absent.pem")], EXIT.usage, /absent\.pem does not exist/],
        [
          "inspect: binary",
          ["certs", "inspect", file("binary.pem", Buffer.alloc(900, 0xfe))],
          EXIT.usage,
          /binary\.pem/,
        ],
        [
          "issue: no such authority",
          ["certs", "issue", network.certsDir, "node", "n-x", "--collaborative", "none"],
          EXIT.usage,
          /none\/ca\.crt\.pem does not exist/,
        ],
        [
          "verify: another network's",
          [
            "certs",
            "verify",
            nodeFiles(network.certsDir, HOLDER).certificate,
            "--trust",
            rootFiles(join(dir, "foreign")).certificate,
          ],
          EXIT.refused,
          /another network/,
        ],
        [
          "manifest show: absent",
          ["manifest", "show", join(dir, "absent.jws")],
          EXIT.usage,
          /absent\.jws cannot be read/,
        ],
        [
          "manifest verify: garbage",
          ["manifest", "verify", file("gar.jws", "gar.ba.ge"), "--key", key.manifestPublic],
          EXIT.refused,
          /gar\.jws is refused/,
        ],
        [
          "manifest sign: no JSON",
          ["manifest", "sign", file("in.json", "{,"), join(dir, "out.jws"), "--key", key.manifestKey],
          EXIT.usage,
          /in\.json is not JSON/,
        ],
      ]);
    });

    it("never print a private key", async () => {
      const { out } = await run([
        "certs",
        "inspect",
        nodeFiles(network.certsDir, HOLDER).certificate,
        "--json",
        "--pem",
      ]);
      assert.match(out, /BEGIN CERTIFICATE/);
      assert.doesNotMatch(out, /PRIVATE/);
    });
  });

  const via = (port = node.port, caller = "feed"): string[] => [
    ...["--via", `https://127.0.0.1:${port}`, "--certs", network.callerDir(caller)],
  ];
  const load = (path: string, ...more: string[]): Promise<Ran> => run(["load", path, ...via(), ...more]);
  const kept = () => countKept(network.dataDir);

  describe("corridor load", () => {
    const good = (localId: string, more: Partial<MarkedPerson> = {}): string => {
      const { nhsNumber, givenName, middleName, familyName, birthDate, addressLine1, postcode, phone } = {
        ...OTHER_PERSON,
        ...more,
      };
      return `${PROVIDER},${localId},${nhsNumber},01,${givenName},${middleName},${familyName},${birthDate},female,${addressLine1},,Nowhere,${postcode},${phone},2024-05-01,false`;
    };
    const readRejects = (path: string) =>
      readFileSync(path, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as { line: number; field: string; reason: string; source: string });

    it("keeps the good lines of a bad file; each bad one is in the rejects file with its reason, for its owner alone", async () => {
      const before = kept();
      const lines = [
        IDENTITY_HEADER,
        good("C-1"),
        good("C-2", { nhsNumber: "9999999999" }),
        good("C-3", { birthDate: "1938-02-30" }),
        `"open quote,${good("C-4")}`,
        good("C-5").replace(PROVIDER, "RZZ"),
        good("C-6").replace(PROVIDER, PAUSED_PROVIDER),
        `${good("C-7")},one,more`,
        "x".repeat(70_000),
        good("C-8", { familyName: "Nul\u0000l" }),
        "",
        good("C-9"),
      ];
      const path = file("mixed.csv", `${lines.join("\r\n")}\r\n`);
      const ran = await load(path);
      checkRan(ran, EXIT.done, /^2 of 10 lines are durable/);
      assert.match(ran.out, /8 were not kept; each with its reason in .*mixed\.csv\.rejects\.ndjson/);
      assert.match(ran.out, /1 {2}birth_date: not a date/);
      assert.equal(kept().identities, before.identities + 2);

      const rejects = `${path}.rejects.ndjson`;
      assert.equal(statSync(rejects).mode & 0o777, 0o600);
      const told = readRejects(rejects).toSorted((one, other) => one.line - other.line);
      assert.deepEqual(
        told.map(({ line, field }) => [line, field]),
        [
          [3, "nhs_number"],
          [4, "birth_date"],
          [5, ""],
          [6, "provider"],
          [7, "provider"],
          [8, ""],
          [9, ""],
          [10, "family_name"],
        ],
      );
      assert.equal(told[1]?.source, lines[3], "the line stands there as it was");
      assert.deepEqual(findPeopleIn(told.map(({ reason }) => reason).join("\n"), PEOPLE), []);
    });

    it("reads NDJSON likewise, and gives one JSON object with --json", async () => {
      const before = kept();
      const identity = {
        type: "identity",
        provider: PROVIDER,
        local_id: "J-1",
        family_name: HELD.familyName,
        given_name: HELD.givenName,
        nhs_number: HELD.nhsNumber,
        birth_date: HELD.birthDate,
        restricted: false,
      };
      const letter = {
        type: "pointer",
        provider: PROVIDER,
        local_id: "J-1",
        record_id: "J-R-1",
        record_type: "discharge-letter",
        recorded_on: "2025-03-02",
        format: "application/pdf",
        fetch: "https://records.example/1",
      };
      const lines = [
        JSON.stringify(identity),
        JSON.stringify(letter),
        JSON.stringify({ ...letter, record_id: "J-R-2", local_id: "never-seen" }),
        JSON.stringify({ ...identity, shoe_size: "9" }),
        JSON.stringify({ ...identity, type: "person" }),
        JSON.stringify({ ...identity, nhs_number: 9 }),
        JSON.stringify({ ...identity, ["__proto__"]: "x" }),
        '{"type":"identity"',
        "[]",
        "null",
      ];
      const path = file("mixed.ndjson", lines.join("\n"));
      const ran = await load(
        path,
        "--json",
        "--name",
        "a trial",
        "--as-of",
        "2026-01-01T00:00Z",
        "--rejects",
        join(dir, "aside.ndjson"),
      );
      checkRan(ran, EXIT.done, /./);
      const summary = JSON.parse(ran.out) as Record<string, unknown>;
      assert.deepEqual(Object.keys(summary).toSorted(), [
        "accepted",
        "rate",
        "read",
        "reasons",
        "rejected",
        "rejectsPath",
        "resumedAt",
        "seconds",
        "waiting",
      ]);
      const wrong = readRejects(join(dir, "aside.ndjson"))
        .map(({ line }) => line)
        .toSorted((one, other) => one - other);
      assert.deepEqual(wrong, [4, 5, 6, 7, 8, 9, 10]);
      assert.equal(summary["waiting"], 1, "of a patient who has not come yet");
      assert.equal(Number(summary["accepted"]) + Number(summary["rejected"]), 10);
      const after = kept();
      assert.deepEqual([after.identities - before.identities, after.pointers - before.pointers], [1, 1]);
    });

    it("takes the same file again and changes nothing", async () => {
      const path = file("again.csv", [IDENTITY_HEADER, good("A-1"), ""].join("\n"));
      checkRan(await load(path), EXIT.done, /1 of 1 lines/);
      const before = kept();
      checkRan(await load(path), EXIT.done, /1 of 1 lines/);
      const { completeMs, ...after } = kept();
      assert.deepEqual({ ...after, completeMs: before.completeMs }, before);
      assert.ok(completeMs > before.completeMs, "but for the moment up to which the provider is complete");
    });

    it("a file of which nothing can be kept has failed; one without lines has not", async () => {
      const before = kept();
      await eachOf(
        [
          [
            "all bad",
            ["bad.csv", [IDENTITY_HEADER, good("B-1", { nhsNumber: "1" })].join("\n")],
            EXIT.failed,
            /^0 of 1 lines/,
          ],
          ["only a header", ["header.csv", POINTER_HEADER], EXIT.done, /^0 of 0 lines/],
          ["an empty NDJSON", ["empty.ndjson", ""], EXIT.done, /^0 of 0 lines/],
          ["NDJSON of noise", ["noise.ndjson", Buffer.alloc(100_000, 0xfe)], EXIT.failed, /^0 of 1 lines/],
          [
            "one line of a megabyte",
            ["long.csv", `${POINTER_HEADER}\n${"y".repeat(1_000_000)}`],
            EXIT.failed,
            /line longer than 65536 bytes/,
          ],
        ] as const,
        async ([, [name, content], code, says]) => checkRan(await load(file(name, content)), code, says),
      );
      assert.deepEqual(kept(), before);
    });

    it("names the file, the header, the option or the certificate at fault, and keeps nothing", async () => {
      const before = kept();
      let fines = 0; // two loads of one file at a time are refused for that
      const fine = (): string => file(`fine-${fines++}.csv`, [IDENTITY_HEADER, good("N-1")].join("\n"));
      const loaded = fine();
      const open = join(dir, "open-caller");
      cpSync(network.callerDir("feed"), open, { recursive: true });
      chmodSync(join(open, "caller.key.pem"), 0o604);
      const at = (path: string, ...more: string[]): string[] => ["load", path, ...via(), ...more];
      await refuse([
        ["an empty CSV", at(file("empty.csv", "")), EXIT.usage, /empty\.csv: the file is empty/],
        [
          "a binary file",
          at(file("binary.csv", Buffer.from(Array.from({ length: 3_000 }, (_, i) => (i * 7) % 256)))),
          EXIT.usage,
          /binary\.csv: its first line is not a line of UTF-8 CSV|binary\.csv: as a file/,
        ],
        [
          "UTF-16",
          at(file("utf16.csv", Buffer.from(`\ufeff${IDENTITY_HEADER}\n`, "utf16le"))),
          EXIT.usage,
          /utf16\.csv/,
        ],
        [
          "no header",
          at(file("headless.csv", good("N-2"))),
          EXIT.usage,
          /headless\.csv: as a file of identity items it lacks provider/,
        ],
        [
          "a column too few",
          at(file("few.csv", POINTER_HEADER.replace(",fetch", ""))),
          EXIT.usage,
          /few\.csv: as a file of pointer items it lacks fetch/,
        ],
        ["no such file", at(join(dir, "absent.csv")), EXIT.usage, /absent\.csv cannot be read \(ENOENT\)/],
        ["a folder", at(dir), EXIT.usage, /cannot be read \(EISDIR\)/],
        ["a moment that is none", at(fine(), "--as-of", "yesterday"), EXIT.usage, /--as-of must be an ISO 8601 time/],
        ["a moment in the future", at(fine(), "--as-of", "2999-01-01"), EXIT.usage, /as_of_ms lies ahead/],
        [
          "a name with a number in it",
          at(fine(), "--name", `load ${HELD.nhsNumber}`),
          EXIT.usage,
          /without patient data/,
        ],
        [
          "rejects nowhere",
          at(file("b.csv", [IDENTITY_HEADER, "x"].join("\n")), "--rejects", join(dir, "no", "where")),
          EXIT.usage,
          /rejects file cannot be written/,
        ],
        ["rejects onto a folder", at(fine(), "--rejects", dir), EXIT.usage, /rejects file cannot be written/],
        [
          "rejects over what is loaded",
          at(loaded, "--rejects", loaded),
          EXIT.usage,
          /which is to be loaded: name another/,
        ],
        ["a caller that may not feed", ["load", fine(), ...via(node.port, "ward")], EXIT.refused, /right to feed/],
        ["nobody there", ["load", fine(), ...via(1)], EXIT.failed, /connect/i],
        [
          "no certificate named",
          ["load", fine(), "--via", `https://127.0.0.1:${node.port}`],
          EXIT.usage,
          /--certs is needed with a URL/,
        ],
        [
          "no certificate there",
          ["load", fine(), "--via", `https://127.0.0.1:${node.port}`, "--certs", dir],
          EXIT.usage,
          /caller\.key\.pem does not exist/,
        ],
        [
          "a caller's key that others may read",
          ["load", fine(), "--via", `https://127.0.0.1:${node.port}`, "--certs", open],
          EXIT.usage,
          /mode 0604[^]*chmod 600/,
        ],
      ]);
      assert.deepEqual(kept(), before);
    });
  });

  describe("corridor locate", () => {
    const ask = (more: Readonly<Record<string, string | undefined>> = {}, options?: RunOptions, caller = "ward") =>
      run([...locateArgs(more), ...via(node.port, caller)], options);
    before(async () => {
      const { nhsNumber, familyName, givenName, birthDate, postcode } = HELD;
      const identity = {
        type: "identity",
        provider: PROVIDER,
        local_id: "H-1",
        family_name: familyName,
        given_name: givenName,
        nhs_number: nhsNumber,
        birth_date: birthDate,
        postcode,
      };
      const letter = {
        type: "pointer",
        provider: PROVIDER,
        local_id: "H-1",
        record_id: "H-R-1",
        record_type: "discharge-letter",
        recorded_on: "2025-03-02",
        format: "application/pdf",
        fetch: "https://records.example/1",
      };
      checkRan(
        await load(file("held.ndjson", [identity, letter].map((item) => JSON.stringify(item)).join("\n"))),
        EXIT.done,
        /2 of 2/,
      );
    });

    it("prints the answer and exits 4 where an area did not answer", async () => {
      const ran = await ask();
      checkRan(
        ran,
        EXIT.partial,
        /Area 0 \(here\)[^]*Hospital RAA[^]*could not be reached[^]*This does not mean there is nothing else/,
      );
      assert.equal(ran.err, "");
    });

    it("--json has the shape that docs/cli.md gives", async () => {
      const ran = await ask({ json: "" });
      checkRan(ran, EXIT.partial, /./);
      const [example] = /(?<=```json\n)[^]*?(?=```)/.exec(readFileSync(DOCS, "utf8")) ?? [];
      const printed: unknown = JSON.parse(ran.out);
      const shape = shapeOf(printed);
      // Of a list that happens to be empty, nothing can be said.
      const known = shapeOf(JSON.parse(example!)).filter((line) => {
        const list = line.slice(0, line.lastIndexOf("[]") + 2);
        return shape.some((path) => path.startsWith(list));
      });
      assert.deepEqual(shape, known);
    });

    it("reads the number from standard input", async () => {
      for (const stdin of [
        HELD.nhsNumber,
        `${HELD.nhsNumber}\n`,
        ` ${HELD.nhsNumber.replace(/^(...)(...)/, "$1 $2 ")}\r\n`,
      ]) {
        checkRan(await ask({ "nhs-number": "-" }, { stdin }), EXIT.partial, /Area 0 \(here\)\s+Records found/);
      }
      for (const stdin of ["", `${HELD.nhsNumber}\n${HELD.nhsNumber}`, Buffer.from([0xff, 0xfe])]) {
        const ran = await ask({ "nhs-number": "-" }, { stdin });
        checkRan(ran, EXIT.usage, /--nhs-number is not a valid NHS number/);
        assert.equal(ran.out, "");
      }
    });

    it("names the option at fault and asks nobody", async () => {
      const before = kept();
      const n = HELD.nhsNumber;
      const at = (more: Readonly<Record<string, string | undefined>>): string[] => [
        ...locateArgs(more),
        ...via(node.port, "ward"),
      ];
      const elsewhere = ["--certs", network.callerDir("ward")];
      await refuse([
        [
          "a wrong check digit",
          at({ "nhs-number": n.slice(0, 9) + ((Number(n[9]) + 1) % 10) }),
          EXIT.usage,
          /--nhs-number is not a valid/,
        ],
        [
          "neither number nor name",
          at({ "nhs-number": undefined }),
          EXIT.usage,
          /--nhs-number is missing: give it, or both/,
        ],
        ["a day that is none", at({ "birth-date": "1961-02-29" }), EXIT.usage, /--birth-date must be a real day/],
        ["a birth to come", at({ "birth-date": "2999-01-01" }), EXIT.usage, /--birth-date must be/],
        [
          "an organisation that is none",
          at({ organisation: "the hospital" }),
          EXIT.usage,
          /--organisation is not an ODS code/,
        ],
        ["no time at all", at({ "answer-by": "0" }), EXIT.usage, /--answer-by must be 100 to 30000/],
        ["no reason", at({ reason: undefined }), EXIT.usage, /claim\.reason is missing/],
        ["a name of 200 letters", at({ family: "q".repeat(200) }), EXIT.usage, /family_name is longer than 100/],
        ["an escape sequence", at({ given: "\u001b[2J" }), EXIT.usage, /given_name holds control/],
        ["the number as reference", at({ reference: n }), EXIT.usage, /reference is the patient's NHS number/],
        [
          "a node's id without a mesh",
          [...locateArgs(), "--via", HOLDER, "--mesh", dir],
          EXIT.usage,
          /No record network is described here/,
        ],
        [
          "a port that is none",
          [...locateArgs(), "--via", "https://127.0.0.1:99999", ...elsewhere],
          EXIT.usage,
          /--via|port/,
        ],
      ]);
      assert.deepEqual(kept(), before);
    });

    it("exits 3 with nothing on standard output where it is refused", () => {
      const at = (more: Readonly<Record<string, string | undefined>>): string[] => [
        ...locateArgs(more),
        ...via(node.port, "ward"),
      ];
      return refuse([
        ["a role beyond its rights", at({ role: "R8014" }), EXIT.refused, /does not allow it to claim a role/],
        ["research", at({ purpose: "HRESCH" }), EXIT.refused, /purpose is not offered/],
        ["research, as JSON", at({ purpose: "HRESCH", json: "" }), EXIT.refused, /purpose is not offered/],
        [
          "nobody by that name",
          at({ "nhs-number": undefined, family: "Nobody", given: "Known" }),
          EXIT.refused,
          /identity not known/,
        ],
      ]);
    });

    it("says so where the node cannot be reached, is somebody else, or never answers", async function () {
      this.timeout(40_000);
      const silent = createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => silent.once("listening", resolve));
      const { port } = silent.address() as AddressInfo;
      const to = (other: number, certs: string): string[] => [
        ...locateArgs({ "answer-by": "300" }),
        "--via",
        `https://127.0.0.1:${other}`,
        "--certs",
        certs,
      ];
      const foreign = callerFiles(join(dir, "foreign"), HOLDER, "ward").directory;
      try {
        await refuse([
          ["nobody there", to(1, network.callerDir("ward")), EXIT.failed, /127\.0\.0\.1:1/],
          ["a port that is silent", to(port, network.callerDir("ward")), EXIT.failed, /./, { withinMs: 15_000 }],
          ["another network's certificate", to(node.port, foreign), EXIT.failed, /certificate/],
          [
            "another node's caller",
            to(node.port, network.callerDir("ward", ASKER)),
            EXIT.failed,
            /certificate|asker-one/,
          ],
        ]);
      } finally {
        silent.close();
      }
    });
  });

  describe("corridor doctor", () => {
    interface Finding {
      readonly what: string;
      readonly state: "ok" | "warning" | "fault";
      readonly text: string;
    }
    const spoilt = (
      name: string,
      spoil: (paths: { certs: string; data: string; manifest: string }) => void,
    ): string => {
      const [certs, data, manifest] = ["certs", "data", "manifest.jws"].map((each) =>
        join(dir, `doctor-${name}-${each}`),
      ) as [string, string, string];
      cpSync(nodeFiles(network.certsDir, HOLDER).directory, certs, { recursive: true });
      cpSync(join(network.dir, "manifest.jws"), manifest);
      spoil({ certs, data, manifest });
      const lines = [
        `id: ${HOLDER}`,
        `dataDir: ${data}`,
        "listen: { port: 0 }",
        `certs: { dir: ${certs} }`,
        `manifest: ${manifest}`,
        `topology: ${join(network.dir, "topology.yaml")}`,
      ];
      return file(`doctor-${name}.yaml`, lines.join("\n"));
    };

    it("finds a running node well, but for the peers that nobody has started", async () => {
      const ran = await run(["doctor", "--config", network.configPath, "--json"]);
      checkRan(ran, EXIT.done, /./);
      const findings = JSON.parse(ran.out) as Finding[];
      assert.deepEqual(
        findings
          .filter(({ state }) => state !== "ok")
          .map(({ what, state }) => `${what}: ${state}`)
          .toSorted(),
        ["peer asker-one: warning", "peer lonely-one: warning", "peer other-one: warning"],
      );
      assert.ok(
        ["certificate", "assertion key", "manifest", "topology", "index.db", "audit.db"].every((what) =>
          findings.some((finding) => finding.what === what),
        ),
      );
    });

    it("names each fault of a broken one, and what to do", async () => {
      const key = readFileSync(authorityFiles(network.certsDir).manifestKey, "utf8");
      const publicKey = readFileSync(authorityFiles(network.certsDir).manifestPublic, "utf8");
      const manifest = await verifyManifest(readFileSync(join(network.dir, "manifest.jws"), "utf8").trim(), publicKey);
      const stale = await signManifest(
        { ...manifest, issuedAt: new Date(Date.now() - 15 * DAY_MS).toISOString() },
        key,
      );
      const assertionKey = nodeFiles(network.certsDir, ASKER).assertionKey;
      const rows: [what: string, config: string, fault: string, says: RegExp][] = [
        [
          "key",
          spoilt("key", ({ certs }) => chmodSync(join(certs, "node.key.pem"), 0o644)),
          "certificate",
          /mode 0644[^]*chmod 600/,
        ],
        [
          "certificate",
          spoilt("cert", ({ certs }) => rmSync(join(certs, "node.crt.pem"))),
          "certificate",
          /node\.crt\.pem does not exist/,
        ],
        [
          "assertion",
          spoilt("assertion", ({ certs }) => cpSync(assertionKey, join(certs, "assertion.key.pem"))),
          "assertion key",
          /not the one that the manifest lists/,
        ],
        ["garbage", spoilt("garbage", ({ manifest: path }) => writeFileSync(path, "gar.ba.ge")), "manifest", /./],
        ["stale", spoilt("stale", ({ manifest: path }) => writeFileSync(path, stale)), "manifest", /over 14 days/],
        [
          "store",
          spoilt(
            "store",
            ({ data }) => (
              mkdirSync(data, { mode: 0o700 }),
              writeFileSync(join(data, "audit.db"), "no database at all", { mode: 0o600 })
            ),
          ),
          "audit.db",
          /audit\.db/,
        ],
      ];
      await eachOf(rows, async ([, config, fault, says]) => {
        const ran = await run(["doctor", "--config", config, "--json"]);
        checkRan(ran, EXIT.failed, /./);
        const found = (JSON.parse(ran.out) as Finding[]).filter(({ state }) => state === "fault");
        const named = found.find(({ what }) => what === fault);
        assert.ok(named, `${fault} is not among ${JSON.stringify(found)}`);
        assert.match(named.text, says);
      });
      await refuse([
        ["settings", ["doctor", "--config", join(dir, "absent.yaml")], EXIT.usage, /absent\.yaml cannot be read/],
      ]);
    });
  });

  /** A good question with these options instead; `undefined` leaves one out, and the empty text is a switch. */
  function locateArgs(more: Readonly<Record<string, string | undefined>> = {}): string[] {
    const options: Readonly<Record<string, string | undefined>> = {
      ...{ "nhs-number": HELD.nhsNumber, "birth-date": HELD.birthDate, role: "R8000", setting: "emergency" },
      ...{ purpose: "TREAT", relationship: "attendance", reason: "In resus", organisation: PROVIDER },
      ...more,
    };
    return [
      "locate",
      ...Object.entries(options).flatMap(([name, value]) =>
        value === undefined ? [] : value === "" ? [`--${name}`] : [`--${name}`, value],
      ),
    ];
  }
});

/** Every path of a value with the kind of what stands there; of a list's entries, all together. */
function shapeOf(value: unknown, path = ""): string[] {
  const below = Array.isArray(value)
    ? value.flatMap((each) => shapeOf(each, `${path}[]`))
    : typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, each]) => shapeOf(each, `${path}.${key}`))
      : [];
  const kind = Array.isArray(value) ? "list" : value === null ? "null" : typeof value;
  return [...new Set([`${path}: ${kind}`, ...below])].toSorted();
}
