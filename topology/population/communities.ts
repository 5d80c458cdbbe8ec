import { COMMUNITIES as CAST } from "../people/names.ts";
import { BRITISH_ERAS, BRITISH_SURNAMES, RARE_BRITISH_SURNAMES, type Era } from "./british-names.ts";
import { type Weighted, byRank } from "./weighted.ts";
import { joined, words } from "./words.ts";

/**
 * Who shares a surname with whom, and who changes it. `shared`: a household has one, and a woman may have had another.
 * `kaur-singh`: Kaur and Singh as middle or last name. `begum`: a woman keeps her own, or goes by a title
 * (Begum, Bibi). `own`: a woman keeps her own. `ski-ska`: the surname has two forms. `fathers`: second and third names are the father's and the grandfather's.
 * `one-name`: some have a single name, which stands as the surname.
 */
export type Ways = "shared" | "kaur-singh" | "begum" | "own" | "ski-ska" | "fathers" | "one-name";

export interface Community {
  /** Given names of those born in a year. */
  readonly female: (birthYear: number) => Weighted<string>;
  readonly male: (birthYear: number) => Weighted<string>;
  readonly family: Weighted<string>;
  readonly ways: Ways;
  /** Share of households with three generations. */
  readonly multigenerational: number;
  /** How much likelier than in others families are, rather than people who live alone. */
  readonly familial: number;
}

interface Names {
  readonly female: readonly string[];
  readonly male: readonly string[];
  readonly family: readonly string[];
}

/** The cast's names of a community and more of them: the cast's few would make far too many namesakes of a region. */
function more(cast: Names, female: string, male: string, family: readonly string[]): Names {
  const unique = (...lists: (readonly string[])[]) => [...new Set(lists.flat())];
  return {
    female: unique(cast.female, words(female)),
    male: unique(cast.male, words(male)),
    family: unique(cast.family, family),
  };
}

function community(
  { female, male, family }: Names,
  ways: Ways,
  multigenerational: number,
  familial: number,
): Community {
  const [women, men] = [byRank(female), byRank(male)];
  return { female: () => women, male: () => men, family: byRank(family), ways, multigenerational, familial };
}

/** Names of the generation that a year belongs to; every tenth or so takes one of the generation before. */
function ofEra(eras: readonly Era[], sex: "female" | "male"): (birthYear: number) => Weighted<string> {
  const lists = eras.map((era, at) => byRank([...era[sex], ...(eras[at - 1]?.[sex].slice(0, 12) ?? [])]));
  const byYear = Array.from({ length: 200 }, (_, year) => lists[eras.findIndex(({ until }) => 1850 + year <= until)]!);
  return (birthYear) => byYear[birthYear - 1850] ?? lists[0]!;
}

const british: Community = {
  female: ofEra(BRITISH_ERAS, "female"),
  male: ofEra(BRITISH_ERAS, "male"),
  family: byRank(BRITISH_SURNAMES).mixedWith(RARE_BRITISH_SURNAMES, 0.5),
  ways: "shared",
  multigenerational: 0.015,
  familial: 1,
};

/** Generations that were born in England mostly carry the given names of their year. */
function bornHere(names: Names, from: number, ways: Ways, multigenerational: number, familial: number): Community {
  const abroad = community(names, ways, multigenerational, familial);
  return {
    ...abroad,
    female: (year) => (year < from ? abroad.female(year) : british.female(year)),
    male: (year) => (year < from ? abroad.male(year) : british.male(year)),
  };
}

const IRISH = more(
  CAST.irish,
  "Mary Margaret Catherine Eileen Nora Philomena Breda Deirdre Orla Gráinne Caoimhe Saoirse Clodagh Nuala Ann Bríd",
  "John Michael Thomas James Daniel Cornelius Denis Eoin Fergus Cormac Rory Oisín Cathal Donal Martin Gerard",
  words(`O'Reilly O'Neill O'Donnell Kennedy Lynch Quinn Moore McLoughlin O'Carroll Connolly Daly O'Connell Wilson Dunne
    Brennan Burke Collins Clarke Johnston Hughes O'Farrell Fitzgerald Brown Martin Maguire Flynn Callaghan Duffy O'Mahony
    Boyle Healy O'Shea White Sweeney Hayes Kavanagh Power McDermott Moran O'Leary Keane Foley Regan Cullen Whelan Hogan
    Mac Giolla`).filter((name) => name !== "Mac" && name !== "Giolla"),
);

const PAKISTANI = more(
  CAST.pakistani,
  `Shabana Nazia Tahira Zahida Robina Yasmin Sumaira Asma Bushra Kausar Nargis Shaheen Zara Aliza Anaya Inaya Eshal
    Sana Hira Rabia Uzma Tasleem Naseem Razia Mehwish Areeba Laiba Alishba Safa Humaira Shaista Ghazala Zubaida Kiran`,
  `Abdul Ahmed Amir Atif Faisal Haroon Hassan Ishaq Jamil Kamran Khalid Liaquat Mahmood Mubashir Naveed Omar Qasim Rizwan
    Sajid Shahid Shakeel Sohail Umar Waqas Wasim Yasir Zafar Zakariya Ayaan Musa Eesa Rayyan Zain Haider Hashim Kashif`,
  words(`Ali Hussain Mohammed Akram Anwar Ashraf Aziz Baig Chaudhary Dar Din Ellahi Farooq Ghani Gul Hameed
    Hanif Hayat Ishaq Jabeen Jamil Jan Kausar Khalid Khaliq Latif Majid Mehmood Miah Mir Mushtaq Nawaz Nazir Qureshi Rashid
    Rauf Rehman Riaz Sabir Sadiq Saeed Saleem Sharif Sheikh Siddique Sultan Tariq Ullah Usman Yasin Yousaf Younis Zafar Zia`),
);

const BANGLADESHI = more(
  CAST.bangladeshi,
  "Shahnaz Rina Hasina Kulsum Rokeya Salma Shahida Amena Halima Jahanara Momtaz Nasima Fatema Ayesha Maliha Tasnim Mim",
  "Rezaul Shamsul Nurul Aminur Mizanur Ashraful Mahbub Rakib Shahin Sajjad Motin Korim Rohim Samad Salam Arif Tahmid Zayan",
  words(`Khatun Ahmed Hussain Khan Chowdhury Akther Sarkar Mia Bari Hannan Jalil Karim Kabir Malik Mannan
    Matin Mohammed Monir Noor Quddus Rashid Rob Sattar Shahid Sheikh Sikder Talukder Uddin Zaman Ali Kamali Mukith Tarafdar`),
);

const PUNJABI = more(
  CAST.punjabi,
  `Surjit Gurmit Baljit Paramjit Ravinder Davinder Jaspreet Mandeep Sandeep Kamaljit Narinder Harjinder Jagdish Mohinder
    Pritam Rupinder Tejinder Simranjit Ishpreet Avneet Jasmine Kavita Anita Sunita Neelam Ranjit Gurbax Swaran`,
  `Surjit Mohinder Avtar Gurmit Paramjit Davinder Baljit Lakhbir Nirmal Jagtar Tarsem Gurbachan Mandeep Sandeep Jaspal
    Rajinder Inderjit Hardeep Tajinder Karan Jasvir Dilraj Gurveer Harvir Raj Sunil Vijay Ashok Joginder Pritam Resham`,
  words(`Singh Kaur Sharma Kumar Dhillon Mann Sangha Virk Bhamra Bansal Basra Bhandal Birdi Bhatti Cheema Chana Chera
    Deol Dosanjh Dulai Ghuman Hayer Heer Hundal Jandu Jhooty Kahlon Kalsi Khaira Khatkar Lally Landa Mahal Matharu Nagra
    Nahal Nijjar Padda Panesar Pannu Ram Randhawa Rayat Riyat Samra Sagoo Sahib Saini Sanghera Sehmi Sekhon Sian Sohal
    Sura Takhar Thandi Thiara Toor Uppal Verma Virdee`),
);

const GUJARATI = more(
  CAST.gujarati,
  "Manjula Pushpa Savita Kokila Ranjan Jayshree Sonal Hina Rekha Bharti Kajal Krupa Mital Nikita Anjali Riya Diya Aarohi",
  "Bhupendra Harish Jagdish Jitendra Kantilal Mukesh Narendra Pravin Suresh Vipul Amit Chirag Darshan Hiren Ketan Dev Aarav",
  words(`Lakhani Bhatt Chudasama Dave Dattani Gohil Jani Kotecha Mandalia Modha Panchal Pandya Pankhania Raval Rathod
    Sachania Sheth Sodha Thakkar Trivedi Vaghela Vyas Wadher Kara Bhagat Naik Amin Jethwa Limbachia Makwana Popat Rajput`),
);

const CARIBBEAN = more(
  CAST.caribbean,
  "Monica Hyacinth Merlene Paulette Cynthia Veronica Norma Gloria Joyce Verona Cherelle Renee Kezia Aaliyah Simone Dionne",
  "Lloyd Carlton Neville Linton Rudolph Barrington Glenroy Everton Devon Junior Nathaniel Jermaine Kemar Rashaan Malachi",
  words(`Thompson Johnson Smith Bennett Brown Edwards Lewis Wright Walker Morrison Anderson Allen Lindo McKenzie Powell
    Richards Robinson Scott Simpson Stewart Thomas Watson White Wilson Barrett Beckford Bogle Burrell Chambers Dixon Dyer
    Ellis Facey Fearon Findlay Forbes Gayle Graham Hamilton Hanson Hibbert James Joseph King Lawrence Levy Malcolm Martin
    Miller Palmer Parchment Peart Pinnock Plummer Powell Reynolds Rowe Salmon Shaw Spence Steele Sterling Swaby Whyte`),
);

const NIGERIAN = more(
  CAST.nigerian,
  `Oluwaseun Bukola Titilayo Abimbola Omolara Nneka Uchenna Chiamaka Adaeze Nkechi Chinwe Patience Mercy Joy Favour Peace
    Precious Faith Zainab Aisha Hadiza Kehinde Taiwo Esther Ruth Deborah Elizabeth Rachel`,
  `Adewale Olumide Ayodele Adekunle Femi Kayode Dapo Chukwuemeka Nnamdi Uche Obiora Ifeanyi David Daniel Joseph Michael
    Godwin Sunday Musa Ibrahim Yusuf Kehinde Taiwo Victor Peter Paul John Tobi Ayomide`,
  [
    ...joined(words("Ade Olu Ogun Oye Akin Ola Ayo Fa"), words("bayo wale sanya yemi tunde dele kunle niyi bola toye")),
    ...words(`Nwachukwu Okonkwo Okoro Onyema Chukwu Eze Ibe Ike Nnadi Obiora Okoye Onuoha Udeh Umeh Uzoma Mohammed Musa
      Abubakar Aliyu Danjuma Sani Idowu Bakare Lawal Salami Williams Johnson Cole Thomas Omotosho Ajayi Alabi Ojo Oni Osho`),
  ],
);

const GHANAIAN = more(
  CAST.ghanaian,
  "Yaa Akua Araba Serwaa Gifty Mercy Patience Vida Felicia Beatrice Dorcas Priscilla Naomi Esther Nana Maame",
  "Kwaku Nana Akwasi Kofi Emmanuel Samuel Daniel Francis Prince Richard Michael Stephen Ernest Eric Godfred Papa",
  words(`Addo Adjei Adomako Agyapong Amponsah Ampofo Ansah Antwi Appiah Arthur Asamoah Baah Baffour Bonsu Danso Darko
    Donkor Frimpong Gyamfi Gyasi Koranteng Kyei Nkrumah Nyarko Ofori Opoku Oppong Osei Owusu-Ansah Poku Quaye Sarpong Tetteh Yeboah`),
);

const SOMALI = more(
  CAST.somali,
  "Khadra Ifrah Fowzia Deqa Ubah Ayaan Sahra Asha Hibo Nimo Zamzam Maryan Hodan Ilhan Najma Sumaya Bilan",
  "Abdirahman Abdullahi Abdi Mohamud Hassan Ali Omar Farah Jama Warsame Yusuf Ismail Mahad Liban Guled Bashir Said",
  words(
    "Ali Mohamed Hassan Abdi Ahmed Farah Omar Yusuf Jama Warsame Osman Ibrahim Nur Aden Abdullahi Hersi Isse Duale",
  ),
);

const POLISH = more(
  CAST.polish,
  `Monika Justyna Dorota Beata Iwona Renata Aleksandra Natalia Karolina Paulina Sylwia Kinga Julia Oliwia Hanna Lena Alicja
    Zofia Barbara Teresa Danuta Halina Elżbieta Jadwiga`,
  `Piotr Andrzej Michał Adam Rafał Mariusz Dariusz Robert Sebastian Mateusz Kamil Dawid Szymon Filip Antoni Jan Stanisław
    Jerzy Kazimierz Henryk Mirosław Sławomir Artur Oskar`,
  [
    ...words("Woźniak Kozłowski Jankowski Wojciechowski Kwiatkowski Krawczyk Piotrowski Grabowski Pawłowski Michalski"),
    ...joined(
      words(
        "Adam Bor Brzoz Czerwi Dom Gór Jabł Jan Kalin Lip Maj Mar Ost Pol Rog Sad Sik Sob Star Wit Wil Zaw Ziel Żur",
      ),
      words("owski iński czyk ak czak"),
    ),
  ],
);

const ROMANIAN = more(
  CAST.romanian,
  "Maria Ana Alina Simona Gabriela Nicoleta Raluca Bianca Diana Larisa Denisa Loredana Florentina Viorica Sofia Eva",
  "Adrian Marian Gheorghe Ion Constantin Marius Daniel Gabriel Ciprian Sorin Dănuț Costel Răzvan Vlad Matei David Luca",
  [
    ...words(
      "Stoica Gheorghe Matei Rusu Serban Moldovan Marin Tudor Dobre Barbu Nistor Florea Stanciu Lazăr Cojocaru Lupu",
    ),
    ...joined(words("Anton Bogd Cristi Diacon Georg Grigor Marin Mih Nicul Petr Stef Teodor Vasil Iliesc"), [
      "escu",
      "eanu",
    ]),
  ],
);

const UKRAINIAN = more(
  CAST.ukrainian,
  "Olha Viktoriia Svitlana Liudmyla Halyna Kateryna Anna Mariia Anastasiia Sofiia Daria Polina Valentyna Nadiia",
  "Volodymyr Viktor Ivan Mykhailo Yurii Vasyl Bohdan Maksym Artem Denys Yevhen Oleh Roman Pavlo Nazar",
  joined(words("Boiko Moroz Lysen Rud Petr Savch Klym Pavl Marchen Ponomar Koval Ivanch Hryhor Semen"), [
    "ko",
    "enko",
    "uk",
  ]),
);

/** A given name of two syllables, as it is written: one word from Mandarin, two from Cantonese. */
const CHINESE = more(
  CAST.chinese,
  [
    ...joined(words("Xiao Mei Li Yu Jia Xue Ya Hui"), words("ling yan hua fang na ting juan min")),
    ...joined(words("Suk- Wai- Yuk- Ka- Hoi- Tsz-"), words("Ling Yin Fong Mei Kwan Ching")),
  ].join(" "),
  [
    ...joined(words("Jian Zhi Wen Guo Hao Jun Zi Yi"), words("wei ming qiang hua feng long chen xuan")),
    ...joined(words("Ka- Kwok- Chi- Wing- Tsz- Ho-"), words("Ming Wai Keung Fai Hin Lok")),
  ].join(" "),
  words(`Wang Liu Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo He Lin Gao Luo Liang Song Tang Han Feng Deng Cao Peng Xiao
    Cheng Cai Pan Yuan Yu Dong Su Ye Lu Jiang Tian Ho Lau Tsang Yeung Tse Kwok Chow Yip Mak Lo Tang Fung Kwan Hui Tam Poon`),
);

const VIETNAMESE = more(
  CAST.vietnamese,
  "Hoa Phuong Nga Trang Ngoc Hanh Anh Thao",
  "Dung Long Son Nam Phong Khanh Anh Thanh",
  words("Phan Vu Vo Dang Bui Do Ho Ngo Duong Ly"),
);

const ARAB = more(
  CAST.arab,
  "Fatima Maryam Aisha Zahra Salma Hanan Iman Amal Nadia Sara Mariam Reem Lina Dina Hala Rawan Sabah Najwa Wafa",
  "Mohammed Ahmed Hassan Hussein Mustafa Ibrahim Abdullah Youssef Mahmoud Karim Samir Tarek Ziad Hisham Jamal Faris Bilal",
  words(`Al-Sharif El-Sayed Al-Saidi Al-Ahmadi Al-Masri Abdullah Hassan Hussein Ahmed Mohammed Ibrahim Mahmoud Mustafa
    Khalil Mansour Othman Salem Suleiman Aziz Bakr Darwish Fares Ghanem Hamdan Jaber Kassem Qasim Rashed Shaban Taher Zaki
    Al-Rawi Al-Tikriti Ben-Ali Bouzid El-Amin Abdelrahman Awad Idris Osman`),
);

const KURDISH = more(
  CAST.kurdish,
  "Avin Berivan Gulistan Hana Jwan Kazhal Lana Naz Runak Shno Sozan Tara Zhyan",
  "Azad Bakhtiar Farhad Goran Kamaran Omed Rawand Sarkawt Shwan Zana Ari Bawar",
  words("Ahmed Ali Hassan Hussein Ibrahim Mohammed Mustafa Omar Osman Saeed Salih Amin Hamid Khalid Faraj Abdulla"),
);

const AFGHAN: Names = {
  female: words("Zarghuna Palwasha Malalai Shukria Najiba Freshta Maryam Zahra Nilofar Parwana Khadija Sahar Laila"),
  male: words(
    "Abdul Ahmad Mohammad Najibullah Hamid Farid Zabihullah Mirwais Jawad Sayed Esmatullah Khalil Bashir Rahim",
  ),
  family: words(
    "Ahmadzai Noori Rahimi Karimi Stanikzai Safi Amiri Hakimi Popal Wardak Yousafzai Sharifi Nazari Haidari",
  ),
};

const TAMIL: Names = {
  female: words(
    "Lakshmi Saraswathi Kamala Meena Vasanthi Priya Divya Kavitha Anitha Shanthi Revathi Nithya Thulasi Abirami",
  ),
  male: words(
    "Suresh Ramesh Kumar Rajan Mohan Ganesh Karthik Siva Prakash Arun Vijay Sathish Murali Kannan Bala Naveen",
  ),
  family:
    words(`Subramaniam Krishnan Rajan Nair Menon Iyer Pillai Sivakumar Ravichandran Balasubramanian Varghese Thomas
    George Mathew Joseph Jacob Philip Kurian Cherian Rao Reddy Naidu Yadav Gupta Mishra Singh Verma Agarwal Kapoor Nathan`),
};

const FILIPINO = more(
  CAST.filipino,
  "Maria Cristina Rosario Teresita Lourdes Angelica Jasmine Divina Marites Liza Rhea",
  "Antonio Eduardo Fernando Joel Mark Michael Ramon Roberto Allan Noel Christian Angelo",
  words(
    "Bautista Ocampo Aquino Ramos Flores Gonzales Castro Dela-Rosa Domingo Fernandez Lopez Mercado Navarro Perez Torres Rivera",
  ),
);

const EUROPEAN: Names = {
  female: words(`Maria Ana Sofia Elena Anna Laura Giulia Francesca Marta Carmen Ilze Kristina Rasa Daiva Eva Ivana Petra
    Zsófia Katalin Jana Lucie Dimitra Eleni Milena Desislava Inês Joana Beatriz`),
  male: words(`José João Antonio Marco Giuseppe Luca Francesco Carlos Miguel Pedro Jonas Tomas Andris Mantas László Zoltán
    Gábor Jan Martin Pavel Dimitrios Georgios Ivan Georgi Dimitar Tiago Rui Jürgen`),
  family:
    words(`Silva Santos Ferreira Pereira Rodrigues Costa García Fernández Rossi Russo Ferrari Esposito Bianchi Romano
    Kazlauskas Petrauskas Bērziņš Kalniņš Horváth Kovács Szabó Tóth Novák Svoboda Dvořák Ivanov Dimitrov Petrov Georgiev
    Papadopoulos Schmidt Müller Weber Dupont Lefèvre Oliveira Martins Sousa Fernandes Gonçalves Almeida Ribeiro Pinto Nagy`),
};

const ERITREAN = more(
  CAST.eritrean,
  "Rahel Tsega Almaz Hiwet Meron Bethlehem Tigist Winta Natsnet Senait Eden",
  "Tesfay Haile Dawit Daniel Samuel Yared Solomon Filmon Robel Henok Abel",
  words("Tesfay Gebremedhin Tekle Haile Berhane Kidane Mehari Abraha Hagos Weldu Girmay Bekele Tadesse Alemu Kebede"),
);
const TRAVELLER = more(
  CAST.traveller,
  "Bridget Kathleen Nan Chloe Savannah Paris Shakira Tiffany",
  "Paddy Jim Tom Willie Danny Johnny Simey Levi",
  words("Maughan Stokes Price Smith Boswell Hamilton Joyce Mongan O'Driscoll Cooper Buckland"),
);

/** The communities of the census, as far as their names tell them apart. */
export const COMMUNITIES = {
  british,
  irish: bornHere(IRISH, 1985, "shared", 0.015, 1),
  traveller: community(TRAVELLER, "shared", 0.15, 1.6),
  european: community(EUROPEAN, "shared", 0.03, 1.1),
  polish: community(POLISH, "ski-ska", 0.03, 1.2),
  romanian: community(ROMANIAN, "shared", 0.05, 1.3),
  ukrainian: community(UKRAINIAN, "shared", 0.06, 1.1),
  pakistani: community(PAKISTANI, "begum", 0.16, 2),
  bangladeshi: community(BANGLADESHI, "begum", 0.16, 2),
  punjabi: community(PUNJABI, "kaur-singh", 0.15, 1.6),
  gujarati: community(GUJARATI, "shared", 0.12, 1.4),
  tamil: community(TAMIL, "one-name", 0.06, 1.4),
  afghan: community(AFGHAN, "one-name", 0.12, 1.8),
  chinese: community(CHINESE, "own", 0.06, 0.9),
  vietnamese: community(VIETNAMESE, "own", 0.08, 1.1),
  filipino: community(FILIPINO, "shared", 0.04, 1.3),
  nigerian: community(NIGERIAN, "shared", 0.04, 1.6),
  ghanaian: community(GHANAIAN, "shared", 0.04, 1.5),
  somali: community(SOMALI, "fathers", 0.08, 1.9),
  eritrean: community(ERITREAN, "fathers", 0.04, 1.2),
  caribbean: bornHere(CARIBBEAN, 1990, "shared", 0.03, 1),
  arab: community(ARAB, "fathers", 0.08, 1.7),
  kurdish: community(KURDISH, "fathers", 0.06, 1.5),
} as const satisfies Record<string, Community>;

export type CommunityName = keyof typeof COMMUNITIES;
