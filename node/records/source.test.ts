import assert from "node:assert/strict";

import { pathWithin, SourceFault, urlAt } from "./source.ts";

const PLACE = { base: new URL("https://records.elm.example/r4/"), server: new URL("http://127.0.0.1:8080/fhir/") };

describe("a pointer's address", () => {
  it("is fetched below its source's server, by its path and query alone", () => {
    const fetched = (address: string): string => urlAt(PLACE, pathWithin(PLACE, address)).href;
    assert.equal(fetched("https://records.elm.example/r4/Binary/17"), "http://127.0.0.1:8080/fhir/Binary/17");
    assert.equal(fetched("Binary/17?_format=json"), "http://127.0.0.1:8080/fhir/Binary/17?_format=json");
    assert.equal(fetched("https://records.elm.example:443/r4/a"), "http://127.0.0.1:8080/fhir/a");
  });

  for (const address of [
    "https://evil.example/r4/Binary/17",
    "http://records.elm.example/r4/Binary/17",
    "https://records.elm.example:8443/r4/Binary/17",
    "https://records.elm.example.evil.example/r4/a",
    "https://records.elm.example@evil.example/r4/a",
    "https://user:secret@records.elm.example/r4/a",
    "//evil.example/r4/a",
    "https://records.elm.example/r4/",
    "https://records.elm.example/r4",
    "https://records.elm.example/r40/a",
    "https://records.elm.example/r4/../admin",
    "https://records.elm.example/r4/%2e%2e/admin",
    "https://records.elm.example/r4/..%2fadmin",
    "https://records.elm.example/r4/a\\..\\b",
    "https://records.elm.example/r4/a#b",
    "https://records.elm.example/r4/a\r\nHost: evil.example",
    "file:///etc/passwd",
    "/etc/passwd",
    "../admin",
    "http://169.254.169.254/latest/meta-data",
    "http://[::1]/r4/a",
    "",
    "https://",
  ]) {
    it(`is not fetched where it leads elsewhere: ${JSON.stringify(address)}`, () => {
      assert.throws(
        () => pathWithin(PLACE, address),
        (thrown) => thrown instanceof SourceFault && thrown.fault === "not-connected",
      );
    });
  }
});
