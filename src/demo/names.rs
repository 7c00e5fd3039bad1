//! Names of people who do not exist, and their Latin letters. Reads and writes nothing.
//!
//! The mix is that of a Russian school: both sexes, «ё», hyphens, surnames without gender, people without a patronymic
//! or with «оглы»/«кызы» behind it. Each of these has broken somebody's migration.

use super::chance::Chance;

/// A father's name with the patronymics made from it.
struct Father {
    name: &'static str,
    son: Option<&'static str>,
    daughter: Option<&'static str>,
}

/// People who share a stock of names.
struct Stock {
    /// Male and female form.
    surnames: &'static [(&'static str, &'static str)],
    fathers: &'static [Father],
    women: &'static [&'static str],
}

const fn father(name: &'static str, son: &'static str, daughter: &'static str) -> Father {
    Father { name, son: Some(son), daughter: Some(daughter) }
}

const fn without(name: &'static str) -> Father {
    Father { name, son: None, daughter: None }
}

const SLAVIC: Stock = Stock {
    surnames: &[
        ("Иванов", "Иванова"),
        ("Петров", "Петрова"),
        ("Смирнов", "Смирнова"),
        ("Кузнецов", "Кузнецова"),
        ("Орлов", "Орлова"),
        ("Соловьёв", "Соловьёва"),
        ("Королёв", "Королёва"),
        ("Звонарёв", "Звонарёва"),
        ("Колокольцев", "Колокольцева"),
        ("Журавлёв", "Журавлёва"),
        ("Вишневский", "Вишневская"),
        ("Заречный", "Заречная"),
        ("Ильин", "Ильина"),
        ("Щукин", "Щукина"),
        ("Тихонов", "Тихонова"),
        ("Юдин", "Юдина"),
        ("Эрлих", "Эрлих"),
        ("Сидоренко", "Сидоренко"),
        ("Белых", "Белых"),
        ("Ковальчук", "Ковальчук"),
        ("Орлов-Заречный", "Орлова-Заречная"),
        ("Соколов-Лесной", "Соколова-Лесная"),
    ],
    fathers: &[
        father("Иван", "Иванович", "Ивановна"),
        father("Пётр", "Петрович", "Петровна"),
        father("Фёдор", "Фёдорович", "Фёдоровна"),
        father("Артём", "Артёмович", "Артёмовна"),
        father("Илья", "Ильич", "Ильинична"),
        father("Никита", "Никитич", "Никитична"),
        father("Сергей", "Сергеевич", "Сергеевна"),
        father("Алексей", "Алексеевич", "Алексеевна"),
        father("Дмитрий", "Дмитриевич", "Дмитриевна"),
        father("Егор", "Егорович", "Егоровна"),
        father("Михаил", "Михайлович", "Михайловна"),
        father("Павел", "Павлович", "Павловна"),
        father("Андрей", "Андреевич", "Андреевна"),
        father("Семён", "Семёнович", "Семёновна"),
        father("Юрий", "Юрьевич", "Юрьевна"),
        father("Лев", "Львович", "Львовна"),
    ],
    women: &[
        "Алёна",
        "Анна",
        "Варвара",
        "Дарья",
        "Екатерина",
        "Елена",
        "Ирина",
        "Ксения",
        "Мария",
        "Наталья",
        "Ольга",
        "Полина",
        "Софья",
        "Татьяна",
        "Ульяна",
        "Юлия",
    ],
};

const OTHERS: &[Stock] = &[
    Stock {
        surnames: &[("Гарипов", "Гарипова"), ("Валеев", "Валеева"), ("Шакирзянов", "Шакирзянова")],
        fathers: &[without("Ильдар"), without("Тимур"), without("Айрат")],
        women: &["Айгуль", "Гузель", "Лейсан"],
    },
    Stock {
        surnames: &[("Дадаев", "Дадаева"), ("Хамзатов", "Хамзатова"), ("Эльмурзаев", "Эльмурзаева")],
        fathers: &[without("Аслан"), without("Магомед"), without("Зелимхан")],
        women: &["Зарема", "Хеда", "Малика"],
    },
    Stock {
        surnames: &[("Цыренов", "Цыренова"), ("Доржиев", "Доржиева"), ("Бадмаев", "Бадмаева")],
        fathers: &[without("Баир"), without("Жаргал"), without("Дамба")],
        women: &["Оюна", "Сэсэг", "Туяна"],
    },
    Stock {
        surnames: &[("Мамедов", "Мамедова"), ("Гусейнов", "Гусейнова")],
        fathers: &[father("Рашид", "Рашид оглы", "Рашид кызы"), father("Эмин", "Эмин оглы", "Эмин кызы")],
        women: &["Сабина", "Лейла"],
    },
];

/// A person's name.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) surname: String,
    pub(super) given: String,
    pub(super) patronymic: Option<String>,
    pub(super) female: bool,
}

impl Name {
    /// «Иванов Пётр Ильич».
    pub(super) fn full(&self) -> String {
        match &self.patronymic {
            Some(patronymic) => format!("{} {} {patronymic}", self.surname, self.given),
            None => self.short(),
        }
    }

    /// «Иванов Пётр».
    pub(super) fn short(&self) -> String {
        format!("{} {}", self.surname, self.given)
    }

    /// «Иванов П. И.».
    pub(super) fn initials(&self) -> String {
        let first = |text: &str| text.chars().take(1).collect::<String>();
        match &self.patronymic {
            Some(patronymic) => format!("{} {}. {}.", self.surname, first(&self.given), first(patronymic)),
            None => format!("{} {}.", self.surname, first(&self.given)),
        }
    }

    /// `Ivanov.P`, as old diaries make log-ins.
    pub(super) fn login(&self) -> String {
        let given = latin(&self.given);
        format!("{}.{}", latin(&self.surname), given.chars().take(1).collect::<String>())
    }

    /// The name of pupils with a namesake.
    pub(super) fn namesake(female: bool) -> Self {
        let (surname, given, patronymic) = if female {
            ("Соловьёва", "Алёна", "Петровна")
        } else {
            ("Иванов", "Пётр", "Ильич")
        };
        Self { surname: surname.into(), given: given.into(), patronymic: Some(patronymic.into()), female }
    }
}

/// A family that can name its members.
pub(super) struct Household {
    stock: &'static Stock,
    surname: usize,
    father: usize,
}

impl Household {
    /// Nine of ten households draw from the largest stock.
    pub(super) fn new(chance: &mut Chance) -> Self {
        let stock = if chance.percent(88) { &SLAVIC } else { chance.pick(OTHERS) };
        Self { stock, surname: chance.below(stock.surnames.len()), father: chance.below(stock.fathers.len()) }
    }

    /// The father, whose own father is anyone.
    pub(super) fn father(&self, chance: &mut Chance) -> Name {
        let grandfather = chance.pick(self.stock.fathers);
        self.person(false, self.stock.fathers[self.father].name, grandfather)
    }

    /// A woman of the house: the mother, or a guardian.
    pub(super) fn woman(&self, chance: &mut Chance) -> Name {
        let given = chance.pick(self.stock.women);
        self.person(true, given, chance.pick(self.stock.fathers))
    }

    /// A child of the house's father.
    pub(super) fn child(&self, chance: &mut Chance) -> Name {
        let female = chance.percent(50);
        let given = if female { chance.pick(self.stock.women) } else { chance.pick(self.stock.fathers).name };
        self.person(female, given, &self.stock.fathers[self.father])
    }

    fn person(&self, female: bool, given: &str, father: &Father) -> Name {
        let (male_form, female_form) = self.stock.surnames[self.surname];
        Name {
            surname: if female { female_form } else { male_form }.to_owned(),
            given: given.to_owned(),
            patronymic: if female { father.daughter } else { father.son }.map(str::to_owned),
            female,
        }
    }
}

/// Latin letters as typed in a hurry: no diacritics, no apostrophes.
pub(super) fn latin(text: &str) -> String {
    let mut written = String::new();
    for letter in text.chars() {
        let lower: String = letter.to_lowercase().collect();
        let sound = match lower.as_str() {
            "а" => "a",
            "б" => "b",
            "в" => "v",
            "г" => "g",
            "д" => "d",
            "е" | "ё" | "э" => "e",
            "ж" => "zh",
            "з" => "z",
            "и" | "й" => "i",
            "к" => "k",
            "л" => "l",
            "м" => "m",
            "н" => "n",
            "о" => "o",
            "п" => "p",
            "р" => "r",
            "с" => "s",
            "т" => "t",
            "у" => "u",
            "ф" => "f",
            "х" => "kh",
            "ц" => "ts",
            "ч" => "ch",
            "ш" => "sh",
            "щ" => "shch",
            "ъ" | "ь" => "",
            "ы" => "y",
            "ю" => "yu",
            "я" => "ya",
            other => other,
        };
        let mut signs = sound.chars();
        match signs.next() {
            Some(first) if letter.is_uppercase() => written.extend(first.to_uppercase().chain(signs)),
            Some(first) => written.extend(std::iter::once(first).chain(signs)),
            None => {}
        }
    }
    written
}
