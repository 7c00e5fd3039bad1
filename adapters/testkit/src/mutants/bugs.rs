//! The list of bugs, and which promises each breaks.

macro_rules! bugs {
    ($($(#[doc = $doc:literal])+ $name:ident breaks [$($promise:literal),+ $(,)?];)+) => {
        /// One way in which an adapter can be wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[doc = $doc])+ $name,)+
        }

        /// Every bug with the names of the cases that must notice it.
        pub const BUGS: &[(Bug, &[&str])] = &[$((Bug::$name, &[$($promise),+]),)+];
    };
}

/// The kinds that were planted into the first adapters, and the bugs of each: one of them at least must show on every engine.
pub const KINDS: &[(&str, &[Bug])] = &[
    ("reading goes on at the row that it ended with", &[Bug::RepeatsAtBatchEdges]),
    ("another order than was promised", &[Bug::ReversesTables, Bug::SortsKeys]),
    ("nothing is committed", &[Bug::ForgetsTheCommit, Bug::OnlyAnnounces]),
    ("an error of the wrong kind", &[Bug::LosesErrorKinds]),
    ("what is not there passes as empty", &[Bug::UnknownIsEmpty]),
    ("nothing is scrubbed", &[Bug::OnlyAnnouncesScrubs]),
    ("the driver's error is let out", &[Bug::LeaksRows]),
];

bugs! {
    /// Every error is `Engine`.
    LosesErrorKinds breaks [
        "a store that is not there fails to open and is not made by looking",
        "a lock that another eraser holds is Busy, and taken when it is free",
        "an unknown table or column is NotFound",
    ];
    /// All stores of the engine have one mark.
    OneAnchorForAll breaks ["two visits to one store share an anchor, two stores share none"];
    /// Each visit has a new mark.
    AnchorPerVisit breaks ["two visits to one store share an anchor, two stores share none"];
    /// A mark is raised nowhere.
    RaisesNoMark breaks ["a mark that one visit raises is seen by others to the same store alone, while it stays"];
    /// Every mark is seen.
    SeesEveryMark breaks ["a mark that one visit raises is seen by others to the same store alone, while it stays"];
    /// Who cancels is not heard.
    DeafToCancelling breaks ["a cancelled scan ends as Stopped, and the visit goes on"];
    /// Claims the opposite of its atomicity.
    ClaimsOtherAbilities breaks ["a store names its engine and claims the abilities it has"];
    /// Sees files and lists none.
    ListsNoFiles breaks ["files are listed where they can be seen, and refused where not"];
    /// `begin` opens nothing and says it did.
    FakesSnapshots breaks [
        "snapshots are refused where the engine has none",
        "a snapshot does not see later writes, and its end lets them be seen",
    ];
    /// The level does not follow from the conditions.
    ClaimsDepth breaks ["reach names its conditions, follows from them and repeats itself"];
    /// The last table is missing.
    ForgetsATable breaks ["the catalog tells every table and view once, sorted, and nothing else"];
    /// Tables come in reverse.
    ReversesTables breaks ["the catalog tells every table and view once, sorted, and nothing else"];
    /// Views are missing.
    ForgetsViews breaks ["the catalog tells every table and view once, sorted, and nothing else"];
    /// The last column of each table is missing.
    ForgetsAColumn breaks ["the catalog tells every column in order, its kind and whether NULL is allowed"];
    /// Every column may be NULL.
    AllNullable breaks ["the catalog tells every column in order, its kind and whether NULL is allowed"];
    /// Key columns come sorted by name.
    SortsKeys breaks ["the catalog tells primary keys in key order and further unique keys"];
    /// Unique keys are missing.
    ForgetsUniqueKeys breaks ["the catalog tells primary keys in key order and further unique keys"];
    /// Links are missing.
    ForgetsLinks breaks ["the catalog tells every link and what a DELETE does"];
    /// Every link does nothing on DELETE.
    HidesCascades breaks ["the catalog tells every link and what a DELETE does"];
    /// Triggers are missing.
    ForgetsTriggers breaks ["the catalog tells a trigger and makes it an obstacle when it would fire"];
    /// A table of the engine's own is listed.
    ListsAGhost breaks ["the catalog of an empty store is empty"];
    /// The last row of a scan is missing.
    LosesLastRow breaks ["a scan gives every row exactly once, in batches of any size"];
    /// The first row comes twice.
    GivesARowTwice breaks ["a scan gives every row exactly once, in batches of any size"];
    /// Each batch begins with the row that ended the one before: reading goes on at `>=`, not after it.
    RepeatsAtBatchEdges breaks ["a scan gives every row exactly once, in batches of any size"];
    /// The whole table comes in one batch.
    OneBigBatch breaks ["a scan gives every row exactly once, in batches of any size"];
    /// Says one row more than it gave.
    MiscountsScans breaks ["a scan gives every row exactly once, in batches of any size"];
    /// NULL comes as an empty text.
    EmptyTextForNull breaks [
        "a scan gives the values that were written, of every kind",
        "hostile values come back byte for byte, through a rebuild too",
    ];
    /// An empty text comes as NULL.
    NullForEmptyText breaks ["a scan gives the values that were written, of every kind"];
    /// Integers pass through a 64-bit float.
    IntsThroughFloats breaks ["a scan gives the values that were written, of every kind"];
    /// The first two columns change places.
    SwapsColumns breaks ["a scan gives the columns that were asked for, in that order"];
    /// An empty table gives a row of NULLs.
    GhostRow breaks ["a scan of an empty table hands over no row"];
    /// Equal rows come once.
    MergesEqualRows breaks ["a table without a key gives equal rows as often as they stand there"];
    /// Rows with a NULL in their first column are left out.
    SkipsNullKeys breaks ["composite keys, text keys and NULL in unique keys lose no row"];
    /// Blanks at the end of a text are cut.
    TrimsText breaks ["composite keys, text keys and NULL in unique keys lose no row"];
    /// A stopped scan ends well.
    StopIsAnEnd breaks ["a visitor's stop ends a scan as Stopped, and it is not asked again"];
    /// The visitor is asked again after its stop.
    AsksAfterStop breaks ["a visitor's stop ends a scan as Stopped, and it is not asked again"];
    /// A broken connection ends a scan well.
    CutIsAnEnd breaks ["a connection that breaks in a scan is an error, never an end"];
    /// What is unknown is empty.
    UnknownIsEmpty breaks ["an unknown table or column is NotFound"];
    /// The sample is always the same.
    IgnoresTheSeed breaks ["a sample depends on the seed alone, keeps to its size and takes small tables whole"];
    /// The sample is never the same.
    IgnoresTheSeedOtherwise breaks [
        "a sample depends on the seed alone, keeps to its size and takes small tables whole",
    ];
    /// The sample is the whole table.
    SampleIsWhole breaks ["a sample depends on the seed alone, keeps to its size and takes small tables whole"];
    /// Counts one row too few.
    CountsOneLess breaks ["a count equals a scan"];
    /// Under lock, counts what was there when the lock was taken.
    CountsFromMemory breaks ["destroy removes all rows of that table and of no other"];
    /// A snapshot never ends.
    SnapshotNeverEnds breaks ["a snapshot does not see later writes, and its end lets them be seen"];
    /// Each batch is read anew.
    ReadsEachBatchAnew breaks ["a whole scan sees one moment"];
    /// Opening a reader writes.
    ReaderWrites breaks ["a reader changes nothing"];
    /// Names with a quote are not found.
    QuotesBadly breaks ["hostile names of tables and columns are read, rebuilt and destroyed like others"];
    /// A text ends at its first NUL.
    CutsAtNul breaks ["hostile values come back byte for byte, through a rebuild too"];
    /// The row that failed stands in the error's code.
    LeaksRows breaks ["an error tells nothing of a row"];
    /// Tables are locked only while a statement runs.
    DoesNotExclude breaks [
        "a lock keeps every other writer out of unit and watched tables, and ends",
        "a lock that another eraser holds is Busy, and taken when it is free",
        "no row is lost when another connection writes in any gap of the protocol",
        "no row is lost when another connection never stops writing",
    ];
    /// Watched tables are not locked.
    ForgetsWatched breaks ["a lock keeps every other writer out of unit and watched tables, and ends"];
    /// Unknown tables are left out of the lock.
    LocksUnknownTables breaks ["a lock of an unknown table is NotFound and locks nothing"];
    /// Another table of the unit goes, too.
    DestroysANeighbour breaks ["destroy removes all rows of that table and of no other"];
    /// Any table may be destroyed.
    IgnoresTheUnit breaks ["a table outside the unit cannot be destroyed or rebuilt"];
    /// Destroys without a word.
    SaysNothing breaks [
        "destroy and commit announce Before and After, in order, and no more",
        "a rebuild announces Before and After of its table",
    ];
    /// Says everything twice.
    SaysTwice breaks [
        "destroy and commit announce Before and After, in order, and no more",
        "a rebuild announces Before and After of its table",
    ];
    /// Says Before when it is done.
    SaysAfterwards breaks ["what the witness refuses does not happen"];
    /// The witness' errors are swallowed.
    IgnoresTheWitness breaks [
        "what the witness refuses does not happen",
        "a scrub that the witness refuses does not go on",
    ];
    /// The witness' errors after a statement are swallowed.
    IgnoresTheWitnessAfter breaks ["an error of the witness after a statement is not swallowed"];
    /// Announces a destruction and does nothing.
    OnlyAnnounces breaks [
        "destroy removes all rows of that table and of no other",
        "each statement is durable at once, where units are not atomic",
    ];
    /// A unit that is dropped is committed.
    CommitsOnDrop breaks ["a unit dropped without commit leaves everything, where units are atomic"];
    /// A commit is announced, and everything is let go.
    ForgetsTheCommit breaks ["a commit is durable, and several units can follow one another"];
    /// An empty table cannot be destroyed.
    FailsOnEmpty breaks ["destroying an empty table is no error"];
    /// Rows of watched tables go with the table.
    FiresCascades breaks [
        "a cascade never fires: rows that lead here stay byte for byte",
        "a rebuild changes no other table, and rows that lead to kept rows still do",
    ];
    /// A table that a link leads to cannot be destroyed.
    RefusesParents breaks [
        "a closed unit of parent and child is destroyed, child first",
        "a table that leads to itself is destroyed",
    ];
    /// What is unsafe is done, as far as the caller can tell.
    SwallowsUnsafe breaks [
        "a trigger that would fire is refused as Unsafe, and fires never",
        "a rebuild of a table whose trigger would fire is refused as Unsafe",
    ];
    /// Of several tables only the first goes.
    DestroysTheFirstOnly breaks ["tables that lead to one another go in one call, in any order"];
    /// A cut is announced, and the link stays.
    CutsNothing breaks ["a cut drops that link of a kept table and nothing else"];
    /// Every link of the table is cut.
    CutsEveryLink breaks ["a cut drops that link of a kept table and nothing else"];
    /// Tells a technique that did not run.
    ScrubLies breaks ["a scrub announces itself, says what it did and can be repeated"];
    /// Announces a scrub and does nothing.
    OnlyAnnouncesScrubs breaks ["after a scrub the destroyed values are in no data file"];
    /// Tidies what is clean.
    TidiesAlways breaks ["tidy on a clean store does nothing"];
    /// A rebuild leaves no row out.
    RebuildKeepsAll breaks [
        "a rebuild shows every row once and keeps those it is told to",
        "a rebuild to nothing leaves an empty table",
    ];
    /// A rebuild shows each row twice.
    RebuildShowsTwice breaks ["a rebuild shows every row once and keeps those it is told to"];
    /// A rebuild writes old values.
    RebuildWritesOld breaks ["a rebuild writes the values that it is given"];
    /// A rebuild loses keys.
    RebuildLosesKeys breaks ["a rebuild leaves columns, keys, links and indexes as they were"];
    /// A rebuild merges equal rows.
    RebuildMergesEqualRows breaks ["a rebuild of a table without a key keeps equal rows apart"];
    /// A table is rebuilt once in a unit, then no more.
    RebuildsOnce breaks ["a rebuild and a destroy of one table may follow each other"];
}
