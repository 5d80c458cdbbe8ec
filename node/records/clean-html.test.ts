import assert from "node:assert/strict";

import { cleanHtml } from "./clean-html.ts";
import { SourceFault } from "./source.ts";

async function* piecesOf(text: string | Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length; from += size) yield await Promise.resolve(bytes.subarray(from, from + size));
}

async function cleaned(text: string | Uint8Array, size = 7): Promise<string> {
  return Buffer.from(await cleanHtml(piecesOf(text, size))).toString();
}

const bodyOf = (page: string): string => /<body>(.*)<\/body>/s.exec(page)?.[1] ?? "";

describe("a page that is cleaned", () => {
  it("keeps text and its shape", async () => {
    const table =
      '<table><tr><th colspan="2">Blood</th></tr><tr><td>Hb</td><td>123 g/L &amp; <b>low</b></td></tr></table>';
    assert.equal(
      bodyOf(await cleaned(`<html><body><h1>Clinic</h1>${table}<br></body></html>`)),
      `<h1>Clinic</h1>${table}<br>`,
    );
  });

  const hostile: readonly [string, string][] = [
    ["a script", "<script>alert(1)</script>"],
    ["a script in a script", "<scr<script>ipt>alert(1)</script>"],
    ["a handler", '<p onclick="alert(1)" onmouseover=alert(1)>x</p>'],
    ["an image", "<img src=x onerror=alert(1)>"],
    ["an address", '<a href="javascript:alert(1)">x</a><a href="https://evil.example/">y</a>'],
    ["a style", "<style>@import url(//evil.example)</style><p style='background:url(//evil.example)'>x</p>"],
    ["a frame", '<iframe srcdoc="<script>alert(1)</script>"></iframe><object data=x></object><embed src=x>'],
    ["a form", '<form action="//evil.example"><input name=x><button formaction=x>go</button></form>'],
    ["vector graphics", "<svg><script>alert(1)</script><a xlink:href='javascript:alert(1)'>x</a></svg>"],
    ["a formula that changes the rules", "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>"],
    ["a comment that ends early", "<!--><img src=x onerror=alert(1)>-->"],
    ["a comment of another browser", "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->"],
    ["a title that holds a page", "<title></title><img src=x onerror=alert(1)></title>"],
    ["a plaintext that never ends", "<plaintext><script>alert(1)</script>"],
    ["a template", "<template><img src=x onerror=alert(1)></template>"],
    ["a base and a refresh", '<base href="//evil.example/"><meta http-equiv=refresh content="0;url=//evil.example">'],
    ["an encoded script", "&lt;script&gt;alert(1)&lt;/script&gt;"],
    ["a NUL inside", "<scr\0ipt>alert(1)</scr\0ipt><img\0 src=x onerror=alert(1)>"],
    ["an attribute that breaks out", `<td colspan='2"><script>alert(1)</script>'>x</td>`],
    ["an element that is not closed", "<p><b><i>x <script src=//evil.example"],
    ["a namespace", '<html xmlns:x="http://www.w3.org/1999/xhtml"><x:script>alert(1)</x:script>'],
  ];
  for (const [what, text] of hostile) {
    it(`leaves nothing of ${what}, in whatever pieces it comes`, async () => {
      for (const size of [1, 3, 1_000]) {
        const body = bodyOf(await cleaned(text, size));
        const elements = body.match(/<[^>]*>?/g) ?? [];
        for (const element of elements) {
          assert.match(element, /^<\/?(?:p|b|i|td|br|h1)(?: colspan="\d{1,3}")?>$/, `${element} in ${body}`);
        }
      }
    });
  }

  it("is cleaned the same a second time", async () => {
    for (const [, text] of hostile) {
      const once = await cleaned(text);
      assert.equal(bodyOf(await cleaned(once)), bodyOf(once));
    }
  });

  it("is refused where it is over two megabytes, or no UTF-8", async () => {
    const faultOf = (thrown: unknown): string => (thrown instanceof SourceFault ? thrown.fault : "none");
    await assert.rejects(cleaned("x".repeat(2 * 1024 * 1024 + 1), 65_536), (thrown) => faultOf(thrown) === "too-large");
    await assert.rejects(
      cleaned(Uint8Array.of(0x3c, 0xff, 0x3e)),
      (thrown) => faultOf(thrown) === "unexpected-content",
    );
  });

  it("stays whole however deep it is", async () => {
    const body = bodyOf(await cleaned("<div>".repeat(10_000), 4_096));
    assert.equal(body.split("<div>").length, body.split("</div>").length);
    assert.ok(body.split("<div>").length <= 201);
  });
});
