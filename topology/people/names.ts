/**
 * Names of England's communities as one meets them in the West Midlands, common ones and their ways: who shares a surname
 * with whom, and who changes it. Invented people only; any likeness is in the frequency of names.
 */
export interface Community {
  readonly female: readonly string[];
  readonly male: readonly string[];
  readonly family: readonly string[];
  /**
   * `shared`: a household has one surname, and women may have changed theirs. `kaur-singh`: women and men carry Kaur and
   * Singh as middle or last name. `begum`: women keep a name of their own. `ski-ska`: the surname has two forms.
   * `fathers`: the second and third names are the father's and grandfather's, and nobody's change.
   */
  readonly ways: "shared" | "kaur-singh" | "begum" | "ski-ska" | "fathers";
  /** Share of households with several generations. */
  readonly multigenerational: number;
}

const words = (text: string): string[] => text.trim().split(/\s+/);

export const COMMUNITIES = {
  english: {
    female: words(`Margaret Susan Patricia Jean Sheila Dorothy Brenda Linda Carol Julie Karen Deborah Tracey Sharon
      Nicola Joanne Claire Emma Sarah Rebecca Laura Gemma Hannah Charlotte Chloe Amy Olivia Amelia Isla Ava Poppy Elsie
      Freya Zoë Gwendoline Ethel Beryl`),
    male: words(`David John Michael Peter Alan Brian Keith Derek Roy Stephen Paul Mark Andrew Kevin Gary Ian Neil Darren
      Lee Craig Matthew Christopher Daniel Thomas James Jack Oliver Harry George Alfie Noah Arthur Theo Freddie Stanley
      Norman Reginald`),
    family: words(`Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White
      Roberts Green Hall Wood Jackson Clarke Baker Harris Cooper Turner Hill Bennett Mason Price Shaw Holt Tonks Round
      Homer Whitehouse Fellows Hadley Bloomer Jukes Perks Onions Pugh Preece Powell Watkins Heath Salt Tams Shufflebotham
      Colclough O'Neill Ward-Hughes Mountford Rowley Dunn Parkes Lacey Sankey Cartwright Bagnall`),
    ways: "shared",
    multigenerational: 0.03,
  },
  irish: {
    female: words("Bridget Kathleen Maureen Noreen Siobhán Aoife Sinéad Róisín Ciara Niamh Teresa Bernadette"),
    male: words("Patrick Seamus Declan Eamonn Kieran Liam Conor Brendan Seán Padraig Dermot Finbar"),
    family: words("O'Brien O'Connor Murphy Kelly Byrne Ryan Walsh Gallagher Doherty McCarthy McGrath O'Sullivan Nolan"),
    ways: "shared",
    multigenerational: 0.03,
  },
  traveller: {
    female: words("Mary Margaret Kathleen Bridie Shannon Winifred Chantelle"),
    male: words("John Patrick Martin Michael Jimmy Miley Felix"),
    family: words("Ward Connors McDonagh Cash Doran Loveridge Smith Lee"),
    ways: "shared",
    multigenerational: 0.2,
  },
  pakistani: {
    female:
      words(`Nasreen Shazia Saima Rukhsana Samina Farzana Ayesha Fatima Maryam Zainab Aisha Hafsa Iqra Sadia Khadija
      Amina Noor Hania Parveen`),
    male: words(`Mohammed Muhammad Mohammad Imran Tariq Nadeem Javed Asif Zahid Usman Bilal Hamza Ibrahim Yusuf Ali Adeel
      Rashid Shabir Arshad`),
    family: words(
      "Khan Hussain Ahmed Mahmood Malik Iqbal Mirza Akhtar Butt Rafiq Raja Chaudhry Shah Zaman Bashir Aslam",
    ),
    ways: "begum",
    multigenerational: 0.25,
  },
  bangladeshi: {
    female: words("Rahima Shirin Nazma Fahmida Sultana Tahmina Nusrat Jannat Rumana Sabina Ruksana"),
    male: words("Abdul Mohammed Shah Kamal Faruk Jamal Rafiq Habib Tanvir Nahid Saiful Anwar"),
    family: words("Miah Uddin Ali Rahman Islam Choudhury Hoque Alam Haque Khatun Ullah"),
    ways: "begum",
    multigenerational: 0.25,
  },
  punjabi: {
    female: words(`Jasvinder Manjit Harpreet Gurpreet Simran Navdeep Sukhwinder Balbir Kulwinder Amandeep Rajinder Kiran
      Parminder Satwinder Jasleen Anoushka`),
    male: words(`Gurdeep Harjit Balwinder Sukhdev Jaswant Manjit Gurpreet Harpreet Amrit Ranjit Kuldip Surinder Arjan
      Jeevan Baldev Parmjit`),
    family: words("Gill Sandhu Dhaliwal Sidhu Bains Johal Grewal Uppal Sahota Atwal Purewal Bhogal Chahal Rai"),
    ways: "kaur-singh",
    multigenerational: 0.25,
  },
  gujarati: {
    female: words("Hansa Nita Bhavna Jyoti Kalpana Pooja Priya Dipti Meera Urmila Nisha Hetal"),
    male: words("Rajesh Kirit Bharat Mahesh Dinesh Nilesh Jayesh Hitesh Sanjay Ramesh Kishan Ashok"),
    family: words("Patel Shah Mistry Parmar Desai Mehta Solanki Chauhan Lad Modi Joshi Gandhi"),
    ways: "shared",
    multigenerational: 0.2,
  },
  caribbean: {
    female: words("Beverley Yvonne Marcia Sonia Claudette Sandra Marlene Jade Shanice Tanisha Alesha Icilda Pearl"),
    male: words("Winston Delroy Errol Leroy Trevor Clive Desmond Marlon Jerome Tyrone Dwayne Ezekiel Vernon"),
    family: words("Campbell Brown Williams Francis Gordon Grant Morgan Reid Clarke Bailey Samuels Dacosta Blake Henry"),
    ways: "shared",
    multigenerational: 0.06,
  },
  nigerian: {
    female: words("Ngozi Chioma Folake Yetunde Blessing Adaobi Temitope Amaka Funmilayo Grace Ifeoma"),
    male: words("Emeka Chinedu Oluwaseun Babatunde Ikechukwu Tunde Emmanuel Samuel Kelechi Segun Obinna"),
    family: words("Okafor Adeyemi Okeke Eze Balogun Adebayo Nwosu Ogunleye Obi Afolabi Bello Onyeka"),
    ways: "shared",
    multigenerational: 0.06,
  },
  ghanaian: {
    female: words("Akosua Abena Ama Efua Adwoa Esi Afia Comfort"),
    male: words("Kwame Kofi Kwasi Kojo Yaw Kwabena Ebenezer Isaac"),
    family: words("Mensah Owusu Boateng Asante Osei Appiah Agyeman Amoah"),
    ways: "shared",
    multigenerational: 0.06,
  },
  somali: {
    female: words("Hodan Ifrah Sahra Fadumo Hibaq Asha Ayaan Nimco Khadra"),
    male: words("Abdi Mohamed Ahmed Hassan Yusuf Abdirahman Liban Guled Omar"),
    family: words("Ali Hassan Warsame Abdi Farah Jama Osman Nur Ismail Mohamud"),
    ways: "fathers",
    multigenerational: 0.15,
  },
  eritrean: {
    female: words("Selam Mebrat Rahel Senait Bethlehem Almaz"),
    male: words("Tesfay Yonas Filmon Haile Berhane Dawit"),
    family: words("Tesfay Haile Gebremariam Tekle Kidane Habte Woldu"),
    ways: "fathers",
    multigenerational: 0.05,
  },
  polish: {
    female: words("Agnieszka Katarzyna Małgorzata Anna Magdalena Ewa Joanna Zuzanna Maja Krystyna"),
    male: words("Krzysztof Tomasz Paweł Łukasz Marcin Grzegorz Jakub Wojciech Kacper Zbigniew"),
    family: words(
      "Nowak Kowalski Wiśniewski Lewandowski Kamiński Zieliński Wójcik Mazur Szymański Dąbrowski Kaczmarek",
    ),
    ways: "ski-ska",
    multigenerational: 0.03,
  },
  romanian: {
    female: words("Elena Ioana Andreea Mihaela Cristina Roxana Ștefania Daniela"),
    male: words("Andrei Ionuț Cristian Florin Mihai Bogdan Alexandru Vasile"),
    family: words("Popescu Ionescu Popa Radu Dumitru Stan Munteanu Constantin Ciobanu"),
    ways: "shared",
    multigenerational: 0.06,
  },
  ukrainian: {
    female: words("Oksana Nataliia Olena Yuliia Iryna Tetiana"),
    male: words("Oleksandr Andrii Serhii Dmytro Mykola Taras"),
    family: words("Shevchenko Kovalenko Bondarenko Tkachenko Kravchenko Melnyk"),
    ways: "shared",
    multigenerational: 0.1,
  },
  chinese: {
    female: words("Mei Xiaoling Yan Suk-Yin Wai-Ling Jing Xin"),
    male: words("Wei Chun Ka-Ming Jian Kwok-Wai Hao Zhiqiang"),
    family: words("Wong Chan Li Chen Lam Zhang Cheung Ng Leung"),
    ways: "begum",
    multigenerational: 0.15,
  },
  vietnamese: {
    female: words("Linh Huong Thuy Lan Mai"),
    male: words("Minh Tuan Hung Duc Quang"),
    family: words("Nguyen Tran Le Pham Hoang"),
    ways: "begum",
    multigenerational: 0.15,
  },
  arab: {
    female: words("Layla Huda Samira Noura Rana Yasmin Intisar"),
    male: words("Saleh Ali Khalid Nasser Fadi Omar Walid"),
    family: words("Saleh Al-Hadi Nagi Mohsin Al-Jabri Nasser Obadi Haddad"),
    ways: "fathers",
    multigenerational: 0.2,
  },
  kurdish: {
    female: words("Shilan Rojin Hêvî Nasrin Chnar"),
    male: words("Rebwar Aram Karwan Dilshad Hiwa"),
    family: words("Aziz Karim Rasul Hama Qadir Mahmud"),
    ways: "fathers",
    multigenerational: 0.12,
  },
  filipino: {
    female: words("Maricel Rowena Jocelyn Analyn Grace Cherry"),
    male: words("Jose Ronaldo Rommel Jayson Reynaldo"),
    family: words("Santos Reyes Cruz Garcia Mendoza Delacruz Villanueva"),
    ways: "shared",
    multigenerational: 0.05,
  },
} as const satisfies Record<string, Community>;

export type CommunityName = keyof typeof COMMUNITIES;
