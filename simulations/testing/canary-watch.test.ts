import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmdirSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";

import { findCanaries, findCanariesUnder, watchStream } from "./canary-watch.ts";
import { aMarkedPerson } from "./doors-people.ts";

const PERSON = aMarkedPerson(0);
const NUMBER = "9000000009";

describe("the watch over every test", () => {
  it("finds a number however it is written, and marked people by name", () => {
    for (const text of [
      NUMBER,
      "900 000 0009",
      "900-000-0009",
      "900%20000%200009",
      `"nhs":"${NUMBER}"`,
      `/p/${NUMBER}?`,
    ]) {
      assert.equal(findCanaries(text).length, 1, text);
    }
    assert.equal(findCanaries(`for ${PERSON.familyName}`).length, 1);
  });

  it("takes no other digits for a number", () => {
    for (const text of ["9000000008", "1790000000000", "19000000009", `${NUMBER}1`, "pid 9000", `a${NUMBER}`]) {
      assert.deepEqual(findCanaries(text), [], text);
    }
  });

  it("finds them in the logs and in the names of a folder, and lets a test's own files be", () => {
    const folder = mkdtempSync(join(tmpdir(), "corridor-watched-"));
    const files = ["input.csv", "node.log", `${NUMBER}.txt`].map((name) => join(folder, name));
    mkdirSync(join(folder, "deeper"));
    files.push(join(folder, "deeper", "appendonly.aof"));
    for (const path of files) writeFileSync(path, `seen ${NUMBER}\n`);
    assert.equal(findCanariesUnder(folder).length, 3);
    for (const path of files) unlinkSync(path);
    rmdirSync(join(folder, "deeper"));
    rmdirSync(folder);
  });

  it("finds one that comes in two pieces, and leaves all of it to who reads", async () => {
    const stream = new PassThrough();
    const found: string[] = [];
    watchStream(stream, (each) => found.push(each));
    stream.write(`one 90000`);
    stream.write("00009 two\n");
    stream.end();
    let read = "";
    for await (const chunk of stream) read += String(chunk);
    assert.equal(read, `one ${NUMBER} two\n`);
    assert.equal(found.length, 1);
  });
});
