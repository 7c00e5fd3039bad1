//! Groups 8 to 10: days, times, and clocks that were changed.

use crate::case::{Case, Expected, Want, Words, all, each, each_with_each, row};

pub(crate) fn cases() -> Vec<Case> {
    [vec![days()], times(), zones()].concat()
}

fn quoted(text: &str) -> Words {
    all(&format!("'{text}'"))
}

// ---- group 8

fn days() -> Case {
    let no_day = |text: &str| each("!PostgreSQL keeps real days alone", &format!("'{text}'"), &format!("'{text}'"));
    let of_postgres = |text: &str| {
        each(&format!("'{text}'"), "!MariaDB has neither endless days nor years before Christ", &format!("'{text}'"))
    };
    let values = [
        no_day("0000-00-00"),
        no_day("2024-00-10"),
        no_day("2024-02-31"),
        quoted("2024-02-29"),
        quoted("2024-03-01"),
        quoted("2023-02-28"),
        quoted("0009-12-04"),
        quoted("1970-01-01"),
        quoted("1969-12-31"),
        quoted("9999-12-31"),
        of_postgres("infinity"),
        of_postgres("-infinity"),
        of_postgres("0044-03-15 BC"),
        all("NULL"),
    ];
    Case::of_cells(8, "days", &each("date", "date NULL", "TEXT"), "as: date", each_with_each(&values))
}

// ---- group 9

fn times() -> Vec<Case> {
    let duration =
        |text: &str| each("!a time of PostgreSQL is one of a day", &format!("'{text}'"), &format!("'{text}'"));
    let values = [
        quoted("00:00:00"),
        quoted("00:00:00.000001"),
        quoted("23:59:59.999999"),
        quoted("24:00:00"),
        quoted("08:30:00"),
        quoted("20:30:00"),
        duration("24:00:01"),
        duration("-00:00:01"),
        duration("-08:30:00"),
        duration("838:59:59"),
        duration("-838:59:59"),
        all("NULL"),
    ];
    let fine = each("time(6)", "time(6)", "TEXT");
    let cut = vec![
        row(&quoted("10:00:00.120000"), &quoted("10:00:00.120"), Want::Equal),
        row(&quoted("10:00:00.123456"), &quoted("10:00:00.123"), Want::Different),
        row(&quoted("10:00:00.999600"), &quoted("10:00:01.000"), Want::Different),
        row(&quoted("10:00:00.999600"), &quoted("10:00:00.999"), Want::Different),
        row(&quoted("10:00:00.000000"), &quoted("10:00:00.000"), Want::Equal),
    ];
    let moments = [
        quoted("2024-05-01 10:00:00"),
        quoted("2024-05-01 10:00:00.000001"),
        quoted("2024-05-01 10:00:00.100000"),
        quoted("1969-12-31 23:59:59.999999"),
        quoted("2024-05-01 00:00:00"),
        each("!PostgreSQL has no zero date", "'0000-00-00 00:00:00'", "'0000-00-00 00:00:00'"),
        each("'infinity'", "!a DATETIME of MariaDB is never endless", "'infinity'"),
        all("NULL"),
    ];
    vec![
        Case::of_cells(9, "times", &fine, "as: time", each_with_each(&values)),
        Case::of_cells_between(
            9,
            "times-with-fewer-digits",
            [&fine, &each("time(3)", "time(3)", "TEXT")],
            "as: time",
            cut,
        ),
        Case::of_cells(
            9,
            "moments",
            &each("timestamp(6)", "datetime(6)", "TEXT"),
            "as: datetime",
            each_with_each(&moments),
        ),
        {
            let (whole, few) =
                (each("timestamp(6)", "datetime(6)", "TEXT"), each("timestamp(0)", "datetime(0)", "TEXT"));
            let rows = vec![
                row(&quoted("2024-05-01 10:00:00.600000"), &quoted("2024-05-01 10:00:00"), Want::Different),
                row(&quoted("2024-05-01 10:00:00.600000"), &quoted("2024-05-01 10:00:01"), Want::Different),
                row(&quoted("2024-05-01 10:00:00"), &quoted("2024-05-01 10:00:00"), Want::Equal),
            ];
            Case::of_cells_between(9, "moments-with-fewer-digits", [&whole, &few], "as: datetime", rows)
        },
        Case::of_cells_between(
            9,
            "a-day-and-its-midnight",
            [&each("date", "date", "TEXT"), &each("timestamp", "datetime", "TEXT")],
            "",
            {
                // Two texts of SQLite, and so two texts for everybody else, too.
                vec![
                    row(&quoted("2024-05-01"), &quoted("2024-05-01 00:00:00"), Want::Declared),
                    row(&quoted("2024-05-01"), &quoted("2024-05-01 00:00:01"), Want::Different),
                    row(&quoted("2024-05-01"), &quoted("2024-05-02 00:00:00"), Want::Different),
                ]
            },
        )
        .declared("as: datetime"),
    ]
}

// ---- group 10

/// A moment in UTC against what a wall clock said.
fn told(utc: &str, local: &str, want: Want) -> crate::case::Row {
    let moment = each(&format!("'{utc}+00'"), &format!("'{utc}'"), &format!("'{}Z'", utc.replace(' ', "T")));
    row(&moment, &quoted(local), want)
}

fn zone(name: &'static str, zone: &str, rows: Vec<crate::case::Row>) -> Case {
    let types = [each("timestamptz", "timestamp NULL", "TEXT"), each("timestamp", "datetime", "TEXT")];
    Case::of_cells_between(10, name, [&types[0], &types[1]], "", rows).declared(&format!("as: instant, zone: {zone}"))
}

fn zones() -> Vec<Case> {
    use Want::{Declared, Different};
    vec![
        zone(
            "clocks-of-moscow",
            "Europe/Moscow",
            vec![
                told("2010-10-30 21:30:00", "2010-10-31 01:30:00", Declared),
                // The hour came twice: nobody knows which.
                told("2010-10-30 22:30:00", "2010-10-31 02:30:00", Different),
                told("2010-10-30 23:30:00", "2010-10-31 02:30:00", Different),
                told("2010-10-31 00:30:00", "2010-10-31 03:30:00", Declared),
                told("2011-03-26 22:30:00", "2011-03-27 01:30:00", Declared),
                // The hour never was.
                told("2011-03-26 22:30:00", "2011-03-27 02:30:00", Different),
                told("2011-03-26 23:30:00", "2011-03-27 02:30:00", Different),
                told("2011-03-26 23:30:00", "2011-03-27 03:30:00", Declared),
                told("2012-12-01 08:00:00", "2012-12-01 12:00:00", Declared),
                told("2012-12-01 09:00:00", "2012-12-01 12:00:00", Different),
                told("2014-10-25 20:30:00", "2014-10-26 00:30:00", Declared),
                told("2014-10-25 21:30:00", "2014-10-26 01:30:00", Different),
                told("2014-10-25 22:30:00", "2014-10-26 01:30:00", Different),
                told("2014-10-25 23:30:00", "2014-10-26 02:30:00", Declared),
                told("2024-01-01 09:00:00", "2024-01-01 12:00:00", Declared),
            ],
        ),
        zone(
            "clocks-of-kaliningrad",
            "Europe/Kaliningrad",
            vec![
                told("2013-07-01 09:00:00", "2013-07-01 12:00:00", Declared),
                told("2015-01-01 10:00:00", "2015-01-01 12:00:00", Declared),
                told("2015-01-01 09:00:00", "2015-01-01 12:00:00", Different),
            ],
        ),
        zone(
            "clocks-of-samara",
            "Europe/Samara",
            vec![
                told("2009-01-15 08:00:00", "2009-01-15 12:00:00", Declared),
                told("2010-12-01 09:00:00", "2010-12-01 12:00:00", Declared),
                told("2012-12-01 08:00:00", "2012-12-01 12:00:00", Declared),
                told("2012-12-01 09:00:00", "2012-12-01 12:00:00", Different),
            ],
        ),
        zone(
            "clocks-of-volgograd",
            "Europe/Volgograd",
            vec![
                told("2017-01-01 09:00:00", "2017-01-01 12:00:00", Declared),
                told("2019-01-01 08:00:00", "2019-01-01 12:00:00", Declared),
                told("2021-06-01 09:00:00", "2021-06-01 12:00:00", Declared),
                told("2021-06-01 08:00:00", "2021-06-01 12:00:00", Different),
            ],
        ),
        two_sessions(),
    ]
}

/// One moment that two sessions wrote by two clocks, and another one that they would call the same.
fn two_sessions() -> Case {
    let table = |of: &str| format!("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v {of});");
    let by = |zone: &str, offset: &str, one: &str, two: &str| {
        each(
            &format!(
                "{} SET timezone = '{zone}'; INSERT INTO § VALUES (1, '{one}'), (2, '{two}'); RESET timezone;",
                table("timestamptz")
            ),
            &format!(
                "{} SET time_zone = '{offset}'; INSERT INTO § VALUES (1, '{one}'), (2, '{two}'); SET time_zone = '+00:00';",
                table("timestamp NULL")
            ),
            &format!("{} INSERT INTO § VALUES (1, '{one}{offset}'), (2, '{two}{offset}');", table("TEXT")),
        )
    };
    let old = by("Asia/Omsk", "+06:00", "2024-06-01 15:00:00", "2024-06-01 12:00:00");
    let new = by("UTC", "+00:00", "2024-06-01 09:00:00", "2024-06-01 12:00:00");
    Case::of_tables(10, "one-moment-by-two-clocks", old, new).mapped(
        "",
        "source: {from: § s}\ntarget: {from: § t}\nkey: [{source: s.id, target: t.id}]\n\
         columns: [{source: s.v, target: t.v, as: instant}]",
        Expected::Figures([1, 0, 1, 0, 0, 0], vec![(lastbell::verify::compare::Verdict::Different, "2")]),
    )
}
