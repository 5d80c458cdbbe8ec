import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";

import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

import { catalogueRow } from "../testing/catalogue.ts";
import { type Pages, startPagesNetwork } from "./a-page.ts";
import { hostileMarkup } from "./hostile-markup.ts";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));
const FHIR = { "content-type": "application/fhir+json" };
/** Of each hundred, so many at least act on a page that does not defend itself: otherwise nothing was tried. */
const ACTING_PERCENT_MIN = 70;
/** Shares no factor with the number of markups. */
const STRIDE = 5;
/** For what a page loads late. */
const SETTLE_MS = 40;

/** What a page did that it must not. */
interface Seen {
  ran: number;
  /** Addresses asked for that are not the page's own. */
  readonly elsewhere: string[];
}

describe("the pages in a real browser", function () {
  let pages: Pages;
  let browser: Browser;
  let sink: Awaited<ReturnType<typeof startSink>>;

  before(async function () {
    this.timeout(60_000);
    if (CHROMIUM === undefined) return;
    sink = await startSink();
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
    pages = await startPagesNetwork();
  });
  after(async () => {
    await browser?.close();
    await pages?.stop();
    await sink?.close();
  });

  /** A browser's window that reports whatever it runs or loads from elsewhere. */
  async function aWindow(own: string): Promise<{ context: BrowserContext; page: Page; seen: Seen }> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const seen: Seen = { ran: 0, elsewhere: [] };
    await context.exposeFunction("ran", () => void seen.ran++);
    const page = await context.newPage();
    page.on("dialog", (dialog) => {
      seen.ran++;
      void dialog.dismiss();
    });
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(own) && !url.startsWith("about:")) seen.elsewhere.push(url);
    });
    return { context, page, seen };
  }

  catalogueRow(
    {
      ...{ id: "X5", title: "markup that acts, in names and in every kind of record, in Chromium" },
      ...{ quick: 60, full: 52 * 6, timeoutMs: 240_000 },
      cannot: CHROMIUM === undefined ? "Chromium is not installed (apt-get install chromium)" : undefined,
    },
    async ({ from, to }) => {
      const markup = hostileMarkup(sink.url);
      const acting = await control(markup);
      assert.ok(acting * 100 >= markup.length * ACTING_PERCENT_MIN, `only ${acting} of ${markup.length} act at all`);
      const { context, page, seen } = await aWindow(pages.address);
      const placesUsed = new Set<string>();
      let withPolicy = 0;
      page.on("response", (response) => {
        assert.match(
          response.headers()["content-security-policy"] ?? "",
          /^default-src 'none'/,
          "a page without a policy",
        );
        withPolicy++;
      });
      const before = sink.asked.length;
      for (let trial = from; trial < to; trial++) {
        const place = PLACES[trial % PLACES.length]!;
        placesUsed.add(place.name);
        // Every markup comes to every place, neighbours in the list far apart.
        await place.show(markup[(Math.floor(trial / PLACES.length) * STRIDE) % markup.length]!, page);
        await page.waitForTimeout(SETTLE_MS);
      }
      await context.close();
      assert.equal(seen.ran, 0, "a script ran");
      assert.deepEqual(seen.elsewhere, []);
      assert.deepEqual(sink.asked.slice(before), []);
      assert.ok(withPolicy >= to - from && placesUsed.size > 1);
      return { counts: { pages: withPolicy, acting, ran: seen.ran, left: seen.elsewhere.length } };
    },
  );

  /** The same markup on a page that does not defend itself. @returns how many of them act. */
  async function control(markup: readonly string[]): Promise<number> {
    let acting = 0;
    const { context, page, seen } = await aWindow("http://127.0.0.1");
    for (const one of markup) {
      const before = seen.ran + sink.asked.length;
      await page.goto(sink.pageOf(one)).catch(() => undefined); // it may have gone elsewhere meanwhile
      await page.waitForTimeout(SETTLE_MS);
      if (seen.ran + sink.asked.length > before) acting++;
    }
    await context.close();
    return acting;
  }

  async function openRecord(page: Page, organisation: string): Promise<void> {
    await page.goto(await pages.link());
    await page
      .locator("tr", { hasText: `(${organisation})` })
      .locator("a")
      .click();
    await page.waitForLoadState("load");
  }

  async function openFhir(page: Page, resource: object): Promise<void> {
    pages.fhir.behave((response) => response.writeHead(200, FHIR).end(JSON.stringify(resource)));
    await openRecord(page, "FIRH");
  }

  const PLACES: readonly { readonly name: string; show(markup: string, page: Page): Promise<void> }[] = [
    {
      name: "the patient's name, as the application says it",
      async show(markup, page) {
        const name = markup.replaceAll(/\p{Cc}/gu, " ").slice(0, 200);
        await page.goto(await pages.link({ family: name, given: name }));
        assert.equal(await page.locator(".corridor-name").count(), 1);
      },
    },
    {
      name: "a page of HTML",
      async show(markup, page) {
        pages.documents.behave((response) => response.writeHead(200, { "content-type": "text/html" }).end(markup));
        await openRecord(page, "OAKH");
      },
    },
    {
      name: "a narrative",
      show: (markup, page) =>
        openFhir(page, {
          resourceType: "MedicationStatement",
          text: { status: "generated", div: `<div>${markup}</div>` },
        }),
    },
    {
      name: "a section of a document",
      show: (markup, page) =>
        openFhir(page, {
          resourceType: "Bundle",
          type: "document",
          entry: [
            {
              resource: {
                ...{ resourceType: "Composition", title: markup },
                section: [{ title: markup, text: { div: markup } }],
              },
            },
          ],
        }),
    },
    {
      name: "coded text",
      show: (markup, page) =>
        openFhir(page, { resourceType: "MedicationStatement", code: { text: markup }, status: markup }),
    },
    {
      name: "the page of a façade's document, as it is served",
      async show(markup, page) {
        pages.documents.behave((response) => response.writeHead(200, { "content-type": "text/html" }).end(markup));
        const headers = { authorization: `Bearer ${await pages.tokenOf()}` };
        const query = new URLSearchParams({
          "patient.identifier": `https://fhir.nhs.uk/Id/nhs-number|${pages.person.nhsNumber}`,
          "patient.birthdate": pages.person.birthDate,
        });
        const search = { method: "POST", path: "/fhir/DocumentReference/_search", body: query.toString() };
        const form = { ...headers, "content-type": "application/x-www-form-urlencoded" };
        const found = (await pages.application({ ...search, headers: form })).text;
        const [, binary] = /"contentType":"text\/html","url":"(Binary\/[^"]+)"/.exec(found) ?? assert.fail(found);
        const answer = await pages.application({ method: "GET", path: `/fhir/${binary}`, headers });
        assert.equal(answer.status, 200);
        const policy = { "content-security-policy": String(answer.headers["content-security-policy"]) };
        const url = `${pages.address}/relayed`;
        await page.route(url, (route) =>
          route.fulfill({ status: 200, headers: { ...policy, "content-type": "text/html" }, body: answer.text }),
        );
        await page.goto(url);
        await page.unroute(url);
      },
    },
  ];
});

/** A server elsewhere, which counts who comes, and serves any markup as a page without any defence. */
async function startSink() {
  const asked: string[] = [];
  const served: string[] = [];
  const server: Server = createServer((request, response) => {
    const [, at] = /^\/page\/(\d+)$/.exec(request.url ?? "") ?? [];
    if (at === undefined && request.url !== "/favicon.ico" && request.url !== "/page/x") asked.push(request.url ?? "");
    const body = at === undefined ? "" : `<!doctype html><title>x</title><p>${served[Number(at)]}</p>`;
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(body);
  });
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ url, asked },
    pageOf: (markup: string) => `${url}/page/${served.push(markup) - 1}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
