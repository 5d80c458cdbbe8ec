/** The files of the cast: plain CSV with a header line, LF line ends, columns in this order. */

export const IDENTITY_COLUMNS = [
  "provider",
  "local_id",
  "nhs_number",
  "nhs_number_status",
  "given_name",
  "middle_name",
  "family_name",
  "birth_date",
  "gender",
  "address_line1",
  "address_line2",
  "locality",
  "postcode",
  "phone",
  "recorded_on",
  "restricted",
] as const;

export const POINTER_COLUMNS = [
  "provider",
  "local_id",
  "record_id",
  "record_type",
  "recorded_on",
  "format",
  "fetch",
  "sensitivity",
] as const;

export const OBJECTION_COLUMNS = [
  "provider",
  "local_id",
  "objection_id",
  "state",
  "received_on",
  "override_in_emergency",
  "scope",
  "reason",
] as const;

type Row<Columns extends readonly string[]> = { readonly [Column in Columns[number]]: string };
export type IdentityRow = Row<typeof IDENTITY_COLUMNS>;
export type PointerRow = Row<typeof POINTER_COLUMNS>;
export type ObjectionRow = Row<typeof OBJECTION_COLUMNS>;

/** A CSV file's text; rows in the order of their own text, so that neighbours in the file are of one provider. */
export function csvText<Columns extends readonly string[]>(columns: Columns, rows: readonly Row<Columns>[]): string {
  const lines = rows.map((row) => csvLine(columns, row));
  return [columns.join(","), ...lines.sort()].map((line) => `${line}\n`).join("");
}

/** One line, without its end. */
export function csvLine<Columns extends readonly string[]>(columns: Columns, row: Row<Columns>): string {
  return columns.map((column) => cell(row[column as Columns[number]])).join(",");
}

function cell(value: string): string {
  return /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
