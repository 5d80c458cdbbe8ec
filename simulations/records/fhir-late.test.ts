import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import type { FhirAnswer, FhirRequest } from "../testing/fhir-door.ts";
import { aPerson, type TrialPerson } from "../testing/people.ts";
import { about, type Bundle, type Facade, recordsIn, startFacade } from "./a-facade.ts";

describe("searching by FHIR for more than one answer can hold, or than anybody waits for", function () {
  this.timeout(60_000);
  let facade: Facade;
  let person: TrialPerson;

  before(async () => {
    facade = await startFacade();
    ({ person } = facade);
  });
  after(() => facade?.stop());

  const later = (more: Record<string, string> = {}): FhirRequest => {
    const search = about(person, more);
    return { ...search, headers: { ...search.headers, prefer: "respond-async" } };
  };
  const begin = async (more: Record<string, string> = {}): Promise<string> => {
    const begun = await facade.ask(later(more));
    assert.equal(begun.status, 202, begun.text);
    const path = String(begun.headers["content-location"]);
    assert.match(path, /^\/fhir\/async\/[0-9a-f-]{36}$/);
    return path;
  };
  async function fetched(path: string): Promise<FhirAnswer> {
    for (let tries = 0; tries < 200; tries++) {
      const answer = await facade.ask({ path });
      if (answer.status !== 202) return answer;
      assert.equal(answer.headers["retry-after"], "1");
      await sleep(100);
    }
    throw new Error("the search never ended");
  }
  function searchsetIn({ status, text }: FhirAnswer): Bundle {
    assert.equal(status, 200, text);
    const whole = JSON.parse(text) as { type: string; entry: [{ resource: unknown; response: { status: string } }] };
    assert.deepEqual([whole.type, whole.entry[0].response.status], ["batch-response", "200 OK"]);
    return whole.entry[0].resource as Bundle;
  }
  const stopped = async <Result>(area: string, work: (go: () => void) => Promise<Result>): Promise<Result> => {
    const { pid } = facade.network.mesh.node(area).process;
    process.kill(pid, "SIGSTOP");
    const go = (): void => void process.kill(pid, "SIGCONT");
    try {
      return await work(go);
    } finally {
      go();
    }
  };

  it("gives the answer of an area that came after the verdict, by a decision of its own", async () => {
    await stopped("elm", async (go) => {
      const path = await begin();
      await sleep(2_500); // its verdict was due after two seconds
      const waiting = await facade.ask({ path });
      assert.deepEqual(
        [waiting.status, /^\d+ answered so far$/.test(String(waiting.headers["x-progress"]))],
        [202, true],
      );
      go();
      const before = facade.network.entryCount("ash");
      const bundle = searchsetIn(await fetched(path));
      assert.deepEqual([bundle.total, recordsIn(bundle).length], [3, 3], "elm's two are among them");
      assert.ok(facade.network.entryCount("ash") > before, "fetching it is in the audit");
      assert.equal(searchsetIn(await fetched(path)).total, 3, "and may be fetched again");
    });
  });

  it("says twice what did not answer in the end either", async () => {
    await stopped("oak", async () => {
      const bundle = searchsetIn(await fetched(await begin()));
      assert.ok(!("total" in bundle));
      assert.match(JSON.stringify(bundle.entry[0]), /1 area did not answer: do not assume nothing more/);
      assert.match(JSON.stringify(bundle.entry.at(-1)), /"code":"incomplete"/);
    });
  });

  it("gives it to nobody but the user who asked, as what they asked", async () => {
    const path = await begin();
    assert.equal(searchsetIn(await fetched(path)).total, 3);
    const nurse = [{ person_roleid: "1", org_code: "RRK", role_code: "S8000:G8001:R8001" }];
    for (const claims of [{ nhsid_useruid: "555000000002" }, { nhsid_nrbac_roles: nurse }, { setting: "ambulance" }]) {
      const other = await facade.tokenOf(claims);
      for (const method of ["GET", "DELETE"]) {
        assert.equal((await facade.ask({ method, path }, other)).status, 404, JSON.stringify(claims));
      }
    }
    assert.equal((await facade.ask({ path }, "none")).status, 401);
    assert.equal((await fetched(path)).status, 200);
  });

  it("refuses at once what would be refused, and keeps nothing of it", async () => {
    const refused = await facade.ask(later(), await facade.tokenOf({ purpose_of_use: "RESEARCH" }));
    assert.equal(refused.status, 403, refused.text);
    assert.equal(refused.headers["content-location"], undefined);
    const restricted = aPerson(2, "1960-01-01");
    const search = about(restricted);
    const answer = await facade.ask({ ...search, headers: { ...search.headers, prefer: "respond-async" } });
    assert.equal(answer.status, 202, "whoever is not known here is asked about elsewhere, restricted there or not");
    await facade.ask({ method: "DELETE", path: String(answer.headers["content-location"]) });
  });

  it("ends a search that is not wanted any more, and has room for so many of one user", async () => {
    const token = await facade.tokenOf({ nhsid_useruid: "555000000009" });
    await stopped("oak", async () => {
      const paths: string[] = [];
      for (let at = 0; at < 5; at++) {
        const begun = await facade.ask(later(), token);
        assert.equal(begun.status, 202);
        paths.push(String(begun.headers["content-location"]));
      }
      const over = await facade.ask(later(), token);
      assert.deepEqual([over.status, over.headers["retry-after"]], [429, "10"]);
      const ended = await facade.ask({ method: "DELETE", path: paths[0]! }, token);
      assert.equal(ended.status, 202);
      assert.equal((await facade.ask({ path: paths[0]! }, token)).status, 404);
      assert.equal((await facade.ask(later(), token)).status, 202, "its place is free");
    });
  });

  it("pages what it found, each page saying what it covers, for the user who searched alone", async () => {
    const pageOf = ({ status, text }: FhirAnswer) => {
      assert.equal(status, 200, text);
      return JSON.parse(text) as Bundle & { readonly link: { relation: string; url: string }[] };
    };
    const first = pageOf(await facade.ask(about(person, { _count: "2" })));
    assert.deepEqual([first.total, recordsIn(first).length], [3, 2]);
    const next = first.link.find(({ relation }) => relation === "next")?.url ?? "";
    assert.match(next, /^DocumentReference\?_page=[0-9a-f-]{36}$/);
    const second = pageOf(await facade.ask({ path: `/fhir/${next}` }));
    assert.deepEqual([second.total, recordsIn(second).length], [3, 1]);
    assert.ok(!second.link.some(({ relation }) => relation === "next"));
    assert.match(JSON.stringify(second.entry.at(-1)), /3 of 3 areas answered/);
    const ids = [...recordsIn(first), ...recordsIn(second)].map(({ id }) => id);
    assert.equal(new Set(ids).size, 3);
    const other = await facade.tokenOf({ nhsid_useruid: "555000000002" });
    assert.equal((await facade.ask({ path: `/fhir/${next}` }, other)).status, 404);
    const counted = pageOf(await facade.ask(about(person, { _count: "0" })));
    assert.deepEqual([counted.total, recordsIn(counted).length], [3, 0]);
    for (const wrong of ["-1", "x", "1e3", "99999", "2,2"]) {
      assert.equal((await facade.ask(about(person, { _count: wrong }))).status, 400, wrong);
    }
  });

  it("says on every page what did not answer", async () => {
    await stopped("oak", async () => {
      const first = await facade.ask(about(person, { _count: "2" }));
      const next = /DocumentReference\?_page=[0-9a-f-]{36}/.exec(first.text)![0];
      for (const page of [first, await facade.ask({ path: `/fhir/${next}` })]) {
        const { entry, ...rest } = JSON.parse(page.text) as Bundle;
        assert.ok(!("total" in rest));
        assert.match(JSON.stringify(entry[0]), /1 area did not answer: do not assume nothing more/);
        assert.match(JSON.stringify(entry.at(-1)), /"code":"incomplete"/);
      }
    });
  });
});
