/** How alike two texts are. Pure, symmetric; both texts normalised. */

/**
 * Jaro's measure with Winkler's bonus for a shared beginning of up to four letters (Winkler 1990).
 *
 * @returns 0 (nothing in common) to 1 (equal).
 */
export function jaroWinkler(one: string, other: string): number {
  if (one === other) return 1;
  // Which of equal letters are taken for one another depends on the order: always in the same.
  const [a, b] =
    one.length < other.length || (one.length === other.length && one < other) ? [one, other] : [other, one];
  const reach = Math.max(0, Math.floor(b.length / 2) - 1);
  const taken = new Uint8Array(b.length);
  const common: number[] = [];
  for (let i = 0; i < a.length; i++) {
    const to = Math.min(b.length, i + reach + 1);
    for (let j = Math.max(0, i - reach); j < to; j++) {
      if (taken[j] === 0 && a.charCodeAt(i) === b.charCodeAt(j)) {
        taken[j] = 1;
        common.push(a.charCodeAt(i));
        break;
      }
    }
  }
  if (common.length === 0) return 0;
  let outOfOrder = 0;
  for (let j = 0, at = 0; j < b.length; j++) {
    if (taken[j] === 1 && b.charCodeAt(j) !== common[at++]) outOfOrder++;
  }
  const shares = common.length / a.length + common.length / b.length + (common.length - outOfOrder / 2) / common.length;
  const jaro = shares / 3;
  let start = 0;
  while (start < 4 && start < a.length && a[start] === b[start]) start++;
  return jaro + start * 0.1 * (1 - jaro);
}

/** One letter changed, added, left out, or two neighbours swapped. */
export function isOneSlipApart(one: string, other: string): boolean {
  if (Math.abs(one.length - other.length) > 1) return false;
  let start = 0;
  while (start < one.length && one[start] === other[start]) start++;
  const [a, b] = [one.slice(start), other.slice(start)];
  if (a === b) return false;
  if (a.length !== b.length) return a.slice(1) === b || b.slice(1) === a;
  if (a.slice(1) === b.slice(1)) return true;
  return a[0] === b[1] && a[1] === b[0] && a.slice(2) === b.slice(2);
}

/** The share of the words of both that both have, each word once: 0 to 1; 0 where one has none. */
export function wordsShared(ones: readonly string[], others: readonly string[]): number {
  const all = new Set([...ones, ...others]);
  if (all.size === 0) return 0;
  let shared = 0;
  for (const word of new Set(ones)) if (others.includes(word)) shared++;
  return shared / all.size;
}
