//! How deep destruction can go here: each condition of a level looked at on the server. Changes nothing.
//!
//! Judged by what the role may do, not by what it is called: a role with the right grants reaches what a superuser does.
//! A condition that a statement would clear says it in `unblock`; advice in words is the words' own (`conditions`).

use crate::server_log;
use crate::session::Session;
use crate::snapshots;
use crate::surface::{self, Surface};
use lastbell_contract::{Level, Means, Precondition, Reach, Result, State};

/// What a scrub found out about its own work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Every file of every table is a new one.
    pub(crate) files_replaced: Option<bool>,
    /// Dead rows may have been copied by a rewrite that ran while somebody held an old view of the store.
    pub(crate) rewrote: bool,
    /// Statistics left of the tables.
    pub(crate) statistics_left: Option<i64>,
    /// Comments left on the tables.
    pub(crate) comments_left: Option<i64>,
    /// No segment from before is left in the log.
    pub(crate) log_turned: Option<bool>,
}

/// Before anything is destroyed. All conditions are looked at, whatever is wanted: they are cheap.
pub(crate) fn before(session: &mut Session, _wanted: Level, means: Means) -> Result<Reach> {
    let conditions = look(session, means, Level::L2)?;
    Ok(Reach::of(conditions, Level::L2f))
}

/// After a scrub that went to `level`.
pub(crate) fn after(session: &mut Session, level: Level, means: Means, outcome: &Outcome) -> Result<Reach> {
    // What a rewrite copied is in the tables themselves, not only in catalogs.
    let held_back = if outcome.rewrote { Level::L1 } else { Level::L2 };
    let mut conditions = look(session, means, held_back)?;
    let known = |found: Option<bool>| found.map_or(State::Unknown, passes);
    let count = |found: Option<i64>| found.map_or(State::Unknown, |left| passes(left == 0));
    conditions.push(condition("files-replaced", Level::L1, known(outcome.files_replaced)));
    conditions.push(left("statistics-cleared", count(outcome.statistics_left), outcome.statistics_left));
    conditions.push(left("comments-cleared", count(outcome.comments_left), outcome.comments_left));
    conditions.push(condition("wal-turned-over", Level::L2, known(outcome.log_turned)));
    Ok(Reach::of(conditions, level))
}

fn left(code: &str, state: State, count: Option<i64>) -> Precondition {
    let told = condition(code, Level::L2, state);
    match count {
        Some(count) => with(told, "left", count),
        None => told,
    }
}

/// `held_back`: the first level that an old view of the store spoils.
fn look(session: &mut Session, means: Means, held_back: Level) -> Result<Vec<Precondition>> {
    let surface = surface::of(session)?;
    let (count, place) = (Counts::of(session)?, surface.data_directory.is_some());
    Ok(vec![
        not_in_recovery(&count),
        owns_tables(&count),
        owns_views(&count),
        no_event_trigger(&count),
        disk_space(&surface, &count),
        no_prepared_transaction(&count),
        snapshots::condition(session, held_back)?,
        links_indexed(&count),
        dedicated(means),
        no_slot(&count),
        no_standby(&count),
        no_wal_kept(&count),
        no_archiving(session, &count)?,
        wal_turnover(session)?,
        statistics(session)?,
        catalogs(session)?,
        no_large_object(&count),
        statement_statistics(session)?,
        other_recorders(session)?,
        no_temporary_files(session)?,
        condition("files-readable", Level::L2, if place { State::Pass } else { State::Unknown }),
        server_log::condition(session, &surface)?,
        // PostgreSQL gives blocks back to the file system and overwrites none.
        condition("freed-space", Level::L2f, State::Unknown),
    ])
}

/// A condition without a detail.
pub(crate) fn condition(code: &str, blocks: Level, state: State) -> Precondition {
    Precondition { code: code.to_owned(), state, blocks, detail: Vec::new() }
}

/// The condition with one detail more.
pub(crate) fn with(mut condition: Precondition, name: &str, value: impl ToString) -> Precondition {
    condition.detail.push((name.to_owned(), value.to_string()));
    condition
}

/// The condition with what would clear it, where it does not pass.
pub(crate) fn unblocked(condition: Precondition, how: &str) -> Precondition {
    if condition.state == State::Pass { condition } else { with(condition, "unblock", how) }
}

/// A good answer or a bad one.
pub(crate) fn passes(good: bool) -> State {
    if good { State::Pass } else { State::Fail }
}

/// Figures that every role may read.
struct Counts {
    in_recovery: bool,
    tables: i64,
    tables_owned: i64,
    views: i64,
    views_owned: i64,
    event_triggers: i64,
    prepared: i64,
    slots: i64,
    slots_with_horizon: i64,
    standbys: i64,
    wal_keep: String,
    archive_mode: String,
    large_objects: i64,
    links_unindexed: i64,
    biggest_bytes: i64,
    segment_bytes: i64,
}

/// Tables of extensions are nobody's diary. A link is indexed when an index of its table begins with its columns.
///
/// `pg_total_relation_size` waits for whoever keeps a table to himself, and would let one table that stands keep us from
/// judging the store: of such a table the pages of its last VACUUM or ANALYZE count.
const COUNTS: &str = "WITH own AS (SELECT c.oid, c.relkind, c.relowner, c.reltoastrelid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND c.relpersistence <> 't' \
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%' \
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')), \
    parts AS (SELECT oid AS root, oid FROM own UNION ALL SELECT oid, reltoastrelid FROM own WHERE reltoastrelid <> 0), \
    pages AS (SELECT p.root, c.relpages FROM parts p JOIN pg_class c ON c.oid = p.oid UNION ALL \
        SELECT p.root, c.relpages FROM parts p JOIN pg_index i ON i.indrelid = p.oid JOIN pg_class c ON c.oid = i.indexrelid), \
    kept AS (SELECT relation FROM pg_locks WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' \
        AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) \
    SELECT pg_is_in_recovery(), \
    (SELECT count(*) FROM own WHERE relkind <> 'm'), \
    (SELECT count(*) FROM own WHERE relkind <> 'm' AND pg_has_role(relowner, 'USAGE')), \
    (SELECT count(*) FROM own WHERE relkind = 'm'), \
    (SELECT count(*) FROM own WHERE relkind = 'm' AND pg_has_role(relowner, 'USAGE')), \
    (SELECT count(*) FROM pg_event_trigger WHERE evtenabled <> 'D'), \
    (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()), \
    (SELECT count(*) FROM pg_replication_slots), \
    (SELECT count(*) FROM pg_replication_slots WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL), \
    (SELECT count(*) FROM pg_stat_replication), \
    current_setting('wal_keep_size'), current_setting('archive_mode'), \
    (SELECT count(*) FROM pg_largeobject_metadata), \
    (SELECT count(*) FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT EXISTS \
        (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL \
        AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)), \
    (SELECT coalesce(max(CASE WHEN EXISTS (SELECT FROM kept WHERE kept.relation = own.oid) \
        THEN (SELECT sum(relpages) * current_setting('block_size')::int8 FROM pages WHERE root = own.oid) \
        ELSE pg_total_relation_size(own.oid) END), 0)::int8 FROM own), \
    (SELECT pg_size_bytes(current_setting('wal_segment_size')))";

impl Counts {
    fn of(session: &mut Session) -> Result<Self> {
        let line = session.one("reach", COUNTS, &[])?;
        Ok(Self {
            in_recovery: line.flag(0)?,
            tables: line.number(1)?,
            tables_owned: line.number(2)?,
            views: line.number(3)?,
            views_owned: line.number(4)?,
            event_triggers: line.number(5)?,
            prepared: line.number(6)?,
            slots: line.number(7)?,
            slots_with_horizon: line.number(8)?,
            standbys: line.number(9)?,
            wal_keep: line.text(10)?,
            archive_mode: line.text(11)?,
            large_objects: line.number(12)?,
            links_unindexed: line.number(13)?,
            biggest_bytes: line.number(14)?,
            segment_bytes: line.number(15)?,
        })
    }
}

fn not_in_recovery(count: &Counts) -> Precondition {
    condition("not-in-recovery", Level::L0, passes(!count.in_recovery))
}

/// Some tables must be ours; which ones go is not known here, and a table of another owner refuses by itself.
fn owns_tables(count: &Counts) -> Precondition {
    let told = condition("owns-tables", Level::L1, passes(count.tables_owned > 0 || count.tables == 0));
    with(with(told, "tables", count.tables), "owned", count.tables_owned)
}

/// A materialised view repeats the rows until its owner refreshes it.
fn owns_views(count: &Counts) -> Precondition {
    let told = condition("materialised-views", Level::L1, passes(count.views == count.views_owned));
    let told = with(with(told, "views", count.views), "owned", count.views_owned);
    unblocked(told, "ALTER MATERIALIZED VIEW … OWNER TO …")
}

/// Refreshing views and putting links back runs them, and nobody knows what they do.
fn no_event_trigger(count: &Counts) -> Precondition {
    let told = condition("no-event-trigger", Level::L1, passes(count.event_triggers == 0));
    unblocked(with(told, "triggers", count.event_triggers), "ALTER EVENT TRIGGER … DISABLE")
}

/// A rebuild writes the kept rows twice before the old file goes.
fn disk_space(surface: &Surface, count: &Counts) -> Precondition {
    let need = u64::try_from(2 * count.biggest_bytes + 10 * count.segment_bytes).unwrap_or(0);
    match surface.free_bytes {
        Some(free) => {
            let told = condition("disk-space", Level::L1, passes(free >= need));
            with(with(told, "need_bytes", need), "free_bytes", free)
        }
        // It cannot be seen from afar; a full disk takes the unit back and loses nothing. A full log does stop the server.
        None => with(condition("disk-space", Level::L2, State::Unknown), "need_bytes", need),
    }
}

/// Measured: merely open on another table, it lets VACUUM FULL copy 126,000 dead values and report success.
fn no_prepared_transaction(count: &Counts) -> Precondition {
    let told = condition("no-prepared-transaction", Level::L1, passes(count.prepared == 0));
    unblocked(with(told, "transactions", count.prepared), "ROLLBACK PREPARED …")
}

/// Never in the way: nothing here deletes row by row, and a link is checked again by one join. Told for who does.
fn links_indexed(count: &Counts) -> Precondition {
    with(condition("links-indexed", Level::L2f, State::Pass), "unindexed", count.links_unindexed)
}

fn dedicated(means: Means) -> Precondition {
    let alone = match means {
        Means::Dedicated => true,
        Means::Shared => false,
    };
    condition("dedicated-server", Level::L2, passes(alone))
}

/// A slot keeps segments, and logical ones keep dead rows of catalogs (measured: 8,984 values stay in the log).
fn no_slot(count: &Counts) -> Precondition {
    let told = condition("no-replication-slot", Level::L2, passes(count.slots == 0));
    let told = with(with(told, "slots", count.slots), "with_horizon", count.slots_with_horizon);
    unblocked(told, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
}

/// A standby is a copy, and so is what pg_basebackup or pg_receivewal takes.
fn no_standby(count: &Counts) -> Precondition {
    let told = condition("no-standby", Level::L2, passes(count.standbys == 0));
    unblocked(with(told, "receivers", count.standbys), "SELECT * FROM pg_stat_replication")
}

fn no_wal_kept(count: &Counts) -> Precondition {
    let told = condition("no-wal-kept", Level::L2, passes(count.wal_keep == "0"));
    let told = with(told, "wal_keep_size", &count.wal_keep);
    unblocked(told, "ALTER SYSTEM SET wal_keep_size = 0; SELECT pg_reload_conf()")
}

/// Archived segments are copies out of reach; those that wait for their archive stay in the log.
fn no_archiving(session: &mut Session, count: &Counts) -> Result<Precondition> {
    let told = condition("no-archiving", Level::L2, passes(count.archive_mode == "off"));
    let mut told = with(told, "archive_mode", &count.archive_mode);
    if may_call(session, "pg_ls_archive_statusdir()")? {
        let sql = "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'";
        told = with(told, "waiting", session.one("reach", sql, &[])?.number(0)?);
    }
    Ok(unblocked(told, "ALTER SYSTEM SET archive_mode = off"))
}

fn may_call(session: &mut Session, function: &str) -> Result<bool> {
    let sql = "SELECT has_function_privilege(to_regprocedure($1), 'EXECUTE')";
    Ok(session.one("reach", sql, &[&format!("pg_catalog.{function}")])?.maybe(0)?.as_deref() == Some("t"))
}

/// Functions that the walk through the log needs.
const WALK: [&str; 4] = ["pg_switch_wal()", "pg_ls_waldir()", "pg_reload_conf()", "pg_show_all_file_settings()"];

/// May this role walk through the log, and will the server listen? Versions 13 and 14 know no grants for the rest.
fn wal_turnover(session: &mut Session) -> Result<Precondition> {
    let mut missing = Vec::new();
    for function in WALK {
        if !may_call(session, function)? {
            missing.push(function.to_owned());
        }
    }
    if !session.server.superuser {
        let grants = session.server.major >= 15;
        let sql =
            "SELECT pg_has_role('pg_checkpoint', 'USAGE'), has_parameter_privilege('wal_recycle', 'ALTER SYSTEM')";
        let line = if grants { Some(session.one("reach", sql, &[])?) } else { None };
        let may = |place| line.as_ref().map_or(Ok(false), |line| line.flag(place));
        missing.extend((!may(0)?).then(|| "CHECKPOINT".to_owned()));
        missing.extend((!may(1)?).then(|| "ALTER SYSTEM SET wal_recycle".to_owned()));
    }
    let sql = "SELECT source FROM pg_settings WHERE name = 'wal_recycle' AND setting = 'on'";
    let fixed = session.query("reach", sql, &[])?.first().map(|line| line.text(0)).transpose()?;
    if fixed.as_deref() == Some("command line") {
        return Ok(with(condition("wal-turnover", Level::L2, State::Fail), "fixed", "wal_recycle"));
    }
    let told = condition("wal-turnover", Level::L2, passes(missing.is_empty()));
    if missing.is_empty() {
        return Ok(told);
    }
    Ok(with(told, "missing", missing.join(", ")))
}

/// Since version 18 an owner may clear the statistics of columns, not the extended ones.
fn statistics(session: &mut Session) -> Result<Precondition> {
    let told = condition("statistics-clearable", Level::L2, passes(session.server.superuser));
    let extended = session.one("reach", "SELECT count(*) FROM pg_statistic_ext", &[])?.number(0)?;
    Ok(with(told, "extended", extended))
}

/// The system's own tables are written anew by the database's owner.
fn catalogs(session: &mut Session) -> Result<Precondition> {
    let sql = "SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()";
    let owner = session.server.superuser || session.one("reach", sql, &[])?.flag(0)?;
    let comments = session.one("reach", COMMENTS, &[])?.number(0)?;
    Ok(with(condition("catalogs-rewritable", Level::L2, passes(owner)), "comments", comments))
}

const COMMENTS: &str = "SELECT count(*) FROM pg_description d JOIN pg_class c ON c.oid = d.objoid \
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE d.classoid = 'pg_class'::regclass \
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')";

/// What tables refer to by a number is in nobody's rows and was never proved; whose it is only a person can tell.
fn no_large_object(count: &Counts) -> Precondition {
    let told = condition("no-large-object", Level::L2, passes(count.large_objects == 0));
    unblocked(with(told, "objects", count.large_objects), "SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
}

/// What keeps texts of statements. The library's file stays when its extension is dropped.
fn statement_statistics(session: &mut Session) -> Result<Precondition> {
    let preloaded = preloaded(session)?;
    let sql = "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
               WHERE e.extname = 'pg_stat_statements'";
    let installed = session.query("reach", sql, &[])?.first().map(|line| line.text(0)).transpose()?;
    let loaded = preloaded.as_ref().map(|all| all.iter().any(|library| library == "pg_stat_statements"));
    let sql = "SELECT coalesce(bool_or(has_function_privilege(p.oid, 'EXECUTE')), false) FROM pg_proc p \
               JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e' \
               JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_stat_statements' \
               WHERE p.proname = 'pg_stat_statements_reset'";
    let may_reset = session.one("reach", sql, &[])?.flag(0)?;
    let told = |state| condition("statement-statistics", Level::L2, state);
    Ok(match (installed, loaded) {
        (_, Some(false)) => told(State::Pass),
        (Some(_), Some(true)) if may_reset => told(State::Pass),
        (Some(_), Some(true)) => {
            unblocked(told(State::Fail), "GRANT EXECUTE ON FUNCTION pg_stat_statements_reset TO …")
        }
        (None, Some(true)) => unblocked(told(State::Fail), "CREATE EXTENSION pg_stat_statements"),
        (_, None) => unblocked(told(State::Unknown), "GRANT pg_read_all_settings TO …"),
    })
}

/// Libraries that the server loads for every session; nothing where this role may not know.
fn preloaded(session: &mut Session) -> Result<Option<Vec<String>>> {
    let sql = "SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries'";
    let Some(line) = session.query("reach", sql, &[])?.into_iter().next() else { return Ok(None) };
    let all = line.text(0)?;
    let bare = |name: &str| name.trim().trim_matches('"').trim_start_matches("$libdir/").to_owned();
    Ok(Some(all.split(',').map(bare).filter(|name| !name.is_empty()).collect()))
}

/// Libraries that keep no values of their own: what they write goes into the server's log, or is reset by us.
const HARMLESS: [&str; 5] = ["pg_stat_statements", "auto_explain", "pgaudit", "pg_prewarm", "auth_delay"];

/// Others may keep values in places that nobody here has looked at.
fn other_recorders(session: &mut Session) -> Result<Precondition> {
    let told = |state| condition("known-libraries", Level::L2, state);
    let Some(all) = preloaded(session)? else {
        return Ok(unblocked(told(State::Unknown), "GRANT pg_read_all_settings TO …"));
    };
    let others: Vec<&str> = all.iter().map(String::as_str).filter(|name| !HARMLESS.contains(name)).collect();
    if others.is_empty() {
        return Ok(told(State::Pass));
    }
    Ok(with(told(State::Unknown), "libraries", others.join(", ")))
}

/// Sorts that were too big for memory; those of a crashed session stay until the next start.
fn no_temporary_files(session: &mut Session) -> Result<Precondition> {
    if !may_call(session, "pg_ls_tmpdir()")? {
        return Ok(unblocked(condition("no-temporary-files", Level::L2, State::Unknown), "GRANT pg_monitor TO …"));
    }
    let sql = "SELECT count(*) FROM pg_tablespace t, pg_ls_tmpdir(t.oid) WHERE t.spcname <> 'pg_global'";
    let files = session.one("reach", sql, &[])?.number(0)?;
    Ok(with(condition("no-temporary-files", Level::L2, passes(files == 0)), "files", files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_does_not_pass_is_unblocked() {
        assert!(unblocked(condition("a", Level::L1, State::Pass), "x").detail.is_empty());
        assert_eq!(unblocked(condition("a", Level::L1, State::Fail), "x").detail.len(), 1);
    }
}
