#![allow(clippy::unwrap_used)]
mod common;
use common::{SmallCase, world};
use lastbell::steps;
#[test]
fn gen_it() {
    let (mut world, _) = world();
    let dir = std::path::Path::new("/tmp/h-tamper/gen");
    let _ = std::fs::remove_dir_all(dir);
    std::fs::create_dir_all(dir).unwrap();
    let case = SmallCase::in_folder(dir, &mut world);
    case.verified(&mut world);
    steps::verify::run(&mut case.session(&mut world), &mut world, true).unwrap();
    steps::plan::run(&mut case.session(&mut world), &mut world, false).unwrap();
    case.approve(&mut world);
    case.erase(&mut world).unwrap();
    case.certified(&mut world);
    let t = std::time::Instant::now();
    for _ in 0..100 { case.session(&mut world); }
    eprintln!("open {:?}", t.elapsed() / 100);
}
