import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../node/base/clock.ts";
import { Concealed } from "../node/base/concealed.ts";
import { Failure } from "../node/base/failure.ts";
import { NhsNumber } from "../node/base/nhs-number.ts";
import { systemRandom } from "../node/base/random.ts";
import { parseOrganisationCode } from "../node/base/words.ts";
import type { Pds } from "../node/mpi/pds.ts";
import { makePdsClient } from "../node/mpi/pds-client.ts";
import { type Fetch, makeHttp } from "../node/platform/http.ts";
import { openPds } from "../node/mpi/pds-setup.ts";
import { makeSignedJwtTokens, type SignedJwtOrder } from "../node/platform/tokens.ts";
import { makePersonSearch } from "../node/mpi/search.ts";
import { type AskedSearch, parseSearch } from "../node/mpi/search-terms.ts";
import { makeHandlers as makePdsHandlers, readPdsFor, takePdsEvent } from "../node/requests/pds-events.ts";
import { makeInlineExecutor } from "../node/storage/inline-executor.ts";
import { anIdentity, openTestIndex } from "../node/testing/an-index.ts";
import { makeFakeClock } from "../node/testing/fake-clock.ts";
import { type PdsDouble, startPdsDouble } from "./pds-double.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const KEY = { apiKey: "an-application", keyId: "key-1" };
const JANE: AskedSearch = {
  ...{ family: "Smith", given: ["Jane"], birthDate: ["2010-10-22"] },
  ...{ fuzzy: false, exact: false, history: false },
};

describe("the demographics service's client, against a double written from its specification", () => {
  let double: PdsDouble;
  beforeEach(async () => {
    double = await startPdsDouble({ ...KEY, publicKey });
  });
  afterEach(() => double.close());

  interface Changes extends Partial<Pick<SignedJwtOrder, "keyId">> {
    readonly withinMs?: number;
    readonly hosts?: readonly string[];
    readonly fetch?: Fetch;
    readonly baseUrl?: URL;
  }
  const client = ({
    keyId = KEY.keyId,
    withinMs = 5_000,
    hosts = [double.host],
    fetch = globalThis.fetch,
    baseUrl,
  }: Changes = {}): Pds => {
    const http = makeHttp({ fetch, clock: systemClock, hosts, withinMs });
    const apiKey = new Concealed(KEY.apiKey);
    const parts = { http, clock: systemClock, random: systemRandom };
    const tokens = makeSignedJwtTokens({ ...parts, tokenUrl: double.tokenUrl, apiKey, keyId, privateKey });
    return makePdsClient({
      ...{ http, tokens, random: systemRandom, baseUrl: baseUrl ?? double.baseUrl },
      organisation: parseOrganisationCode("RRK")!,
    });
  };
  const read = (digits: string, changes: Changes = {}) => client(changes).read(NhsNumber.parse(digits)!);
  const search = (more: Partial<AskedSearch> = {}) => client().search(new Concealed({ ...JANE, ...more }));
  const failure = async (asking: Promise<unknown>): Promise<Failure> => {
    const thrown: unknown = await asking.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(thrown instanceof Failure, String(thrown));
    assert.doesNotMatch(`${thrown.message} ${thrown.where} ${String(thrown.cause)}`, /900000|smith|jane|2010/i);
    return thrown;
  };
  const sends = (body: string, status = 200, headers: Readonly<Record<string, string>> = {}): void =>
    double.answerNext((response) => response.writeHead(status, headers).end(body));
  /** As `read`, where a token is held already: the next answer is that of the read itself. */
  const readWith = async (prepare: () => void): Promise<Failure> => {
    const pds = client();
    await pds.read(NhsNumber.parse("9000000009")!);
    prepare();
    return failure(pds.read(NhsNumber.parse("9000000009")!));
  };

  describe("reading by number", () => {
    it("gives what is held", async () => {
      const found = await read("9000000009");
      assert.ok(found.kind === "found" && found.patient.nhsNumber.expose() === "9000000009");
      assert.equal(found.patient.restricted, false);
      assert.deepEqual(
        found.patient.details.expose().names.map(({ family, given }) => [family, given]),
        [["Smith", ["Jane"]]],
      );
      const { postcode, phones, practice, birthDate } = found.patient.details.expose();
      assert.deepEqual([postcode, phones, practice, birthDate], ["LS1 6AE", ["01632960587"], "Y12345", "2010-10-22"]);
    });

    it("gives a restricted patient without any place, whatever is sent", async () => {
      const pds = client();
      for (const leaks of [false, true]) {
        if (leaks) {
          const address = [{ use: "home", line: ["3 Hidden Lane"], postalCode: "LS2 7AA" }];
          const meta = { versionId: "2", security: [{ code: "R" }] };
          const telecom = [{ system: "phone", value: "01632960587" }];
          sends(JSON.stringify({ resourceType: "Patient", id: "9000000025", meta, address, telecom }));
        }
        const found = await pds.read(NhsNumber.parse("9000000025")!);
        assert.ok(found.kind === "found" && found.patient.restricted);
        const { addressLines, postcode, phones, emails, practice } = found.patient.details.expose();
        assert.deepEqual([addressLines, postcode, phones, emails, practice], [[], "", [], [], ""]);
      }
    });

    it("gives the date of a death and who has notified it, and none that was taken back", async () => {
      const deathOf = async (digits: string) => {
        const answer = await read(digits);
        assert.ok(answer.kind === "found");
        const { died, deathRegistered } = answer.patient.details.expose();
        return [died, deathRegistered];
      };
      assert.deepEqual(await deathOf("9000000084"), ["2025-03-01", true]);
      assert.deepEqual(await deathOf("9000000092"), ["", false]);
      assert.deepEqual(await deathOf("9000000009"), ["", false]);
    });

    it("takes a record with next to nothing in it", async () => {
      const found = await read("9000000033");
      assert.ok(found.kind === "found" && found.patient.details.expose().names.length === 0);
    });

    it("says that a number was given up for another patient's", async () => {
      const found = await read("9000000068");
      assert.ok(found.kind === "superseded" && found.patient.nhsNumber.expose() === "9000000009");
    });

    it("tells a number that was invalidated from one that was nobody's", async () => {
      assert.deepEqual(await read("9000000076"), { kind: "invalidated" });
      assert.deepEqual(await read("9111231130"), { kind: "not-found" });
    });
  });

  describe("searching", () => {
    it("finds the one person", async () => {
      const found = await search();
      assert.ok(found.kind === "found" && found.score === 1 && found.patient.nhsNumber.expose() === "9000000009");
      assert.equal((await search({ birthDate: ["ge2010-10-21", "le2010-10-23"] })).kind, "found");
      const more = { gender: "female", postcode: "LS*", phone: "01632960587", email: "jane.smith@example.com" };
      assert.equal((await search({ ...more, practice: "Y12345" })).kind, "found");
    });

    it("finds nobody, or says that there are too many", async () => {
      assert.deepEqual(await search({ phone: "0121111111" }), { kind: "none" });
      assert.deepEqual(await search({ family: "Sm*", given: [] }), { kind: "too-many" });
    });

    it("finds fuzzily and by history", async () => {
      assert.equal((await search({ family: "Jones" })).kind, "none");
      const byHistory = await search({ family: "Jones", history: true });
      assert.ok(byHistory.kind === "found" && byHistory.score < 1);
      assert.equal((await search({ family: "Jane", given: ["Smith"], fuzzy: true })).kind, "found");
      assert.equal((await search({ given: ["John Paul", "James"] })).kind, "found");
    });

    it("never finds a restricted patient by place", async () => {
      const janet = { family: "Smythe", given: ["Janet"], birthDate: ["2005-06-16"] };
      const found = await search(janet);
      assert.ok(found.kind === "found" && found.patient.restricted && found.patient.details.expose().postcode === "");
      assert.deepEqual(await search({ ...janet, postcode: "LS2 7AA" }), { kind: "none" });
      assert.deepEqual(await search({ ...janet, practice: "Y12346" }), { kind: "none" });
    });

    it("hands on what the service refuses, by its code and without its words", async () => {
      for (const more of [{ birthDate: [] }, { family: "S*" }, { gender: "mal" }, { given: [], fuzzy: true }]) {
        assert.equal((await failure(search(more))).code, "invalid-input");
      }
    });

    it("asks for one result and no more: there is no user to choose", async () => {
      await search();
      assert.match(double.requests.at(-1) ?? "", /_max-results=1$/);
    });
  });

  describe("the token", () => {
    const tokensAsked = (): number => double.requests.filter((line) => line.startsWith("POST")).length;

    it("is fetched once, for many requests at once too, and anew when it is not taken any more", async () => {
      const pds = client();
      const number = NhsNumber.parse("9000000009")!;
      await Promise.all([pds.read(number), pds.read(number), pds.read(number)]);
      assert.equal(tokensAsked(), 1);
      double.endTokens();
      assert.equal((await pds.read(number)).kind, "found");
      assert.equal(tokensAsked(), 2);
    });

    it("is fetched anew before it ends", async () => {
      await double.close();
      double = await startPdsDouble({ ...KEY, publicKey, expiresInSeconds: 20 });
      const pds = client();
      for (let times = 0; times < 3; times++) await pds.read(NhsNumber.parse("9000000009")!);
      assert.equal(tokensAsked(), 3, "one that ends within half a minute is not used again");
    });

    it("is not had with a key that the service does not know", async () => {
      assert.equal((await failure(read("9000000009", { keyId: "another" }))).code, "not-authenticated");
      assert.equal(tokensAsked(), double.requests.length, "nobody was asked about");
    });

    it("is given up after one more try", async () => {
      const pds = client();
      await pds.read(NhsNumber.parse("9000000009")!);
      sends("{}", 401);
      assert.equal((await pds.read(NhsNumber.parse("9000000009")!)).kind, "found");
    });
  });

  it("tells an index of events what changed: a number that was given up, and who is restricted", async () => {
    const index = openTestIndex();
    const store = makeInlineExecutor(index.db, makePdsHandlers(index.db, systemRandom));
    const [clock, pds] = [makeFakeClock(), client()];
    const hear = async (digits: string): Promise<void> => {
      const event = {
        nhsNumber: NhsNumber.parse(digits)!,
        kind: "pds-record-change-1",
        changedMs: clock.wallMs(),
      } as const;
      assert.equal(await takePdsEvent(event, { clock, store }), "queued");
      const waiting = index.db
        .prepare<[], { key: string; payload: string }>("SELECT key, payload FROM outbox WHERE kind = 'read-pds'")
        .get()!;
      const { event: eventNo } = JSON.parse(waiting.payload) as { event: string };
      await readPdsFor({ eventNo: Number(eventNo), key: waiting.key }, { clock, store, pds });
    };
    try {
      const janet = { familyName: "Smythe", givenName: "Janet", birthDate: "2005-06-16" };
      await index.load([
        anIdentity({ nhsNumber: "9000000068", familyName: "Smith", givenName: "Jane", birthDate: "2010-10-22" }),
        anIdentity({ localId: "P2", nhsNumber: "9000000025", ...janet }),
      ]);
      await hear("9000000068");
      assert.deepEqual(index.db.prepare("SELECT says, one, other FROM statement").raw().all(), [
        ["superseded", 9_000_000_068, 9_000_000_009],
      ]);
      await hear("9000000025");
      const asked = parseSearch(
        { ...JANE, family: "Smythe", given: [], birthDate: ["2005-06-16"] },
        "2026-11-23",
        false,
      );
      const outcome = makePersonSearch(index.db).search(asked);
      assert.ok(outcome.kind === "found" && outcome.persons.every(({ restricted }) => restricted));
      assert.equal(
        outcome.persons[0]?.details.expose().postcode,
        "",
        "what a provider holds of the place is hidden too",
      );
    } finally {
      await index.close();
    }
  });

  describe("set up from files", () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), "corridor-pds-"));
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    const open = (files: { readonly apiKey?: string; readonly key?: string; readonly mode?: number } = {}): Pds => {
      const [apiKeyPath, privateKeyPath] = [join(folder, "api.key"), join(folder, "rsa.pem")];
      const pem = privateKey.export({ type: "pkcs8", format: "pem" });
      writeFileSync(apiKeyPath, files.apiKey ?? `${KEY.apiKey}\n`, { mode: files.mode ?? 0o600 });
      writeFileSync(privateKeyPath, files.key ?? pem, { mode: 0o600 });
      const { baseUrl: url, tokenUrl } = double;
      const order = {
        url,
        tokenUrl,
        keyId: KEY.keyId,
        organisation: parseOrganisationCode("RRK")!,
        apiKeyPath,
        privateKeyPath,
      };
      return openPds(order, { fetch, clock: systemClock, random: systemRandom });
    };

    it("asks as the settings say", async () => {
      assert.equal((await open().read(NhsNumber.parse("9000000009")!)).kind, "found");
    });

    it("is refused, without a word of what they hold, where the files are not what they should be", () => {
      const elliptic = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      for (const files of [
        { apiKey: "two words" },
        { apiKey: "" },
        { key: "secret" },
        { key: elliptic },
        { mode: 0o644 },
      ]) {
        assert.throws(
          () => open(files),
          (thrown) =>
            thrown instanceof Failure && thrown.code === "configuration" && !/secret|two words/.test(thrown.message),
        );
        rmSync(join(folder, "api.key"));
      }
    });
  });

  describe("when things go wrong", () => {
    const answers: [
      what: string,
      status: number,
      body: string,
      code: Failure["code"],
      headers?: Record<string, string>,
    ][] = [
      ["too many requests", 429, "{}", "overloaded", { "retry-after": "7" }],
      ["no permission", 403, "{}", "not-permitted"],
      ["its own time-out", 408, "{}", "timed-out"],
      ["a failure of its own", 503, "<html>", "unreachable"],
      ["somebody else's 404", 404, "<html>not here</html>", "incompatible"],
      ["no JSON", 200, "<html>", "incompatible"],
      ["another resource", 200, '{"resourceType":"Practitioner"}', "incompatible"],
      [
        "a number that is none",
        200,
        '{"resourceType":"Patient","id":"9000000000","meta":{"versionId":"1"}}',
        "incompatible",
      ],
      [
        "a redacted record",
        200,
        '{"resourceType":"Patient","id":"9000000009","meta":{"versionId":"1","security":[{"code":"REDACTED"}]}}',
        "incompatible",
      ],
      ["a body that is too long", 200, `"${"x".repeat(1_100_000)}"`, "incompatible"],
      ["a way to somewhere else", 302, "", "unreachable", { location: "http://127.0.0.1:9/" }],
    ];
    for (const [what, status, body, code, headers] of answers) {
      it(`says ${code} at ${what}`, async () => {
        const said = await readWith(() => sends(body, status, headers));
        assert.equal(said.code, code, said.message);
        if (status === 429) assert.match(said.message, /7 s/);
      });
    }

    it("gives up in time where no answer comes, or none that ends", async () => {
      for (const hang of ["says nothing", "never ends"]) {
        const pds = client({ withinMs: 300 });
        await pds.read(NhsNumber.parse("9000000009")!);
        double.answerNext((response) => {
          if (hang === "never ends") response.writeHead(200).write("{");
        });
        const startedMs = performance.now();
        assert.equal((await failure(pds.read(NhsNumber.parse("9000000009")!))).code, "timed-out", hang);
        assert.ok(performance.now() - startedMs < 5_000);
      }
    });

    it("says so where the connection breaks", async () => {
      assert.equal((await readWith(() => double.answerNext((response) => response.destroy()))).code, "unreachable");
    });

    it("asks no other host than those it was told, and none without TLS but on this machine", async () => {
      const stranger = createServer(() => assert.fail("a stranger was asked"));
      await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
      const host = `127.0.0.1:${(stranger.address() as AddressInfo).port}`;
      try {
        const elsewhere = client({ baseUrl: new URL(`http://${host}/`) });
        assert.equal((await failure(elsewhere.read(NhsNumber.parse("9000000009")!))).code, "configuration");
        const plain = client({ baseUrl: new URL("http://pds.example/"), hosts: [double.host, "pds.example"] });
        assert.equal((await failure(plain.read(NhsNumber.parse("9000000009")!))).code, "configuration");
      } finally {
        stranger.close();
      }
    });
  });
});
