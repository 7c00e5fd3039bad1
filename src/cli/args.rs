//! The command line as people type it. What it means is decided in `cli/mod.rs`.

use crate::rate::Rate;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Takes a retired electronic school diary out of the world: finds the personal data, proves row by row that the new
/// platform has it, destroys it, looks for what is left, and signs a certificate that anyone can check.
#[derive(Debug, Parser)]
#[command(name = "lastbell", version, max_term_width = 100, arg_required_else_help = true)]
pub(super) struct Arguments {
    /// Print one JSON document on stdout, errors too
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Language of messages; otherwise from LC_ALL, LC_MESSAGES or LANG
    #[arg(long, global = true, value_enum, env = "LASTBELL_LANG")]
    pub(super) lang: Option<Lang>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Lang {
    Ru,
    En,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The whole story on two invented SQLite diaries
    Demo(Demo),
    /// Look for personal data: in a case, or in any store without a case (reads only)
    Discover(Discover),
    /// Make a case folder
    Init(Init),
    /// Connection, privileges, reachable level, what is missing: changes nothing
    Doctor(OneCase),
    /// Append decisions, checked and journalled
    Decide(Decide),
    /// Prove row by row that the target has what is to be destroyed
    Verify(Verify),
    /// A receipt instead of a live target: ask the platform's keeper for one, or, on the platform's side, make it
    Digest(Digest),
    /// Write the plan of destruction: the dry run
    Plan(Step),
    /// Sign a plan as a member of the commission; the file alone is enough
    Approve(Sign),
    /// Destroy what the approved plan names, proving it again under lock
    Erase(Erase),
    /// Look for destroyed values in every file that can be reached
    Residue(Step),
    /// Freeze the statement; assemble the certificate once enough have signed
    Certify(Step),
    /// Sign a statement; the file alone is enough
    Sign(Sign),
    /// Check certificates without us: genuine, complete in themselves, and what they do not say
    Check(Check),
    /// Walk through the steps and stop where a person must decide
    Run(Run),
    /// Where each case stands and who must act
    Status(Cases),
    /// The keys of rows that differ, at a terminal only; the look is journalled
    Show(Show),
    /// End the keys and the work files of a finished case
    Close(Close),
    /// Profiles: check one before anything is verified by it
    #[command(subcommand)]
    Profiles(Profiles),
    /// Keys: make, show
    #[command(subcommand)]
    Keys(Keys),
    /// The list of trusted keys
    #[command(subcommand)]
    Trust(Trust),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The case folder
    pub(super) case: PathBuf,
    /// One mapping of the profile; without it, all
    pub(super) mapping: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The folder to make; an earlier demo's folder is replaced, no other
    #[arg(long, default_value = "lastbell-demo")]
    pub(super) dir: PathBuf,
    /// Number of invented pupils
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    pub(super) rows: u32,
}

#[derive(Debug, Args)]
pub(super) struct Discover {
    /// The case folder
    #[arg(required_unless_present = "store")]
    pub(super) case: Option<PathBuf>,
    /// A store instead of a case, such as sqlite:old.db
    #[arg(long, conflicts_with_all = ["case", "again"])]
    pub(super) store: Option<String>,
    /// Print a line per column: table,column,category,subject,verdict,score,guess
    #[arg(long, conflicts_with = "json")]
    pub(super) csv: bool,
    /// Run again although it is done; what was made from it moves to history/
    #[arg(long)]
    pub(super) again: bool,
}

#[derive(Debug, Args)]
pub(super) struct Init {
    /// The folder to make
    pub(super) case: PathBuf,
    /// The retired system's store, such as sqlite:old.db
    #[arg(long)]
    pub(super) source: Option<String>,
    /// The new platform's store
    #[arg(long)]
    pub(super) target: Option<String>,
    /// A profile that comes with the program, or a file to copy into the case
    #[arg(long)]
    pub(super) profile: Option<String>,
    /// YAML with the same keys as case.yaml, laid over its defaults
    #[arg(long)]
    pub(super) answers: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct OneCase {
    /// The case folder
    pub(super) case: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Cases {
    /// Case folders
    #[arg(required = true)]
    pub(super) cases: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Step {
    /// The case folder
    pub(super) case: PathBuf,
    /// Run again although it is done; what was made from it moves to history/
    #[arg(long)]
    pub(super) again: bool,
}

/// How the new platform is visited.
#[derive(Debug, Args)]
pub(super) struct Visit {
    /// Read the new platform no faster than this: 20MB/s, 500kB/s, none; goes before case.yaml's `max_rate`. Without a
    /// word 20MB/s holds where it is reached over a network
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(super) max_rate: Option<Rate>,
}

fn rate(text: &str) -> Result<Rate, String> {
    Rate::parse(text).ok_or_else(|| Rate::ALLOWED.to_owned())
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    pub(super) step: Step,
    #[command(flatten)]
    pub(super) visit: Visit,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The case folder
    pub(super) case: PathBuf,
    #[command(flatten)]
    pub(super) visit: Visit,
}

#[derive(Debug, Args)]
pub(super) struct Erase {
    #[command(flatten)]
    pub(super) step: Step,
    #[command(flatten)]
    pub(super) visit: Visit,
    /// Do not ask for the system's name (where there is no terminal)
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct Decide {
    /// The case folder
    pub(super) case: PathBuf,
    /// YAML with the decisions to append
    #[arg(long)]
    pub(super) from: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Sign {
    /// The case folder, or the file alone
    pub(super) subject: PathBuf,
    /// The signing key
    #[arg(long)]
    pub(super) key: PathBuf,
    /// File with the key's password
    #[arg(long)]
    pub(super) password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["request", "answer"])))]
pub(super) struct Digest {
    /// Our side: make a request for this case
    #[arg(long, value_name = "CASE")]
    pub(super) request: Option<PathBuf>,
    /// The platform's side: answer this request with a receipt; reads one store, writes nothing there
    #[arg(long = "for", value_name = "REQUEST", requires_all = ["profile", "store", "key"])]
    pub(super) answer: Option<PathBuf>,
    /// The request or the receipt to be made; never over a file
    #[arg(short, long, value_name = "FILE")]
    pub(super) out: PathBuf,
    /// With --request: the public sealing key of the platform's keeper, who alone can open the request
    #[arg(long, value_name = "KEEPER.pub.pem", conflicts_with_all = ["answer", "password_file"])]
    pub(super) to: Option<PathBuf>,
    /// File with the password of the request, which is told apart from it
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
    /// With --for: the profile that came with the request
    #[arg(long, value_name = "FILE", conflicts_with = "request")]
    pub(super) profile: Option<PathBuf>,
    /// With --for: the platform's store; passwords as ${NAME} of an environment variable
    #[arg(long, value_name = "URL", conflicts_with = "request")]
    pub(super) store: Option<String>,
    /// With --for: the keeper's signing key
    #[arg(long, value_name = "KEY.pem", conflicts_with = "request")]
    pub(super) key: Option<PathBuf>,
    /// With --for: file with the password of that key
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(super) key_password_file: Option<PathBuf>,
    /// With --for: the keeper's sealing key, which opens the request
    #[arg(long, value_name = "KEEPER.pem", conflicts_with_all = ["request", "password_file"])]
    pub(super) unseal: Option<PathBuf>,
    /// With --for: file with the password of the sealing key
    #[arg(long, value_name = "FILE", requires = "unseal")]
    pub(super) unseal_password_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) visit: Visit,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Certificates
    #[arg(required = true)]
    pub(super) certificates: Vec<PathBuf>,
    /// The list of trusted keys
    #[arg(long)]
    pub(super) trust: Option<PathBuf>,
    /// Key id of the root that must have signed the list
    #[arg(long, requires = "trust")]
    pub(super) root: Option<String>,
    /// The case folder, to read every file behind the certificate
    #[arg(long)]
    pub(super) evidence: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Close {
    /// The case folder
    pub(super) case: PathBuf,
    /// After the retention: also destroy sealed/ and the key of its proofs
    #[arg(long = "final")]
    pub(super) finally: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Profiles {
    /// A file alone: its form. A case: every mapping on both stores, its mistakes, and what becomes of the rows
    Check {
        /// The case folder, or a profile
        subject: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Make a key pair: NAME.pem (0600) and NAME.pub.pem; never over a file
    New {
        /// What the key is for
        #[arg(long = "for", value_enum)]
        purpose: KeyPurpose,
        /// Where: the name without an ending
        #[arg(long)]
        out: PathBuf,
        /// File with a password for the private key
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
    /// Print a key file's kind and key id
    Show {
        /// The key file, private or public
        file: PathBuf,
        /// File with the key's password
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum KeyPurpose {
    Signing,
    Sealing,
}

#[derive(Debug, Subcommand)]
pub(super) enum Trust {
    /// Make a signed, empty list
    New {
        /// The region
        #[arg(long)]
        region: String,
        /// The file to make
        #[arg(long)]
        out: PathBuf,
        /// The root's signing key
        #[arg(long)]
        key: PathBuf,
        /// File with the key's password
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
    /// Add a key: a new version of the list
    Add {
        /// The list
        trust: PathBuf,
        /// The public key
        public: PathBuf,
        /// Whose it is
        #[arg(long)]
        holder: String,
        /// chair, member, secretary…
        #[arg(long)]
        role: String,
        /// operator, processor, auditor, platform or other
        #[arg(long)]
        party: String,
        /// The first day on which the key counts; otherwise today
        #[arg(long, value_name = "DATE")]
        from: Option<String>,
        /// The root's signing key
        #[arg(long)]
        key: PathBuf,
        /// File with the key's password
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
}
