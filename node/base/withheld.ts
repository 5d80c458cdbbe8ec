/** What a person's objections withhold, for one purpose. */
export interface Withheld {
  readonly everything: boolean;
  /** Codes of organisations of whose records nothing is shown. */
  readonly organisations: ReadonlySet<string>;
  /** Keys of record types. */
  readonly recordTypes: ReadonlySet<string>;
  /** Single records, each by {@link recordKey}. */
  readonly records: ReadonlySet<string>;
}

/** Nobody has objected to anything: what almost every patient has. */
export const NOTHING_WITHHELD: Withheld = Object.freeze({
  everything: false,
  organisations: new Set<string>(),
  recordTypes: new Set<string>(),
  records: new Set<string>(),
});

/** One record, by the provider that holds it and the provider's own id. */
export function recordKey(provider: string, recordId: string): string {
  return `${provider}\n${recordId}`;
}
