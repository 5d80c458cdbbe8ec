/**
 * True the first time that it is asked of a word. Of many words it remembers at least the last so many, in bounded memory;
 * what was forgotten is new again.
 */
export function makeRecent(wordsMax: number): (word: string) => boolean {
  let older: ReadonlySet<string> = new Set();
  let newer = new Set<string>();
  return (word) => {
    if (newer.has(word)) return false;
    const isNew = !older.has(word);
    newer.add(word);
    if (newer.size >= wordsMax) [older, newer] = [newer, new Set()];
    return isNew;
  };
}
