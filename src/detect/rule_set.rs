//! The digest of the rule set: every source of this folder and the lexicon, so that equal digests mean equal rules and an
//! auditor can run them again.

use super::engine::lexicon;
use sha2::{Digest, Sha256};

/// Every file that takes part in a verdict, in the order of its path. A test compares the list with the folder.
const SOURCES: &[(&str, &str)] = &[
    ("bank_card.rs", include_str!("bank_card.rs")),
    ("birth_certificate.rs", include_str!("birth_certificate.rs")),
    ("birth_date.rs", include_str!("birth_date.rs")),
    ("container.rs", include_str!("container.rs")),
    ("email.rs", include_str!("email.rs")),
    ("engine/catalogue.rs", include_str!("engine/catalogue.rs")),
    ("engine/cell.rs", include_str!("engine/cell.rs")),
    ("engine/finding.rs", include_str!("engine/finding.rs")),
    ("engine/fold.rs", include_str!("engine/fold.rs")),
    ("engine/infer.rs", include_str!("engine/infer.rs")),
    ("engine/lexicon.rs", include_str!("engine/lexicon.rs")),
    ("engine/links.rs", include_str!("engine/links.rs")),
    ("engine/mod.rs", include_str!("engine/mod.rs")),
    ("engine/names.rs", include_str!("engine/names.rs")),
    ("engine/schema.rs", include_str!("engine/schema.rs")),
    ("engine/subject.rs", include_str!("engine/subject.rs")),
    ("engine/tokens.rs", include_str!("engine/tokens.rs")),
    ("engine/words.rs", include_str!("engine/words.rs")),
    ("full_name.rs", include_str!("full_name.rs")),
    ("gender.rs", include_str!("gender.rs")),
    ("given_name.rs", include_str!("given_name.rs")),
    ("image.rs", include_str!("image.rs")),
    ("inn_organisation.rs", include_str!("inn_organisation.rs")),
    ("inn_person.rs", include_str!("inn_person.rs")),
    ("ip_address.rs", include_str!("ip_address.rs")),
    ("json_web_token.rs", include_str!("json_web_token.rs")),
    ("mac_address.rs", include_str!("mac_address.rs")),
    ("mod.rs", include_str!("mod.rs")),
    ("oms.rs", include_str!("oms.rs")),
    ("passport.rs", include_str!("passport.rs")),
    ("password_hash.rs", include_str!("password_hash.rs")),
    ("personal_text.rs", include_str!("personal_text.rs")),
    ("phone.rs", include_str!("phone.rs")),
    ("rule_set.rs", include_str!("rule_set.rs")),
    ("snils.rs", include_str!("snils.rs")),
    ("surname.rs", include_str!("surname.rs")),
    ("user_agent.rs", include_str!("user_agent.rs")),
    ("uuid.rs", include_str!("uuid.rs")),
];

/// The version that the lexicon gives itself, for people; the digest is what binds.
#[must_use]
pub fn rule_set_version() -> u32 {
    lexicon::lexicon().version
}

/// SHA-256 over the rules, in lower-case hexadecimal.
#[must_use]
pub fn rule_set_sha256() -> String {
    let mut digest = Sha256::new();
    let words = ("lexicon.yaml", lexicon::TEXT);
    for (path, text) in SOURCES.iter().chain([&words]) {
        // A checkout may turn line ends; the rules stay the same.
        let text = text.replace("\r\n", "\n");
        for part in [path.as_bytes(), text.as_bytes()] {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
    }
    crate::hex::encode(&digest.finalize())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_source_of_the_folder_is_part_of_the_digest() {
        let folder = Path::new(file!()).parent().unwrap();
        let mut found = BTreeSet::new();
        for (prefix, place) in [("", folder.to_path_buf()), ("engine/", folder.join("engine"))] {
            for entry in std::fs::read_dir(place).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if name.ends_with(".rs") && name != "cases.rs" {
                    found.insert(format!("{prefix}{name}"));
                }
            }
        }
        let listed: BTreeSet<String> = SOURCES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(listed, found, "a file is missing from SOURCES, or gone");
    }

    #[test]
    fn the_digest_is_a_sha256_and_stable() {
        assert_eq!(rule_set_sha256().len(), 64);
        assert!(rule_set_version() >= 1);
        assert_eq!(rule_set_sha256(), rule_set_sha256());
    }
}
