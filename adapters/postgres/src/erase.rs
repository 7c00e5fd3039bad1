//! The eraser: a session that may write, hands out locked units, scrubs and tidies.

use crate::read::read_through;
use crate::session::{self, Purpose, Session};
use crate::unit::{Replaced, Unit};
use crate::{scrub, tidy};
use lastbell_contract::{Eraser, Location, LockRequest, LockedUnit, Reader, Result, Scrub, Scrubbed, Setting, Witness};

/// A visit that may destroy.
pub(crate) struct PostgresEraser {
    session: Session,
    /// Files of the tables whose rows went in this visit.
    replaced: Replaced,
}

impl PostgresEraser {
    /// Over a session that may write.
    pub(crate) fn open(location: &Location) -> Result<Self> {
        Ok(Self { session: session::connect(location, Purpose::Erase)?, replaced: Replaced::new() })
    }

    fn session(&mut self) -> Result<&mut Session> {
        Ok(&mut self.session)
    }
}

read_through!(PostgresEraser);

impl Eraser for PostgresEraser {
    fn lock(&mut self, request: &LockRequest) -> Result<Box<dyn LockedUnit + '_>> {
        self.end()?;
        Ok(Box::new(Unit::begin(&mut self.session, &mut self.replaced, request)?))
    }

    fn scrub(&mut self, scrub: &Scrub, witness: &mut dyn Witness) -> Result<Scrubbed> {
        self.end()?;
        scrub::run(&mut self.session, &self.replaced, scrub, witness)
    }

    fn tidy(&mut self, left: &[Setting], witness: &mut dyn Witness) -> Result<()> {
        self.end()?;
        tidy::run(&mut self.session, left, witness)
    }
}
