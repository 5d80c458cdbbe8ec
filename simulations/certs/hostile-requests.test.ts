import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";

import { approveRequest } from "../../certs/approve.ts";
import { readEnrolment } from "../../certs/enrol.ts";
import { readIdentity } from "../../certs/identity.ts";
import { DOMAIN, type TestNetwork, makeTestNetwork } from "../../certs/testing/network.ts";
import { systemClock as clock } from "../../node/base/clock.ts";
import { Failure } from "../../node/base/failure.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { hostileRequest, honestRequest } from "./hostile-requests.ts";

/** Three times the bar, for a machine that others use as well. */
const STALL_MS_MAX = 3 * 100;

describe("requests for certificates", () => {
  let network: TestNetwork;
  before(async () => {
    network = await makeTestNetwork();
  });
  after(() => network.remove());

  const approve = (text: string): Promise<string> =>
    approveRequest(network.dir, { id: "wm-bsol", collaborative: "care", enrolment: readEnrolment(text), clock });

  it("are certified where they are honest", async () => {
    const leaf = new X509Certificate(await approve(honestRequest().text));
    assert.deepEqual(readIdentity(leaf, DOMAIN), { kind: "node", nodeId: "wm-bsol" });
  });

  catalogueRow(
    { id: "C7", title: "hostile requests get nothing, and hold nobody up", quick: 100, full: 200 },
    async (trials) => {
      let stallMs = 0;
      for (const trial of trials) {
        const { name, text } = hostileRequest(trial);
        const beganMs = performance.now();
        let read: ReturnType<typeof readEnrolment> | undefined;
        try {
          read = readEnrolment(text);
        } catch (thrown) {
          assert.ok(thrown instanceof Failure && thrown.code === "invalid-input", `${name}: ${String(thrown)}`);
        }
        stallMs = Math.max(stallMs, performance.now() - beganMs);
        if (read !== undefined) await assert.rejects(approve(text), Failure, name);
      }
      assert.ok(stallMs <= STALL_MS_MAX, `held up for ${stallMs} ms`);
      return { counts: { refused: trials.count }, worst: { stallMs } };
    },
  );
});
