//! The eraser: a session that hands out locked units, scrubs and tidies.

use crate::mark::Mark;
use crate::session::Session;
use crate::unit::{Unit, leave_snapshot};
use crate::{scrub, tidy};
use lastbell_contract::{ErasePermit, Eraser, LockRequest, LockedUnit, Result, Scrub, Scrubbed, Setting, Witness};

/// A visit that may destroy.
pub(crate) struct MysqlEraser {
    session: Session,
    mark: Mark,
}

impl MysqlEraser {
    /// Over a session made for erasing.
    pub(crate) fn new(session: Session, permit: &ErasePermit) -> Self {
        Self { session, mark: Mark::of(permit) }
    }

    fn session(&mut self) -> Result<&mut Session> {
        Ok(&mut self.session)
    }
}

lastbell_contract::read_through!(MysqlEraser);

impl Eraser for MysqlEraser {
    fn lock(&mut self, request: &LockRequest) -> Result<Box<dyn LockedUnit + '_>> {
        Ok(Box::new(Unit::begin(&mut self.session, &self.mark, request)?))
    }

    fn scrub(&mut self, scrub: &Scrub, witness: &mut dyn Witness) -> Result<Scrubbed> {
        leave_snapshot(&mut self.session)?;
        scrub::run(&mut self.session, &self.mark, scrub, witness)
    }

    fn tidy(&mut self, left: &[Setting], witness: &mut dyn Witness) -> Result<()> {
        tidy::run(&mut self.session, &self.mark, left, witness)
    }
}
