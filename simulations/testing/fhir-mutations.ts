import type { Random } from "../../node/base/random.ts";

/** Values that readers of FHIR have stumbled over. */
const ODD: readonly unknown[] = [
  ...[
    null,
    true,
    0,
    -1,
    1e308,
    "",
    " ",
    "\u0000",
    "\ud800",
    "\u202e",
    "x".repeat(5_000),
    [],
    {},
    [null],
    [[]],
    { a: {} },
  ],
  ...[
    ["x"],
    "__proto__",
    JSON.parse('{"__proto__":{"x":1}}') as unknown,
    "0000-00-00",
    "2025-02-30",
    "replaced-by",
    [{ type: "replaced-by" }],
  ],
  ...["900 000 0009", "https://fhir.nhs.uk/Id/nhs-number", "R", [{ use: "old" }], { reference: "Patient/1" }],
];
const NAMES = ["identifier", "name", "link", "active", "meta", "constructor", "modifierExtension", "extension", "id"];

/** Changes a resource: one to three of its values, or the bytes of its text. */
export function mutate(json: string, random: Random): Uint8Array {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random.fraction() * items.length)]!;
  if (random.fraction() < 0.25) return mutateBytes(Buffer.from(json), random);
  const resource = JSON.parse(json) as Record<string, unknown>;
  for (let changes = 1 + Math.floor(random.fraction() * 3); changes > 0; changes--) {
    const places = placesIn(resource);
    const { at, key } = pick(places);
    const kind = random.fraction();
    if (kind < 0.2)
      at[key] = undefined; // not in the text then
    else if (kind < 0.3) at[pick(NAMES)] = structuredClone(at[key]);
    else if (kind < 0.4) at[key] = [at[key], structuredClone(at[key])];
    else if (kind < 0.5) at[key] = structuredClone(pick(places).at[key]);
    else at[key] = structuredClone(pick(ODD));
  }
  return Buffer.from(JSON.stringify(resource));
}

interface Place {
  readonly at: Record<string, unknown>;
  readonly key: string;
}

function placesIn(value: object): Place[] {
  const at = value as Record<string, unknown>;
  return Object.keys(at).flatMap((key) => {
    const inner = at[key];
    return [{ at, key }, ...(typeof inner === "object" && inner !== null ? placesIn(inner) : [])];
  });
}

function mutateBytes(bytes: Buffer, random: Random): Uint8Array {
  const at = Math.floor(random.fraction() * bytes.length);
  const kind = random.fraction();
  if (kind < 0.3) return bytes.subarray(0, at);
  if (kind < 0.6) {
    bytes[at] = Math.floor(random.fraction() * 256);
    return bytes;
  }
  return Buffer.concat([bytes.subarray(0, at), random.bytes(4), bytes.subarray(at)]);
}
