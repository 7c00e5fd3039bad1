//! openssl in both directions: our keys there, its keys here, the same signature, and the published script.

use super::{example::*, vectors::*};
use lastbell::certificate::{
    check::Verdict,
    envelope::{PayloadType, pre_authentication_encoding},
    keys::{self, KeyKind, PrivateKey},
};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn openssl(arguments: &[&str], folder: &Path) -> Output {
    Command::new("openssl").args(arguments).current_dir(folder).output().expect("openssl is installed")
}

fn must(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn openssl_reads_our_keys() {
    let folder = tempfile::tempdir().unwrap();
    for kind in [KeyKind::Signing, KeyKind::Sealing] {
        let key = PrivateKey::from_random(kind, &[42; 32]);
        let public = key.public().to_pem();
        fs::write(folder.path().join("clear.pem"), key.to_pem().as_bytes()).unwrap();
        let sealed = key.to_encrypted_pem("слово".as_bytes(), &[43; 32]).unwrap();
        fs::write(folder.path().join("sealed.pem"), sealed.as_bytes()).unwrap();
        fs::write(folder.path().join("public.pem"), &public).unwrap();
        let clear = openssl(&["pkey", "-in", "clear.pem", "-pubout"], folder.path());
        assert_eq!(must(&clear), public, "{kind:?}");
        let opened = openssl(&["pkey", "-in", "sealed.pem", "-passin", "pass:слово", "-pubout"], folder.path());
        assert_eq!(must(&opened), public, "{kind:?} under a password");
        let wrong = openssl(&["pkey", "-in", "sealed.pem", "-passin", "pass:x", "-pubout"], folder.path());
        assert!(!wrong.status.success(), "a wrong password opened the key");
        must(&openssl(
            &["pkey", "-pubin", "-in", "public.pem", "-outform", "DER", "-out", "public.der"],
            folder.path(),
        ));
        let digest = must(&openssl(&["dgst", "-sha256", "-r", "public.der"], folder.path()));
        assert_eq!(digest[..64], key.public().key_id().to_string(), "the key id is what the manual says");
    }
}

#[test]
fn keys_made_by_openssl_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str, password: Option<&[u8]>| {
        keys::read_private(&fs::read(folder.path().join(name)).unwrap(), password)
    };
    for (algorithm, kind) in [("ed25519", KeyKind::Signing), ("x25519", KeyKind::Sealing)] {
        must(&openssl(&["genpkey", "-algorithm", algorithm, "-out", "k.pem"], folder.path()));
        must(&openssl(&["pkey", "-in", "k.pem", "-pubout", "-out", "k.pub.pem"], folder.path()));
        let public = keys::read_public(&fs::read(folder.path().join("k.pub.pem")).unwrap()).unwrap();
        let private = read("k.pem", None).unwrap();
        assert_eq!((private.kind(), private.public()), (kind, public));
        must(&openssl(&["pkey", "-in", "k.pem", "-aes-256-cbc", "-passout", "pass:p", "-out", "a.pem"], folder.path()));
        must(&openssl(
            &["pkcs8", "-topk8", "-scrypt", "-in", "k.pem", "-passout", "pass:p", "-out", "s.pem"],
            folder.path(),
        ));
        for name in ["a.pem", "s.pem"] {
            assert_eq!(read(name, Some(b"p")).unwrap().public(), public, "{name}");
            assert_eq!(read(name, Some(b"q")).unwrap_err().code, "key-password-wrong", "{name}");
        }
    }
    must(&openssl(
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec.pem"],
        folder.path(),
    ));
    must(&openssl(&["pkey", "-in", "ec.pem", "-pubout", "-out", "ec.pub.pem"], folder.path()));
    assert_eq!(read("ec.pem", None).unwrap_err().code, "key-algorithm");
    let public = fs::read(folder.path().join("ec.pub.pem")).unwrap();
    assert_eq!(keys::read_public(&public).unwrap_err().code, "key-algorithm");
}

#[test]
fn openssl_makes_the_same_signature() {
    let folder = tempfile::tempdir().unwrap();
    let payload = statement().to_payload().unwrap();
    let signed = pre_authentication_encoding(PayloadType::Certificate.text(), &payload);
    fs::write(folder.path().join("signed"), signed).unwrap();
    fs::write(folder.path().join("k.pem"), PrivateKey::Signing(key(CHAIR)).to_pem().as_bytes()).unwrap();
    must(&openssl(&["pkeyutl", "-sign", "-rawin", "-inkey", "k.pem", "-in", "signed", "-out", "sig"], folder.path()));
    let ours = sign(&statement(), &[CHAIR]).signatures()[0].bytes;
    assert_eq!(fs::read(folder.path().join("sig")).unwrap(), ours);
}

/// Runs the published script on a file, with the case folder or without.
fn script(certificate: &Path, case: Option<&Path>, threshold: &str, keys: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.arg(repository_file("docs/check-with-openssl.sh"));
    if let Some(case) = case {
        command.arg("-e").arg(case);
    }
    command.arg(threshold).arg(certificate).args(keys.iter().map(|name| vectors().join(format!("{name}.pub.pem"))));
    command.output().expect("sh is there")
}

const ALL_KEYS: [&str; 3] = ["chair", "member", "engineer"];

#[test]
fn the_script_agrees_on_every_vector() {
    write_or_compare_vectors();
    let case = vectors().join("case");
    for expected in cases() {
        let output = script(&vectors().join(&expected.file), Some(&case), "2", &ALL_KEYS);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let status = if expected.openssl_says_good { 0 } else { 1 };
        assert_eq!(output.status.code(), Some(status), "{}: {said}", expected.file);
        assert_eq!(said.contains("GOOD"), expected.openssl_says_good, "{}: {said}", expected.file);
        assert!(!expected.openssl_says_good || said.contains("NOT CHECKED"), "{}: {said}", expected.file);
        if expected.verdict == Verdict::Valid {
            assert!(expected.openssl_says_good, "{} is valid here and bad there", expected.file);
        }
    }
}

#[test]
fn the_script_counts_distinct_keys_and_says_what_it_did_not_check() {
    write_or_compare_vectors();
    let good = vectors().join("good.json");
    let status = |threshold: &str, keys: &[&str]| script(&good, None, threshold, keys).status.code();
    assert_eq!(status("2", &ALL_KEYS), Some(0));
    assert_eq!(status("3", &ALL_KEYS), Some(1), "two signers for three");
    assert_eq!(status("2", &["chair", "chair"]), Some(1), "a key given twice");
    assert_eq!(status("1", &["chair"]), Some(1), "a signature that nobody can vouch for");
    assert_eq!(status("0", &ALL_KEYS), Some(2), "a threshold of nothing");
    assert_eq!(status("2", &["absent"]), Some(2), "a missing key file");
    let without_case = script(&good, None, "2", &ALL_KEYS);
    assert!(String::from_utf8_lossy(&without_case.stdout).contains("NOT CHECKED  the 6 files"));
}

#[test]
fn the_script_finds_changed_bytes_and_changed_files() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = sign(&statement(), &[CHAIR, MEMBER, ENGINEER]).to_bytes();
    let path = folder.path().join("changed.json");
    // Every byte would take minutes here; a prime stride meets all parts, and the last bytes end a signature.
    for place in (0..bytes.len()).step_by(331).chain(bytes.len() - 20..bytes.len()) {
        let mut changed = bytes.clone();
        changed[place] ^= 0x01;
        fs::write(&path, &changed).unwrap();
        assert_eq!(script(&path, None, "2", &ALL_KEYS).status.code(), Some(1), "byte {place}");
    }
    for (name, tail) in [("nul", &b"\0"[..]), ("line", b"\n"), ("second document", b"{}\n")] {
        fs::write(&path, [&bytes[..], tail].concat()).unwrap();
        assert_eq!(script(&path, None, "2", &ALL_KEYS).status.code(), Some(1), "{name} appended");
    }
    fs::write(&path, &bytes).unwrap();
    let case = folder.path().join("case");
    write_case(&case);
    assert_eq!(script(&path, Some(&case), "2", &ALL_KEYS).status.code(), Some(0), "the case as it was signed");
    for changed in CASE.iter().map(|(name, _)| *name).chain(["journal.jsonl"]) {
        write_case(&case);
        fs::write(case.join(changed), "{}\n").unwrap();
        assert_eq!(script(&path, Some(&case), "2", &ALL_KEYS).status.code(), Some(1), "{changed} changed");
        fs::remove_file(case.join(changed)).unwrap();
        assert_eq!(script(&path, Some(&case), "2", &ALL_KEYS).status.code(), Some(1), "{changed} missing");
    }
}

fn write_case(case: &Path) {
    fs::create_dir_all(case.join("approvals")).unwrap();
    for (name, content) in CASE {
        fs::write(case.join(name), content).unwrap();
    }
    fs::write(case.join("journal.jsonl"), journal_prefix() + JOURNAL[2] + "\n").unwrap();
}
