//! Brings the store to a level after its units are gone. Repeatable: the end is the same.
//!
//! The tables' own files were replaced when their rows went. What repeats the rows elsewhere comes here, in the order
//! that was measured: views, statistics, comments, catalogs, texts of statements, log; each later step writes into the
//! log of the earlier ones.

use crate::error::{About, refused};
use crate::found::{Found, find};
use crate::quote::{quote, quote_table, table_id};
use crate::reach::{self, Outcome};
use crate::session::Session;
use crate::statistics;
use crate::turnover;
use crate::unit::Replaced;
use lastbell_contract::{
    AdapterError, ErrorKind, Level, Means, Precondition, Result, Scrub, Scrubbed, State, Steps, Witness,
};

/// The system's own tables whose files keep dead rows that repeat values: statistics, comments, large objects.
const CATALOGS: [&str; 4] = ["pg_statistic", "pg_statistic_ext_data", "pg_description", "pg_largeobject"];

/// Returns what was reached.
pub(crate) fn run(
    session: &mut Session,
    replaced: &mut Replaced,
    scrub: &Scrub,
    witness: &mut dyn Witness,
) -> Result<Scrubbed> {
    let mut steps = Steps::new(witness);
    check_conditions(session, scrub)?;
    // What others set for a statement's time would break a rewrite off in the middle.
    session.query("scrub", "SELECT set_config('statement_timeout', '0', false)", &[])?;
    let mut tables = Vec::new();
    for table in &scrub.tables {
        tables.push(find(session, "scrub", table)?);
    }
    refresh_views(session, &tables, &mut steps)?;
    let mut outcome = Outcome::default();
    if scrub.level >= Level::L1 {
        replace_files(session, replaced, &tables, &mut outcome, &mut steps)?;
    }
    if scrub.level >= Level::L2 && scrub.means == Means::Dedicated {
        turn_everything_over(session, &tables, &mut outcome, &mut steps)?;
    }
    let reach = reach::after(session, scrub.level, scrub.means, &outcome)?;
    Ok(Scrubbed { reach, techniques: steps.techniques() })
}

/// A level is not begun when a condition of it does not pass: unknown is no pass.
fn check_conditions(session: &mut Session, scrub: &Scrub) -> Result<()> {
    let looked = reach::before(session, scrub.level, scrub.means)?;
    let blocking = |one: &&Precondition| one.blocks <= scrub.level && one.state != State::Pass;
    looked.preconditions.iter().find(blocking).map_or(Ok(()), |one| Err(blocked(one)))
}

fn blocked(condition: &Precondition) -> AdapterError {
    let kind = match (condition.code.as_str(), &condition.state) {
        ("disk-space", State::Fail) => ErrorKind::NoSpace,
        ("owns-tables" | "statistics-clearable" | "catalogs-rewritable" | "wal-turnover", State::Fail) => {
            ErrorKind::Denied
        }
        ("no-prepared-transaction" | "no-old-snapshot", State::Fail) => ErrorKind::Busy,
        _ => ErrorKind::Unsafe, // the codes are words, and unknown is never a pass
    };
    refused(kind, "scrub", &condition.code)
}

/// Materialised views that read a table, or a view that reads it, the lower ones first: a refreshed one feeds the next.
const VIEWS: &str = "WITH RECURSIVE reading(oid, depth) AS (SELECT unnest($1::oid[]), 0 UNION \
    SELECT r.ev_class, reading.depth + 1 FROM reading JOIN pg_depend d ON d.refobjid = reading.oid \
    AND d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_rewrite'::regclass JOIN pg_rewrite r ON r.oid = d.objid \
    WHERE r.ev_class <> reading.oid AND reading.depth < 100) \
    SELECT n.nspname, c.relname FROM reading JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'm' AND c.relispopulated GROUP BY 1, 2 ORDER BY max(reading.depth), 1, 2";

/// A materialised view is a copy of rows: it is shown anew even at L0. That gives it new files, too.
fn refresh_views(session: &mut Session, tables: &[Found], steps: &mut Steps<'_>) -> Result<()> {
    let trees: Vec<&str> = tables.iter().map(|found| found.tree.trim_matches(['{', '}'])).collect();
    let all = format!("{{{}}}", trees.join(","));
    for line in session.query("scrub", VIEWS, &[&all])? {
        let view = table_id(&line.text(0)?, &line.text(1)?);
        steps.run("refresh-view", Some(&view), || {
            let sql = format!("REFRESH MATERIALIZED VIEW {}", quote_table(&view));
            session.execute("scrub", &sql, &[]).map(drop).map_err(not_shown_anew).about(&view)
        })?;
    }
    Ok(())
}

/// A query that fails over emptied tables (100 / count(*)) is the view's own fault, and a number of the server's would tell
/// nobody what to do; until it is mended or dropped, the view repeats destroyed rows. Other errors say what they are.
fn not_shown_anew(error: AdapterError) -> AdapterError {
    if error.kind == ErrorKind::Engine { refused(ErrorKind::Unsafe, "scrub", "view-not-shown-anew") } else { error }
}

/// Tables whose rows went in this visit lie in new files already; of others nobody here knows, and they are written anew,
/// which copies what is left. Empty ones always are: that costs nothing, and takes away the values that a column got when
/// it was added with a default (`attmissingval`), which a truncation leaves.
fn replace_files(
    session: &mut Session,
    replaced: &mut Replaced,
    tables: &[Found],
    outcome: &mut Outcome,
    steps: &mut Steps<'_>,
) -> Result<()> {
    let mut all_new = true;
    for found in tables {
        let files = found.files(session, "scrub")?;
        let known = replaced.get(&found.id).is_some_and(|known| files.is_subset(known));
        if known && has_rows(session, found)? {
            continue;
        }
        steps.run("vacuum-full", Some(&found.id), || {
            let sql = format!("VACUUM (FULL) {}", quote_table(&found.id));
            session.execute("scrub", &sql, &[]).map(drop).about(&found.id)
        })?;
        outcome.rewrote |= !known;
        let now = found.files(session, "scrub")?;
        all_new &= now.is_disjoint(&files);
        if known {
            replaced.insert(found.id.clone(), now);
        }
    }
    outcome.files_replaced = Some(all_new);
    Ok(())
}

fn has_rows(session: &mut Session, found: &Found) -> Result<bool> {
    session.one("scrub", &format!("SELECT EXISTS (SELECT FROM {})", found.alone()), &[])?.flag(0)
}

fn turn_everything_over(
    session: &mut Session,
    tables: &[Found],
    outcome: &mut Outcome,
    steps: &mut Steps<'_>,
) -> Result<()> {
    let mut left = (0, 0);
    for found in tables {
        steps.run("statistics-delete", Some(&found.id), || statistics::forget(session, "scrub", &found.tree))?;
        clear_comments(session, found, steps)?;
        left.0 += statistics::left(session, "scrub", &found.tree)?;
        left.1 += comments(session, found)?.len() as i64;
    }
    (outcome.statistics_left, outcome.comments_left) = (Some(left.0), Some(left.1));
    for catalog in CATALOGS {
        let table = table_id("pg_catalog", catalog);
        steps.run("vacuum-full", Some(&table), || {
            let sql = format!("VACUUM (FULL) {}", quote_table(&table));
            session.execute("scrub", &sql, &[]).map(drop).about(&table)
        })?;
    }
    forget_statements(session, steps)?;
    rotate_log(session, steps)?;
    outcome.log_turned = Some(turnover::run(session, steps)?);
    for found in tables {
        analyse(session, found, steps)?;
    }
    Ok(())
}

/// A comment on a table of rows, or on what belongs to it.
struct Comment {
    on: String,
}

/// Comments on the tables, columns, constraints, indexes of a tree, as the beginning of the statement that clears them.
const COMMENTS: &str = "SELECT CASE c.relkind WHEN 'i' THEN 'INDEX' WHEN 'I' THEN 'INDEX' WHEN 'f' THEN 'FOREIGN TABLE' \
    ELSE 'TABLE' END, n.nspname, c.relname, a.attname, NULL FROM pg_description d \
    JOIN pg_class c ON c.oid = d.objoid JOIN pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_attribute a ON d.objsubid > 0 AND a.attrelid = c.oid AND a.attnum = d.objsubid \
    WHERE d.classoid = 'pg_class'::regclass AND (c.oid = ANY ($1::oid[]) \
    OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = ANY ($1::oid[]))) \
    UNION ALL SELECT 'CONSTRAINT', n.nspname, c.relname, NULL, k.conname FROM pg_description d \
    JOIN pg_constraint k ON k.oid = d.objoid JOIN pg_class c ON c.oid = k.conrelid \
    JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE d.classoid = 'pg_constraint'::regclass AND k.conrelid = ANY ($1::oid[])";

fn comments(session: &mut Session, found: &Found) -> Result<Vec<Comment>> {
    let lines = session.query("scrub", COMMENTS, &[&found.tree])?;
    let comment = |line: &crate::line::Line| {
        let table = quote_table(&table_id(&line.text(1)?, &line.text(2)?));
        let on = match (line.maybe(3)?, line.maybe(4)?) {
            (Some(column), _) => format!("COLUMN {table}.{}", quote(&column)),
            (None, Some(constraint)) => format!("CONSTRAINT {} ON {table}", quote(&constraint)),
            (None, None) => format!("{} {table}", line.text(0)?),
        };
        Ok(Comment { on })
    };
    lines.iter().map(comment).collect()
}

/// People write into comments what they write into rows (a canary of 184,000 stood there when this was measured).
fn clear_comments(session: &mut Session, found: &Found, steps: &mut Steps<'_>) -> Result<()> {
    let all = comments(session, found)?;
    if all.is_empty() {
        return Ok(());
    }
    steps.run("comment-clear", Some(&found.id), || {
        all.iter().try_for_each(|comment| {
            session.execute("scrub", &format!("COMMENT ON {} IS NULL", comment.on), &[]).map(drop).about(&found.id)
        })
    })
}

/// All of them: clearing one database's leaves the texts in the library's file.
fn forget_statements(session: &mut Session, steps: &mut Steps<'_>) -> Result<()> {
    let sql = "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
               WHERE e.extname = 'pg_stat_statements' AND EXISTS (SELECT FROM pg_settings \
               WHERE name = 'shared_preload_libraries' AND setting LIKE '%pg_stat_statements%')";
    let Some(line) = session.query("scrub", sql, &[])?.into_iter().next() else { return Ok(()) };
    let schema = quote(&line.text(0)?);
    steps.run("statement-statistics-reset", None, || {
        session.query("scrub", &format!("SELECT {schema}.pg_stat_statements_reset()"), &[]).map(drop)
    })
}

/// A new file, so that the older ones can be searched whole and removed by who owns them.
fn rotate_log(session: &mut Session, steps: &mut Steps<'_>) -> Result<()> {
    if session.one("scrub", "SELECT current_setting('logging_collector')", &[])?.text(0)? != "on" {
        return Ok(());
    }
    steps.run("log-rotate", None, || session.query("scrub", "SELECT pg_rotate_logfile()", &[]).map(drop))
}

/// Kept rows are looked for by plans that know how many there are.
fn analyse(session: &mut Session, found: &Found, steps: &mut Steps<'_>) -> Result<()> {
    if !has_rows(session, found)? {
        return Ok(());
    }
    steps.run("analyze", Some(&found.id), || {
        session.execute("scrub", &format!("ANALYZE {}", quote_table(&found.id)), &[]).map(drop).about(&found.id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_unsafe_and_never_a_pass() {
        let told = |code: &str, state| blocked(&reach::condition(code, Level::L2, state)).kind;
        assert_eq!(told("disk-space", State::Fail), ErrorKind::NoSpace);
        assert_eq!(told("disk-space", State::Unknown), ErrorKind::Unsafe);
        assert_eq!(told("no-prepared-transaction", State::Fail), ErrorKind::Busy);
    }

    #[test]
    fn a_system_table_has_its_schema() {
        assert_eq!(quote_table(&table_id("pg_catalog", "pg_statistic")), "\"pg_catalog\".\"pg_statistic\"");
    }
}
