/**
 * What no name or address needs: controls, marks that turn the direction of text or cannot be seen, line breaks, private
 * characters, what is left of broken encoding. On a screen or in a terminal they make a text say something else.
 */
const UNFIT = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\ufffd]/u;
const EVERY_UNFIT = new RegExp(UNFIT, "gu");

/** True where a text can be shown as it is, on one line. */
export function isPlainText(text: string): boolean {
  return !UNFIT.test(text);
}

/** The text with a space for whatever cannot be shown as it is. */
export function toPlainText(text: string): string {
  return text.replace(EVERY_UNFIT, " ");
}
