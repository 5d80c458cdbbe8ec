import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import { readCsv } from "./csv.ts";
import type { FeedLine } from "./feed-file.ts";
import { makeFhirReader } from "./fhir/reader.ts";
import { LINE_BYTES_MAX, readLines, type Line } from "./lines.ts";
import { readNdjson } from "./ndjson.ts";
import { makeRejects } from "./rejects.ts";

const OBJECTIONS = "provider,local_id,objection_id,state,received_on,override_in_emergency";
const GOOD = "RRK,P1,O1,received,2025-06-01,true";

/** The bytes in pieces of a size, in a buffer that is used again and again, as a stream may do. */
async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const shared = Buffer.alloc(size);
  for (let from = 0; from < bytes.length; from += size) {
    const piece = bytes.subarray(from, from + size);
    shared.set(piece);
    yield shared.subarray(0, piece.length);
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const csv = (text: string | Uint8Array, size = 7): Promise<FeedLine[]> =>
  collect(readCsv(inPieces(Buffer.from(text), size), "objections.csv"));
const ndjson = (text: string | Uint8Array): Promise<FeedLine[]> =>
  collect(readNdjson(inPieces(Buffer.from(text), 7), makeFhirReader("2026-11-22")));

/** Line numbers, each with the local id that was read or the reason why not. */
const brief = (lines: readonly FeedLine[]) =>
  lines.map((each) => [each.line, "item" in each ? each.item.fields["localId"] : each.rejected.reason]);

describe("lines of a file", () => {
  const linesOf = async (bytes: Uint8Array, size: number): Promise<Line[]> =>
    (await collect(readLines(inPieces(bytes, size)))).flat();

  it("come out the same, however the bytes arrive", async () => {
    const plain = fc.string({ unit: "binary", maxLength: 30 }).map((line) => line.replace(/[\r\n\ufeff]|\ud83d/g, ""));
    await fc.assert(
      fc.asyncProperty(
        fc.array(plain, { maxLength: 8 }),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        async (texts, size, crlf) => {
          const bytes = Buffer.from(texts.map((text) => text + (crlf ? "\r\n" : "\n")).join(""));
          const expected = texts.map((text, place) => ({ number: place + 1, text: Buffer.from(text).toString() }));
          assert.deepEqual(await linesOf(bytes, size), expected);
        },
      ),
    );
  });

  it("need no break at the end, and lose a byte-order mark at the start only", async () => {
    const lines = await linesOf(Buffer.from("\ufeffa\n\ufeffb"), 2);
    assert.deepEqual(lines, [
      { number: 1, text: "a" },
      { number: 2, text: "\ufeffb" },
    ]);
  });

  it("over the limit are skipped, not buffered, and the rest goes on", async () => {
    for (const size of [100, 200_000]) {
      const bytes = Buffer.concat([
        Buffer.alloc(LINE_BYTES_MAX, "x"),
        Buffer.from("\n"),
        Buffer.alloc(LINE_BYTES_MAX + 1, "y"),
        Buffer.from("\nshort\n"),
        Buffer.alloc(LINE_BYTES_MAX * 3, "z"),
      ]);
      const lines = await linesOf(bytes, size);
      assert.deepEqual(
        lines.map((line) => ("text" in line ? line.text.length : line.fault)),
        [LINE_BYTES_MAX, "too-long", 5, "too-long"],
      );
    }
  });

  it("hold little memory for a line without end", async () => {
    const before = process.memoryUsage().arrayBuffers;
    const chunk = Buffer.alloc(1024 * 1024, "x");
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let megabytes = 0; megabytes < 256; megabytes++) yield chunk;
    }
    assert.deepEqual((await collect(readLines(endless()))).flat(), [{ number: 1, fault: "too-long" }]);
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
  });

  it("that are not UTF-8 are named, and the rest goes on", async () => {
    const lines = await linesOf(Buffer.from("a\nM\xfcller\nb\n", "latin1"), 3);
    assert.deepEqual(lines, [
      { number: 1, text: "a" },
      { number: 2, fault: "not-utf8" },
      { number: 3, text: "b" },
    ]);
  });
});

describe("a CSV file", () => {
  it("says by its header what it holds, columns in any order", async () => {
    const [line] = await csv(
      `\ufeffstate,${OBJECTIONS.replace(",state", "")}\r\nupheld,RRK,P1,O1,2025-06-01,false\r\n`,
    );
    assert.ok(line !== undefined && "item" in line);
    assert.deepEqual(line.item, {
      kind: "objection",
      fields: {
        state: "upheld",
        provider: "RRK",
        localId: "P1",
        objectionId: "O1",
        receivedOn: "2025-06-01",
        overrideInEmergency: "false",
      },
    });
  });

  it("rejects a broken line with its reason, and goes on", async () => {
    const lines = [
      OBJECTIONS,
      GOOD,
      `RRK,"P2,O2,received,2025-06-01,true`,
      GOOD.replace("P1", "P3"),
      `RRK,P"4,O2,received,2025-06-01,true`,
      `RRK,P5`,
      "",
      `RRK,"P,6",O2,received,2025-06-01,true`,
      `RRK,"P""7",O2,received,2025-06-01,true`,
      `RRK,"P8"x,O2,received,2025-06-01,true`,
      `${GOOD},more`,
      GOOD.replace("P1", "P9"),
    ];
    assert.deepEqual(brief(await csv(lines.join("\n"))), [
      [2, "P1"],
      [3, "broken quoting"],
      [4, "P3"],
      [5, "broken quoting"],
      [6, "has 2 fields, the header has 6"],
      [8, "P,6"],
      [9, 'P"7'],
      [10, "broken quoting"],
      [11, "has 7 fields, the header has 6"],
      [12, "P9"],
    ]);
  });

  it("is not fooled by two open quotes that close each other", async () => {
    const lines = [OBJECTIONS, `RRK,"P1,O1,received,2025-06-01,true`, GOOD, `RRK,P3",O1,received,2025-06-01,true`];
    assert.deepEqual(brief(await csv(lines.join("\n"), 100_000)), [
      [2, "broken quoting"],
      [3, "P1"],
      [4, "broken quoting"],
    ]);
  });

  it("keeps a line's source for the rejects file only", async () => {
    const [line] = await csv(`${OBJECTIONS}\nRRK,P5`);
    assert.equal(line?.source.expose(), "RRK,P5");
    assert.ok(!JSON.stringify(line).includes("P5"));
  });

  it("of ten thousand lines comes out whole and in order", async () => {
    const body = Array.from({ length: 10_000 }, (_, place) => GOOD.replace("P1", `P${place}`)).join("\n");
    const lines = await csv(`${OBJECTIONS}\n${body}\n`, 65_536);
    assert.equal(lines.length, 10_000);
    assert.ok(
      lines.every(
        (each, place) => "item" in each && each.item.fields["localId"] === `P${place}` && each.line === place + 2,
      ),
    );
  });

  const bad: [what: string, text: string | Uint8Array, says: RegExp][] = [
    ["nothing in it", "", /is empty/],
    ["no header", GOOD, /lacks provider/],
    ["a column missing", OBJECTIONS.replace(",state", ""), /lacks state/],
    ["a column too many", `${OBJECTIONS},shoe_size`, /column 7/],
    ["a column twice", `${OBJECTIONS},state`, /twice/],
    ["another encoding", Buffer.from(`\ufeff${OBJECTIONS}\n`, "utf16le"), /UTF-8/],
    ["a broken header", `"${OBJECTIONS}`, /UTF-8 CSV/],
  ];
  for (const [what, text, says] of bad) {
    it(`with ${what} is refused whole, and told what to write`, async () => {
      await assert.rejects(csv(text), (thrown) => {
        assert.ok(thrown instanceof Failure && thrown.code === "invalid-input");
        assert.match(thrown.message, /^objections\.csv: /);
        return says.test(thrown.message);
      });
    });
  }
});

describe("an NDJSON file", () => {
  it("holds items of every kind, and a bad line spoils no other", async () => {
    const lines = [
      '{"type":"identity","provider":"RRK","local_id":"P1","restricted":true}',
      '{"type":"pointer","provider":"RRK","local_id":"P2","record_id":"D1"}',
      "",
      "not json",
      "[1]",
      '{"type":"person"}',
      '{"provider":"RRK"}',
      '{"type":"objection","shoe_size":9}',
      '{"type":"objection","__proto__":{"local_id":"P9"}}',
      '{"type":"objection","local_id":"P3","override_in_emergency":false}',
    ];
    assert.deepEqual(brief(await ndjson(lines.join("\n"))), [
      [1, "P1"],
      [2, "P2"],
      [4, "line is not JSON"],
      [5, "line is not a JSON object"],
      [6, "not one of identity, pointer, objection"],
      [7, "not one of identity, pointer, objection"],
      [8, "has a field that objection items do not have"],
      [9, "has a field that objection items do not have"],
      [10, "P3"],
    ]);
  });
});

describe("a rejects file", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-rejects-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("holds each line with its reason, for its owner alone, and counts the reasons", () => {
    const path = join(folder, "rejects.ndjson");
    writeFileSync(path, "of an earlier load", { mode: 0o644 });
    const rejects = makeRejects(path);
    rejects.add(2, { field: "", reason: "broken quoting" }, new Concealed('a,"b'));
    rejects.add(5, { field: "gender", reason: "not one" }, new Concealed("c"));
    rejects.add(6, { field: "gender", reason: "not one" }, new Concealed("d"));
    rejects.close();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(
      readFileSync(path, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown)[0],
      { line: 2, field: "", reason: "broken quoting", source: 'a,"b' },
    );
    assert.deepEqual(rejects.counts()[0], { field: "gender", reason: "not one", count: 2 });
  });

  it("is not there when nothing was rejected", () => {
    const path = join(folder, "rejects.ndjson");
    writeFileSync(path, "of an earlier load");
    makeRejects(path).close();
    assert.ok(!existsSync(path));
  });

  it("that cannot be written is named", () => {
    const rejects = makeRejects(join(folder, "missing", "rejects.ndjson"));
    assert.throws(
      () => rejects.add(1, { field: "", reason: "r" }, new Concealed("")),
      (thrown) => thrown instanceof Failure && thrown.code === "configuration" && thrown.message.includes("missing"),
    );
  });
});
