import { Document, isCollection, isMap, visit } from "yaml";

import { type EnglandNode, type EnglandYear, nodesOf } from "./nodes.ts";

/** When the invented agreements began. */
const JOINED = "2026-04-01";
const DPIA = "DPIA-ENG-2026-01 (fictional)";

/** Keys whose values stand on one line each. */
const ON_ONE_LINE = new Set(["collaboratives", "ages", "ics", "neighbours", "coverageContact", "feeds", "controllers"]);

const HEADING: Record<EnglandYear, string> = {
  2022: ` All England as its 42 integrated care boards stood from July 2022 on: a node each. Where boards merged or were split in
 April 2026, their nodes stay and answer under the new codes.`,
  2026: ` All England as its 36 integrated care boards stand since April 2026: a node each, which also answers to the codes before.`,
};

const MADE_BY = `
 Made by england/generate.ts from the facts in england/; what is real and what is invented: README.md.`;

/** The text of all England's topology file. */
export function englandText(year: EnglandYear): string {
  const nodes = nodesOf(year);
  const records = new Map(nodes.map(({ record }) => [record, nodes.filter((node) => node.record === record)]));
  const shared = [...records].filter(([, members]) => members.length > 1);
  const document = new Document({
    network: {
      name: "England record network",
      domain: "england.corridor.example",
      authority: "Corridor England Authority (fictional)",
    },
    collaboratives: [...records].map(([name, members]) => ({ id: collaborativeOf(members), name })),
    nodes: nodes.map((node, at) => nodeEntry(node, at, collaborativeOf(records.get(node.record)!))),
    providers: nodes.flatMap(providersOf),
    agreements: [
      agreement("england-direct-care", "Direct care across England", nodes, false),
      ...shared.map(([name, members]) =>
        agreement(collaborativeOf(members), `Direct care and search by name within ${name}`, members, true),
      ),
    ],
  });
  document.commentBefore = HEADING[year] + MADE_BY;
  visit(document, {
    Pair(_, { key, value }) {
      if (!ON_ONE_LINE.has(String(key)) || !isCollection(value)) return;
      value.flow = !value.items.some((item) => isMap(item));
      for (const item of value.items) if (isMap(item)) item.flow = true;
    },
  });
  return document.toString({ lineWidth: 0 });
}

/** A record of one area goes by the area's own id. */
function collaborativeOf(members: readonly EnglandNode[]): string {
  const [first, ...others] = members;
  return others.length === 0 ? first!.id : first!.record.toLowerCase().replaceAll(/[^a-z]+/g, "-");
}

function nodeEntry(node: EnglandNode, at: number, collaborative: string) {
  const { id, name, region, population, adultsOnly, ics, neighbours } = node;
  return {
    ...{ id, name, collaborative, region, population, ages: { from: adultsOnly ? 18 : 0 }, ics, neighbours },
    coverageContact: { name: `${name} record desk`, phone: phone(at + 1), hours: "24 hours" },
    status: "live",
  };
}

/** Of the numbers that are kept for drama. */
function phone(at: number): string {
  return `01632 960${String(at).padStart(3, "0")}`;
}

/** Who feeds a node: two that stand for all, because a real organisation's code would suggest a real one's feed. */
export const PROVIDER_KINDS = ["HOSPITALS", "GENERAL-PRACTICES"] as const;

export function providerCode(nodeId: string, kind: (typeof PROVIDER_KINDS)[number]): string {
  return `X-NO-ODS-${nodeId.toUpperCase()}-${kind}`;
}

function providersOf({ id, name }: EnglandNode, at: number) {
  const of = (kind: (typeof PROVIDER_KINDS)[number], words: string, type: string, staleAfterMinutes: number) => ({
    ...{ code: providerCode(id, kind), name: `${words} of ${name}`, type, phone: phone(100 + at) },
    feeds: [{ node: id, state: "feeding", recordTypes: "all", staleAfterMinutes }],
  });
  return [
    of("HOSPITALS", "Hospitals", "acute", 240),
    of("GENERAL-PRACTICES", "General practices", "general-practice", 1_440),
  ];
}

function agreement(id: string, title: string, nodes: readonly EnglandNode[], demographicQuestions: boolean) {
  const controllers = nodes.flatMap((node) =>
    PROVIDER_KINDS.map((kind) => ({ code: providerCode(node.id, kind), joined: JOINED })),
  );
  return {
    ...{ id, title, members: nodes.map((node) => node.id), controllers },
    processors: ["Corridor England Authority (fictional)"],
    dpo: "Data protection officer of the England record network (fictional), 01632 960900",
    lawfulBasis: "UK GDPR article 6(1)(e) and article 9(2)(h); Health and Social Care Act 2012 section 251B",
    ...{ dpia: DPIA, purposes: ["TREAT", "ETREAT", "CAREMGT"], recordTypes: "all", roleGroups: "all" },
    ...{ consentModel: "implied", adultsOnly: false, demographicQuestions, reviewDate: "2027-04-01" },
  };
}
