//! The work that is left for one verdict.

use crate::{
    Error,
    limits::{MAX_NAME_COMPARISONS, MAX_SEARCH_STEPS, MAX_SIGNATURE_CHECKS},
};

#[derive(Debug)]
pub(crate) struct Budget {
    signature_checks: usize,
    search_steps: usize,
    name_comparisons: usize,
}

impl Budget {
    pub(crate) const fn new() -> Self {
        Self {
            signature_checks: MAX_SIGNATURE_CHECKS,
            search_steps: MAX_SEARCH_STEPS,
            name_comparisons: MAX_NAME_COMPARISONS,
        }
    }

    pub(crate) fn signature_check(&mut self) -> Result<(), Error> {
        spend(&mut self.signature_checks)
    }

    pub(crate) fn search_step(&mut self) -> Result<(), Error> {
        spend(&mut self.search_steps)
    }

    pub(crate) fn name_comparison(&mut self) -> Result<(), Error> {
        spend(&mut self.name_comparisons)
    }
}

fn spend(left: &mut usize) -> Result<(), Error> {
    *left = left.checked_sub(1).ok_or(Error::BudgetExceeded)?;
    Ok(())
}
