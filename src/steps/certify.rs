//! Step certify: freezes what the case's evidence bears into `statement.json`; once enough members have signed, assembles
//! `certificate.json`. Reads every artefact of the chain and the journal, opens no store.

use super::residue::destroyed_units;
use super::session::{CASE_FILE, Session, Standing};
use super::{Outcome, sign};
use crate::case::Event;
use crate::case::artefacts::{
    ErasedUnit, Erasure, Inventory, Plan, PlannedTable, Residue, StoreFound, UnitEnd, Verification, name,
};
use crate::case::journal::JOURNAL;
use crate::certificate::claims::{Claim, ClaimCode};
use crate::certificate::keys::read_public;
use crate::certificate::scalars::{Day, Digest, Instant, Level, Party, State, one_line};
use crate::certificate::statement::{self as paper, Statement};
use crate::failure::{Failure, Result};
use crate::profile::case_file::{CaseFile, LegalReason, ServerUse};
use crate::profile::{Language, When};
use crate::residue::Clean;
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};

/// Certifies.
///
/// # Errors
/// `step-missing`, `step-stale`, `certify-lines` naming what case.yaml lacks, `statement-rule`.
pub fn run(session: &mut Session, world: &mut World, again: bool) -> Result<Outcome> {
    session.require("discover", name::INVENTORY, &session.inputs_of_discover())?;
    session.require("residue", name::RESIDUE, &session.inputs_of_residue())?;
    session.require("erase", name::ERASURE, &session.inputs_of_erase())?;
    let inputs = session.inputs_of_certify();
    let missing = missing_lines(&session.files.case);
    if !missing.is_empty() {
        return Err(failure!(Refused, "certify-lines", path = CASE_FILE, lines = missing.join(", ")));
    }
    if let Standing::Done = session.begin(world, "certify", name::STATEMENT, &inputs, again)? {
        return sign::assemble(session, world);
    }
    let statement = Maker::new(session, world)?.statement()?;
    let mut bytes = statement.to_payload()?;
    bytes.push(b'\n');
    session.case.write(world, "certify", name::STATEMENT, &bytes)?;
    let mut outcome = sign::assemble(session, world)?;
    outcome.lines.insert(0, headline(&statement));
    Ok(session.noted(outcome))
}

fn headline(statement: &Statement) -> super::Line {
    let of = &statement.predicate;
    let levels: Vec<String> =
        of.levels.iter().map(|level| format!("{}: {}", level.store, level.level.0.word())).collect();
    line!(
        "certified",
        outcome = word(of.outcome),
        levels = levels.join(", "),
        proved = of.coverage.rows_proved,
        rows = of.coverage.rows_total
    )
}

fn word(outcome: paper::Outcome) -> &'static str {
    match outcome {
        paper::Outcome::Destroyed => "destroyed",
        paper::Outcome::DestroyedWithExceptions => "destroyed_with_exceptions",
        paper::Outcome::Incomplete => "incomplete",
        paper::Outcome::Unknown => "unknown",
    }
}

/// Lines that order 179 wants in the act and nobody has filled in.
fn missing_lines(case: &CaseFile) -> Vec<&'static str> {
    let wanted = ["operator.", "system.", "legal.reason"];
    case.unanswered().into_iter().filter(|line| wanted.iter().any(|wanted| line.starts_with(wanted))).collect()
}

/// Puts the statement together.
struct Maker<'a> {
    session: &'a Session,
    world: &'a World,
    inventory: Inventory,
    plans: Vec<(String, Plan)>,
    erasures: Vec<Erasure>,
    residue: Residue,
    verification: Verification,
    issued_at: Instant,
}

impl<'a> Maker<'a> {
    fn new(session: &'a Session, world: &'a World) -> Result<Self> {
        Ok(Self {
            session,
            world,
            inventory: session.case.artefact(name::INVENTORY)?,
            plans: session.plans()?,
            erasures: session.erasures()?,
            residue: session.case.artefact(name::RESIDUE)?,
            verification: session.case.artefact(name::VERIFICATION)?,
            issued_at: instant(world.clock.now())?,
        })
    }

    fn statement(&self) -> Result<Statement> {
        let mut predicate = self.predicate()?;
        predicate.claims = self.claims(&predicate);
        Ok(Statement {
            statement_type: paper::StatementType::V1,
            subject: self.evidence()?,
            predicate_type: paper::PredicateType::DeletionCertificateV1,
            predicate,
        })
    }

    fn predicate(&self) -> Result<paper::Predicate> {
        let case = &self.session.files.case;
        let plan = &self.plans.last().ok_or_else(|| failure!(Bug, "bug"))?.1;
        let (started_at, finished_at) = self.times()?;
        let residue = self.residue();
        let exceptions = self.exceptions();
        let standing = self.standing();
        let waivers = self.waivers()?;
        Ok(paper::Predicate {
            certificate_id: case.case.clone(),
            issued_at: self.issued_at,
            language: self.language(),
            operator: organisation(&case.operator),
            processor: case.processor.as_ref().map(processor),
            system: self.system(),
            legal_basis: self.legal_basis()?,
            categories: self.categories(),
            subjects: self.subjects(),
            levels: self.levels()?,
            methods: self.methods(),
            target: self.target()?,
            coverage: self.coverage(&waivers),
            waivers,
            cuts: self.cuts()?,
            corrections_downwards: self.corrections(plan)?,
            tables_kept: plan.kept.len() as u64,
            allowances: self.allowances()?,
            outcome: outcome(&standing, &exceptions),
            residue: Some(residue),
            started_at,
            finished_at,
            destroyed_on: finished_at.day(),
            standing_units: standing,
            exceptions,
            persons: persons(plan)?,
            policy: paper::SigningPolicy {
                threshold: u32::try_from(plan.commission.threshold).unwrap_or(u32::MAX),
                of: u32::try_from(plan.commission.members.len()).unwrap_or(u32::MAX),
            },
            journal: self.journal()?,
            tool: self.tool(),
            place: self.place(),
            clock: paper::Clock {
                basis: paper::SelfReported::SelfReported,
                source: "system".to_owned(),
                offset_ms: None,
            },
            retain_until: finished_at.day().years_later(paper::RETAINED_YEARS),
            supersedes: None,
            claims: Vec::new(),
        })
    }

    fn language(&self) -> paper::Language {
        match self.session.files.case.language {
            Language::Ru => paper::Language::Ru,
            Language::En => paper::Language::En,
        }
    }

    fn destroyed(&self) -> Vec<&ErasedUnit> {
        destroyed_units(&self.erasures)
    }

    /// Every table that is gone, with what its plan said of it.
    fn gone_tables(&self) -> Vec<&PlannedTable> {
        let of = |unit: &ErasedUnit| self.plan_of(&unit.unit)?.unit(&unit.unit);
        self.destroyed().into_iter().filter_map(of).flat_map(|unit| &unit.tables).collect()
    }

    /// The plan under which a unit was proved and went. A plan that was made again before anything of it began has units
    /// of the same names, so the journal is asked and not the names.
    fn plan_of(&self, unit: &str) -> Option<&Plan> {
        let entries = self.session.case.entries().iter().rev();
        let mut proved = entries.filter_map(|entry| match &entry.event {
            Event::UnitProved { unit: proved, plan, .. } if proved == unit => Some(plan),
            _ => None, // every other event
        });
        let sha256 = proved.next()?;
        self.plans.iter().find(|(digest, _)| digest == sha256).map(|(_, plan)| plan)
    }

    fn times(&self) -> Result<(Instant, Instant)> {
        let first = self.erasures.first().map(|erasure| erasure.started_at.clone()).unwrap_or_default();
        let last = self.destroyed().iter().filter_map(|unit| unit.destroyed_at.clone()).max();
        Ok((moment(&first)?, moment(&last.unwrap_or(first))?))
    }

    fn system(&self) -> paper::System {
        let case = &self.session.files.case;
        let store = |found: &StoreFound| paper::Store {
            name: found.name.clone(),
            engine: found.engine.clone(),
            product: found.product.clone(),
            version: found.version.clone(),
            identity: Digest::of(found.anchors.join("\n").as_bytes()),
        };
        let mut stores: Vec<paper::Store> = self.inventory.sources().map(store).collect();
        stores.sort_by(|a, b| a.name.cmp(&b.name));
        paper::System {
            name: filled(case.system.name.as_ref()),
            ispdn_id: filled(case.system.ispdn_id.as_ref()),
            server: match case.system.server {
                ServerUse::Dedicated => paper::Server::Dedicated,
                ServerUse::Shared => paper::Server::Shared,
            },
            stores,
        }
    }

    fn legal_basis(&self) -> Result<paper::LegalBasis> {
        let legal = &self.session.files.case.legal;
        let reason =
            legal.reason.ok_or_else(|| failure!(Refused, "certify-lines", path = CASE_FILE, lines = "legal.reason"))?;
        let (word, russian, english) = legal_words(reason);
        Ok(paper::LegalBasis {
            reason: word.to_owned(),
            purpose_reached_on: legal.purpose_reached_on.and_then(|day| Day::parse(&day.to_string())),
            order: legal.order.as_deref().map(one_line),
            text: match self.language() {
                paper::Language::Ru => russian,
                paper::Language::En => english,
            }
            .to_owned(),
        })
    }

    fn categories(&self) -> Vec<paper::Category> {
        let categories: BTreeMap<&str, crate::category::Category> =
            self.gone_tables().iter().flat_map(|table| &table.categories).map(|one| (one.word(), *one)).collect();
        let russian = self.language() == paper::Language::Ru;
        let title = |category: crate::category::Category| category.title(russian).to_owned();
        categories.into_iter().map(|(code, one)| paper::Category { code: code.to_owned(), title: title(one) }).collect()
    }

    fn subjects(&self) -> paper::Subjects {
        let mut groups: BTreeMap<&str, u64> = BTreeMap::new();
        for table in self.gone_tables() {
            if let Some(subject) = &table.subject {
                *groups.entry(subject).or_default() += table.rows;
            }
        }
        let count = groups.values().sum();
        let groups = groups.into_iter().map(|(code, count)| paper::SubjectGroup { code: code.to_owned(), count });
        paper::Subjects::Count { count, groups: groups.collect() }
    }

    /// The lowest of what cleaning reached and what the search bears out.
    fn levels(&self) -> Result<Vec<paper::StoreLevel>> {
        let mut levels: BTreeMap<String, paper::StoreLevel> = BTreeMap::new();
        for store in self.erasures.iter().flat_map(|erasure| &erasure.stores) {
            let word = self.residue.levels.get(&store.store).unwrap_or(&store.reach.level);
            let level = lastbell_contract::Level::parse(word)
                .ok_or_else(|| failure!(Refused, "tampered", path = name::RESIDUE))?;
            let condition = |condition: &crate::case::artefacts::Condition| {
                let blocks = lastbell_contract::Level::parse(&condition.blocks)?;
                let state = match condition.state.as_str() {
                    "pass" => State::Pass,
                    "fail" => State::Fail,
                    _ => State::Unknown, // a text; «unknown» and whatever a later version adds
                };
                Some(paper::Precondition { code: condition.code.clone(), blocks: Level(blocks), state })
            };
            levels.insert(
                store.store.clone(),
                paper::StoreLevel {
                    store: store.store.clone(),
                    level: Level(level),
                    preconditions: store.reach.conditions.iter().filter_map(condition).collect(),
                    paper: match level {
                        lastbell_contract::Level::L0 => paper::Paper::Protocol,
                        lastbell_contract::Level::L1 | lastbell_contract::Level::L2 | lastbell_contract::Level::L2f => {
                            paper::Paper::Act
                        }
                    },
                },
            );
        }
        Ok(levels.into_values().collect())
    }

    fn methods(&self) -> Vec<paper::Method> {
        let mut stores: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for unit in self.destroyed() {
            let sums = stores.entry(&unit.store).or_default();
            sums.0 += unit.tables.len() as u64;
            sums.1 += unit.tables.iter().map(|table| table.rows_before).sum::<u64>();
        }
        let techniques = |store: &str| {
            let cleaned =
                self.erasures.iter().flat_map(|erasure| &erasure.stores).filter(|cleaned| cleaned.store == store);
            let words: BTreeSet<&str> = cleaned.flat_map(|cleaned| &cleaned.techniques).map(String::as_str).collect();
            std::iter::once("delete-all").chain(words).collect::<Vec<_>>().join(" + ")
        };
        let method = |(store, (tables, rows)): (&str, (u64, u64))| paper::Method {
            store: store.to_owned(),
            action: paper::Action::Destroy,
            technique: techniques(store),
            tables,
            rows,
        };
        stores.into_iter().map(method).collect()
    }

    fn target(&self) -> Result<Option<paper::Target>> {
        let Some(target) = &self.verification.target else { return Ok(None) };
        let case = &self.session.files.case;
        let stated = case.attested.iter().find(|statement| statement.what == "target-is-platform");
        // The contractor's word about the platform is no evidence: it is left out, not printed as one.
        let party = |name: &str| {
            let members = case.commission.iter().flat_map(|commission| &commission.members);
            let member = members.into_iter().find(|member| member.name == name);
            member.map_or(Party::Platform, |member| member_party(member.party))
        };
        let attested =
            stated.map(|statement| paper::AttestedBy { name: one_line(&statement.by), party: party(&statement.by) });
        Ok(Some(paper::Target {
            kind: match target.kind.as_str() {
                "live" => paper::TargetKind::Live,
                "receipt" => paper::TargetKind::Receipt,
                "export" => paper::TargetKind::Export,
                _ => return Err(failure!(Refused, "tampered", path = name::VERIFICATION)), // a text
            },
            store: target.store.clone(),
            read_at: moment(&target.read_at)?,
            is_platform_attested_by: attested.filter(|by| by.party != Party::Processor),
            receipt: target.receipt.as_ref().map(receipt).transpose()?,
            export: target.export.as_ref().map(|read| export(read, &party)).transpose()?,
        }))
    }

    fn waivers(&self) -> Result<Vec<paper::Waiver>> {
        let mut waivers = Vec::new();
        for table in self.gone_tables() {
            // Two mappings may waive the same row: together they waive no more rows than the table has waived.
            let mut left = table.waived;
            let plan = self.plans.iter().find(|(_, plan)| plan.tables().any(|planned| std::ptr::eq(planned, table)));
            for waiver in plan.iter().flat_map(|(_, plan)| &plan.waivers).filter(|waiver| waiver.table == table.table) {
                let rows = waiver.rows.min(left);
                left -= rows;
                waivers.push(paper::Waiver {
                    of: if waiver.mapping.is_some() { paper::WaiverOf::Mapping } else { paper::WaiverOf::Table },
                    name: one_line(waiver.mapping.as_ref().unwrap_or(&waiver.table)),
                    verdict: waiver.mapping.is_some().then(|| waiver.verdict.clone()),
                    rows,
                    rows_max: waiver.rows_max,
                    reason: one_line(&waiver.reason),
                    by: one_line(&waiver.by),
                    at: moment(&waiver.at)?,
                });
            }
        }
        Ok(waivers)
    }

    fn coverage(&self, waivers: &[paper::Waiver]) -> paper::Coverage {
        let tables = self.gone_tables();
        let sum = |of: fn(&PlannedTable) -> u64| tables.iter().map(|table| of(table)).sum::<u64>();
        paper::Coverage {
            rows_total: sum(|table| table.rows),
            rows_proved: sum(|table| table.matched),
            rows_moved_on: sum(|table| table.moved_on),
            rows_waived: waivers.iter().map(|waiver| waiver.rows).sum(),
            personal_columns: sum(|table| table.columns.personal),
            compared: sum(|table| table.columns.compared + table.columns.tolerated),
            tolerated: sum(|table| table.columns.tolerated),
            left_out: sum(|table| table.columns.left_out),
        }
    }

    /// Keys that were cut, under whichever plan: a successor knows nothing of the tables that went before it.
    fn cuts(&self) -> Result<Vec<paper::Cut>> {
        let decided = |cut: &crate::case::artefacts::Cut| {
            Ok(paper::Cut {
                key: one_line(&format!("{}.{}", cut.table, cut.column)),
                reason: one_line(cut.reason.as_deref().unwrap_or_default()),
                by: one_line(cut.decided_by.as_deref().unwrap_or_default()),
                at: moment(cut.at.as_deref().unwrap_or_default())?,
            })
        };
        let of = |unit: &ErasedUnit| {
            let plan = self.plan_of(&unit.unit)?;
            let gone = plan.unit(&unit.unit)?;
            Some(plan.cuts.iter().filter(|cut| gone.tables.iter().any(|table| table.table == cut.references)))
        };
        self.destroyed().into_iter().filter_map(of).flatten().map(decided).collect()
    }

    fn corrections(&self, plan: &Plan) -> Result<Vec<paper::Correction>> {
        let mut corrections = Vec::new();
        for kept in &plan.kept {
            for correction in &kept.corrections {
                corrections.push(paper::Correction {
                    table: one_line(&kept.table),
                    column: correction.column.as_deref().map(one_line),
                    from: correction.category.word().to_owned(),
                    to: "keep".to_owned(),
                    reason: one_line(&correction.reason),
                    by: one_line(&correction.by),
                    at: moment(&correction.at)?,
                });
            }
        }
        Ok(corrections)
    }

    fn allowances(&self) -> Result<Vec<paper::Allowance>> {
        let all = self.erasures.iter().flat_map(|erasure| &erasure.allowances);
        let distinct: BTreeMap<&str, _> = all.map(|allowance| (allowance.gate.as_str(), allowance)).collect();
        let paper = |allowance: &crate::case::artefacts::Allowance| {
            Ok(paper::Allowance {
                gate: if allowance.gate == "life" { paper::Gate::Life } else { paper::Gate::Cooling },
                hours: allowance.hours,
                reason: one_line(&allowance.reason),
                by: one_line(&allowance.by),
                at: moment(&allowance.at)?,
            })
        };
        distinct.into_values().map(paper).collect()
    }

    fn residue(&self) -> paper::Residue {
        let reports = || self.residue.units.iter().map(|unit| &unit.report);
        // Every unit's values are looked for in the same files: they are counted once.
        let files: BTreeMap<&str, u64> =
            reports().flat_map(|report| &report.files).map(|file| (file.path.as_str(), file.bytes)).collect();
        let not_looked_for = reports().flat_map(|report| &report.not_looked_for).map(|one| paper::NotLookedFor {
            table: one_line(&one.table),
            column: one_line(&one.column),
            why: serde_json::to_value(one.reason)
                .ok()
                .and_then(|word| word.as_str().map(str::to_owned))
                .unwrap_or_default(),
            count: one.count,
        });
        let lives = self.erasures.iter().flat_map(|erasure| &erasure.stores);
        let lives: Vec<(String, String)> = lives
            .filter_map(|store| Some((format!("last write of {}", store.store), store.life_unknown.clone()?)))
            .collect();
        let unseen: BTreeSet<(&str, &str)> = reports()
            .flat_map(|report| &report.not_looked_at)
            .map(|one| (one.what.as_str(), one.why.as_str()))
            .chain(reports().flat_map(|report| &report.not_read).map(|one| (one.path.as_str(), one.why.as_str())))
            .chain(lives.iter().map(|(what, why)| (what.as_str(), why.as_str())))
            .collect();
        paper::Residue {
            needles: reports().map(|report| report.looked_for).sum(),
            files: files.len() as u64,
            bytes: files.values().sum(),
            hits: reports().flat_map(|report| &report.files).map(|file| file.hits).sum(),
            not_looked_for: not_looked_for.collect(),
            not_looked_at: unseen
                .into_iter()
                .map(|(what, why)| paper::NotLookedAt { what: one_line(what), why: one_line(why) })
                .collect(),
        }
    }

    fn standing(&self) -> Vec<paper::StandingUnit> {
        let current = self.erasures.last().into_iter().flat_map(Erasure::standing);
        let standing = current.map(|unit| paper::StandingUnit {
            unit: unit.unit.clone(),
            tables: unit.tables.iter().map(|table| one_line(&table.table)).collect(),
            why: match &unit.end {
                UnitEnd::Refused { code, .. } => code.clone(),
                UnitEnd::Destroyed => String::new(),
            },
        });
        standing.collect()
    }

    /// What people named in case.yaml, and what our own search found or could not read.
    fn exceptions(&self) -> Vec<paper::Exception> {
        let case = &self.session.files.case;
        let responsible = filled(case.operator.name.as_ref());
        let named = case.exceptions.iter().map(|exception| paper::Exception {
            what: one_line(&exception.what),
            why: one_line(&exception.why),
            until: Day::parse(&exception.until.to_string()),
            responsible: one_line(&exception.responsible),
        });
        let unclean = self.residue.units.iter().filter(|unit| unit.report.clean != Clean::Pass);
        let unclean = unclean.flat_map(|unit| {
            let found = unit.report.files.iter().filter(|file| file.hits > 0).map(|file| (&file.path, "residue-found"));
            let unread = unit.report.not_read.iter().map(|file| (&file.path, "residue-unread"));
            let changed =
                unit.report.files.iter().filter(|file| file.changed).map(|file| (&file.path, "residue-changed"));
            found.chain(unread).chain(changed).collect::<Vec<_>>()
        });
        // What nobody could look at is no better than what was looked at and found.
        let units = self.residue.units.iter();
        let blind = units.filter(|unit| unit.report.looked_for > 0 && unit.report.files.is_empty());
        let blind = blind.map(|unit| (&unit.store, "residue-unseen"));
        let unclean: BTreeSet<(&String, &str)> = unclean.chain(blind).collect();
        let ours = unclean.into_iter().map(|(place, why)| paper::Exception {
            what: one_line(place),
            why: why.to_owned(),
            until: None,
            responsible: responsible.clone(),
        });
        named.chain(ours).collect()
    }

    fn journal(&self) -> Result<paper::Journal> {
        let path = self.session.case.path().join(JOURNAL);
        let bytes = std::fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
        let last = bytes.strip_suffix(b"\n").and_then(|lines| lines.rsplit(|byte| *byte == b'\n').next());
        let last = last.ok_or_else(|| failure!(Refused, "tampered", path = JOURNAL))?;
        Ok(paper::Journal {
            entries: self.session.case.entries().len() as u64,
            head: Digest::of(last),
            sha256: Digest::of(&bytes),
        })
    }

    fn tool(&self) -> paper::Tool {
        paper::Tool {
            name: "lastbell".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            binary_sha256: Digest::parse(&self.world.place.binary_sha256),
        }
    }

    fn place(&self) -> paper::Place {
        let place = &self.world.place;
        paper::Place {
            basis: paper::SelfReported::SelfReported,
            host: one_line(&place.host),
            user: one_line(&place.user),
            os: one_line(&place.system),
            machine_id_sha256: Digest::parse(&place.machine_sha256),
        }
    }

    /// Every file that the statement rests on, those in `history/` too. `work/` and `sealed/` are not handed out.
    fn evidence(&self) -> Result<Vec<paper::Evidence>> {
        let bears =
            |path: &str| !path.starts_with("work/") && !path.starts_with("sealed/") && !path.contains("statement");
        let files = self.session.case.files().iter().filter(|(path, _)| bears(path));
        let evidence = |(path, finished): (&String, &crate::case::Finished)| {
            let sha256 = Digest::parse(&finished.sha256).ok_or_else(|| failure!(Bug, "bug"))?;
            Ok(paper::Evidence { name: path.clone(), digest: paper::DigestSet { sha256 } })
        };
        files.map(evidence).collect()
    }

    fn claims(&self, of: &paper::Predicate) -> Vec<Claim> {
        let measured = [
            ClaimCode::InventoryTaken,
            ClaimCode::JournalComplete,
            ClaimCode::LevelReached,
            ClaimCode::PlanApproved,
            ClaimCode::ResidueZeroHits,
            ClaimCode::RowsGone,
            ClaimCode::RowsProved,
        ];
        let keeper = of.target.as_ref().and_then(|target| target.is_platform_attested_by.clone());
        let keeper = keeper.and_then(|by| Claim::attested(ClaimCode::TargetIsPlatform, by, of));
        let mut claims: Vec<Claim> =
            measured.into_iter().filter_map(|code| Claim::measured(code, of)).chain(keeper).collect();
        claims.sort_by_key(|claim| claim.code);
        claims
    }
}

fn outcome(standing: &[paper::StandingUnit], exceptions: &[paper::Exception]) -> paper::Outcome {
    match (standing.is_empty(), exceptions.is_empty()) {
        (false, _) => paper::Outcome::Incomplete,
        (true, false) => paper::Outcome::DestroyedWithExceptions,
        (true, true) => paper::Outcome::Destroyed,
    }
}

fn receipt(read: &crate::case::artefacts::ReceiptRead) -> Result<paper::Receipt> {
    let digest =
        |text: &str| Digest::parse(text).ok_or_else(|| failure!(Refused, "tampered", path = name::VERIFICATION));
    Ok(paper::Receipt { signer: digest(&read.signer)?, sha256: digest(&read.sha256)? })
}

/// The contractor's word about who made an export is no evidence either.
fn export(read: &crate::case::artefacts::ExportRead, party: &dyn Fn(&str) -> Party) -> Result<paper::Export> {
    let file = |file: &crate::case::artefacts::ExportFile| {
        let sha256 = Digest::parse(&file.sha256);
        Ok(paper::ExportFile {
            name: one_line(&file.name),
            bytes: file.bytes,
            modified_at: moment(&file.modified_at)?,
            sha256: sha256.ok_or_else(|| failure!(Refused, "tampered", path = name::VERIFICATION))?,
        })
    };
    let made_by = read.made_by.as_ref().map(|by| paper::AttestedBy { name: one_line(by), party: party(by) });
    Ok(paper::Export {
        files: read.files.iter().map(file).collect::<Result<_>>()?,
        made_by: made_by.filter(|by| by.party != Party::Processor),
    })
}

fn filled(text: Option<&String>) -> String {
    text.map(|text| one_line(text)).unwrap_or_default()
}

fn organisation(party: &crate::profile::case_file::Party) -> paper::Organisation {
    paper::Organisation {
        name: filled(party.name.as_ref()),
        inn: filled(party.inn.as_ref()),
        ogrn: filled(party.ogrn.as_ref()),
        address: filled(party.address.as_ref()),
    }
}

fn processor(party: &crate::profile::case_file::Party) -> paper::Processor {
    paper::Processor {
        name: filled(party.name.as_ref()),
        inn: filled(party.inn.as_ref()),
        address: filled(party.address.as_ref()),
        contract: filled(party.contract.as_ref()),
    }
}

fn member_party(party: crate::profile::case_file::MemberParty) -> Party {
    use crate::profile::case_file::MemberParty;
    match party {
        MemberParty::Operator => Party::Operator,
        MemberParty::Processor => Party::Processor,
        MemberParty::Other => Party::Other,
    }
}

fn persons(plan: &Plan) -> Result<Vec<paper::Person>> {
    let person = |member: &crate::case::artefacts::Member| {
        Ok(paper::Person {
            role: match member.role.as_str() {
                "chair" => paper::PersonRole::Chair,
                "secretary" => paper::PersonRole::Secretary,
                _ => paper::PersonRole::Member, // a text of the plan
            },
            position: one_line(&member.position),
            name: one_line(&member.name),
            party: Party::parse(&member.party).unwrap_or(Party::Other),
            key: Some(read_public(member.public_key.as_bytes())?.into_signing()?.into()),
        })
    };
    plan.commission.members.iter().map(person).collect()
}

fn legal_words(reason: LegalReason) -> (&'static str, &'static str, &'static str) {
    match reason {
        LegalReason::PurposeReached => (
            "purpose-reached",
            "Достижение цели обработки персональных данных (152-ФЗ, ст. 5 ч. 7, ст. 21 ч. 4)",
            "The purpose of processing is reached (152-FZ art. 5(7), 21(4))",
        ),
        LegalReason::PurposeLost => (
            "purpose-lost",
            "Утрата необходимости в достижении цели обработки (152-ФЗ, ст. 5 ч. 7)",
            "The purpose of processing is no longer needed (152-FZ art. 5(7))",
        ),
        LegalReason::ConsentWithdrawn => (
            "consent-withdrawn",
            "Отзыв согласия на обработку (152-ФЗ, ст. 21 ч. 5)",
            "Consent was withdrawn (152-FZ art. 21(5))",
        ),
        LegalReason::UnlawfulProcessing => (
            "unlawful-processing",
            "Неправомерная обработка (152-ФЗ, ст. 21 ч. 3)",
            "Processing was unlawful (152-FZ art. 21(3))",
        ),
    }
}

fn instant(at: jiff::Timestamp) -> Result<Instant> {
    Instant::from_unix(at.as_second()).ok_or_else(|| failure!(Usage, "clock-bad"))
}

/// A moment of an artefact or a decision; a bare date counts from its midnight.
fn moment(text: &str) -> Result<Instant> {
    let when = When::parse(text).ok_or_else(|| failure!(Refused, "tampered", path = name::PLAN))?;
    instant(when.moment)
}

/// SHA-256 of the statement's payload: what a member signs is the payload, without the file's newline.
pub(super) fn payload_of(bytes: &[u8]) -> Result<&[u8]> {
    bytes.strip_suffix(b"\n").ok_or_else(|| failure!(Refused, "tampered", path = name::STATEMENT))
}
