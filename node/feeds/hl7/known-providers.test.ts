import assert from "node:assert/strict";

import { Failure } from "../../base/failure.ts";
import { hl7FeedSchema, toHl7Feed } from "../../config/hl7-feed.ts";
import { checkProviders } from "./known-providers.ts";

describe("the providers of HL7 feeds", () => {
  const feeds = ["RRK", "RXX"].map((provider) => toHl7Feed(hl7FeedSchema.parse({ provider, sender: "pas" })));

  it("feed this node", () => {
    checkProviders(feeds, new Set(["RRK", "RXX", "RYY"]));
    assert.throws(
      () => checkProviders(feeds, new Set(["RRK"])),
      (thrown) =>
        thrown instanceof Failure && thrown.code === "configuration" && thrown.where === "hl7.feeds[1].provider",
    );
  });
});
