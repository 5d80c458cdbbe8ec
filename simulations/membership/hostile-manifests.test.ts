import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Failure } from "../../node/base/failure.ts";
import { makeFakeClock } from "../../node/testing/fake-clock.ts";
import { type Directory, openDirectory } from "../../node/trust/directory.ts";
import { type Manifest, signManifest } from "../../topology/manifest.ts";
import { catalogueRow } from "../testing/catalogue.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 3);
const SEQUENCE = 7;
const LOOKS_MAX = 200;

const makeKeys = (): { own: string; public: string } => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    own: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    public: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
};
const [authority, stranger] = [makeKeys(), makeKeys()];

function manifest(sequence: number, changes: Partial<Manifest> = {}): Manifest {
  return {
    ...{ format: 1, network: { name: "N", domain: "n.example", authority: "A" }, sequence, routing: "ask-all" },
    ...{ issuedAt: new Date(NOW_MS).toISOString(), icsWithoutNode: [], agreements: [] },
    members: [
      {
        ...{ id: "ash", collaborative: "north", region: "Upland", endpoints: ["ash.example:443"] },
        ...{ ics: [{ code: "QHL", name: "Ash", from: "2022-07-01" }], issuingCa: "a".repeat(64) },
        ...{ assertionKey: "A".repeat(43), population: 1_000_000, ages: { from: 0 }, status: "live" as const },
        coverageContact: { name: "Desk", phone: "01632 960001", hours: "24 hours" },
      },
    ],
    ...changes,
  };
}

/** What is put in the place of a good manifest. @param trial no two of a kind are alike. */
const HOSTILE: Readonly<Record<string, (trial: number) => Promise<string> | string>> = {
  "a lower sequence": (trial) => signManifest(manifest(1 + (trial % (SEQUENCE - 1))), authority.own),
  "another signer": (trial) => signManifest(manifest(SEQUENCE + trial + 1), stranger.own),
  "cut off": async (trial) => {
    const whole = await signManifest(manifest(SEQUENCE + trial + 1), authority.own);
    return whole.slice(0, 1 + Math.floor((whole.length - 2) * ((trial + 1) / 41)));
  },
  "10 MB": (trial) => `${trial}`.padEnd(10_000_000, "A"),
  "another network's": (trial) =>
    signManifest(
      manifest(SEQUENCE + trial + 1, { network: { name: "O", domain: `o${trial}.example`, authority: "O" } }),
      authority.own,
    ),
  "the same sequence with other contents": (trial) =>
    signManifest(
      manifest(SEQUENCE, {
        icsWithoutNode: [{ code: "QJ2", name: "Oak", region: "Upland" }],
        issuedAt: instant(-trial),
      }),
      authority.own,
    ),
  "a revocation list that nobody signed": (trial) =>
    signManifest(
      manifest(SEQUENCE + trial + 1, { crls: [Buffer.alloc(trial + 1, 0x30).toString("base64")] }),
      authority.own,
    ),
  "from the future": (trial) =>
    signManifest(manifest(SEQUENCE + trial + 1, { issuedAt: instant(86_400 + trial) }), authority.own),
};

describe("a manifest that is not to be taken", () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), "corridor-hostile-manifest-"));
    writeFileSync(join(dir, "manifest.pub.pem"), authority.public);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const row = { id: "R4", title: "changes nothing, and the operator hears of it", quick: 16, full: 40 };
  catalogueRow(row, async (trials) => {
    const kinds = Object.keys(HOSTILE);
    for (const trial of trials) {
      const kind = kinds[trial % kinds.length]!;
      const hostile = await HOSTILE[kind]!(trial);
      await inItsFile(`trial ${trial}: ${kind}`, hostile);
      await fromAPeer(`trial ${trial}: ${kind}`, hostile);
    }
    return { counts: { ignored: trials.count } };
  });

  async function inItsFile(what: string, hostile: string): Promise<void> {
    const { directory, clock, alarms, put } = await open();
    try {
      put(hostile);
      for (let looks = 0; looks < LOOKS_MAX && alarms.length === 0; looks++) {
        await clock.advance(1_000);
        await sleep(5);
      }
      assert.equal(alarms.length, 1, what);
      assertUnchanged(directory, what);
    } finally {
      directory.close();
    }
  }

  /** Whoever hands it on is told by the failure, which the exchange makes an alarm; an older one is merely not news. */
  async function fromAPeer(what: string, hostile: string): Promise<void> {
    const { directory } = await open();
    try {
      const thrown: unknown = await directory.offer(hostile).catch((failure: unknown) => failure);
      assert.ok(thrown instanceof Failure || what.endsWith("a lower sequence"), what);
      assertUnchanged(directory, what);
    } finally {
      directory.close();
    }
  }

  function assertUnchanged(directory: Directory, what: string): void {
    assert.deepEqual(directory.inForce().manifest, manifest(SEQUENCE), what);
    assert.equal(directory.member("ash")?.status, "live", what);
  }

  async function open() {
    const [path, clock, alarms] = [join(dir, "manifest.jws"), makeFakeClock(NOW_MS), [] as string[]];
    const put = (text: string): void => {
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
    };
    put(await signManifest(manifest(SEQUENCE), authority.own));
    const directory = await openDirectory({
      ...{ path, publicKeyPath: join(dir, "manifest.pub.pem"), ownId: "ash", clock, authorities: () => [] },
      alarm: (text) => alarms.push(text),
    });
    return { directory, clock, alarms, put };
  }
});

function instant(secondsFromNow: number): string {
  return new Date(NOW_MS + secondsFromNow * 1_000).toISOString();
}
