import { Command, Option } from "commander";

import type { Random } from "../base/random.ts";
import type { AskedSearch } from "../mpi/search-terms.ts";
import type { SearchTold } from "../requests/search-people.ts";
import { type ClaimOptions, parseClaim, withClaimOptions } from "./claim-options.ts";
import type { Connect } from "./client.ts";
import { EXIT, reportFailure } from "./exit.ts";
import { DEMO_CALLER } from "./mesh/demo-caller.ts";
import { MESH_DIR } from "./mesh/mesh-file.ts";
import { searchLines } from "./search-lines.ts";
import { findTarget } from "./target.ts";

export interface SearchCommandNeeds {
  readonly connect: Connect;
  readonly random: Random;
}

interface SearchOptions extends ClaimOptions {
  readonly via: string;
  readonly family?: string;
  readonly given: readonly string[];
  readonly birthDate: readonly string[];
  readonly gender?: string;
  readonly postcode?: string;
  readonly phone?: string;
  readonly email?: string;
  readonly practice?: string;
  readonly deathDate?: string;
  readonly fuzzy?: true;
  readonly exact?: true;
  readonly history?: true;
  readonly maxResults?: number;
  readonly automatic?: true;
  readonly certs?: string;
  readonly mesh: string;
  readonly json?: true;
}

/** `corridor search`: looks for people in one node's own index, best match first. */
export function searchCommand(needs: SearchCommandNeeds): Command {
  const each = (value: string, before: readonly string[]): readonly string[] => [...before, value];
  const command = new Command("search")
    .description("look for a person in one node's own index, by the rules of the national demographics service")
    .requiredOption("--via <url|id>", "the node to ask: its id in a mesh on this machine, or https://HOST:PORT")
    .option("--family <name>", "family name; may hold * after its first two characters")
    .option("--given <name>", "given name, likewise; may be given several times", each, [])
    .option("--birth-date <date>", "YYYY-MM-DD; or twice, geYYYY-MM-DD and leYYYY-MM-DD: three years at most", each, [])
    .option("--gender <gender>", "male, female, other or unknown; better left out")
    .option("--postcode <postcode>", "postcode, likewise with *; never finds a restricted person")
    .option("--phone <number>", "telephone number; never finds a restricted person")
    .option("--email <address>", "refused: this index holds none")
    .option("--practice <ods>", "refused: this index holds none")
    .option("--death-date <date>", "refused: this index holds none")
    .addOption(
      new Option("--fuzzy", "also what sounds alike, short forms, names in each other's place").conflicts("exact"),
    )
    .option("--exact", "only people whom every field fits exactly")
    .option("--history", "also by former names, addresses and telephone numbers")
    .option("--max-results <count>", "at most so many people, 1 to 50", Number);
  return withClaimOptions(command)
    .option("--automatic", "no person looks at the answer: one person, or nobody")
    .option("--certs <dir>", "folder of the caller's certificate (caller.crt.pem, caller.key.pem, trust.crt.pem)")
    .option("--mesh <dir>", "folder of the mesh on this machine", MESH_DIR)
    .option("--json", "print one JSON object")
    .action(async (options: SearchOptions) => {
      try {
        process.exitCode = await run(options, needs);
      } catch (thrown) {
        reportFailure(thrown);
      }
    });
}

async function run(options: SearchOptions, needs: SearchCommandNeeds): Promise<number> {
  const claim = { ...parseClaim(options), ...(options.automatic && { trigger: "automatic" as const }) };
  const requestId = needs.random.uuid();
  const client = await needs.connect(findTarget(options, DEMO_CALLER.name));
  try {
    const told = await client.search({ search: toAsked(options), claim, requestId });
    if (options.json === undefined) console.log(searchLines(told).join("\n"));
    else console.log(JSON.stringify(toJson(requestId, told), undefined, 2));
    return told.result === "too-many" ? EXIT.partial : EXIT.done;
  } finally {
    client.close();
  }
}

/** As it was typed: the node judges it, and its refusal names the field. */
function toAsked(options: SearchOptions): AskedSearch {
  const { family, gender, postcode, phone, email, practice, deathDate, maxResults } = options;
  const optional = { family, gender, postcode, phone, email, practice, deathDate, maxResults };
  return {
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
    given: options.given,
    birthDate: options.birthDate,
    fuzzy: options.fuzzy === true,
    exact: options.exact === true,
    history: options.history === true,
  };
}

function toJson(requestId: string, { result, persons, askForMore }: SearchTold): object {
  const spelledOut = persons.map(({ details, ...person }) => ({ ...person, ...details.expose() }));
  return { requestId, result, persons: spelledOut, askForMore };
}
