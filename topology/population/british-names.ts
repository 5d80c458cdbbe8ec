import { words } from "./words.ts";

/** Given names of one generation, the most frequent first. */
export interface Era {
  /** Last year of birth to which it applies. */
  readonly until: number;
  readonly female: readonly string[];
  readonly male: readonly string[];
}

/** What the British call their children changes with every generation: a name says much about an age. */
export const BRITISH_ERAS: readonly Era[] = [
  {
    until: 1939,
    female: words(`Margaret Jean Mary Joan Patricia Sheila Barbara Doreen June Shirley Dorothy Joyce Maureen Elizabeth
      Audrey Brenda Kathleen Sylvia Eileen Pamela Betty Beryl Ann Irene Janet Marjorie Hilda Edna Vera Rita Norma Edith
      Ivy Gwendoline Winifred Phyllis Muriel Olive Elsie Nora Constance Freda Hazel Iris Stella Enid Gladys Mavis Thelma`),
    male: words(`John William George Ronald Kenneth James Thomas Peter Derek Robert Eric Dennis Frank Arthur Raymond
      Gordon Stanley Charles Albert Leonard Norman Frederick Roy Harold Donald Bernard Alan Brian Ernest Jack Reginald
      Cyril Sidney Douglas Edward Walter Leslie Maurice Geoffrey Horace Clifford Herbert Victor Philip Trevor Percy`),
  },
  {
    until: 1954,
    female: words(`Margaret Patricia Christine Susan Mary Ann Jean Barbara Maureen Jennifer Janet Linda Sheila Pauline
      Kathleen Valerie Carol Sandra Brenda Judith Elizabeth Gillian Eileen Shirley Marion Joan Dorothy Pamela Hilary
      Sylvia Josephine Anne Rosemary Wendy Jacqueline Lesley Marilyn Veronica Irene Rita Diane Frances Yvonne Glenys Gaynor`),
    male: words(`John David Michael Peter Robert Anthony Brian Alan William James Richard Kenneth Roger Keith Colin
      Christopher Raymond Derek Barry Graham Terence Malcolm Geoffrey Roy Dennis Stephen Trevor Philip George Ronald
      Thomas Leslie Clive Patrick Edward Charles Gerald Ian Ronald Donald Norman Howard Melvyn Nigel Bryan Rodney`),
  },
  {
    until: 1969,
    female: words(`Susan Julie Karen Jacqueline Deborah Tracey Jane Helen Diane Sharon Angela Alison Elizabeth Caroline
      Amanda Sandra Linda Catherine Christine Carol Joanne Wendy Janet Dawn Lorraine Margaret Gillian Mandy Beverley
      Lesley Ann Michelle Paula Sally Sarah Nicola Jayne Theresa Maxine Cheryl Elaine Debra Denise Lynn Heather Fiona`),
    male: words(`David Paul Andrew Mark John Michael Stephen Ian Robert Peter Richard Anthony Christopher Alan Kevin
      Gary Simon Neil Steven Martin Philip Nigel Graham Timothy Keith James Colin Jonathan Nicholas Nicholas Trevor Brian
      Stuart William Thomas Darren Wayne Shaun Carl Jeremy Adrian Barry Dean Russell Duncan Glenn Craig Clive Julian`),
  },
  {
    until: 1984,
    female: words(`Sarah Claire Nicola Emma Lisa Joanne Michelle Helen Samantha Karen Victoria Rachel Louise Julie Clare
      Rebecca Sharon Amanda Donna Kelly Tracey Angela Alison Kerry Zoe Jane Melanie Natalie Susan Tracy Vicky Katherine
      Lucy Dawn Catherine Anna Leanne Jennifer Gemma Charlotte Lindsay Sally Hayley Naomi Tara Debbie Stacey Marie`),
    male: words(`Paul Mark Andrew David Lee Richard Christopher Stephen Michael Matthew James Simon Darren Jason Robert
      Daniel Ian Neil Steven John Stuart Gary Craig Jonathan Anthony Adam Benjamin Peter Wayne Thomas Gareth Dean Martin
      Philip Kevin Nathan Scott Carl Timothy Alan Nicholas Barry Damian Leon Russell Justin Marcus Karl Ross Graham`),
  },
  {
    until: 1999,
    female: words(`Rebecca Charlotte Lauren Jessica Sophie Hannah Emma Laura Amy Gemma Chloe Sarah Emily Lucy Katie
      Danielle Bethany Jade Megan Stephanie Samantha Kirsty Rachel Natalie Olivia Georgia Alice Eleanor Abigail Stacey
      Victoria Nicole Louise Jennifer Shannon Holly Zoe Natasha Kimberley Heather Elizabeth Paige Leah Naomi Melissa Kayleigh`),
    male: words(`James Daniel Thomas Matthew Christopher Jack Joshua Ryan Michael Adam Luke Benjamin Alexander Liam
      Samuel Ashley Jordan Joseph David Lewis Callum Robert Andrew Connor Jamie William George Aaron Nathan Kieran Bradley
      Scott Jake Kyle Sean Shaun Stephen Mark Dean Charlie Oliver Dominic Alex Craig Lee Reece Elliott Harry Curtis Rhys`),
  },
  {
    until: 2012,
    female: words(`Olivia Emily Grace Jessica Chloe Sophie Lily Ruby Ella Amelia Lucy Charlotte Evie Mia Megan Ellie
      Hannah Isabella Abigail Katie Millie Holly Amy Molly Daisy Poppy Isabelle Erin Freya Leah Summer Georgia Caitlin
      Phoebe Lauren Lola Scarlett Eva Maisie Imogen Matilda Rosie Amber Alice Keira Eleanor Libby Niamh Tia Skye Lacey`),
    male: words(`Jack Thomas Joshua Oliver Harry James William Samuel Daniel Charlie Benjamin Joseph Callum George Jake
      Alfie Luke Matthew Ethan Lewis Jacob Dylan Alexander Ryan Adam Tyler Harvey Max Cameron Liam Jamie Leo Owen Connor
      Harrison Nathan Ben Henry Archie Edward Michael Aaron Logan Brandon Riley Finley Kieran Toby Louis Kai Rhys Taylor`),
  },
  {
    until: 9999,
    female: words(`Olivia Amelia Isla Ava Ivy Freya Lily Florence Mia Willow Rosie Sophia Isabella Grace Daisy Sienna
      Poppy Elsie Emily Ella Evelyn Phoebe Evie Charlotte Harper Millie Matilda Maya Sophie Alice Emilia Isabelle Ruby
      Luna Maisie Aria Penelope Mila Bonnie Eva Hallie Eliza Ada Violet Esme Arabella Imogen Jessica Delilah Robyn Orla`),
    male: words(`Oliver George Noah Arthur Harry Leo Jack Charlie Oscar Jacob Henry Thomas Freddie Alfie Theo William
      Theodore Archie Joshua Alexander James Isaac Edward Lucas Tommy Finley Max Logan Ethan Teddy Roman Arlo Albie
      Reggie Sebastian Harrison Louie Luca Rory Ezra Jaxon Hugo Jude Ralph Ronnie Frankie Bobby Albert Elijah Grayson`),
  },
];

/** The frequent surnames of the West Midlands, the most frequent first. */
export const BRITISH_SURNAMES: readonly string[] = [
  ...words(`Smith Jones Taylor Williams Davies Brown Evans Wilson Roberts Johnson Harris
  Thomas Walker Wright Hill Green Hall White Cooper Turner Edwards Lewis Wood Clarke Ward Baker James Robinson Phillips
  Morris Price Hughes Thompson Bennett Jackson Parker Cox Morgan Shaw Harrison Cook Lloyd Griffiths Martin Powell Richards
  Bailey Collins Allen King Adams Webb Bishop Mason Owen Foster Rogers Watkins Perry Cartwright Dyer Knight Hunt Mills
  Palmer Barnes Bradley Matthews Reynolds Russell Holmes Simpson Pearson Fisher Butler Gibson Payne Day Fox Carter Young
  Mitchell Scott Stevens Marshall Ellis Chapman Wilkinson Moore Lee Watson Rose Atkins Newman Hart Harvey Hopkins Preece
  Pugh Probert Bevan Pritchard Humphries Hodgkiss Fellows Whitehouse Round Tonks Homer Hadley Bloomer Jukes Perks Onions
  Salt Tams Shufflebotham Colclough Mountford Rowley Dunn Parkes Lacey Sankey Bagnall Dainty Hickman Millward Danks
  Raybould Willetts Cotterill Westwood Haycock Beddoes Brookes Nicholls Holloway Wheeler Weaver Tranter Yardley Sheldon
  Bayliss Bullock Cashmore Checketts Dugmore Eccleston Fereday Gittins Heath Insley Jeavons Kendrick Lowbridge Malpass
  Nock Oakley Pardoe Quinney Rudge Skidmore Tandy Upton Venables Wooldridge Yates Stokes Stanley Spencer Steadman Sutton
  Talbot Tipton Tomlinson Townsend Vaughan Wakeman Wale Walters Warner Waterhouse Webster Wells Weston Whittaker Wilcox
  Willis Winter Woodhouse Worrall Burgess Burton Byrne Chambers Clewes Crump Dalton Darby Dawes Deakin Downes Dudley Duffy
  Elwell Farmer Field Finch Fletcher Francis Freeman French Gardner George Gibbs Giles Gill Goode Goodwin Gough Gray
  Greenway Grove Guest Hammond Hancox Hands Hardy Harper Hawkins Hayes Haynes Higgs Hobbs Hodges Hodson Holt Horton Howard
  Howell Hudson Hyde Inman Jarvis Jeffs Jenkins Jennings Kelly Kemp Kent Lane Lawrence Leech Lester Lowe Lynch Mackay
  Mander McDonald McKenzie Middleton Millington Moss Murphy Neale Nash Norris Osborne Page Parsons Partridge Peach Pearce
  Perkins Pickering Plant Pope Potter Pratt Randle Read Reeves Rice Riley Robbins Sanders Saunders Sharp Short Silvester
  Slater Spooner Steele Steventon Stone Swift Tibbetts Timmins Tolley Underwood Wainwright Walsh Whitmore Wild Wootton
  O'Neill O'Connor O'Reilly MacDonald Fraser Campbell Stewart Murray Ross Cameron Hamilton Wallace Boyd Burns D'Arcy
  Fitzpatrick`),
  "St John",
  "de Souza",
  "Le Marchant",
  "van den Berg",
];

const PLACE_STARTS = words(`Ack Ald All Ames Apple Arl Ash Ast Ather Bad Bam Bar Bark Beck Bed Bel Ben Bird Black Blake
  Brad Bram Bran Brent Brook Burn Cald Carl Chad Charl Chat Ches Clay Cole Cran Craw Crom Dal Dar Den Dray Dun East Eat Edge
  Ell Els Far Fen Fern Ful Good Graf Green Had Hal Ham Har Hart Hather Haw Hazel Hen Hin Hol Hor Hough Hur Ing Kel Ken Kin
  Kirk Lam Lang Law Leigh Lin Long Lud Mar Mel Mid Mil Mor Nor North Oak Old Or Over Pem Pen Pres Rad Raw Red Rip Rock Rud
  Rush Sal Sand Sel Shel Ship Sil Stan Stock Strat Swin Tam Thorn Til Tun Up Wal War Wat Wel West Whit Wil Win With Wol Wor`);
const PLACE_ENDS = words(`ley ton ford ham worth wood field well by don shaw croft land man more stead wick hurst den
  combe gate side brook bury ridge bourne cliffe`);

/**
 * Half of a country's surnames are each very rare, and most of those were places once: made from the same parts, some three
 * thousand of them. With the frequent ones alone, far too many strangers would share a name.
 */
export const RARE_BRITISH_SURNAMES: readonly string[] = PLACE_STARTS.flatMap((start) =>
  PLACE_ENDS.filter((end) => !start.endsWith(end.slice(0, 1))).map((end) => start + end),
);
