//! Writes a table anew: kept rows go into a shadow, which is read back; the table is dropped; at the commit the shadow gets
//! its links and its name.
//!
//! Why drop and not empty and refill: a kill between emptying and refilling takes the locks with it, and whatever somebody
//! then wrote could not be told from what is missing. Between drop and commit there is no table of that name to write to.
//! (Moved away and refilled by another connection, a parent's rows cannot be inserted while its children are locked: the
//! server opens them for every INSERT, checks off or not; measured on MariaDB 10.11.) Links *into* the table stay declared
//! at their children under their names, and bind to the new table by its name, checks being off (measured: definitions of
//! table and children byte for byte as before, and enforced again); so no child, kept ones least of all, is altered.
//! Privileges are by name and stay. What stands in the store after a kill tells by its names and its note how far it went;
//! `tidy` finishes it. No kept row is lost: the drop comes after the shadow was read back and found equal.

use crate::error::{About, refused};
use crate::mark::Role;
use crate::note::{self, Note};
use crate::quote::quote;
use crate::scan;
use crate::session::Session;
use crate::shadow::Blueprint;
use crate::unit::{Link, Unit, links_to};
use crate::writing::{Inserts, Sum, compared, key};
use lastbell_contract::{
    AdapterError, Batch, ErrorKind, Flow, Operation, Result, Rewrite, Row, Scan, Statement, Table, TableId, Witness,
};
use std::collections::HashSet;

/// A rebuilt table until the commit.
pub(crate) struct Standing {
    /// Number of shadow and note.
    pub(crate) number: u32,
    /// The shadow's name.
    pub(crate) shadow: String,
    /// What is known of the table.
    pub(crate) note: Note,
}

/// Returns the number of rows kept.
pub(crate) fn run(
    unit: &mut Unit<'_>,
    shape: &Table,
    rewrite: &mut Rewrite<'_>,
    witness: &mut dyn Witness,
) -> Result<u64> {
    let table = shape.id.clone();
    let told = |technique: &str| Statement::new(Operation::Rebuild, Some(&table), technique);
    let plan = Plan::make(unit, shape)?;
    let kept = unit.step(&told("shadow-fill"), witness, |unit| plan.fill(unit, rewrite))?;
    if unit.standing.contains_key(&table.name) {
        unit.step(&told("shadow-exchange"), witness, |unit| plan.exchange(unit))?;
    } else {
        unit.step(&told("drop"), witness, |unit| plan.drop_old(unit))?;
    }
    Ok(kept)
}

/// How one table is rebuilt.
struct Plan<'a> {
    shape: &'a Table,
    blueprint: Blueprint,
    note: Note,
    number: u32,
    shadow: String,
    /// Links from kept tables: where they lead must be among the kept rows.
    links: Vec<Link>,
}

impl<'a> Plan<'a> {
    fn make(unit: &mut Unit<'_>, shape: &'a Table) -> Result<Self> {
        let table = &shape.id;
        unit.connect_beside()?;
        let mut links_in = links_to(unit.session, table)?;
        links_in.retain(|link| unit.tables.iter().all(|own| own.name != link.child));
        if let Some(unseen) = links_in.iter().find(|link| unit.watched.iter().all(|own| own.name != link.child)) {
            let code = format!("referenced-by:{}.{}", unseen.child, unseen.name);
            return Err(refused(ErrorKind::Unsafe, "rebuild", &code).on(table));
        }
        let mark = unit.mark;
        let (session, seen) = unit.sight(table);
        let blueprint = Blueprint::read(session, &seen, table)?;
        let links: String = blueprint.links.iter().map(|link| format!("ADD {link}, ")).collect();
        let note = match unit.standing.get(&table.name) {
            Some(standing) => standing.note.clone(),
            None => Note { table: table.name.clone(), links, doomed: None },
        };
        let number = mark.free_number(unit.session, "rebuild")?;
        Ok(Self { shape, blueprint, note, number, shadow: mark.name(number, Role::New), links: links_in })
    }

    /// Fills the shadow, reads it back, and only then gives it the name that says so.
    fn fill(&self, unit: &mut Unit<'_>, rewrite: &mut Rewrite<'_>) -> Result<u64> {
        let mut writer = unit.session.another()?;
        relax(&mut writer)?;
        let filled = self.produce(unit, &mut writer, rewrite);
        if filled.is_err() {
            // Else `tidy` does it.
            let _ = drop_table(&mut writer, "rebuild", &self.shadow);
            let _ = Note::drop(&mut writer, "rebuild", unit.mark, self.number);
        }
        filled
    }

    fn produce(&self, unit: &mut Unit<'_>, writer: &mut Session, rewrite: &mut Rewrite<'_>) -> Result<u64> {
        let first = !unit.standing.contains_key(&self.shape.id.name);
        if first {
            self.note.keep(writer, unit.mark, self.number)?;
        }
        writer.run("rebuild", &self.blueprint.create(&self.shadow), ())?;
        let written = self.write(unit, writer, rewrite)?;
        if self.read_back(writer)? != written {
            return Err(refused(ErrorKind::Unsupported, "rebuild", "value-altered"));
        }
        if first {
            rename(writer, "rebuild", &self.shadow, &unit.mark.name(self.number, Role::Full))?;
        }
        Ok(written.rows())
    }

    fn write(&self, unit: &mut Unit<'_>, writer: &mut Session, rewrite: &mut Rewrite<'_>) -> Result<Sum> {
        let places = compared(self.shape, writer.server.is_mariadb());
        let mut owed = self.owed(unit)?;
        let (mut sum, mut failed) = (Sum::default(), None);
        let mut inserts = Inserts::new(writer, &self.shadow, self.shape)?;
        let mut take = |row: Row| -> Result<()> {
            let Some(row) = rewrite(row) else { return Ok(()) };
            inserts.add(&row)?;
            sum.add(&row, &places);
            for owed in &mut owed {
                owed.left.remove(&key(&row, &owed.places));
            }
            Ok(())
        };
        let (session, seen) = unit.sight(&self.shape.id);
        each_row(session, &seen, self.shape, &mut take, &mut failed)?;
        inserts.finish()?;
        match owed.iter().find(|owed| !owed.left.is_empty()) {
            Some(owed) => Err(refused(ErrorKind::Unsafe, "rebuild", &format!("referenced-by:{}", owed.name))),
            None => Ok(sum),
        }
    }

    /// Where the rows of kept children lead.
    fn owed(&self, unit: &mut Unit<'_>) -> Result<Vec<Owed>> {
        let mut all = Vec::new();
        for link in &self.links {
            let scan = Scan::whole(&TableId::plain(&link.child), &link.columns);
            let every: Vec<usize> = (0..link.columns.len()).collect();
            let mut left = HashSet::new();
            let mut visit = |batch: Batch| {
                let leads = |row: &Row| row.iter().all(|value| !value.is_null());
                left.extend(batch.unpacked().filter(leads).map(|row| key(&row, &every)));
                Flow::Continue
            };
            scan::table(unit.session, &scan, &mut visit).about(&scan.table)?;
            let place = |name: &String| self.shape.columns.iter().position(|column| column.name == *name);
            let places: Option<Vec<usize>> = link.referenced.iter().map(place).collect();
            let places = places.ok_or_else(|| refused(ErrorKind::Changed, "rebuild", "link-columns"))?;
            all.push(Owed { name: format!("{}.{}", link.child, link.name), places, left });
        }
        Ok(all)
    }

    fn read_back(&self, writer: &mut Session) -> Result<Sum> {
        let places = compared(self.shape, writer.server.is_mariadb());
        let (mut sum, mut failed) = (Sum::default(), None);
        let mut take = |row: Row| {
            sum.add(&row, &places);
            Ok(())
        };
        each_row(writer, &TableId::plain(&self.shadow), self.shape, &mut take, &mut failed)?;
        Ok(sum)
    }

    /// First the note that it may be gone, then the drop. On the locked connection: nobody came in between.
    fn drop_old(&self, unit: &mut Unit<'_>) -> Result<()> {
        let name = &self.shape.id.name;
        let gone = || refused(ErrorKind::Changed, "rebuild", "table");
        let made = note::made(unit.session, name)?.ok_or_else(gone)?;
        let beside = unit.beside.as_mut().ok_or_else(|| refused(ErrorKind::Unsafe, "rebuild", "unit-broken"))?;
        Note::doom(beside, unit.mark, self.number, &made)?;
        unit.must_hold("rebuild")?;
        unit.session.run("rebuild", &format!("DROP TABLE {}", quote(name)), ())?;
        let shadow = unit.mark.name(self.number, Role::Full);
        unit.standing.insert(name.clone(), Standing { number: self.number, shadow, note: self.note.clone() });
        Ok(())
    }

    /// The table is gone already: the new shadow takes the old one's name, in one statement.
    fn exchange(&self, unit: &mut Unit<'_>) -> Result<()> {
        let (Some(standing), Some(beside)) = (unit.standing.get(&self.shape.id.name), unit.beside.as_mut()) else {
            return Err(refused(ErrorKind::Unsafe, "rebuild", "unit-broken"));
        };
        let old = unit.mark.name(self.number + 1, Role::New);
        let (shadow, full) = (quote(&self.shadow), quote(&standing.shadow));
        beside.run("rebuild", &format!("RENAME TABLE {full} TO {}, {shadow} TO {full}", quote(&old)), ())?;
        drop_table(beside, "rebuild", &old)
    }
}

/// Keys to which rows of a kept child lead.
struct Owed {
    name: String,
    places: Vec<usize>,
    left: HashSet<(u64, u64)>,
}

/// Hands every row over; an error ends the scan and is the one that is told.
fn each_row(
    session: &mut Session,
    seen: &TableId,
    shape: &Table,
    take: &mut dyn FnMut(Row) -> Result<()>,
    failed: &mut Option<AdapterError>,
) -> Result<()> {
    let mut visit = |batch: Batch| match batch.unpacked().try_for_each(&mut *take) {
        Ok(()) => Flow::Continue,
        Err(error) => {
            *failed = Some(error);
            Flow::Stop
        }
    };
    let ended = scan::table(session, &Scan::whole(seen, &shape.column_names()), &mut visit);
    match failed.take() {
        Some(error) => Err(error),
        None => ended.map(drop),
    }
}

/// Gives a table another name. Links into it follow.
pub(crate) fn rename(session: &mut Session, operation: &str, from: &str, to: &str) -> Result<()> {
    session.run(operation, &format!("ALTER TABLE {} RENAME TO {}", quote(from), quote(to)), ()).map(drop)
}

/// Drops one of our own tables.
pub(crate) fn drop_table(session: &mut Session, operation: &str, name: &str) -> Result<()> {
    session.run(operation, &format!("DROP TABLE IF EXISTS {}", quote(name)), ()).map(drop)
}

/// Old rows may hold what today's rules forbid: the empty mistake of an ENUM, a partial date, a failed check. So nothing
/// is forbidden here, and whatever the server changes is found when the shadow is read back.
fn relax(session: &mut Session) -> Result<()> {
    const MODE: &str = "SET SESSION sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'";
    session.run("rebuild", MODE, ())?;
    session.run("rebuild", "SET SESSION innodb_strict_mode = 0", ())?;
    if session.server.is_mariadb() {
        session.run("rebuild", "SET SESSION check_constraint_checks = 0", ())?;
    }
    Ok(())
}
