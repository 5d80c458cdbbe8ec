/**
 * How often one record system differs from the truth about a person, for each record. The first group are rates measured
 * between NHS record systems, as the defaults of CRATE state them (Cardinal and others 2023, doi 10.1186/s12911-023-02176-6).
 */
export const MEASURED = {
  /** Two systems have different surnames of the same woman, or man, of age. */
  surnameChanged: { female: 0.057, male: 0.013 },
  givenNameAlike: 0.009,
  givenNameShortOrMistyped: 0.008,
  givenNameAnother: 0.006,
  surnameAlike: 0.005,
  surnameMistyped: 0.003,
  birthDateWrong: 0.0049,
  dayAndMonthSwapped: 0.003,
  sexWrong: 0.0033,
} as const;

/** Known to happen in every feed; how often was chosen here, so as to be plausible. */
export const CHOSEN = {
  oldAddress: 0.1,
  namesSwapped: 0.005,
  /** The day and the month were not known: 1 January. */
  birthOnFirstJanuary: 0.0016,
  /** Nothing was known, and the system wanted a date. */
  birthOn1900: 0.0015,
  birthDateMissing: 0.004,
  sexMissing: 0.02,
  postcodeMistyped: 0.01,
  postcodeMissing: 0.03,
  /** Pseudo-postcodes: address not known, and no fixed abode. */
  postcodeUnknown: 0.002,
  postcodeNoAbode: 0.001,
  numberMistyped: 0.002,
  numberOfAnother: 0.0015,
  /** People to whom two numbers were given; half of the systems have the earlier one. */
  twoNumbers: 0.003,
  givenNamePlaceholder: 0.001,
  /** Brought in unconscious: nothing is known but the sex. */
  unknownPerson: 0.0005,
  phoneMissing: 0.25,
  middleNameInitial: 0.3,
  /** A name with a hyphen, an apostrophe or an accent is written without. */
  spelledPlain: 0.4,
} as const;

/** General practices look people up in the national demographics: such a share of the errors of others remains. */
export const PRACTICE_SHARE = 0.1;

/** How often the NHS number is there, and how often it then was verified. */
export const NUMBER_KNOWN = {
  "general-practice": { present: 0.995, verified: 0.995 },
  acute: { present: 0.97, verified: 0.95 },
  specialist: { present: 0.985, verified: 0.96 },
  "mental-health": { present: 0.97, verified: 0.95 },
  community: { present: 0.97, verified: 0.95 },
  ambulance: { present: 0.5, verified: 0.6 },
  hospice: { present: 0.97, verified: 0.8 },
  "local-authority": { present: 0.85, verified: 0.7 },
  "childrens-social-care": { present: 0.85, verified: 0.7 },
  "community-pharmacy": { present: 0.98, verified: 0.95 },
} as const;

/** A baby's number may take weeks to reach a hospital; until then many have no name either. */
export const NEWBORN = { days: 42, numberPresent: 0.1, named: 0.5 } as const;
