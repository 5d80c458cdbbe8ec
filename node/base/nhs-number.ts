import { Concealed } from "./concealed.ts";

/**
 * An NHS number: ten digits, check digit valid (Modulus 11, NHS Data Dictionary), not ten equal digits. It cannot be
 * printed by accident; see {@link Concealed}.
 */
export class NhsNumber extends Concealed<string> {
  private readonly kind = "nhs-number";

  private constructor(digits: string) {
    super(digits);
  }

  /**
   * Reads a number as people write it: ten ASCII digits, single spaces or hyphens between groups tolerated.
   *
   * @returns the number, or `undefined` where the text is not one (letters, look-alike digits, wrong length, wrong check
   * digit, ten equal digits).
   */
  static parse(text: string): NhsNumber | undefined {
    if (!/^\d{3}[ -]?\d{3}[ -]?\d{4}$/.test(text.trim())) return undefined;
    const digits = text.replace(/\D/g, "");
    if (/^(\d)\1{9}$/.test(digits) || checkDigit(digits) !== Number(digits[9])) return undefined;
    return new NhsNumber(digits);
  }

  /** True from 900 000 0000 on: such a number is issued to nobody, and names an invented person. */
  get isNeverIssued(): boolean {
    return this.expose() >= "9000000000";
  }

  equals(other: NhsNumber): boolean {
    return this.expose() === other.expose();
  }
}

/** The check digit for the first nine digits; 10 means that no number with these digits exists. */
export function checkDigit(digits: string): number {
  let sum = 0;
  for (let place = 0; place < 9; place++) sum += Number(digits[place]) * (10 - place);
  const digit = 11 - (sum % 11);
  return digit === 11 ? 0 : digit;
}

/** Ten digits, whole or in groups of three, three and four, with what people and word processors put between groups. */
const GROUPED_DIGITS =
  /(?<!\d)\d{3}[\s\p{Pd}\u2212._+\u00ad\u200b-\u200d\u2060]{0,2}\d{3}[\s\p{Pd}\u2212._+\u00ad\u200b-\u200d\u2060]{0,2}\d{4}(?!\d)/gu;

/**
 * True where a text holds ten digits that pass as an NHS number, written as people write it. For texts that must not
 * carry one, addresses among them.
 */
export function containsNhsNumber(text: string): boolean {
  const runs = text.normalize("NFKC").match(GROUPED_DIGITS) ?? [];
  return runs.some((run) => NhsNumber.parse(run.replace(/\D/g, "")) !== undefined);
}
