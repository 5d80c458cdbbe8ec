import { html } from "hono/html";

import { toPlainText } from "../base/plain-text.ts";
import type { Session } from "./contexts.ts";

/** A piece of a page: text that was put into it by `html` is escaped. */
export type Markup = ReturnType<typeof html>;

/** A page as it is sent. @param banner the patient's, on every page about one. */
export function page(title: string, content: Markup, banner: Markup | string = ""): Markup {
  return html`<!doctype html>
    <html lang="en-GB" class="nhsuk-template">
      <head>
        <meta charset="utf-8" />
        <title>${title} - Find records in other areas</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <link rel="stylesheet" href="/assets/nhsuk.css" />
        <link rel="stylesheet" href="/assets/corridor.css" />
      </head>
      <body class="nhsuk-template__body">
        <a class="nhsuk-skip-link" href="#main">Skip to main content</a>
        ${banner}
        <div class="nhsuk-width-container">
          <main class="nhsuk-main-wrapper nhsuk-main-wrapper--s" id="main">${content}</main>
        </div>
      </body>
    </html>`;
}

/**
 * The patient's identity, at the top of every page about one and never about two: NHS Common User Interface, Patient Banner.
 *
 * @param day today, `YYYY-MM-DD`.
 */
export function patientBanner({ patient }: Pick<Session, "patient">, day: string): Markup {
  const { nhsNumber, birthDate, familyName, givenName } = patient;
  const name = [familyName?.expose().toUpperCase(), givenName?.expose()]
    .filter((part) => part !== undefined)
    .join(", ");
  const digits = nhsNumber.expose();
  return html`<header class="corridor-banner" aria-label="Patient">
    <div class="nhsuk-width-container">
      ${name === "" ? "" : html`<strong class="corridor-name">${toPlainText(name)}</strong>`}
      <span>Born <strong>${dayInWords(birthDate.expose())}</strong> (${birthDate.ageOn(day)}y)</span>
      <span>NHS No. <strong>${digits.slice(0, 3)} ${digits.slice(3, 6)} ${digits.slice(6)}</strong></span>
      <form method="post" action="/leave"><button class="corridor-leave">Finish with this patient</button></form>
    </div>
  </header>`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A day as clinical screens write it, 17-Apr-1958: NHS Common User Interface, Date Display. */
export function dayInWords(day: string): string {
  const [year, month, date] = day.split("-");
  return year === undefined || month === undefined || date === undefined
    ? "date not stated"
    : `${date}-${MONTHS[Number(month) - 1]}-${year}`;
}

/** What the style sheet of the design system has no part for. */
export const OWN_CSS = `
.corridor-banner { background: #005eb8; color: #fff; padding: 12px 0; position: sticky; top: 0; z-index: 1; }
.corridor-banner .nhsuk-width-container { display: flex; flex-wrap: wrap; gap: 8px 32px; align-items: center; }
.corridor-name { font-size: 1.25em; }
.corridor-banner form { margin-left: auto; }
.corridor-leave { background: #fff; color: #005eb8; border: 2px solid #fff; padding: 6px 12px; font: inherit; cursor: pointer; }
.corridor-leave:focus { outline: 4px solid #ffeb3b; }
.corridor-record { border: 1px solid #aeb7bd; width: 100%; height: 70vh; background: #fff; }
.corridor-date { white-space: nowrap; }
.corridor-quiet { color: #4c6272; }
@media print { .corridor-leave { display: none; } .corridor-banner { position: static; color: #000; background: none; } }
`;
