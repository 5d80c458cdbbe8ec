import { DER, type DerElement, encode, encodeOid, hexOf, readElements, readOnly } from "./der.ts";

/** One part of a distinguished name. */
export interface NamePart {
  /** `CN`, `O`, `OU` or `C`; `other` for any other kind, and for what is not a text. */
  readonly kind: string;
  readonly text: string;
}

const KIND_OF: ReadonlyMap<string, string> = new Map(
  Object.entries({ CN: "2.5.4.3", O: "2.5.4.10", OU: "2.5.4.11", C: "2.5.4.6" }).map(([kind, oid]) => [
    hexOf(encodeOid(oid)),
    kind,
  ]),
);
const PRINTABLE_STRING = 0x13;

/** The parts of a Name in their order. What is broken becomes an `other`, so that it is never taken for a name. */
export function readName(name: DerElement | undefined): readonly NamePart[] {
  const sets = (name && readElements(name.contents)) ?? [];
  return sets.map(({ contents }) => {
    const [id, value] = readElements(readOnly(contents, DER.sequence) ?? new Uint8Array()) ?? [];
    const isText = value?.tag === DER.utf8 || value?.tag === PRINTABLE_STRING;
    const kind = isText ? KIND_OF.get(hexOf(id?.contents ?? new Uint8Array())) : undefined;
    return { kind: kind ?? "other", text: Buffer.from(value?.contents ?? []).toString("utf8") };
  });
}

/** On one line, safe for a terminal and a log whatever somebody has put into it. */
export function describeName(parts: readonly NamePart[]): string {
  const line = parts.map(({ kind, text }) => `${kind}=${text}`).join(", ");
  return line.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 200);
}

/** The Name of an organisation's part, as DER. */
export function encodeName(organization: string, commonName: string): Uint8Array {
  const part = (oid: string, text: string): Uint8Array =>
    encode(
      DER.set,
      encode(DER.sequence, encode(DER.oid, encodeOid(oid)), encode(DER.utf8, new TextEncoder().encode(text))),
    );
  return encode(DER.sequence, part("2.5.4.10", organization), part("2.5.4.3", commonName));
}
