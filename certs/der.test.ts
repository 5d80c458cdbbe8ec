import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";

import fc from "fast-check";

import { type CallerRights, readCallerRights } from "./caller-rights.ts";
import { encodeOid, readElements, readExtension } from "./der.ts";
import { callerRightsExtension, readPermittedNames } from "./extensions.ts";
import { CALLER_RIGHTS_OID } from "./profile.ts";
import { type TestNetwork, forgeLeaf, makeTestNetwork } from "./testing/network.ts";

const RIGHTS: CallerRights = {
  roles: ["R8000"],
  settings: ["emergency"],
  organisations: ["RRK"],
  feed: false,
  operate: false,
  sandbox: false,
};

describe("reading extensions", () => {
  let network: TestNetwork;
  let der: Uint8Array;
  before(async () => {
    network = await makeTestNetwork();
    der = await derOf([callerRightsExtension(RIGHTS)]);
  });
  after(() => network.remove());

  const derOf = async (extra: Parameters<typeof forgeLeaf>[0]["extra"] & object): Promise<Uint8Array> =>
    new X509Certificate((await forgeLeaf({ extra }, network.care)).cert).raw;

  it("encodes object identifiers of any size as DER does", () => {
    assert.deepEqual([...encodeOid("2.5.29.17")], [0x55, 0x1d, 0x11]);
    assert.deepEqual([...encodeOid("1.3.6.1.5.5.7.3.2")], [0x2b, 6, 1, 5, 5, 7, 3, 2]);
    assert.deepEqual([...encodeOid("2.999.3")], [0x88, 0x37, 3]);
    assert.deepEqual([...encodeOid(CALLER_RIGHTS_OID)], [0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59, 43, 1]);
  });

  it("finds the names that an authority may certify, and none in a leaf", () => {
    const names = { dns: ["west-midlands.corridor.example"], uriHosts: ["west-midlands.corridor.example"] };
    assert.deepEqual(readPermittedNames(new X509Certificate(network.care.certificatePem).raw), names);
    assert.equal(readPermittedNames(der), undefined);
  });

  it("takes rights only where they are there once, well formed, and small", async () => {
    assert.deepEqual(readCallerRights(der), RIGHTS);
    const extension = callerRightsExtension(RIGHTS);
    const text = (json: string): typeof extension => {
      const contents = Buffer.from(json);
      return { ...extension, value: Uint8Array.from([0x0c, contents.length, ...contents]) };
    };
    for (const bad of [
      [extension, extension],
      [text("{}")],
      [text('{"roles":[]}')],
      [text("null")],
      [text("{")],
      [{ ...extension, value: Uint8Array.of() }],
      [{ ...extension, value: Uint8Array.of(0x0c, 0x05, 0x7b) }],
      [{ ...extension, value: Uint8Array.of(0x0c, 0x80, 0x00, 0x00) }],
      [{ ...extension, value: Uint8Array.of(0x04, 0x02, 0x7b, 0x7d) }],
      [{ ...extension, value: Uint8Array.of(0x0c, 0x02, 0xc3, 0x28) }],
    ]) {
      assert.equal(readCallerRights(await derOf(bad)), undefined);
    }
    const padding = { oid: "2.25.1", critical: false, value: new Uint8Array(8_192) };
    assert.equal(readCallerRights(await derOf([extension, padding])), undefined);
  });

  it("never throws and never reads outside, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readElements(bytes);
        assert.equal(readExtension(bytes, CALLER_RIGHTS_OID), undefined);
      }),
    );
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), (place, byte) => {
        const changed = Uint8Array.from(der, (old, index) => (index === place ? byte : old));
        const rights = readCallerRights(changed);
        assert.ok(rights === undefined || Array.isArray(rights.roles));
        readCallerRights(der.subarray(0, place));
      }),
    );
  });
});
