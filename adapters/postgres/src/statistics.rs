//! What ANALYZE keeps of the rows: most common values, histograms, extended statistics. Measured: 707 values survive
//! TRUNCATE, and ANALYZE of the empty table, in `pg_statistic`. Only a superuser may take them out by hand.

use crate::session::Session;
use lastbell_contract::Result;

/// Numbers of everything whose statistics repeat the rows of a tree: its tables, their indexes (over expressions),
/// tables that it inherits from (their statistics cover their heirs), materialised views that read it.
pub(crate) const REPEATING: &str = "WITH RECURSIVE above(oid) AS (SELECT unnest($1::oid[]) \
    UNION SELECT i.inhparent FROM pg_inherits i JOIN above ON i.inhrelid = above.oid), \
    copies(oid) AS (SELECT oid FROM above UNION \
    SELECT r.ev_class FROM copies JOIN pg_depend d ON d.refobjid = copies.oid AND d.refclassid = 'pg_class'::regclass \
    AND d.classid = 'pg_rewrite'::regclass JOIN pg_rewrite r ON r.oid = d.objid), \
    repeating(oid) AS (SELECT oid FROM copies UNION SELECT indexrelid FROM pg_index JOIN copies ON indrelid = copies.oid) ";

/// Takes the statistics of a tree out. Their bytes stay in the catalog's file until that is written anew.
pub(crate) fn forget(session: &mut Session, operation: &'static str, tree: &str) -> Result<()> {
    let columns = format!("{REPEATING} DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM repeating)");
    session.execute(operation, &columns, &[tree])?;
    // Until version 14 the row is made with its object, and ANALYZE fails when it is missing.
    let change = match session.server.major {
        ..=13 => "UPDATE pg_statistic_ext_data SET stxdndistinct = NULL, stxddependencies = NULL, stxdmcv = NULL",
        14 => {
            "UPDATE pg_statistic_ext_data \
             SET stxdndistinct = NULL, stxddependencies = NULL, stxdmcv = NULL, stxdexpr = NULL"
        }
        15.. => "DELETE FROM pg_statistic_ext_data",
    };
    let extended = format!(
        "{REPEATING} {change} WHERE stxoid IN \
         (SELECT e.oid FROM pg_statistic_ext e JOIN repeating ON e.stxrelid = repeating.oid)"
    );
    session.execute(operation, &extended, &[tree]).map(drop)
}

/// How many statistics of a tree are there, as far as this role may see: its own tables' always.
pub(crate) fn left(session: &mut Session, operation: &'static str, tree: &str) -> Result<i64> {
    let sql = format!(
        "{REPEATING} SELECT (SELECT count(*) FROM pg_stats s JOIN pg_namespace n ON n.nspname = s.schemaname \
         JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename JOIN repeating ON repeating.oid = c.oid) \
         + (SELECT count(*) FROM pg_stats_ext s JOIN pg_namespace n ON n.nspname = s.schemaname \
         JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename JOIN repeating ON repeating.oid = c.oid \
         WHERE s.n_distinct IS NOT NULL OR s.dependencies IS NOT NULL OR s.most_common_vals IS NOT NULL)"
    );
    session.one(operation, &sql, &[tree])?.number(0)
}
