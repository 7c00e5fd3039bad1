//! The platform's keeper: a folder of their own, keys of their own, and the program as a process that is given nothing else.
//! Reads what it is handed (request, profile, a copy of the platform's database), writes receipts into that folder.

use crate::common::{json_file, lastbell_json};
use crate::corpus::walk::Walk;
use lastbell::certificate::keys::{PublicKey, SealingPublicKey, read_public};
use lastbell::profile::Profile;
use lastbell::verify::keys::VerifyKeys;
use lastbell::verify::mapping::compile_target;
use lastbell::verify::partitions::DigestSet;
use lastbell::verify::side::{Outcome, SideReader};
use lastbell_contract::{Flow, Location};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The keeper of one platform.
pub(crate) struct Keeper {
    keep: TempDir,
}

impl Keeper {
    /// Makes both key pairs.
    pub(crate) fn new() -> Self {
        let keeper = Self { keep: tempfile::tempdir().unwrap() };
        fs::create_dir(keeper.path("")).unwrap();
        for (purpose, name) in [("signing", "sign"), ("sealing", "seal")] {
            let (exit, document) = keeper.program(&["keys", "new", "--for", purpose, "--out", name]);
            assert_eq!(exit, 0, "{document:#}");
        }
        keeper
    }

    /// A folder that the keeper's process never works in, for what belongs to others.
    pub(crate) fn folder(&self) -> &Path {
        self.keep.path()
    }

    /// A path in the keeper's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.keep.path().join("platform").join(name)
    }

    pub(crate) fn signing_public(&self) -> PathBuf {
        self.path("sign.pub.pem")
    }

    pub(crate) fn sealing_public(&self) -> PathBuf {
        self.path("seal.pub.pem")
    }

    pub(crate) fn sealing_public_key(&self) -> SealingPublicKey {
        read_public(&fs::read(self.sealing_public()).unwrap()).and_then(PublicKey::into_sealing).unwrap()
    }

    /// Id of the key that signs.
    pub(crate) fn signer(&self) -> String {
        let key = read_public(&fs::read(self.signing_public()).unwrap()).and_then(PublicKey::into_signing);
        key.unwrap().key_id().to_string()
    }

    /// The program in the keeper's folder, with an empty environment.
    fn program(&self, arguments: &[&str]) -> (i32, Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastbell"));
        command.current_dir(self.path("")).env_clear().args(["--json", "--lang", "en"]).args(arguments);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let document = serde_json::from_slice(&output.stdout);
        let document = document.unwrap_or_else(|_| panic!("{arguments:?}: {output:?}"));
        (output.status.code().unwrap(), document)
    }

    /// Answers with copies of what is handed over, all under names of the keeper's own; `hidden` is out of the way
    /// meanwhile.
    pub(crate) fn run(
        &self,
        request: &Path,
        profile: &Path,
        store: &Path,
        hidden: &[PathBuf],
        options: &[&str],
        out: &str,
    ) -> (i32, Value) {
        for (from, name) in [(request, "request.json"), (profile, "profile.yaml"), (store, "platform.db")] {
            fs::copy(from, self.path(name)).unwrap();
        }
        let aside =
            tempfile::tempdir_in(hidden.first().map_or(self.keep.path(), |path| path.parent().unwrap())).unwrap();
        let away: Vec<_> =
            hidden.iter().enumerate().map(|(n, path)| (path, aside.path().join(n.to_string()))).collect();
        for (path, place) in &away {
            fs::rename(path, place).unwrap();
        }
        let ran = self.answer_over("sqlite:platform.db", options, out);
        for (path, place) in &away {
            assert!(!path.exists(), "nobody made it anew");
            fs::rename(place, path).unwrap();
        }
        ran
    }

    /// The same over a store where it lies: a file's own place is part of what it is.
    pub(crate) fn run_at(
        &self,
        request: &Path,
        profile: &Path,
        store: &Path,
        options: &[&str],
        out: &str,
    ) -> (i32, Value) {
        for (from, name) in [(request, "request.json"), (profile, "profile.yaml")] {
            fs::copy(from, self.path(name)).unwrap();
        }
        self.answer_over(&format!("sqlite:{}", store.display()), options, out)
    }

    /// What was asked last, once more, with variables of the environment: the exit code.
    pub(crate) fn answer_again(&self, variables: &[(&str, &str)]) -> Option<i32> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastbell"));
        command.current_dir(self.path("")).env_clear().envs(variables.iter().copied());
        command.args(["digest", "--for", "request.json", "--profile", "profile.yaml", "--store", "sqlite:platform.db"]);
        command.args(["-o", "receipt.lbr", "--key", "sign.pem", "--unseal", "seal.pem"]);
        command.stdin(Stdio::null()).output().unwrap().status.code()
    }

    fn answer_over(&self, store: &str, options: &[&str], out: &str) -> (i32, Value) {
        let asked = ["digest", "--for", "request.json", "--profile", "profile.yaml", "--store", store];
        self.program(&[&asked[..], &["-o", out, "--key", "sign.pem"], options].concat())
    }

    /// A receipt over a store at an address: its bytes.
    pub(crate) fn answer_url(&self, request: &Path, profile: &Path, url: &str) -> Vec<u8> {
        for (from, name) in [(request, "request.json"), (profile, "profile.yaml")] {
            fs::copy(from, self.path(name)).unwrap();
        }
        let (exit, document) = self.answer_over(url, &["--unseal", "seal.pem"], "receipt.lbr");
        assert_eq!(exit, 0, "{document:#}");
        fs::read(self.path("receipt.lbr")).unwrap()
    }

    /// A receipt by the keeper's sealing key: its bytes.
    pub(crate) fn answer(&self, request: &Path, profile: &Path, store: &Path, hidden: &[PathBuf]) -> Vec<u8> {
        let out = self.path("receipt.lbr");
        let _ = fs::remove_file(&out);
        let (exit, document) = self.run(request, profile, store, hidden, &["--unseal", "seal.pem"], "receipt.lbr");
        assert_eq!(exit, 0, "{document:#}");
        assert_eq!(document["result"]["case"], json_file(request)["case"]);
        let drafts = fs::read_dir(self.path("")).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(drafts.into_iter().all(|name| !name.to_string_lossy().ends_with(".draft")), "no draft is left");
        fs::read(out).unwrap()
    }
}

/// Two stores of one engine: a person says that they are two.
pub(crate) const APART: &str = r#"[{what: target-apart, by: "Три Три", position: "keeper", at: 2026-11-12}]"#;

/// Puts a receipt in the place of the walk's live target and asks for it; where the request lies.
pub(crate) fn ask_instead(walk: &mut Walk, keeper: &Keeper, attested: &str) -> PathBuf {
    fs::copy(keeper.signing_public(), walk.path("keys/keeper.pub.pem")).unwrap();
    walk.edit_case(&walk.new.url(), "receipt:../receipt.lbr");
    walk.edit_case("receipt_signer: null", "receipt_signer: ../keys/keeper.pub.pem");
    walk.edit_case("attested: []", &format!("attested: {attested}"));
    walk.run("discover", &[], 0);
    fs::copy(keeper.sealing_public(), walk.path("keys/seal.pub.pem")).unwrap();
    let [case, request, to] = [walk.case(), walk.path("request.json"), walk.path("keys/seal.pub.pem")];
    let [folder, out, to] = [&case, &request, &to].map(|path| path.display().to_string());
    let (exit, document) = lastbell_json(&["digest", "--request", &folder, "-o", &out, "--to", &to]);
    assert_eq!(exit, 0, "{document:#}");
    request
}

/// What a set of this platform's records writes to disk when it outgrows its memory.
pub(crate) fn spilled(store: &Path, profile: &Path) -> Vec<u8> {
    let (profile, _) = Profile::load("profile.yaml", &fs::read(profile).unwrap()).unwrap();
    let mapping = profile.mappings.iter().find(|mapping| mapping.name == "pupils").unwrap();
    let (world, _) = crate::common::world();
    let location = Location::parse(&format!("sqlite:{}", store.display())).unwrap();
    let mut reader = world.open_reader("-", &location).unwrap();
    let target = compile_target(mapping, &reader.catalog().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut rows = SideReader::new(&target.side, VerifyKeys::from_secret(&[7; 32]), 0);
    let mut set = DigestSet::new(target.side.shape(), 64 << 10, folder.path());
    for _ in 0..2_000 {
        let mut take = |batch: lastbell_contract::Batch| {
            for row in batch.rows() {
                let Outcome::Digested(record) = rows.row(row) else { panic!("every pupil has a record") };
                set.push(record).unwrap();
            }
            Flow::Continue
        };
        reader.scan(&target.side.base().scan(), &mut take).unwrap();
    }
    let open = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
    let ours = |fd: &PathBuf| fs::read_link(fd).is_ok_and(|to| to.starts_with(folder.path()));
    let spill = open.into_iter().filter(ours).map(|fd| fs::read(fd).unwrap()).collect::<Vec<_>>().concat();
    assert_eq!(set.rows(), 8_000);
    spill
}
