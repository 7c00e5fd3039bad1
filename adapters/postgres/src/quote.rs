//! Names in SQL: the one place of this adapter where an identifier becomes part of a statement. Pure.
//! Values never do: they are parameters.

use lastbell_contract::TableId;

/// The schema whose tables need none in their name.
pub(crate) const DEFAULT_SCHEMA: &str = "public";

/// A name in SQL. PostgreSQL's names hold no U+0000, so doubling the quotes is all that there is to do.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names in SQL, with commas.
pub(crate) fn quote_all<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}

/// A table with its schema, always: the search path of our sessions holds nothing but the system's own.
pub(crate) fn quote_table(table: &TableId) -> String {
    format!("{}.{}", quote(schema_of(table)), quote(&table.name))
}

/// The schema by its real name.
pub(crate) fn schema_of(table: &TableId) -> &str {
    table.schema.as_deref().unwrap_or(DEFAULT_SCHEMA)
}

/// A table's name in the contract's form: `public` is told by nothing.
pub(crate) fn table_id(schema: &str, name: &str) -> TableId {
    TableId { schema: (schema != DEFAULT_SCHEMA).then(|| schema.to_owned()), name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_quotes() {
        assert_eq!(quote("a\"; DROP TABLE b; --"), "\"a\"\"; DROP TABLE b; --\"");
        assert_eq!(quote_table(&table_id("№ 5", "выбор")), "\"№ 5\".\"выбор\"");
        assert_eq!(quote_table(&table_id("public", "select")), "\"public\".\"select\"");
    }

    #[test]
    fn the_default_schema_is_not_told() {
        assert_eq!(table_id("public", "pupils"), TableId::plain("pupils"));
        assert_eq!(schema_of(&table_id("school", "pupils")), "school");
    }
}
