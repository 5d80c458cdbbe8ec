import assert from "node:assert/strict";

import fc from "fast-check";

import { Failure } from "../../base/failure.ts";
import { firstOf, parseMessage, SEGMENTS_MAX } from "./message.ts";

const HEAD = "MSH|^~\\&|PAS|RRK|CORRIDOR|WM|20250102030405||ADT^A28|1|P|2.4";
const withSet = (set: string): string => `${HEAD}||||||${set}`;

function pid(fields: string, head = HEAD, encoding: BufferEncoding = "latin1") {
  const found = parseMessage(Buffer.from(`${head}\rPID|${fields}\r`, encoding)).segments[1];
  assert.ok(found !== undefined);
  return found;
}

function refusedAt(where: string | undefined, act: () => unknown): void {
  assert.throws(
    act,
    (thrown) => thrown instanceof Failure && thrown.code === "invalid-input" && thrown.where === where,
  );
}

describe("an HL7 v2 message", () => {
  it("counts the fields of MSH from its delimiter", () => {
    const [msh] = parseMessage(Buffer.from(HEAD)).segments;
    assert.ok(msh !== undefined);
    assert.equal(firstOf(msh, 4), "RRK");
    assert.equal(firstOf(msh, 9, 2), "A28");
    assert.equal(firstOf(msh, 12), "2.4");
  });

  it("is divided by whatever delimiters it names", () => {
    const [, segment] = parseMessage(Buffer.from("MSH#:*!%#PAS\rPID#1:2%3*4!S!")).segments;
    assert.deepEqual(segment?.field(1), [[["1"], ["2", "3"]], [["4:"]]]);
  });

  it("ends its segments with a carriage return, and takes no harm of a line feed behind it", () => {
    const names = (text: string): string[] => parseMessage(Buffer.from(text)).segments.map(({ name }) => name);
    assert.deepEqual(names(`${HEAD}\r\nEVN|A28\r\nPID|1\r\n`), ["MSH", "EVN", "PID"]);
    refusedAt(undefined, () => names(`${HEAD}\nEVN|A28\n`));
    refusedAt(undefined, () => names(`${HEAD}\r\n\nEVN|A28`));
  });

  it("keeps repetitions, components and subcomponents apart", () => {
    assert.deepEqual(pid("||P1^^^RRK&x~N2").field(3), [[["P1"], [undefined], [undefined], ["RRK", "x"]], [["N2"]]]);
  });

  it("tells deleted from unchanged", () => {
    const segment = pid('""||^""');
    assert.equal(firstOf(segment, 1), null);
    assert.equal(firstOf(segment, 2), undefined);
    assert.equal(firstOf(segment, 3, 2), null);
    assert.equal(firstOf(segment, 99), undefined);
  });

  it("undoes every escape, once only", () => {
    assert.equal(firstOf(pid("a\\F\\\\S\\\\T\\\\R\\\\E\\\\.br\\\\X41\\"), 1), "a|^&~\\\nA");
    assert.equal(firstOf(pid("\\E\\T\\E\\"), 1), "\\T\\");
    assert.equal(firstOf(pid("\\XC3AB\\", withSet("UNICODE UTF-8")), 1), "\u00eb");
  });

  for (const [what, value] of [
    ["has no end", "a\\F"],
    ["is not known", "\\Q1\\"],
    ["has half a byte", "\\X4\\"],
    ["is a control character", "\\X00\\"],
    ["is not of the set", "\\XFF\\"],
  ] as const) {
    it(`is refused at the field where an escape ${what}`, () => {
      refusedAt("PID-1", () => pid(value).field(1));
    });
  }

  it("is read in the set that it names, and refused where it is not of it", () => {
    assert.equal(firstOf(pid("Zo\u00eb", withSet("8859/1")), 1), "Zo\u00eb");
    assert.equal(firstOf(pid("Zo\u00eb", withSet("UNICODE UTF-8"), "utf8"), 1), "Zo\u00eb");
    refusedAt("MSH-18", () => pid("Zo\u00eb"));
    refusedAt("MSH-18", () => pid("Zo\u00eb", withSet("UNICODE UTF-8")));
    refusedAt("MSH-18", () => pid("it\u0092s", withSet("8859/1")));
    refusedAt("MSH-18", () => pid("x", withSet("UNICODE UTF-16")));
    refusedAt("MSH-18", () => pid("x", withSet("toString")));
  });

  it("is refused without delimiters, or with two alike", () => {
    refusedAt("MSH-1", () => parseMessage(Buffer.from("PID|1")));
    refusedAt("MSH-1", () => parseMessage(Buffer.from("MSH")));
    refusedAt("MSH-2", () => parseMessage(Buffer.from("MSH|^~\\")));
    refusedAt("MSH-2", () => parseMessage(Buffer.from("MSH|^^\\&|")));
    refusedAt("MSH-2", () => parseMessage(Buffer.from("MSH|^~\\&!|")));
  });

  it("is bounded in segments, fields and parts, and holds a segment of a megabyte", () => {
    refusedAt(undefined, () => parseMessage(Buffer.from(HEAD + "\rNTE|1".repeat(SEGMENTS_MAX))));
    refusedAt("PID", () => pid("|".repeat(1000)));
    refusedAt("PID-1", () => pid("~".repeat(1000)).field(1));
    refusedAt("PID-1", () => pid("^".repeat(1000)).field(1));
    refusedAt("PID-1", () => pid("&".repeat(1000)).field(1));
    assert.equal(firstOf(pid("a".repeat(1_000_000)), 1)?.length, 1_000_000);
  });

  it("of any bytes is read or refused, and nothing else happens", () => {
    const bytes = Buffer.from(`${HEAD}\rPID|1||P1^^^RRK~N2||"O\\T\\B"^Ann`);
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const changed = Buffer.from(bytes);
        for (const [at, byte] of changes) changed[at] = byte;
        try {
          for (const segment of parseMessage(changed).segments) for (let at = 1; at < 20; at++) segment.field(at);
        } catch (thrown) {
          assert.ok(thrown instanceof Failure);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
