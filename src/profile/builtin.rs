//! Profiles that come with the program: `init --profile NAME`. A file for each product in `profiles/<product>/`.

/// Name and text of each.
pub const BUILTIN: [(&str, &str); 1] = [("demo", include_str!("../../profiles/demo/profile.yaml"))];

/// The text of the profile of that name.
#[must_use]
pub fn builtin(name: &str) -> Option<&'static str> {
    BUILTIN.iter().find_map(|(known, text)| (*known == name).then_some(*text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    #[test]
    fn every_profile_that_comes_with_the_program_loads() {
        for (name, text) in BUILTIN {
            let (profile, _) = Profile::load(name, text.as_bytes()).unwrap();
            assert_eq!(profile.profile.name, name);
        }
    }
}
