//! The categories of personal data: one closed list for discovery, decisions, plan and certificate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of personal data a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Any name of a person, initials and copies too.
    Name,
    /// Birth date or age.
    BirthDate,
    /// A person's phone.
    ContactPhone,
    /// A person's e-mail address.
    ContactEmail,
    /// Where a person lives.
    Address,
    /// Numbers that a state or an insurer gives to a person, and scans of such papers.
    NationalId,
    /// Passwords, tokens, answers to secret questions.
    Credential,
    /// Logins, addresses of devices, sessions, time of the last visit.
    OnlineId,
    /// Marks, attendance, behaviour, class, works handed in.
    EducationRecord,
    /// Diagnoses, vaccinations, blood group, disability.
    Health,
    /// Relations, custody, contacts in an emergency.
    Family,
    /// Fees, payments, salaries, balances.
    Finance,
    /// Photographs and biometric templates.
    PhotoBiometric,
    /// Notes, messages, serialised containers.
    FreeTextAboutPerson,
    /// A key that leads to a person.
    PseudonymousLink,
    /// Gender, citizenship, language, religion, job and what else is said of a person.
    OtherPersonal,
    /// Not personal.
    None,
}

impl Category {
    /// Every category, in the order of the enum.
    pub const ALL: [Self; 17] = [
        Self::Name,
        Self::BirthDate,
        Self::ContactPhone,
        Self::ContactEmail,
        Self::Address,
        Self::NationalId,
        Self::Credential,
        Self::OnlineId,
        Self::EducationRecord,
        Self::Health,
        Self::Family,
        Self::Finance,
        Self::PhotoBiometric,
        Self::FreeTextAboutPerson,
        Self::PseudonymousLink,
        Self::OtherPersonal,
        Self::None,
    ];

    /// The word used in artefacts and profiles.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::BirthDate => "birth_date",
            Self::ContactPhone => "contact_phone",
            Self::ContactEmail => "contact_email",
            Self::Address => "address",
            Self::NationalId => "national_id",
            Self::Credential => "credential",
            Self::OnlineId => "online_id",
            Self::EducationRecord => "education_record",
            Self::Health => "health",
            Self::Family => "family",
            Self::Finance => "finance",
            Self::PhotoBiometric => "photo_biometric",
            Self::FreeTextAboutPerson => "free_text_about_person",
            Self::PseudonymousLink => "pseudonymous_link",
            Self::OtherPersonal => "other_personal",
            Self::None => "none",
        }
    }

    /// The category of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.word() == word)
    }

    /// Whether a value of this category can tell one person from another, so that comparing it proves whose row it is.
    #[must_use]
    pub fn identifies(self) -> bool {
        match self {
            Self::Name
            | Self::BirthDate
            | Self::ContactPhone
            | Self::ContactEmail
            | Self::NationalId
            | Self::OnlineId
            | Self::PseudonymousLink => true,
            Self::Address
            | Self::Credential
            | Self::EducationRecord
            | Self::Health
            | Self::Family
            | Self::Finance
            | Self::PhotoBiometric
            | Self::FreeTextAboutPerson
            | Self::OtherPersonal
            | Self::None => false,
        }
    }

    /// What it is called on paper: in Russian, or in English.
    #[must_use]
    pub fn title(self, russian: bool) -> &'static str {
        let (ru, en) = match self {
            Self::Name => ("фамилия, имя, отчество", "names"),
            Self::BirthDate => ("дата рождения", "birth dates"),
            Self::ContactPhone => ("телефон", "phone numbers"),
            Self::ContactEmail => ("электронная почта", "e-mail addresses"),
            Self::Address => ("адрес", "postal addresses"),
            Self::NationalId => ("номера документов (СНИЛС, ИНН, паспорт, полис)", "national identifiers"),
            Self::Credential => ("пароли и иные средства входа", "credentials"),
            Self::OnlineId => ("сетевые идентификаторы (логин, адрес, сеанс)", "online identifiers"),
            Self::EducationRecord => ("сведения об обучении (оценки, посещаемость)", "education records"),
            Self::Health => ("сведения о здоровье", "health"),
            Self::Family => ("сведения о семье", "family"),
            Self::Finance => ("платежи и расчёты", "payments"),
            Self::PhotoBiometric => ("фотография, биометрические данные", "photographs, biometrics"),
            Self::FreeTextAboutPerson => ("свободный текст о человеке", "free text about persons"),
            Self::PseudonymousLink => ("идентификатор человека в системе", "identifiers of persons in the system"),
            Self::OtherPersonal => ("иные сведения о человеке", "other personal data"),
            Self::None => ("не персональные данные", "not personal"),
        };
        if russian { ru } else { en }
    }
}
