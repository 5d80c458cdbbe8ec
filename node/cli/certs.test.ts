import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Command } from "commander";

import { authorityFiles, callerFiles, nodeFiles, rootFiles } from "../../certs/layout.ts";
import { type TestNetwork, forgeLeaf, makeTestNetwork } from "../../certs/testing/network.ts";
import { systemClock } from "../base/clock.ts";
import { certsCommand } from "./certs.ts";
import { manifestCommand } from "./manifest.ts";

const DAY_MS = 86_400_000;

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command in this process and catches what it prints and the exit code that it sets. */
async function run(command: Command, ...args: readonly string[]): Promise<Run> {
  const [log, error, exitCode] = [console.log, console.error, process.exitCode];
  const [out, err]: [string[], string[]] = [[], []];
  console.log = (...words: unknown[]) => void out.push(words.join(" "));
  console.error = (...words: unknown[]) => void err.push(words.join(" "));
  process.exitCode = 0;
  try {
    await command.parseAsync(args, { from: "user" });
    return { code: process.exitCode, out: out.join("\n"), err: err.join("\n") };
  } finally {
    [console.log, console.error, process.exitCode] = [log, error, exitCode];
  }
}
const certs = (...args: string[]): Promise<Run> => run(certsCommand(), ...args);

describe("corridor certs", () => {
  let dir: string;
  let foreign: TestNetwork;
  before(async () => {
    dir = join(mkdtempSync(join(tmpdir(), "corridor-cli-")), "net");
    foreign = await makeTestNetwork();
    const domain = ["--domain", "west-midlands.corridor.example"];
    assert.equal((await certs("init", dir, ...domain, "--collaborative", "care", "health")).code, 0);
    assert.equal((await certs("issue", dir, "node", "wm-bsol", "--collaborative", "care")).code, 0);
    const rights = ["--role", "R8000", "R8001", "--setting", "emergency", "--organisation", "RRK", "--feed"];
    assert.equal((await certs("issue", dir, "caller", "ed-board", "--node", "wm-bsol", ...rights)).code, 0);
  });
  after(() => {
    rmSync(join(dir, ".."), { recursive: true });
    foreign.remove();
  });

  it("inspects for people first: identity, days left, rights", async () => {
    const { out, code } = await certs("inspect", callerFiles(dir, "wm-bsol", "ed-board").certificate);
    assert.equal(code, 0);
    assert.match(out, /identity\s+spiffe:\/\/west-midlands\.corridor\.example\/node\/wm-bsol\/caller\/ed-board/);
    assert.match(out, /\((?:29|30) days left\)/);
    assert.match(out, /roles\s+R8000, R8001/);
    assert.match(out, /may also\s+load data/);
    assert.doesNotMatch(out, /BEGIN/);
  });

  it("inspects for programs with --json, and shows the certificate itself with --pem", async () => {
    const file = nodeFiles(dir, "wm-bsol").certificate;
    const { out } = await certs("inspect", file, "--json", "--pem");
    const { certificates } = JSON.parse(out) as {
      certificates: { authority: boolean; daysLeft: number; pem: string }[];
    };
    assert.deepEqual(
      certificates.map(({ authority }) => authority),
      [false, true],
    );
    assert.match(certificates[0]?.pem ?? "", /BEGIN CERTIFICATE/);
  });

  it("verifies what it issued", async () => {
    for (const file of [nodeFiles(dir, "wm-bsol").certificate, callerFiles(dir, "wm-bsol", "ed-board").certificate]) {
      for (const trust of [rootFiles(dir).certificate, nodeFiles(dir, "wm-bsol").trust]) {
        const { code, err, out } = await certs("verify", file, "--trust", trust);
        assert.equal(code, 0, err);
        assert.match(out, /good/);
      }
    }
  });

  it("says exactly why a certificate would be refused, and exits 3", async () => {
    const file = join(dir, "shown.pem");
    const trust = rootFiles(foreign.dir).certificate;
    const names = {
      uris: ["spiffe://west-midlands.corridor.example/node/wm-x"],
      dns: ["wm-x.west-midlands.corridor.example"],
    };
    const pemOf = async (
      shape: Parameters<typeof forgeLeaf>[0],
      by: Parameters<typeof forgeLeaf>[1],
    ): Promise<string> => (await forgeLeaf(shape, by)).cert;
    const now = Date.now();
    const cases: [string, RegExp][] = [
      [await pemOf({ names }, "itself"), /has signed itself/],
      [
        readFileSync(nodeFiles(dir, "wm-bsol").certificate, "utf8"),
        /another key has signed it: it is of another network/,
      ],
      [
        (await pemOf({ names }, foreign.care)).split(/(?<=-----END CERTIFICATE-----\n)/)[0] ?? "",
        /add the intermediate/,
      ],
      [await pemOf({ names, notBeforeMs: now - 9e6, notAfterMs: now - 7e6 }, foreign.care), /forged expired at 20/],
      [await pemOf({ names, notBeforeMs: now + 7e6, notAfterMs: now + 9e6 }, foreign.care), /not valid before 20/],
      [
        await pemOf({ names: { ...names, dns: ["wm-x.elsewhere.example"] } }, foreign.care),
        /may not certify the name wm-x\.elsewhere/,
      ],
      [
        await pemOf({ names: { uris: ["spiffe://elsewhere.example/node/wm-x"] } }, foreign.care),
        /may not certify the name spiffe/,
      ],
      [await pemOf({}, foreign.care), /does not carry exactly one identity/],
      [await pemOf({ names, usages: [] }, foreign.care), /not for server and client use/],
    ];
    for (const [pem, words] of cases) {
      writeFileSync(file, pem);
      const { code, err } = await certs("verify", file, "--trust", trust);
      assert.equal(code, 3, String(words));
      assert.match(err, words);
    }
    writeFileSync(file, await pemOf({ names }, foreign.care));
    assert.equal((await certs("verify", file, "--trust", trust)).code, 0);
    const other = await certs("verify", file, "--trust", trust, "--domain", "other.example");
    assert.equal(other.code, 3);
    assert.match(other.err, /exactly one identity of this network \(other\.example\)/);
  });

  it("says what is wrong with its arguments and its files, and exits 2", async () => {
    const wrong: [string[], RegExp][] = [
      [["issue", dir, "printer", "wm-x"], /say node or caller/],
      [["issue", dir, "node", "wm-x"], /--collaborative/],
      [["issue", dir, "caller", "board"], /--node/],
      [["issue", dir, "node", "wm-x", "--collaborative", "absent"], /absent\/ca\.crt\.pem does not exist/],
      [["issue", dir, "node", "wm-bsol", "--collaborative", "care"], /left alone/],
      [["inspect", join(dir, "absent.pem")], /does not exist/],
      [["inspect", rootFiles(dir).key], /0 certificates/],
      [["init", dir, "--domain", "a.example", "--collaborative", "care"], /holds a network already/],
    ];
    for (const [args, words] of wrong) {
      const { code, err } = await certs(...args);
      assert.equal(code, 2, args.join(" "));
      assert.match(err, words);
    }
  });

  it("enrols a node: its key stays, people compare fingerprints, and nothing is signed or believed without", async () => {
    const own = join(dir, "own");
    const requested = await certs("request", own, "node", "wm-new", "--domain", "west-midlands.corridor.example");
    assert.equal(requested.code, 0, requested.err);
    const fingerprint = /fingerprint: ([0-9a-f]{64})/.exec(requested.out)?.[1] ?? "";
    const out = join(dir, "approved.pem");
    const request = join(own, "request.pem");
    const approve = (...more: string[]): Promise<Run> =>
      certs("approve", dir, "node", "wm-new", "--collaborative", "care", "--request", request, "--out", out, ...more);

    for (const more of [[], ["--fingerprint", "0".repeat(64)]]) {
      const shown = await approve(...more);
      assert.equal(shown.code, 3);
      assert.match(shown.out, /node\s+wm-new\n[^]*RSA 2048[^]*fingerprint/);
      assert.match(shown.err, /[nN]othing has been signed/);
    }
    const approved = await approve("--fingerprint", fingerprint);
    assert.equal(approved.code, 0, approved.err);
    const network = /network's fingerprint: ([0-9a-f]{64})/.exec(approved.out)?.[1] ?? "";

    const unknown = await certs("install", own, out);
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /compare it with the authority's people/);
    const installed = await certs("install", own, out, "--network", network);
    assert.equal(installed.code, 0, installed.err);
    assert.match(installed.out, /Installed .*node\.crt\.pem: serial [0-9a-f]{32}, (29|30) days left/);
    const trust = join(own, "trust.crt.pem");
    assert.equal((await certs("verify", join(own, "node.crt.pem"), "--trust", trust)).code, 0);
    assert.equal((await certs("request", own, "caller", "x", "--domain", "a.example")).code, 2);
  });

  it("revokes: each list has the next number, holds the ones before, and is the authority's own", async () => {
    const file = nodeFiles(dir, "wm-bsol").certificate;
    const list = join(dir, "collaboratives", "care", "crl.pem");
    const issuer = join(dir, "collaboratives", "care", "ca.crt.pem");
    const byFile = await certs("revoke", dir, file, "--authority", "care", "--reason", "key-compromise");
    assert.equal(byFile.code, 0, byFile.err);
    assert.match(byFile.out, /Revoked [0-9a-f]{32} \(key-compromise\)\. .*crl\.pem is list 1\./);
    assert.match((await certs("revoke", dir, "0A:0B", "--authority", "care")).out, /Revoked 0a0b .* is list 2/);
    assert.equal((await certs("crl", "sign", dir, "--authority", "care")).code, 0);
    const shown = await certs("crl", "show", list, "--issuer", issuer);
    assert.equal(shown.code, 0);
    assert.match(
      shown.out,
      /verified[^]*number\s+3\n[^]*days left[^]*revoked\s+2\n\s+[0-9a-f]{32} .* key-compromise\n\s+0a0b /,
    );
    assert.match((await certs("crl", "show", list)).out, /NOT VERIFIED/);
    const other = await certs("crl", "show", list, "--issuer", rootFiles(dir).certificate);
    assert.equal(other.code, 3);
    assert.equal((await certs("revoke", dir, issuer, "--authority", "root", "--reason", "ca-compromise")).code, 0);

    assert.equal((await certs("revoke", dir, "no serial", "--authority", "care")).code, 2);
    assert.equal((await certs("revoke", dir, "0a", "--authority", "absent")).code, 2);
    writeFileSync(list, readFileSync(join(dir, "root", "crl.pem")));
    const foreignList = await certs("revoke", dir, "0a", "--authority", "care");
    assert.equal(foreignList.code, 2);
    assert.match(foreignList.err, /not a list that this authority has signed/);
    rmSync(list);
  });

  it("explains a connection that is not had, by name, with exit 3; and says what an address is", async () => {
    const own = nodeFiles(dir, "wm-bsol").directory;
    const { code, out } = await certs("explain", "127.0.0.1:1", "--certs", own, "--node", "wm-cw");
    assert.equal(code, 3);
    assert.match(out, /^nothing-listens\s+127\.0\.0\.1:1: .*is the node running/);
    const json = await certs("explain", "127.0.0.1:1", "--certs", own, "--json");
    assert.deepEqual(
      (JSON.parse(json.out) as { name: string }[]).map(({ name }) => name),
      ["nothing-listens"],
    );
    assert.equal((await certs("explain", "a:99999", "--certs", own)).code, 2);
    assert.match((await certs("explain", "127.0.0.1:1", "--certs", dir)).out, /^key-missing/);
  });

  describe("and corridor manifest", () => {
    const member = {
      id: "wm-bsol",
      collaborative: "care",
      region: "West Midlands",
      ics: [{ code: "QHL", name: "Birmingham and Solihull", from: "2022-07-01" }],
      endpoints: ["127.0.0.1:4101"],
      issuingCa: "a".repeat(64),
      assertionKey: "A".repeat(43),
      population: 1_400_000,
      ages: { from: 0 },
      coverageContact: { name: "Service desk", phone: "0121 496 0000", hours: "24 hours" },
      status: "live",
    };
    const manifest = {
      format: 1,
      network: { name: "West Midlands", domain: "west-midlands.corridor.example", authority: "An ICB" },
      sequence: 7,
      issuedAt: new Date().toISOString(),
      routing: "ask-all",
      members: [member],
      icsWithoutNode: [],
      agreements: [],
    };
    let signed: string;
    let keys: { manifestKey: string; manifestPublic: string };
    const at = (ageMs: number): Command =>
      manifestCommand({ ...systemClock, wallMs: () => Date.parse(manifest.issuedAt) + ageMs });

    before(async () => {
      keys = authorityFiles(dir);
      signed = join(dir, "manifest.jws");
      writeFileSync(join(dir, "in.json"), JSON.stringify(manifest));
      const { code, err } = await run(at(0), "sign", join(dir, "in.json"), signed, "--key", keys.manifestKey);
      assert.equal(code, 0, err);
    });

    it("shows what it signed, verified or not, and says which", async () => {
      const verified = await run(at(0), "show", signed, "--key", keys.manifestPublic);
      assert.match(verified.out, /Signature verified[^]*sequence 7[^]*wm-bsol\s+live/);
      assert.match((await run(at(0), "show", signed)).out, /NOT VERIFIED/);
      const json = await run(at(0), "show", signed, "--json");
      assert.deepEqual(JSON.parse(json.out), manifest);
      assert.match(json.err, /NOT VERIFIED/);
    });

    it("verifies: good, with a warning from 24 hours, refused with exit 3 from 14 days or under another key", async () => {
      const verify = (ageMs: number, file = signed, key = keys.manifestPublic): Promise<Run> =>
        run(at(ageMs), "verify", file, "--key", key);
      const fresh = await verify(1_000);
      assert.deepEqual([fresh.code, fresh.err], [0, ""]);
      const ageing = await verify(DAY_MS);
      assert.equal(ageing.code, 0);
      assert.match(ageing.err, /warning: .*over 24 hours/);
      const stale = await verify(14 * DAY_MS);
      assert.equal(stale.code, 3);
      assert.match(stale.err, /over 14 days/);
      const future = await verify(-3_600_000);
      assert.equal(future.code, 3);
      assert.match(future.err, /in the future/);
      const other = await verify(0, signed, authorityFiles(foreign.dir).manifestPublic);
      assert.equal(other.code, 3);
      assert.match(other.err, /does not match this key/);
      const unsigned = await verify(0, join(dir, "in.json"));
      assert.equal(unsigned.code, 3);
      assert.equal((await verify(0, join(dir, "absent.jws"))).code, 2);
      assert.equal((await verify(0, signed, rootFiles(dir).certificate)).code, 2);
    });

    it("refuses to sign what is not well formed, naming each fault, and leaves the signed file as it was", async () => {
      const before = readFileSync(signed, "utf8");
      const bad = join(dir, "bad.json");
      for (const [text, words] of [
        ["{", /not JSON/],
        [JSON.stringify({ ...manifest, sequence: 0, routing: "none" }), /sequence.*routing/],
      ] as const) {
        writeFileSync(bad, text);
        const { code, err } = await run(at(0), "sign", bad, signed, "--key", keys.manifestKey);
        assert.equal(code, 2);
        assert.match(err, words);
      }
      assert.equal(readFileSync(signed, "utf8"), before);
    });
  });
});
