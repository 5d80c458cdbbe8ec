import type { Draws } from "./draws.ts";
import { words } from "./words.ts";

/** Names that sound alike, and are written for each other. */
const ALIKE =
  pairs(`Mohammed/Muhammad Mohammad/Mohammed Mohamed/Mohammed Muhammad/Mohamed Catherine/Katherine Stephen/Steven
  Sarah/Sara Hussain/Hussein Chowdhury/Choudhury Choudhury/Chaudhry Chaudhary/Choudhry Ahmed/Ahmad Clarke/Clark
  Thompson/Thomson Davies/Davis Phillips/Philips Begum/Begam Claire/Clare Ann/Anne Nicola/Nichola Jean/Jeanne Geoffrey/Jeffrey
  Philip/Phillip Alan/Allan Allen/Allan Brown/Browne Johnson/Johnston Matthews/Mathews Reid/Reed Wright/Right Mathew/Matthew
  Aisha/Ayesha Fatima/Fatema Yusuf/Yousaf Khan/Kahn Hassan/Hasan Ali/Aly Bibi/Bebe Rahman/Rehman Jon/John Lewis/Louis
  Isabelle/Isabel Sophie/Sofie Amelia/Emilia Lesley/Leslie Francis/Frances Lyn/Lynn Tracey/Tracy Debra/Deborah Zoe/Zoë
  Nicholas/Nicolas Singh/Sing Gurpreet/Gurprit Patel/Pattel Miah/Mia Uddin/Udin Kowalski/Kowalsky Smith/Smyth Taylor/Tayler`);

/** What people are called. */
const SHORT =
  pairs(`Margaret/Maggie William/Bill Robert/Bob Elizabeth/Liz Patricia/Pat Michael/Mike David/Dave Susan/Sue
  Christopher/Chris Christine/Chris Andrew/Andy Anthony/Tony Thomas/Tom James/Jim Richard/Dick John/Jack Kathleen/Kath
  Katherine/Kate Catherine/Cathy Jennifer/Jenny Janet/Jan Deborah/Debbie Jacqueline/Jackie Victoria/Vicky Rebecca/Becky
  Samantha/Sam Daniel/Dan Matthew/Matt Joshua/Josh Benjamin/Ben Alexander/Alex Samuel/Sam Joseph/Joe Nicholas/Nick
  Timothy/Tim Philip/Phil Stephen/Steve Steven/Steve Kenneth/Ken Ronald/Ron Raymond/Ray Leonard/Len Frederick/Fred
  Dorothy/Dot Barbara/Babs Pamela/Pam Valerie/Val Gillian/Gill Amanda/Mandy Charlotte/Lottie Isabella/Bella Olivia/Liv
  Theodore/Theo Frederick/Freddie Mohammed/Mo Muhammad/Mo Balwinder/Bally Jasvinder/Jas Harpreet/Harry Gurpreet/Gary
  Oluwaseun/Seun Katarzyna/Kasia Małgorzata/Gosia Agnieszka/Aga Aleksandra/Ola Tomasz/Tomek Krzysztof/Krzys Andrzej/Andy`);

function pairs(text: string): ReadonlyMap<string, string> {
  return new Map(words(text).map((pair) => pair.split("/") as [string, string]));
}

/** A name as one hears it: another spelling that is known, or a vowel that sounds like it. */
export function alike(name: string): string {
  const known = ALIKE.get(name);
  if (known !== undefined) return known;
  if (name === "") return "";
  const last = name.search(/[aeiouy](?=[^aeiouy]*$)/);
  if (last < 1) return `${name}e`;
  const vowel =
    name[last] === "a" ? "e" : name[last] === "e" ? "a" : name[last] === "i" ? "y" : name[last] === "y" ? "i" : "e";
  return name.slice(0, last) + vowel + name.slice(last + 1);
}

/** A name's short form: one that is known, or its first letters. */
export function short(name: string): string {
  return SHORT.get(name) ?? (name.length > 5 ? name.slice(0, 3) : name);
}

/** Two neighbouring letters swapped, one left out, or one twice; never the first. */
export function mistyped(draws: Draws, name: string): string {
  if (name.length < 4) return name;
  const at = draws.between(1, name.length - 2);
  const [before, letter, next, after] = [name.slice(0, at), name[at]!, name[at + 1]!, name.slice(at + 2)];
  return draws.pick([before + next + letter + after, before + next + after, before + letter + letter + next + after]);
}

const NOT_PLAIN = /[^A-Za-z ]/;

/** A name in the letters A to Z: without accents, hyphens and apostrophes. */
export function plain(name: string): string {
  if (!NOT_PLAIN.test(name)) return name;
  const letters = name.normalize("NFD").replaceAll(/\p{M}/gu, "").replaceAll("ł", "l").replaceAll("Ł", "L");
  return letters.replaceAll("-", " ").replaceAll(/[^A-Za-z ]/g, "");
}
