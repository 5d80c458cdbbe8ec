import type { Random } from "../../node/base/random.ts";

/** Values that readers of HL7 have stumbled over. */
const ODD: readonly string[] = [
  ...[
    "",
    '""',
    " ",
    "\u0000",
    "\n",
    "\t",
    "\u000b",
    "\u001c",
    "\u001c\r",
    "|",
    "^",
    "~",
    "&",
    "\\",
    "\\F",
    "\\X0D\\",
    "\\.br\\",
  ],
  ...["\\XZZ\\", "\\E\\E\\E\\", "^^^^^^^^^", "~~~~~", "&&&&", "x".repeat(2_000), "9".repeat(400), "-1", "1e308", "NaN"],
  ...["__proto__", "constructor", "toString", "\u202e", "\ufffd", "é", "名前", "👩‍⚕️", "é"],
  ...[
    "0000",
    "00000000",
    "19000229",
    "20250230",
    "29991231",
    "18591231",
    "20250101000000+9999",
    "2025-01-01",
    "20250101T00",
  ],
  ...[
    "9000000009",
    "1111111111",
    "900 000 0009",
    "９０００００００09",
    "' OR 1=1 --",
    "%s%n",
    "<script>",
    "=cmd()",
    "../../etc",
  ],
  ...[
    "A01",
    "A40",
    "ADT^A40",
    "P",
    "T",
    "2.5",
    "RXX",
    "P1^^^RXX^PI",
    "P1^^^RAA^PI~P2^^^RAA^PI",
    "^^^NHS^NH",
    "Y",
    "MSH|^~\\&|",
  ],
];
const SEGMENTS: readonly string[] = [
  ...[
    "PID|1||P9^^^RAA^PI",
    "MRG|P8^^^RAA^PI",
    "PV1|1|I|||||||||||||||||V5",
    "MSH|^~\\&|X|Y",
    "ZU1|x",
    "PID",
    "EVN|A01",
  ],
  ...["", "pid|1", "P", "PD1||||||||||||Y", "NTE|1||x", "\u000bMSH|^~\\&|PAS|RAA"],
];

/** Changes a message: one to three of its fields, segments, or bytes. */
export function mutate(message: string, random: Random): Buffer {
  const below = (count: number): number => Math.floor(random.fraction() * count);
  const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)]!;
  if (random.fraction() < 0.2) return mutateBytes(Buffer.from(message), random);
  const segments = message.split("\r");
  for (let changes = 1 + below(3); changes > 0; changes--) {
    const at = below(segments.length);
    const kind = random.fraction();
    if (kind < 0.08) segments.splice(at, 1);
    else if (kind < 0.16) segments.splice(at, 0, pick(SEGMENTS));
    else if (kind < 0.24) segments.push(pick(segments));
    else segments[at] = mutateField(segments[at] ?? "", { below, pick });
    if (segments.length === 0) segments.push("");
  }
  return Buffer.from(segments.join("\r"));
}

interface Choosing {
  below(count: number): number;
  pick<Item>(items: readonly Item[]): Item;
}

function mutateField(segment: string, { below, pick }: Choosing): string {
  const fields = segment.split("|");
  const at = below(fields.length + 3);
  while (fields.length <= at) fields.push("");
  switch (below(4)) {
    case 0:
      fields[at] = pick(ODD);
      break;
    case 1:
      fields[at] = `${fields[at]}${pick(["^", "~", "&", "\\", "|"])}${pick(ODD)}`;
      break;
    case 2:
      fields.splice(at, 1);
      break;
    default:
      fields[at] = fields[below(fields.length)] ?? "";
  }
  return fields.join("|");
}

function mutateBytes(bytes: Buffer, random: Random): Buffer {
  const at = Math.floor(random.fraction() * bytes.length);
  const kind = random.fraction();
  if (kind < 0.3) return bytes.subarray(0, at);
  if (kind < 0.6) {
    bytes[at] = Math.floor(random.fraction() * 256);
    return bytes;
  }
  return Buffer.concat([bytes.subarray(0, at), random.bytes(4), bytes.subarray(at)]);
}
