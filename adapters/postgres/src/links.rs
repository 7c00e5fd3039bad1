//! Foreign keys that stand in the way of a truncation: found, taken off, put back exactly as they were.
//! The engine itself checks every row when a link is put back, so no row can come to lead nowhere.

use crate::error::{About, refused};
use crate::found::Found;
use crate::quote::{quote, quote_table, table_id};
use crate::session::Session;
use lastbell_contract::{AdapterError, ErrorKind, Result, TableId};

/// A declared link, as the server would write it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The table that has it; it may be a partition.
    child: TableId,
    /// The same, or the table that it is a partition of: the one that units know.
    pub(crate) of: TableId,
    /// Its constraint.
    pub(crate) name: String,
    definition: String,
    remark: Option<String>,
    /// The number of the table it leads to.
    parent: i64,
    /// One of its own triggers was switched off or to ALWAYS: putting it back would lose that.
    odd: bool,
}

/// Links from or to a tree. Those that partitions inherited go and come with their root's (`conparentid`).
const LINKS: &str = "SELECT cn.nspname, c.relname, rn.nspname, r.relname, k.conname, pg_get_constraintdef(k.oid), \
    obj_description(k.oid, 'pg_constraint'), \
    EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O'), k.confrelid \
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace \
    JOIN pg_class r ON r.oid = coalesce(pg_partition_root(c.oid), c.oid) JOIN pg_namespace rn ON rn.oid = r.relnamespace \
    WHERE k.contype = 'f' AND k.conparentid = 0 AND ";

const INTO: &str = "k.confrelid = ANY ($1::oid[]) AND k.conrelid <> ALL ($1::oid[]) ORDER BY 1, 2, 5";
const TOUCHING: &str = "(k.confrelid = ANY ($1::oid[]) OR k.conrelid = ANY ($1::oid[])) ORDER BY 1, 2, 5";

/// Links of other tables that lead here.
pub(crate) fn into(session: &mut Session, operation: &'static str, found: &Found) -> Result<Vec<Link>> {
    read(session, operation, found, INTO)
}

/// Links from here, to here, and within.
pub(crate) fn touching(session: &mut Session, operation: &'static str, found: &Found) -> Result<Vec<Link>> {
    read(session, operation, found, TOUCHING)
}

fn read(session: &mut Session, operation: &'static str, found: &Found, which: &str) -> Result<Vec<Link>> {
    let lines = session.query(operation, &format!("{LINKS}{which}"), &[&found.tree]).about(&found.id)?;
    let link = |line: &crate::line::Line| {
        Ok(Link {
            child: table_id(&line.text(0)?, &line.text(1)?),
            of: table_id(&line.text(2)?, &line.text(3)?),
            name: line.text(4)?,
            definition: line.text(5)?,
            remark: line.remark(6)?,
            odd: line.flag(7)?,
            parent: line.number(8)?,
        })
    };
    lines.iter().map(link).collect()
}

impl Link {
    /// Leads to this table or a partition of it.
    pub(crate) fn leads_into(&self, found: &Found) -> bool {
        found.tree.trim_matches(['{', '}']).split(',').any(|oid| oid == self.parent.to_string())
    }

    /// Drops it for good.
    pub(crate) fn drop_it(&self, session: &mut Session, operation: &'static str) -> Result<()> {
        let sql = format!("ALTER TABLE {} DROP CONSTRAINT {} RESTRICT", quote_table(&self.child), quote(&self.name));
        session.execute(operation, &sql, &[]).map(drop).about(&self.child)
    }

    /// Takes it off until [`Link::tie`].
    pub(crate) fn loosen(&self, session: &mut Session, operation: &'static str) -> Result<()> {
        if self.odd {
            return Err(refused(ErrorKind::Unsafe, operation, &format!("link-odd:{}", self.name)).on(&self.child));
        }
        self.drop_it(session, operation)
    }

    /// Puts it back. A row that would now lead nowhere refuses.
    pub(crate) fn tie(&self, session: &mut Session, operation: &'static str) -> Result<()> {
        let (child, name) = (quote_table(&self.child), quote(&self.name));
        let sql = format!("ALTER TABLE {child} ADD CONSTRAINT {name} {}", self.definition);
        session.execute(operation, &sql, &[]).map_err(|error| self.orphaned(error, operation))?;
        if let Some(remark) = &self.remark {
            let text = session.one(operation, "SELECT quote_literal($1::text)", &[remark])?.text(0)?;
            let sql = format!("COMMENT ON CONSTRAINT {name} ON {child} IS {text}");
            session.execute(operation, &sql, &[]).about(&self.child)?;
        }
        Ok(())
    }

    fn orphaned(&self, error: AdapterError, operation: &'static str) -> AdapterError {
        match error.code.as_deref() {
            Some("23503") => refused(ErrorKind::Unsafe, operation, &format!("referenced-by:{}", self.name)),
            Some(_) | None => error,
        }
        .on(&self.child)
    }
}
