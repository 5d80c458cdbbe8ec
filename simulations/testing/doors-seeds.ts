/**
 * Messages that are hostile by design, not by chance: every kind of field in every place where a message of ours has one, and
 * a few where none has, with values that decoders have tripped over.
 */
export function hostileSeeds(): readonly Buffer[] {
  const values = Object.values(VALUES).flatMap(([wireType, bytes]) =>
    FIELDS.map((field) => Buffer.concat([tag(field, wireType), bytes])),
  );
  // The same again as the second field of a message that begins well.
  const behind = values.map((value) => Buffer.concat([tag(1, LENGTH), Buffer.from([3]), Buffer.from("abc"), value]));
  return [...values, ...behind, ...WHOLE];
}

const [VARINT, FIXED64, LENGTH, GROUP, GROUP_END, FIXED32] = [0, 1, 2, 3, 4, 5] as const;
/** Those that our messages have, and the largest that protobuf allows. */
const FIELDS = [1, 2, 3, 4, 5, 8, 15, 16, 2_047, 536_870_911] as const;

const hex = (text: string): Buffer => Buffer.from(text, "hex");

const VALUES: Readonly<Record<string, readonly [wireType: number, bytes: Buffer]>> = {
  "the largest number": [VARINT, hex("ffffffffffffffffff01")],
  "a number of eleven bytes": [VARINT, hex("ffffffffffffffffffff01")],
  "a number that never ends": [VARINT, Buffer.alloc(40, 0xff)],
  "the most negative number": [VARINT, hex("80808080808080808001")],
  "a number past what a double holds": [VARINT, hex("8180808080808010")],
  "an enumeration's value that nobody has": [VARINT, hex("ffffffff07")],
  "half a fixed number": [FIXED64, Buffer.alloc(3)],
  "half a short fixed number": [FIXED32, Buffer.alloc(1)],
  "nothing at all": [LENGTH, hex("00")],
  "a length of 4 GiB": [LENGTH, hex("ffffffff0f")],
  "a negative length": [LENGTH, hex("ffffffffffffffffff01")],
  "more than follows": [LENGTH, Buffer.concat([hex("7f"), Buffer.from("short")])],
  "broken UTF-8": [LENGTH, hex("04c328a0ff")],
  "NUL and marks that turn the direction": [LENGTH, hex("0700e280ae003100")],
  "the name of a prototype": [LENGTH, Buffer.concat([hex("09"), Buffer.from("__proto__")])],
  "messages within messages": [LENGTH, nested(120)],
  "groups within groups": [GROUP, Buffer.alloc(5_000, 0x0b)],
  "the end of a group that never began": [GROUP_END, Buffer.alloc(0)],
  "a kind of field that there is not": [6, hex("01")],
  "another kind of field that there is not": [7, hex("01")],
};

const WHOLE: readonly Buffer[] = [
  Buffer.alloc(1),
  hex("00".repeat(64)),
  hex("ff".repeat(64)),
  Buffer.alloc(60 * 1024, 0x0a),
  Buffer.from("GET / HTTP/1.1\r\n\r\n"),
  Buffer.from('{"patient":{"nhsNumber":"1"}}'),
];

/** Field 1 within itself, so many times, each with its true length. */
function nested(depth: number): Buffer {
  let inner = Buffer.from("x");
  for (let at = 0; at < depth; at++) inner = Buffer.concat([tag(1, LENGTH), varint(inner.length), inner]);
  return Buffer.concat([varint(inner.length), inner]);
}

function tag(field: number, wireType: number): Buffer {
  return varint(field * 8 + wireType);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left > 0x7f; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  return Buffer.from([...bytes, left]);
}
