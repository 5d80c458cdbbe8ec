import assert from "node:assert/strict";
import { inspect } from "node:util";

import { Failure } from "../base/failure.ts";
import { parseSettings } from "./settings.ts";

const GOOD = `id: wm-bsol
dataDir: data
listen: { port: 7400 }
certs: { dir: ../certs/wm-bsol }
manifest: /srv/manifest.jws
topology: ../topology.yaml
`;

describe("settings", () => {
  it("are read with safe defaults, and paths relative to their file", () => {
    const settings = parseSettings(GOOD, "/etc/corridor/node.yaml");
    assert.deepEqual(settings, {
      id: "wm-bsol",
      dataDir: "/etc/corridor/data",
      listen: { host: "127.0.0.1", port: 7400 },
      certsDir: "/etc/certs/wm-bsol",
      manifestPath: "/srv/manifest.jws",
      topologyPath: "/etc/topology.yaml",
      access: { localRoles: [] },
      audit: { keepYears: 0 },
      quota: { patientsPerMillion: 6_000, searchesPerUser: 600 },
      fhirTokens: [],
      recordSources: [],
      sandbox: false,
      sandboxSlowAbout: [],
      reflection: false,
      logLevel: "info",
    });
    assert.ok(Object.isFrozen(settings));
  });

  it("name every fault at once, by line, with its remedy", () => {
    const text = GOOD.replace("wm-bsol\n", "WM BSOL\n")
      .replace("7400", "740000")
      .concat("sandbocks: true\nlogLevel: loud\n");
    assert.throws(
      () => parseSettings(text, "node.yaml"),
      (thrown: unknown) => {
        assert.ok(thrown instanceof Failure && thrown.code === "configuration");
        assert.match(thrown.message, /has 4 faults/);
        assert.match(thrown.message, /node\.yaml:1: id .*lower-case/);
        assert.match(thrown.message, /node\.yaml:3: listen\.port .*65535/);
        assert.match(thrown.message, /node\.yaml:7: sandbocks is not a known key; .*did you mean sandbox\?/);
        assert.match(thrown.message, /node\.yaml:8: logLevel .*info/);
        return true;
      },
    );
  });

  it("let a node of a sandbox be slow about invented people alone, and repeat nobody's number", () => {
    const about = (number: string) => parseSettings(`${GOOD}sandboxSlowAbout: [${number}]\n`, "node.yaml");
    assert.equal(about('"911 000 1115"').sandboxSlowAbout[0]?.expose(), "9110001115");
    for (const number of ['"4010232137"', '"9110001116"', "9110001115"]) {
      assert.throws(
        () => about(number),
        (thrown: unknown) =>
          thrown instanceof Failure && /invented person/.test(thrown.message) && !/\d{10}/.test(thrown.message),
      );
    }
  });

  it("take the national service's place whole or not at all, over TLS but on this machine", () => {
    const pds = {
      url: "https://pds.example/FHIR/R4",
      tokenUrl: "https://pds.example/oauth2/token",
      ...{ organisation: "RRK", keyId: "key-1", apiKey: "pds.key", privateKey: "/srv/pds.pem" },
    };
    const parse = (more: Record<string, string | undefined>) =>
      parseSettings(`${GOOD}pds: ${JSON.stringify({ ...pds, ...more })}\n`, "/etc/corridor/node.yaml").pds;
    const { url, tokenUrl, ...rest } = parse({}) ?? assert.fail("no settings");
    assert.deepEqual([url.href, tokenUrl.href], [pds.url, pds.tokenUrl]);
    assert.deepEqual(rest, {
      ...{ organisation: "RRK", keyId: "key-1", apiKeyPath: "/etc/corridor/pds.key", privateKeyPath: "/srv/pds.pem" },
    });
    assert.equal(parse({ url: "http://127.0.0.1:8080/" })?.url.port, "8080");
    for (const wrong of [
      { url: "http://pds.example/" },
      { url: "none" },
      { keyId: undefined },
      { organisation: "R R" },
    ]) {
      assert.throws(
        () => parse(wrong),
        (thrown) => thrown instanceof Failure && thrown.code === "configuration",
      );
    }
    assert.equal(parseSettings(GOOD, "node.yaml").pds, undefined);
  });

  it("take the record locator's place whole or not at all, and only where the national service is set up", () => {
    const pds =
      "pds: { url: 'https://pds.example/', tokenUrl: 'https://pds.example/token', organisation: RRK, keyId: k, apiKey: a, privateKey: p }\n";
    const nrl = {
      ...{ url: "https://nrl.example/record-locator", organisation: "QHL", contactUrl: "https://record.example/ask" },
      ...{ publish: true, read: false },
    };
    const parse = (more: Record<string, unknown> = {}, others = pds) =>
      parseSettings(`${GOOD}${others}nrl: ${JSON.stringify({ ...nrl, ...more })}\n`, "node.yaml").nrl;
    const { url, contactUrl, ...rest } = parse() ?? assert.fail("no settings");
    assert.deepEqual([url.href, contactUrl.href], [nrl.url, nrl.contactUrl]);
    assert.deepEqual(rest, { organisation: "QHL", publish: true, read: false });
    for (const wrong of [
      { url: "http://nrl.example/" },
      { url: "none" },
      { contactUrl: undefined },
      { organisation: "X-NO-ODS-QHL" },
      { publish: "yes" },
    ]) {
      assert.throws(
        () => parse(wrong),
        (thrown) => thrown instanceof Failure && thrown.code === "configuration",
      );
    }
    assert.throws(() => parse({}, ""), /nrl\.url .*set pds up too/s);
    assert.equal(parseSettings(`${GOOD}nrl: {}\n`, "node.yaml").nrl, undefined);
  });

  it("take the address of a door for FHIR, which there is not unless it is given", () => {
    const listen = (text: string) => parseSettings(`${GOOD}fhir: { listen: "${text}" }\n`, "node.yaml").fhirListen;
    assert.deepEqual(listen("0.0.0.0:7444"), { host: "0.0.0.0", port: 7444 });
    assert.deepEqual(listen("[::1]:0"), { host: "::1", port: 0 });
    assert.equal(listen("none"), undefined);
    for (const wrong of ["7444", "host:", ":7444", "host:65536", "https://host:7444", "a b:1"]) {
      assert.throws(() => listen(wrong), /fhir\.listen .*HOST:PORT/);
    }
  });

  it("take the place of a Redis, and never show its password", () => {
    const url = "rediss://bull:sesame@redis.example:6380/2";
    const settings = parseSettings(`${GOOD}redis: { url: "${url}" }\n`, "node.yaml");
    assert.equal(settings.redisUrl?.expose().href, url);
    assert.doesNotMatch(inspect(settings) + JSON.stringify(settings) + String(settings.redisUrl), /sesame/);
    assert.equal(parseSettings(`${GOOD}redis: { url: none }\n`, "node.yaml").redisUrl, undefined);
    for (const wrong of ["redis.example:6379", "http://:sesame@redis.example", "redis://:sesame@h/first", "redis://"]) {
      assert.throws(
        () => parseSettings(`${GOOD}redis: { url: "${wrong}" }\n`, "node.yaml"),
        (thrown: unknown) =>
          thrown instanceof Failure && /redis:\/\//.test(thrown.message) && !/sesame/.test(thrown.message),
        wrong,
      );
    }
  });

  for (const [what, text] of [
    ["an empty file", ""],
    ["a list", "- a"],
    ["text that is not YAML", "id: [unclosed"],
  ] as const) {
    it(`refuse ${what}`, () => assert.throws(() => parseSettings(text, "node.yaml"), Failure));
  }
});
