//! A sample of a big table: whole pages, one from each of as many equal stretches, the page in a stretch chosen by the seed.
//! TABLESAMPLE SYSTEM would throw a coin for each page: of 40 pages at 10 % it gives none at all once in 68 tries.

use crate::quote::{quote_table, table_id};
use crate::session::Session;
use crate::shape::{Form, Shape};
use lastbell_contract::Result;

/// A page of 8 KiB holds at most so many rows (`MaxHeapTuplesPerPage`); a server built with larger ones, four times as many.
const LINES_MAX: u64 = 291 * 4;

/// The first guess of rows in a page, where nothing is known.
const PAGE_ROWS: u64 = 50;

/// One table of files: the table itself or a partition.
struct Part {
    name: String,
    pages: u64,
}

/// What to select from, for about `wanted` rows; the same for the same store and seed.
pub(crate) fn sources(session: &mut Session, shape: &Shape, wanted: u64, seed: u64) -> Result<Vec<String>> {
    let parts = match shape.form {
        Form::Plain | Form::Partitioned => parts(session, shape)?,
        Form::Elsewhere(_) => Vec::new(),
        Form::LargeObjects => return Ok(vec![format!("{} LIMIT {wanted}", shape.source())]),
    };
    let all: u64 = parts.iter().map(|part| part.pages).sum();
    let mut chosen = Vec::new();
    let mut random = seed;
    for part in parts.iter().filter(|part| part.pages > 0) {
        let share = share(wanted, part.pages, all);
        let pages = enough_pages(session, part, share, &mut random)?;
        chosen.push(format!("ONLY {} WHERE {} LIMIT {share}", part.name, lines_of(&pages)));
    }
    Ok(chosen)
}

/// Rows to take from a part, at least one.
fn share(wanted: u64, pages: u64, all: u64) -> u64 {
    let share = u128::from(wanted) * u128::from(pages) / u128::from(all.max(1));
    u64::try_from(share).unwrap_or(u64::MAX).max(1)
}

/// By size on the disk now, not by the figures of the last ANALYZE.
fn parts(session: &mut Session, shape: &Shape) -> Result<Vec<Part>> {
    let sql = "SELECT n.nspname, c.relname, pg_relation_size(c.oid) / current_setting('block_size')::int8 \
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.relkind = 'r' AND (c.oid = $1::oid OR c.oid IN \
                     (SELECT t.relid FROM pg_partition_tree($1::oid::regclass) t)) ORDER BY 1, 2";
    let lines = session.query("scan", sql, &[&shape.oid.to_string()])?;
    let part = |line: &crate::line::Line| {
        let name = quote_table(&table_id(&line.text(0)?, &line.text(1)?));
        Ok(Part { name, pages: u64::try_from(line.number(2)?).unwrap_or(0) })
    };
    lines.iter().map(part).collect()
}

/// Pages that hold about `wanted` rows: more when pages turn out emptier than thought, fewer when fuller.
fn enough_pages(session: &mut Session, part: &Part, wanted: u64, random: &mut u64) -> Result<Vec<u64>> {
    let mut number = wanted.div_ceil(PAGE_ROWS).clamp(1, part.pages);
    let mut fewer_tried = false;
    loop {
        let pages = spread(part.pages, number, random);
        let sql = format!("SELECT count(*) FROM ONLY {} WHERE {}", part.name, lines_of(&pages));
        let rows = u64::try_from(session.one("scan", &sql, &[])?.number(0)?).unwrap_or(0);
        if rows < wanted / 2 + 1 && number < part.pages {
            number = number.saturating_mul(4).min(part.pages);
        } else if rows > wanted.saturating_mul(2) && number > 1 && !fewer_tried {
            fewer_tried = true;
            number = (number * wanted / rows).clamp(1, part.pages) + 1;
        } else {
            return Ok(pages);
        }
    }
}

/// One page of each of `number` equal stretches.
fn spread(pages: u64, number: u64, random: &mut u64) -> Vec<u64> {
    let edge =
        |stretch: u64| u64::try_from(u128::from(pages) * u128::from(stretch) / u128::from(number)).unwrap_or(pages);
    let page = |stretch: u64| {
        let (from, to) = (edge(stretch), edge(stretch + 1));
        from + next(random) % (to - from).max(1)
    };
    (0..number).map(page).collect()
}

/// Every place for a row in these pages, as a condition that PostgreSQL reads by page and line, without an index and
/// without reading other pages (`Tid Scan`, all versions).
fn lines_of(pages: &[u64]) -> String {
    let pages: Vec<String> = pages.iter().map(u64::to_string).collect();
    format!(
        "ctid = ANY (ARRAY(SELECT format('(%s,%s)', page, line)::tid \
         FROM unnest('{{{}}}'::int8[]) AS page, generate_series(1, {LINES_MAX}) AS line))",
        pages.join(",")
    )
}

/// SplitMix64 (Steele, Lea, Flood 2014): a fixed sequence for each seed.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_spread_and_follow_the_seed() {
        let (mut one, mut again, mut other) = (7, 7, 8);
        let pages = spread(1000, 10, &mut one);
        assert_eq!(pages, spread(1000, 10, &mut again));
        assert_ne!(pages, spread(1000, 10, &mut other));
        for (stretch, page) in pages.iter().enumerate() {
            let from = 100 * stretch as u64;
            assert!((from..from + 100).contains(page));
        }
        assert_eq!(spread(3, 3, &mut 1), [0, 1, 2]);
    }
}
