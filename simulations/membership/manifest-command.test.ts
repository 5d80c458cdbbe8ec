import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { EXIT } from "../../node/cli/exit.ts";
import type { Manifest } from "../../topology/manifest.ts";
import { run } from "../testing/doors-cli.ts";

const TOPOLOGY = fileURLToPath(new URL("../../topology/west-midlands.yaml", import.meta.url));
const NODES = {
  "collaborative-care-record": ["wm-bsol", "wm-cw", "wm-hw"],
  "one-health-and-care": ["wm-bc", "wm-stw", "wm-sst"],
};

describe("a network's manifest, by command", function () {
  this.timeout(120_000);
  let dir: string;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "corridor-manifest-"));
    await done(
      "certs",
      "init",
      "net",
      "--domain",
      "west-midlands.corridor.example",
      "--collaborative",
      ...Object.keys(NODES),
    );
    for (const [collaborative, ids] of Object.entries(NODES)) {
      for (const id of ids) await done("certs", "issue", "net", "node", id, "--collaborative", collaborative);
    }
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    writeFileSync(join(dir, "second.key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    writeFileSync(join(dir, "second.pub.pem"), publicKey.export({ type: "spki", format: "pem" }));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const ran = (...args: string[]) => run(args, { cwd: dir });
  async function done(...args: string[]): Promise<string> {
    const { code, out, err } = await ran(...args);
    assert.equal(code, EXIT.done, `${args.join(" ")}: ${err}`);
    return out;
  }
  const read = (file: string): Manifest => JSON.parse(readFileSync(join(dir, file), "utf8")) as Manifest;
  const key = ["--key", "net/authority/manifest.key.pem"];

  it("is made from topology and certificates, carries revocation lists, and says what it changes and who must agree", async () => {
    const endpoints = Object.values(NODES)
      .flat()
      .map((id, at) => `${id}=${id}.example:${7_000 + at}`);
    await done(
      "manifest",
      "init",
      TOPOLOGY,
      "one.json",
      "--certs",
      "net",
      "--approver",
      "second.pub.pem",
      "--endpoint",
      ...endpoints,
    );
    await done("manifest", "sign", "one.json", "one.jws", ...key);
    await done(
      "certs",
      "revoke",
      "net",
      "net/nodes/wm-cw/node.crt.pem",
      "--authority",
      "collaborative-care-record",
      "--reason",
      "key-compromise",
    );
    const one = read("one.json");
    const two = { ...one, sequence: 2, agreements: [], members: one.members.slice(0, 4) };
    writeFileSync(join(dir, "two.json"), JSON.stringify(two));
    const list = "net/collaboratives/collaborative-care-record/crl.pem";
    assert.match(
      await done("manifest", "sign", "two.json", "two.jws", ...key, "--crl", list),
      /4 members, 1 revocation lists/,
    );

    const diff = await done("manifest", "diff", "one.jws", "two.jws");
    assert.match(diff, /^member wm-stw: gone$/m);
    assert.match(diff, /^revocation lists: 0 before, 1 now/m);
    assert.match(diff, /^A second person must approve: it takes away 2 members at once \(wm-stw, wm-sst\)\.$/m);

    const wrong = await ran("manifest", "approve", "two.jws", "--key", "second.key.pem", "--sequence", "1");
    assert.equal(wrong.code, EXIT.usage);
    await done("manifest", "approve", "two.jws", "--key", "second.key.pem", "--sequence", "2");
    const verified = await done("manifest", "verify", "two.jws", "--key", "net/authority/manifest.pub.pem");
    assert.match(verified, /good\. Sequence 2, 4 members/);
  });

  it("is not made over another, nor from what is missing", async () => {
    const again = await ran("manifest", "init", TOPOLOGY, "one.json", "--certs", "net", "--endpoint", "wm-bsol=a:1");
    assert.equal(again.code, EXIT.usage);
    assert.match(again.err, /wm-cw has no endpoint/);
    const odd = await ran("manifest", "init", TOPOLOGY, "x.json", "--certs", "net", "--endpoint", "wm-bsol");
    assert.match(odd.err, /ID=HOST:PORT/);
    const noList = await ran("manifest", "sign", "one.json", "x.jws", ...key, "--crl", "one.json");
    assert.equal(noList.code, EXIT.usage);
  });
});
