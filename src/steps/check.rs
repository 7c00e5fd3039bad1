//! Step check: is a certificate genuine, complete in itself, and what does it not say?
//! Reads certificates, a trust list, a case folder as evidence; writes nothing, opens no engine, needs no network.

use super::Outcome;
use crate::case::folder::inspect;
use crate::certificate::check::{self, CheckReport, FoundEvidence, Question, Verdict};
use crate::certificate::keys::KeyId;
use crate::certificate::scalars::{Digest, Instant, State};
use crate::failure::{Exit, Failure, Result};
use crate::world::World;
use std::fs;
use std::path::{Path, PathBuf};

/// What is to be checked against what.
pub struct Request {
    /// Certificates.
    pub certificates: Vec<PathBuf>,
    /// Trust list.
    pub trust: Option<PathBuf>,
    /// Root key id that must have signed it.
    pub root: Option<String>,
    /// Case folder.
    pub evidence: Option<PathBuf>,
}

/// Checks each certificate; anything but valid is a finding.
///
/// # Errors
/// Wrong use and files that cannot be read; bytes that can be read are judged, garbage too.
pub fn run(request: &Request, world: &World) -> Result<Outcome> {
    let trust = request.trust.as_deref().map(read).transpose()?;
    let root = match &request.root {
        Some(text) => Some(KeyId::parse(text).ok_or_else(|| failure!(Usage, "root-bad"))?),
        None => None,
    };
    let now = Instant::from_unix(world.clock.now().as_second()).ok_or_else(|| failure!(Usage, "clock-bad"))?;
    let mut outcome = Outcome::default();
    let mut reports = Vec::new();
    for path in &request.certificates {
        let certificate = read(path)?;
        let evidence = request.evidence.as_deref().map(|case| gather(case, &certificate)).transpose()?;
        let (found, tampered) = evidence.map_or((None, None), |(found, tampered)| (Some(found), tampered));
        let question = Question {
            certificate: &certificate,
            trust: trust.as_deref(),
            pinned_root: root,
            now,
            evidence: found.as_deref(),
        };
        let mut report = check::check(&question);
        if let Some(failure) = &tampered {
            report.evidence_broken(failure);
        }
        describe(path, &report, tampered.as_ref(), &mut outcome);
        reports.push(serde_json::json!({
            "path": path, "report": report, "evidence_folder": tampered.map(|failure| failure.to_string()),
        }));
    }
    outcome.document = serde_json::json!({ "certificates": reports });
    Ok(outcome)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Failure { exit: Exit::Usage, ..Failure::file(path, &error) })
}

type Gathered = (Vec<FoundEvidence>, Option<Failure>);

/// The digests of the files that the certificate names, and what is wrong with the case folder itself: every file of it is
/// read, `work/`, `sealed/` and `history/` too.
fn gather(case: &Path, certificate: &[u8]) -> Result<Gathered> {
    if !case.is_dir() {
        return Err(failure!(Usage, "case-not-found", path = case.display()));
    }
    let tampered = inspect(case).err();
    let Ok(statement) = check::read_statement(certificate) else { return Ok((Vec::new(), tampered)) };
    let found = check::expected_evidence(&statement).into_iter().map(|expected| {
        let bytes = fs::read(case.join(&expected.name)).ok();
        let bytes = match expected.first_lines {
            Some(lines) => bytes.and_then(|bytes| first_lines(&bytes, lines)),
            None => bytes,
        };
        FoundEvidence { name: expected.name, sha256: bytes.map(|bytes| Digest::of(&bytes)) }
    });
    Ok((found.collect(), tampered))
}

/// The journal's first lines, newlines included; `None` when it has fewer.
fn first_lines(bytes: &[u8], lines: u64) -> Option<Vec<u8>> {
    let lines = usize::try_from(lines).ok()?;
    let taken: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').take(lines).collect();
    (taken.len() == lines).then(|| taken.concat())
}

fn describe(path: &Path, report: &CheckReport, tampered: Option<&Failure>, outcome: &mut Outcome) {
    let shown = path.display();
    let verdict = word(report.verdict);
    if let Some(failure) = tampered {
        let file = failure.arg("path").unwrap_or("-");
        outcome.findings.push(line!("check-evidence-broken", path = shown, file = file, code = failure.code));
    }
    if report.verdict == Verdict::Valid {
        outcome.lines.push(line!("check-valid", path = shown));
    } else {
        let layers = &report.layers;
        let failed = [&layers.bytes, &layers.signatures, &layers.evidence, &layers.trust];
        let failed = failed.into_iter().find(|layer| layer.state != State::Pass);
        let why = failed.map_or_else(String::new, |layer| {
            let detail: Vec<String> = layer.detail.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} {}", layer.code, detail.join(" "))
        });
        outcome.findings.push(line!("check-not-valid", path = shown, verdict = verdict, why = why.trim_end()));
    }
    if let Some(trust) = &report.trust {
        outcome.lines.push(line!(
            "check-trust",
            region = trust.region,
            version = trust.version,
            root = trust.root_key_id
        ));
    }
    for signer in &report.signers {
        let holder = signer.holder.as_ref().or(signer.name_stated.as_ref()).map_or("-", String::as_str);
        let verdict = serde_json::to_value(signer.verdict).unwrap_or_default();
        outcome.lines.push(line!(
            "check-signer",
            holder = holder,
            key_id = signer.key_id,
            verdict = verdict.as_str().unwrap_or("-")
        ));
    }
    if let Some(statement) = &report.statement {
        let levels: Vec<String> =
            statement.levels.iter().map(|(store, level)| format!("{store}: {}", level.0.word())).collect();
        outcome.lines.push(line!(
            "check-statement",
            id = statement.certificate_id,
            system = statement.system,
            outcome = serde_json::to_value(statement.outcome).unwrap_or_default().as_str().unwrap_or("-"),
            levels = levels.join(", "),
            rows = statement.coverage.rows_total,
            proved = statement.coverage.rows_proved,
            waived = statement.coverage.rows_waived
        ));
    }
    outcome.lines.push(line!("check-not-checked", what = report.not_checked.join(", ")));
}

fn word(verdict: Verdict) -> String {
    serde_json::to_value(verdict).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
