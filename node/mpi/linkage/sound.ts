import { doubleMetaphone } from "double-metaphone";

/** How a name sounds, roughly; names that its rules make nothing of stand for themselves. */
export function soundOf(name: string): string {
  if (name === "") return "";
  const [sound] = doubleMetaphone(name);
  return sound === "" ? name : sound;
}
