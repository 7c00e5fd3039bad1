//! What the store is as a whole: version, identity, role, abilities. Reads the system's catalogs and views.

use crate::error::refused;
use crate::files;
use crate::kin;
use crate::session::Session;
use lastbell_contract::{Capabilities, ErrorKind, Identity, Known, Result, Role, StoreInfo};

/// What reading does to a store: the first reader of a page marks rows as committed, figures of use grow, and while a
/// snapshot is open VACUUM keeps what it can see.
const FOOTPRINT: [&str; 3] = ["hint-bits", "usage-statistics", "holds-back-vacuum"];

/// Everything about it.
pub(crate) fn read(session: &mut Session) -> Result<StoreInfo> {
    let sees_files = files::can_be_seen(session)?;
    Ok(StoreInfo {
        engine: "postgres".to_owned(),
        product: "PostgreSQL".to_owned(),
        version: session.server.version.clone(),
        identity: Identity { anchors: anchors(session)?, follows: kin::follows(session)?, feeds: kin::feeds(session)? },
        role: role(session)?,
        capabilities: Capabilities {
            snapshot_reads: true,
            atomic_units: true,
            rebuilds: true,
            enforces_links: true,
            sees_files,
            overwrites_freed: false,
        },
        last_write: last_write(session)?,
        remote: session.is_remote(),
        read_footprint: FOOTPRINT.map(str::to_owned).to_vec(),
    })
}

/// The cluster's own number, made by `initdb`, and the database in it. A standby has the number of its primary, and so
/// has a copy restored from a base backup: both are the same store as far as destruction goes. Where the number may not
/// be asked for, the moment at which the server started tells it from others until it starts again.
fn anchors(session: &mut Session) -> Result<Vec<String>> {
    let database =
        session.one("info", "SELECT oid FROM pg_database WHERE datname = current_database()", &[])?.text(0)?;
    let system = match system_identifier(session)? {
        Some(number) => format!("pg-system:{number}/{database}"),
        None => {
            let sql = "SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8";
            format!("pg-start:{}/{database}", session.one("info", sql, &[])?.text(0)?)
        }
    };
    Ok(vec![system])
}

/// `None` where we may not ask.
pub(crate) fn system_identifier(session: &mut Session) -> Result<Option<String>> {
    let may = "SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')";
    if !session.one("info", may, &[])?.flag(0)? {
        return Ok(None);
    }
    session.one("info", "SELECT system_identifier FROM pg_control_system()", &[])?.text(0).map(Some)
}

/// What the role could do if it wanted: with its own privileges, and with those of every role that it may become. That
/// our own session is read-only, or that the role's sessions are by default, keeps nobody from writing.
fn role(session: &mut Session) -> Result<Role> {
    let sql = "SELECT current_user, NOT pg_is_in_recovery() AND (current_setting('is_superuser') = 'on' \
                 OR EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, pg_roles r \
                    WHERE c.relkind IN ('r', 'p', 'f') AND NOT starts_with(n.nspname::text, 'pg_') \
                    AND n.nspname <> 'information_schema' AND pg_has_role(current_user, r.oid, 'MEMBER') \
                    AND (has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') \
                         OR has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE'))) \
                 OR EXISTS (SELECT 1 FROM pg_roles r WHERE pg_has_role(current_user, r.oid, 'MEMBER') \
                    AND (r.rolsuper OR r.rolname = 'pg_write_all_data')))";
    let line = session.one("info", sql, &[])?;
    Ok(Role { name: line.text(0)?, may_write: Known::Yes(line.flag(1)?) })
}

/// The last commit of the whole cluster, where the server keeps moments of commits; nothing else tells.
fn last_write(session: &mut Session) -> Result<Known<i64>> {
    let kept = session.one("info", "SELECT current_setting('track_commit_timestamp')", &[])?.text(0)?;
    if kept != "on" {
        return Ok(Known::Unknown("commit-timestamps-off".to_owned()));
    }
    let sql = "SELECT (extract(epoch FROM timestamp) * 1000000)::int8 FROM pg_last_committed_xact()";
    match session.one("info", sql, &[])?.maybe_number(0)? {
        Some(micros) => Ok(Known::Yes(micros)),
        None => Ok(Known::Unknown("no-commit-since-start".to_owned())),
    }
}

/// The moment at which a snapshot was opened: which transactions it sees, and where the log stood.
pub(crate) fn snapshot_id(session: &mut Session) -> Result<String> {
    let sql = "SELECT pg_current_snapshot()::text, \
                      CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text";
    let line = session.one("begin", sql, &[])?;
    let place = line.maybe(1)?.ok_or_else(|| refused(ErrorKind::Engine, "begin", "no-lsn"))?;
    Ok(format!("snapshot:{} lsn:{place}", line.text(0)?))
}
