//! Activations of sums.

use super::site::Site;
use crate::ir::ValueId;

pub(super) fn bias_gelu(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    let (x, bias) = (site.input(0)?, site.input(1)?);
    let sum = site.make("Add", &[x, bias])?;
    let y = site.node("com.microsoft", "Gelu", &[Some(sum)], &[], 1)?;
    Some(y.into_iter().map(Some).collect())
}
