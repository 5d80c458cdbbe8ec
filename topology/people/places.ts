import type { CastNode } from "./characters.ts";
import type { CommunityName } from "./names.ts";

/** One area's towns, invented postcode districts, people and communities. */
export interface Place {
  /** People to make. */
  readonly people: number;
  /** Towns with postcode districts of the right area that do not exist, so that no address is anybody's. */
  readonly towns: readonly { readonly name: string; readonly districts: readonly string[] }[];
  /** How likely a household is of each community; the weights are rough, not statistics. */
  readonly communities: readonly (readonly [CommunityName, number])[];
  /** Nodes where its people also turn up, likelier ones more often. */
  readonly neighbours: readonly CastNode[];
}

const town = (name: string, ...districts: string[]) => ({ name, districts });

export const PLACES: Readonly<Record<CastNode, Place>> = {
  "wm-bsol": {
    people: 620,
    towns: [
      town("Birmingham", "B82", "B83", "B84", "B85"),
      town("Birmingham", "B86"),
      town("Sutton Coldfield", "B87"),
      town("Solihull", "B88"),
    ],
    communities: [
      ["english", 42],
      ["pakistani", 16],
      ["bangladeshi", 4],
      ["punjabi", 5],
      ["gujarati", 2],
      ["caribbean", 6],
      ["nigerian", 3],
      ["ghanaian", 1.5],
      ["somali", 2.5],
      ["eritrean", 1],
      ["irish", 4],
      ["polish", 2.5],
      ["romanian", 2.5],
      ["chinese", 1.5],
      ["vietnamese", 1],
      ["arab", 2],
      ["kurdish", 1.5],
      ["filipino", 1],
      ["ukrainian", 0.7],
    ],
    neighbours: ["wm-cw", "wm-bc", "wm-bc", "wm-hw", "wm-sst"],
  },
  "wm-cw": {
    people: 480,
    towns: [
      town("Coventry", "CV80", "CV81"),
      town("Nuneaton", "CV82"),
      town("Rugby", "CV83"),
      town("Leamington Spa", "CV84"),
      town("Stratford-upon-Avon", "CV85"),
    ],
    communities: [
      ["english", 66],
      ["punjabi", 7],
      ["gujarati", 4],
      ["pakistani", 4],
      ["irish", 4],
      ["nigerian", 3],
      ["ghanaian", 1.5],
      ["polish", 4],
      ["romanian", 3],
      ["caribbean", 2],
      ["chinese", 1.5],
      ["filipino", 1],
      ["eritrean", 0.7],
      ["ukrainian", 0.7],
    ],
    neighbours: ["wm-bsol", "wm-bsol", "wm-bsol", "wm-hw", "wm-sst"],
  },
  "wm-hw": {
    people: 440,
    towns: [
      town("Worcester", "WR40", "WR41"),
      town("Malvern", "WR42"),
      town("Evesham", "WR43"),
      town("Redditch", "B89"),
      town("Hereford", "HR20", "HR21"),
      town("Leominster", "HR22"),
    ],
    communities: [
      ["english", 86],
      ["polish", 4],
      ["romanian", 3],
      ["irish", 1.5],
      ["pakistani", 2],
      ["traveller", 1.5],
      ["filipino", 1],
      ["ukrainian", 1],
      ["chinese", 0.5],
    ],
    neighbours: ["wm-bsol", "wm-bsol", "wm-stw", "wm-cw", "wm-bc"],
  },
  "wm-bc": {
    people: 560,
    towns: [
      town("Wolverhampton", "WV40", "WV41"),
      town("Walsall", "WS40", "WS41"),
      town("Dudley", "DY40"),
      town("Stourbridge", "DY41"),
      town("West Bromwich", "B81"),
      town("Smethwick", "B81"),
    ],
    communities: [
      ["english", 58],
      ["punjabi", 14],
      ["pakistani", 7],
      ["caribbean", 6],
      ["bangladeshi", 3],
      ["gujarati", 2],
      ["polish", 2.5],
      ["romanian", 2],
      ["irish", 1.5],
      ["nigerian", 1.5],
      ["somali", 0.8],
      ["arab", 0.8],
      ["kurdish", 0.8],
      ["traveller", 0.5],
    ],
    neighbours: ["wm-bsol", "wm-bsol", "wm-sst", "wm-stw", "wm-hw"],
  },
  "wm-stw": {
    people: 360,
    towns: [
      town("Shrewsbury", "SY60", "SY61"),
      town("Oswestry", "SY62"),
      town("Ludlow", "SY63"),
      town("Telford", "TF40", "TF41"),
      town("Newport", "TF42"),
    ],
    communities: [
      ["english", 89],
      ["polish", 3],
      ["romanian", 1.5],
      ["punjabi", 2],
      ["irish", 1],
      ["traveller", 1],
      ["nigerian", 0.8],
      ["filipino", 0.8],
      ["ukrainian", 0.8],
    ],
    neighbours: ["wm-sst", "wm-sst", "wm-bc", "wm-hw", "wm-bsol"],
  },
  "wm-sst": {
    people: 520,
    towns: [
      town("Stoke-on-Trent", "ST60", "ST61"),
      town("Newcastle-under-Lyme", "ST62"),
      town("Stafford", "ST63"),
      town("Leek", "ST64"),
      town("Burton-on-Trent", "DE80"),
      town("Cannock", "WS42"),
    ],
    communities: [
      ["english", 83],
      ["pakistani", 6],
      ["polish", 3],
      ["romanian", 1.5],
      ["irish", 1.5],
      ["kurdish", 1],
      ["nigerian", 1],
      ["ghanaian", 0.7],
      ["traveller", 0.7],
      ["chinese", 0.6],
      ["filipino", 0.6],
    ],
    neighbours: ["wm-bc", "wm-bc", "wm-stw", "wm-bsol", "wm-cw"],
  },
};

export const STREETS = [
  "Alma", "Chapel", "Church", "Victoria", "Station", "Mill", "Park", "Albert", "Wellington", "Priory", "Kingsway",
  "Foundry", "Canal", "Lea", "Holly", "Oak", "Elm", "Broad", "Bridge", "Castle", "Hawthorn", "Lime", "Forge", "Potters",
  "Orchard", "Meadow", "Hillcrest", "Beacon", "Wharf", "Gladstone", "Jubilee", "Navigation", "Nailers", "Weavers",
] as const;

export const STREET_KINDS = ["Road", "Road", "Street", "Street", "Avenue", "Lane", "Close", "Drive", "Grove", "Way"] as const;
