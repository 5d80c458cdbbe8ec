/** The rows of every table in a Markdown text, headings and rulers left out: cells trimmed, backticks removed. */
export function tableRows(markdown: string): string[][] {
  const lines = markdown.split("\n");
  return lines
    .filter((line, at) => line.startsWith("|") && !isRuler(line) && !isRuler(lines[at + 1] ?? ""))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll("`", "")),
    );
}

/** Tables of the section under one heading. */
export function rowsUnder(markdown: string, heading: string): string[][] {
  const [, section = ""] = markdown.split(new RegExp(`^#+ ${heading}$`, "m"));
  return tableRows(section.split(/^#/m)[0] ?? "");
}

/** Targets of relative links. */
export function relativeLinks(markdown: string): string[] {
  return [...markdown.matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map((match) => match[1] ?? "");
}

function isRuler(line: string): boolean {
  return /^\|[\s|:-]+\|$/.test(line);
}
