//! The catalog: every table, column, key, link, trigger and view is told.

use super::rows::{int, pupils_and_marks, table_of_pupils, text};
use super::stage::Stage;
use super::{Case, Ended, Told, promise};
use crate::setup::{Setup, TableSetup};
use lastbell_contract::{Action, Catalog, Kind, Obstacle, Table, TableId, TableKind};
use std::collections::BTreeSet;

pub(super) const CASES: &[Case] = &[
    Case { name: "the catalog tells every table and view once, sorted, and nothing else", run: tables },
    Case { name: "the catalog tells every column in order, its kind and whether NULL is allowed", run: columns },
    Case { name: "the catalog tells primary keys in key order and further unique keys", run: keys },
    Case { name: "the catalog tells every link and what a DELETE does", run: links },
    Case { name: "the catalog tells a trigger and makes it an obstacle when it would fire", run: triggers },
    Case { name: "the catalog of an empty store is empty", run: nothing },
];

fn catalog(stage: &Stage<'_>, setup: &Setup) -> Result<Catalog, Ended> {
    Ok(stage.reader(&stage.fresh(setup))?.catalog()?)
}

fn told<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Table, Ended> {
    catalog.table(&TableId::plain(name)).ok_or_else(|| Ended::Broken(format!("`{name}` is not in the catalog")))
}

fn tables(stage: &Stage<'_>) -> Told {
    let names = ["b_pupils", "a_pupils", "c_pupils"];
    let mut setup = Setup::of(names.map(|name| table_of_pupils(name, 1)).to_vec());
    let shown: &[&str] = if stage.subject.keeps_schema() { &["all_pupils"] } else { &[] };
    for view in shown {
        setup = setup.view(view, "b_pupils");
    }
    let catalog = catalog(stage, &setup)?;
    let listed: Vec<&str> = catalog.tables.iter().map(|table| table.id.name.as_str()).collect();
    promise!(listed == ["a_pupils", "b_pupils", "c_pupils"], "lists {listed:?}");
    let ordinary = if stage.subject.keeps_schema() { TableKind::Base } else { TableKind::File };
    promise!(catalog.tables.iter().all(|table| table.kind == ordinary), "an ordinary table is not called so");
    promise!(catalog.tables.iter().all(|table| table.obstacles.is_empty()), "an ordinary table has an obstacle");
    let views: Vec<&str> = catalog.views.iter().map(|view| view.id.name.as_str()).collect();
    promise!(views == shown, "lists the views {views:?}");
    Ok(())
}

/// Two columns of each kind that the engine keeps, one of them nullable, in an order that is not the alphabet's.
fn every_kind(stage: &Stage<'_>) -> TableSetup {
    let mut table = TableSetup::new("kinds").column("z_id", Kind::Int).key(&["z_id"]);
    for kind in stage.subject.expectations().kinds {
        table = table.nullable(&format!("y_{}", kind.word()), kind).column(&format!("a_{}", kind.word()), kind);
    }
    table
}

fn columns(stage: &Stage<'_>) -> Told {
    let setup = every_kind(stage);
    let catalog = catalog(stage, &Setup::of(vec![setup.clone()]))?;
    let table = told(&catalog, "kinds")?;
    promise!(table.column_names() == setup.column_names(), "columns are {:?}", table.column_names());
    for (column, made) in table.columns.iter().zip(&setup.columns).filter(|_| stage.subject.keeps_schema()) {
        promise!(column.kind == made.kind, "`{}` is {:?}, made as {:?}", column.name, column.kind, made.kind);
        promise!(column.nullable == made.nullable, "`{}` says nullable: {}", column.name, column.nullable);
        promise!(!column.generated, "`{}` is said to be generated", column.name);
    }
    Ok(())
}

fn keys(stage: &Stage<'_>) -> Told {
    stage.needs(stage.subject.keeps_schema(), "its tables have names and columns alone")?;
    let composite = TableSetup::new("lessons")
        .column("room", Kind::Text)
        .column("day", Kind::Int)
        .nullable("code", Kind::Text)
        .column("hour", Kind::Int)
        .key(&["hour", "room"])
        .unique(&["code"])
        .unique(&["day", "hour", "room"]);
    let bare = TableSetup::new("log").column("line", Kind::Text);
    let catalog = catalog(stage, &Setup::of(vec![composite, bare]))?;
    let lessons = told(&catalog, "lessons")?;
    promise!(lessons.primary_key == ["hour", "room"], "the primary key is {:?}", lessons.primary_key);
    for key in [&["code"][..], &["day", "hour", "room"]] {
        promise!(lessons.unique_keys.iter().any(|one| one == key), "the unique key {key:?} is not told");
    }
    let log = told(&catalog, "log")?;
    promise!(log.primary_key.is_empty() && log.unique_keys.is_empty(), "a table without a key is given one");
    Ok(())
}

fn links(stage: &Stage<'_>) -> Told {
    stage.needs(stage.subject.keeps_schema(), "its tables have names and columns alone")?;
    for on_delete in [Action::NoAction, Action::Cascade, Action::SetNull] {
        let catalog = catalog(stage, &pupils_and_marks(on_delete))?;
        let links = &told(&catalog, "marks")?.foreign_keys;
        promise!(links.len() == 1, "{} links are told", links.len());
        let link = &links[0];
        promise!(link.columns == ["pupil_id"] && link.references == TableId::plain("pupils"), "tells {link:?}");
        promise!(link.referenced_columns.is_empty() || link.referenced_columns == ["id"], "tells {link:?}");
        let alike = [on_delete, link.on_delete].iter().all(|one| matches!(one, Action::NoAction | Action::Restrict));
        promise!(link.on_delete == on_delete || alike, "made as {on_delete:?}, tells {:?}", link.on_delete);
        promise!(link.enforced == stage.can().enforces_links, "says enforced: {}", link.enforced);
    }
    composite_link(stage)
}

fn composite_link(stage: &Stage<'_>) -> Told {
    let parent = TableSetup::new("rooms")
        .column("house", Kind::Text)
        .column("number", Kind::Int)
        .key(&["house", "number"])
        .row(vec![text("A"), int(1)]);
    let child = TableSetup::new("lessons").column("room_number", Kind::Int).column("room_house", Kind::Text).link(
        &["room_house", "room_number"],
        "rooms",
        &["house", "number"],
        Action::NoAction,
    );
    let catalog = catalog(stage, &Setup::of(vec![parent, child]))?;
    let links = &told(&catalog, "lessons")?.foreign_keys;
    promise!(links.len() == 1, "a link of two columns is told as {} links", links.len());
    promise!(links[0].columns == ["room_house", "room_number"], "its columns are {:?}", links[0].columns);
    Ok(())
}

fn triggers(stage: &Stage<'_>) -> Told {
    stage.needs(stage.subject.keeps_schema(), "its tables have names and columns alone")?;
    let watched = table_of_pupils("pupils", 2).trigger("forget_staff", "staff");
    let catalog = catalog(stage, &Setup::of(vec![watched, table_of_pupils("staff", 2)]))?;
    let table = told(&catalog, "pupils")?;
    promise!(table.triggers.len() == 1 && table.triggers[0].name == "forget_staff", "tells {:?}", table.triggers);
    let obstacle = Obstacle("trigger:forget_staff".to_owned());
    promise!(
        !table.triggers[0].fires || table.obstacles.contains(&obstacle),
        "a trigger that fires is no obstacle: {:?}",
        table.obstacles
    );
    promise!(told(&catalog, "staff")?.triggers.is_empty(), "the other table is given the trigger");
    Ok(())
}

fn nothing(stage: &Stage<'_>) -> Told {
    let catalog = catalog(stage, &Setup::default())?;
    let names: BTreeSet<String> = catalog.tables.iter().map(|table| table.id.to_string()).collect();
    promise!(names.is_empty() && catalog.views.is_empty(), "an empty store lists {names:?}");
    Ok(())
}
