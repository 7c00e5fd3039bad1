//! Who a database is: marks of the physical store, of what it receives changes from, of what it gives them to.
//! Reads variables, replication status, triggers and events; changes nothing.

use crate::error::refused;
use crate::mentions;
use crate::place::Place;
use crate::session::Session;
use lastbell_contract::{ErrorKind, Identity, Known, Result};
use std::collections::BTreeSet;

/// All marks.
pub(crate) fn of(session: &mut Session, place: Option<&Place>) -> Result<Identity> {
    let database = folded(session)?;
    let server = server_mark(session)?;
    let mut anchors = vec![format!("{server}/{database}")];
    if let Some(place) = place {
        anchors.push(format!("datadir:{}:{}/{database}", place.key.0, place.key.1));
    }
    anchors.extend(galera(session)?.map(|cluster| format!("galera:{cluster}/{database}")));
    Ok(Identity { anchors, follows: follows(session, &server)?, feeds: Known::Yes(feeds(session)?) })
}

/// Where the server does not tell names of databases apart by case, neither may a mark.
pub(crate) fn folded(session: &mut Session) -> Result<String> {
    let case_matters = session.variable("info", "lower_case_table_names")?.as_deref() == Some("0");
    Ok(if case_matters { session.database.clone() } else { session.database.to_lowercase() })
}

/// A copied data directory keeps its uid, and the uid of a MariaDB is made of the network card and the port, so several
/// servers may share one; host, port and folder tell them apart. Under whatever address a server is reached, it says
/// the same of itself.
fn server_mark(session: &mut Session) -> Result<String> {
    let mut parts = Vec::new();
    for name in ["server_uuid", "server_uid", "hostname", "port", "datadir"] {
        parts.extend(session.variable("info", name)?);
    }
    Ok(format!("mysql-server:{}", parts.join(":")))
}

/// All nodes of a Galera cluster are one store.
fn galera(session: &mut Session) -> Result<Option<String>> {
    if session.variable("info", "wsrep_on")?.as_deref() != Some("ON") {
        return Ok(None);
    }
    let cluster = session.status("info", "wsrep_cluster_state_uuid")?;
    Ok(cluster.filter(|uuid| !uuid.is_empty() && uuid.bytes().any(|byte| byte != b'0' && byte != b'-')))
}

/// Without a binary log nobody can be fed.
fn feeds(session: &mut Session) -> Result<Vec<String>> {
    if session.variable("info", "log_bin")?.as_deref() != Some("ON") {
        return Ok(Vec::new());
    }
    let by_uuid = session.variable("info", "server_uuid")?.map(|uuid| format!("mysql-uuid:{uuid}"));
    let by_id = session.variable("info", "server_id")?.map(|id| format!("mysql-server-id:{id}"));
    // Each MySQL has a uuid of its own, while the number is 1 wherever nobody chose one.
    Ok(by_uuid.or(by_id).into_iter().collect())
}

fn follows(session: &mut Session, server: &str) -> Result<Known<Vec<String>>> {
    let mut marks = BTreeSet::new();
    match replication(session) {
        Ok(found) => marks.extend(found),
        Err(error) if error.kind == ErrorKind::Denied => {
            return Ok(Known::Unknown("replica-status-denied".to_owned()));
        }
        Err(error) => return Err(error),
    }
    if has_remote_tables(session)? {
        return Ok(Known::Unknown("remote-tables".to_owned()));
    }
    for neighbour in neighbours_that_write(session)? {
        marks.insert(format!("{server}/{neighbour}"));
    }
    Ok(Known::Yes(marks.into_iter().collect()))
}

/// The servers that this one is a replica of, whether it is receiving now or not, and those behind them.
fn replication(session: &mut Session) -> Result<BTreeSet<String>> {
    let sql = match (session.server.is_mariadb(), session.server.number) {
        (true, _) => "SHOW ALL SLAVES STATUS",
        (false, (8, 0)) => "SHOW SLAVE STATUS", // REPLICA is known from 8.0.22 on, SLAVE until 8.4
        (false, _) => "SHOW REPLICA STATUS",
    };
    let lines = session.rows("info", sql, (), |row| {
        let text = |names: [&str; 2]| {
            let at = names.iter().find_map(|name| row.at(name));
            at.map_or(Ok(None), |at| row.maybe_text(at))
        };
        Ok((text(["Master_UUID", "Source_UUID"])?, text(["Master_Server_Id", "Source_Server_Id"])?))
    })?;
    let mut marks = BTreeSet::new();
    for (uuid, id) in &lines {
        let uuid = uuid.as_ref().filter(|uuid| !uuid.is_empty());
        marks.extend(uuid.map(|uuid| format!("mysql-uuid:{uuid}")));
        marks.extend(id.as_ref().filter(|id| *id != "0").map(|id| format!("mysql-server-id:{id}")));
    }
    if !lines.is_empty() {
        marks.extend(origins(session)?);
        // Configured, never connected: whom it will follow is not known by any mark.
        if marks.is_empty() {
            return Err(refused(ErrorKind::Denied, "info", "replica-never-connected"));
        }
    }
    Ok(marks)
}

/// In a chain the events keep the mark of the server where they arose.
fn origins(session: &mut Session) -> Result<Vec<String>> {
    if session.server.is_mariadb() {
        // 0-1-100,1-5-7: domain, server, number.
        let position = session.variable("info", "gtid_slave_pos")?.unwrap_or_default();
        let servers = position.split(',').filter_map(|gtid| gtid.split('-').nth(1));
        return Ok(servers.map(|id| format!("mysql-server-id:{id}")).collect());
    }
    // uuid:1-5:7,\nuuid:tag:1-3
    let executed = session.variable("info", "gtid_executed")?.unwrap_or_default();
    let own = session.variable("info", "server_uuid")?.unwrap_or_default();
    let servers = executed.split(',').filter_map(|set| set.trim().split(':').next());
    let others = servers.filter(|uuid| uuid.len() == 36 && *uuid != own);
    Ok(others.map(|uuid| format!("mysql-uuid:{uuid}")).collect())
}

/// Tables whose rows another server keeps may be the source's.
fn has_remote_tables(session: &mut Session) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
               AND ENGINE IN ('FEDERATED', 'CONNECT', 'SPIDER', 'S3')";
    Ok(session.number("info", sql, ())? > 0)
}

/// Databases of this server whose triggers or events write here, or that an event of ours reads.
fn neighbours_that_write(session: &mut Session) -> Result<BTreeSet<String>> {
    let here = session.database.clone();
    let triggers = "SELECT TRIGGER_SCHEMA, ACTION_STATEMENT FROM information_schema.TRIGGERS \
                    WHERE TRIGGER_SCHEMA <> DATABASE()";
    let events = "SELECT EVENT_SCHEMA, EVENT_DEFINITION FROM information_schema.EVENTS WHERE STATUS = 'ENABLED'";
    let mut bodies = Vec::new();
    for sql in [triggers, events] {
        bodies.extend(session.rows("info", sql, (), |row| Ok((row.text(0)?, row.maybe_text(1)?.unwrap_or_default())))?);
    }
    if bodies.is_empty() {
        return Ok(BTreeSet::new());
    }
    let all = session.rows("info", "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA", (), |row| row.text(0))?;
    let mut found = BTreeSet::new();
    for (schema, body) in bodies {
        if schema != here && mentions::name(&body, &here) {
            found.insert(schema);
        } else if schema == here {
            found.extend(all.iter().filter(|other| **other != here && mentions::name(&body, other)).cloned());
        }
    }
    Ok(found)
}
