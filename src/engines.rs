//! THE list of engines: a line each, and a feature in Cargo.toml. Nothing else names an adapter.

use lastbell_contract::Adapter;

/// All engines of this build.
#[must_use]
pub fn all() -> Vec<Box<dyn Adapter>> {
    vec![
        #[cfg(feature = "csv")]
        Box::new(lastbell_csv::Csv),
        #[cfg(feature = "mysql")]
        Box::new(lastbell_mysql::Mysql),
        #[cfg(feature = "postgres")]
        Box::new(lastbell_postgres::Postgres),
        #[cfg(feature = "sqlite")]
        Box::new(lastbell_sqlite::Sqlite),
    ]
}

/// Whether a store of this engine is an export: files that were made once, and not a platform that is read while we look.
#[must_use]
pub fn is_export(engine: &str) -> bool {
    engine == "csv"
}

/// Writes the demo's invented diaries; the embedded engine only.
#[cfg(feature = "sqlite")]
pub use lastbell_sqlite::Writer as DemoWriter;
