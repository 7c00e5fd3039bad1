//! YAML that people write: `case.yaml`, `profile.yaml`, `decisions.yaml`. Types, loading, checking, rendering.
//!
//! Reads bytes that the caller read, writes text that the caller stores; touches no file, no store, no clock.

pub mod builtin;
pub mod case_file;
pub mod decisions;
#[cfg(test)]
mod malformed;
mod node;
pub mod profile_file;
mod render;
pub mod sections;
mod snippet;
pub mod visit;
mod words;
pub mod yaml;
mod zone;

pub use case_file::CaseFile;
pub use decisions::Decisions;
pub use profile_file::Profile;
pub use words::{Category, Day, Language, Until, When};
pub use yaml::{Place, Source, Step};
pub use zone::Zone;

/// The JSON Schemas of the three files, by file name, as they stand in `docs/schemas/`.
#[must_use]
pub fn schemas() -> [(&'static str, String); 3] {
    fn text<T: schemars::JsonSchema>() -> String {
        let schema = schemars::schema_for!(T);
        let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
        text.push('\n');
        text
    }
    [
        ("case.schema.json", text::<CaseFile>()),
        ("profile.schema.json", text::<Profile>()),
        ("decisions.schema.json", text::<decisions::Entries>()),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{CaseFile, Decisions, Profile, schemas};
    use std::path::PathBuf;

    fn documents() -> PathBuf {
        // The crate's own folder, or, where the module is built elsewhere, the one above this file.
        let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs");
        if own.is_dir() { own } else { PathBuf::from(file!()).ancestors().nth(3).unwrap().join("docs") }
    }

    /// `LASTBELL_WRITE_SCHEMAS=1 cargo test schemas` writes them anew after a change of the types.
    #[test]
    fn the_schemas_in_the_documents_are_those_of_the_types() {
        for (name, text) in schemas() {
            let path = documents().join("schemas").join(name);
            if std::env::var_os("LASTBELL_WRITE_SCHEMAS").is_some() {
                std::fs::write(&path, &text).unwrap();
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(kept == text, "docs/schemas/{name} is not what the types give; see the comment of this test");
        }
    }

    #[test]
    fn the_examples_of_the_guide_load() {
        let guide = std::fs::read_to_string(documents().join("profile-guide.md")).unwrap();
        let examples: Vec<&str> =
            guide.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        let [case, profile, decisions] = examples[..] else { panic!("the guide has one example of each file") };
        let case = CaseFile::load("case.yaml", case.as_bytes()).unwrap().0;
        assert_eq!(case.unanswered(), Vec::<&str>::new());
        assert_eq!(Profile::load("profile.yaml", profile.as_bytes()).unwrap().0.mappings.len(), 1);
        assert_eq!(Decisions::load("decisions.yaml", decisions.as_bytes()).unwrap().entries().len(), 11);
    }

    #[test]
    fn the_guide_names_every_key() {
        let guide = std::fs::read_to_string(documents().join("profile-guide.md")).unwrap();
        for (file, text) in schemas() {
            let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
            let definitions = schema["$defs"].as_object().unwrap().values();
            let keys = definitions
                .chain([&schema])
                .filter_map(|part| part["properties"].as_object())
                .flat_map(|part| part.keys());
            for key in keys {
                assert!(guide.contains(key.as_str()), "{file}: the guide says nothing about {key}");
            }
        }
    }
}
