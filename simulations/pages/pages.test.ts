import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { FIXED_LINE } from "../../node/federation/verdict.ts";
import { type PageAnswer, type Pages, PDF, PlainBrowser, startPagesNetwork } from "./a-page.ts";

describe("the page that an application opens for its user", function () {
  this.timeout(60_000);
  let pages: Pages;
  const browsers: PlainBrowser[] = [];

  before(async () => {
    pages = await startPagesNetwork();
    pages.documents.behave((response) =>
      response.writeHead(200, { "content-type": "text/html" }).end("<h1>Seen in clinic</h1><script>ran()</script>"),
    );
    pages.fhir.behave((response) =>
      response
        .writeHead(200, { "content-type": "application/fhir+json" })
        .end(JSON.stringify({ resourceType: "MedicationStatement", text: { div: "<div>Warfarin <i>3 mg</i></div>" } })),
    );
  });
  after(async () => {
    for (const browser of browsers) browser.close();
    await pages?.stop();
  });

  function aBrowser(): PlainBrowser {
    const browser = new PlainBrowser();
    browsers.push(browser);
    return browser;
  }

  async function opened(parameters: Record<string, string> = {}): Promise<{ browser: PlainBrowser; page: PageAnswer }> {
    const browser = aBrowser();
    const redirect = await browser.go(await pages.link(parameters));
    assert.equal(redirect.status, 303);
    return { browser, page: await browser.go(`${pages.address}${redirect.headers.location}`) };
  }

  /** Where the record of an organisation is opened from a page. */
  function recordOf(page: PageAnswer, organisation: string): string {
    const row = page.text.split("<tr").find((part) => part.includes(`(${organisation})`) && part.includes("/record/"));
    return `${pages.address}${/href="(\/record\/[^"]+)"/.exec(row ?? "")?.[1] ?? assert.fail(`no record of ${organisation}`)}`;
  }

  it("shows who the patient is, what the answer covers, and what each area holds", async () => {
    const { page } = await opened({ family: "Trial", given: "Robin" });
    assert.equal(page.status, 200);
    assert.match(page.text, /TRIAL, Robin/);
    assert.match(page.text, /Born <strong>03-Feb-1958<\/strong>/);
    assert.match(page.text, /NHS No\. <strong>900 1\d\d \d{4}<\/strong>/);
    assert.ok(page.text.includes("4 of 4 areas answered; 4 hold records."));
    assert.ok(page.text.includes(FIXED_LINE));
    for (const what of ["ash area (here)", "elm area", "oak area"]) assert.ok(page.text.includes(what), what);
  });

  it("is opened once, by nobody who only looks ahead, and has nothing of the patient in its address", async () => {
    const link = await pages.link({ family: "Trial", given: "Robin" });
    assert.ok(!link.includes(pages.person.nhsNumber) && !/trial|robin/i.test(link));
    const [ahead, first, second] = [aBrowser(), aBrowser(), aBrowser()];
    assert.equal((await ahead.go(link, "GET", { "sec-purpose": "prefetch" })).status, 503);
    assert.equal((await ahead.go(link, "HEAD")).status, 503);
    assert.equal((await first.go(link)).status, 303);
    const again = await second.go(link);
    assert.equal(again.status, 403);
    assert.match(again.text, /Open this again from the patient(&#39;|')s record/);
  });

  it("gives a browser without a session nothing, and another's session none of its records", async () => {
    const { page, browser } = await opened();
    const record = recordOf(page, "OAKH");
    assert.equal((await browser.go(record)).status, 200);
    assert.equal((await aBrowser().go(record)).status, 403);
    assert.equal((await aBrowser().go(`${pages.address}/records`)).status, 403);
    const other = await opened();
    assert.equal((await other.browser.go(record)).status, 404);
  });

  it("shows one patient in a browser: the last whom the application opened", async () => {
    const { browser } = await opened({ family: "First" });
    await browser.go(await pages.link({ family: "Second" }));
    const page = await browser.go(`${pages.address}/records`);
    assert.match(page.text, /SECOND/);
    assert.doesNotMatch(page.text, /FIRST/);
  });

  it("opens a page of HTML and a FHIR resource as text that can do nothing, and a PDF as it is", async () => {
    const { browser, page } = await opened();
    const html = await browser.go(recordOf(page, "OAKH"));
    assert.match(html.text, /Obtained live from the organisation/);
    assert.match(html.text, /<iframe class="corridor-record" sandbox title="[^"]*" srcdoc="[^"]*Seen in clinic/);
    assert.doesNotMatch(html.text, /ran\(\)<\/|<script|&lt;script/);
    assert.match((await browser.go(recordOf(page, "FIRH"))).text, /srcdoc="[^"]*Warfarin &lt;i&gt;3 mg/);
    const letter = recordOf(page, "ELMH");
    assert.match((await browser.go(letter)).text, /src="\/record\/[0-9a-f-]+\/document"/);
    const document = await browser.go(`${letter}/document`);
    assert.equal(document.headers["content-type"], "application/pdf");
    assert.equal(document.text, PDF.toString());
  });

  it("says what exists where it cannot be shown now, and whom to ring", async () => {
    const { browser, page } = await opened();
    pages.documents.behave((response) => response.writeHead(500).end());
    const told = await browser.go(recordOf(page, "OAKH"));
    assert.equal(told.status, 503);
    assert.match(told.text, /Record exists \(.*answered with an error.*Do not read as/s);
  });

  it("ends when its user says so", async () => {
    const { browser } = await opened();
    const kept = browser.cookie;
    assert.equal((await browser.go(`${pages.address}/leave`, "POST")).status, 200);
    browser.cookie = kept;
    assert.equal((await browser.go(`${pages.address}/records`)).status, 403);
  });

  it("is for a user alone, known by number and birth date, and says no more than the gRPC door would", async () => {
    const automatic = await pages.askLink({}, await pages.tokenOf({ nhsid_useruid: undefined }));
    assert.equal(automatic.status, 403);
    assert.equal((await pages.askLink({ birthdate: "" })).status, 400);
    assert.equal((await pages.askLink({ gender: "female" })).status, 400);
    assert.equal((await pages.askLink({ family: "Tri\u202eal" })).status, 400);
    const { restricted } = pages;
    const { page } = await opened({
      identifier: `https://fhir.nhs.uk/Id/nhs-number|${restricted.nhsNumber}`,
      birthdate: restricted.birthDate,
    });
    assert.equal(page.status, 403);
    assert.match(page.text, /location protected/);
    assert.ok(!page.text.includes(restricted.nhsNumber));
  });

  it("puts the same strict headers on every answer, and no patient into the log", async () => {
    const { browser, page } = await opened({ family: "Canaryname" });
    const answers = [
      page,
      await browser.go(recordOf(page, "FIRH")),
      await browser.go(`${recordOf(page, "ELMH")}/document`),
      ...(await Promise.all(
        ["/assets/nhsuk.css", "/nothing", "/open/x"].map((path) => browser.go(pages.address + path)),
      )),
    ];
    for (const { headers } of answers) {
      const policy = String(headers["content-security-policy"]);
      assert.match(policy, /^default-src 'none'/);
      assert.doesNotMatch(policy, /script-src|unsafe-eval|https?:|\*/);
      assert.equal(headers["x-content-type-options"], "nosniff");
      assert.equal(headers["referrer-policy"], "no-referrer");
    }
    const log = readFileSync(pages.network.mesh.paths.log("ash"), "utf8");
    assert.ok(log.includes("listening-pages"));
    assert.ok(!log.includes("Canaryname") && !log.includes(pages.person.nhsNumber) && !log.includes("/open/"));
  });

  it("asks and opens as any other door does: in the audit of both ends", async () => {
    const before = pages.network.entryCount("elm");
    const { browser, page } = await opened();
    await browser.go(`${recordOf(page, "ELMH")}/document`);
    assert.ok(pages.network.entryCount("elm") >= before + 2);
  });
});
