/** Words with white space between them; a long list of names stays a text that can be read. */
export function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** Every start with every end. */
export function joined(starts: readonly string[], ends: readonly string[]): string[] {
  return starts.flatMap((start) => ends.map((end) => start + end));
}
