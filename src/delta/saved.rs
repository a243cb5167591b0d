//! Tensors that adapters have beside their changes.

use super::Deltas;
use crate::context::{Context, Level};
use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use std::collections::BTreeMap;

/// Refuses tensors that replace parameters, unless all adapters have the same.
pub(crate) fn check_saved(adapters: &[&Deltas]) -> Result<()> {
    for deltas in adapters {
        for name in &deltas.saved {
            let own = stored(deltas, name);
            let Some(other) = adapters.iter().find(|other| stored(other, name) != own) else {
                continue;
            };
            return Err(Error::input(format!(
                "{name} replaces a parameter in {}, and {} has not the same: what replaces cannot be added up",
                deltas.adapter.path().display(),
                other.adapter.path().display()
            )));
        }
    }
    Ok(())
}

/// The base's own weights that adapters have, where all that have one have the same; of others it warns.
pub(crate) fn base_weights<'a>(
    adapters: &[&'a Deltas],
    context: &Context,
) -> BTreeMap<&'a str, &'a Tensor> {
    let mut found = BTreeMap::new();
    for deltas in adapters {
        for name in &deltas.base_weights {
            found.extend(deltas.adapter.tensor(name).map(|tensor| (name.as_str(), tensor)));
        }
    }
    found.retain(|name, _| {
        let mut all = adapters.iter().filter_map(|deltas| stored(deltas, name));
        let first = all.next();
        let agree = all.all(|other| Some(other) == first);
        if !agree {
            let message =
                format!("{name} is not the same in all adapters that have it: it is left out");
            context.note(Level::Warning, message);
        }
        agree
    });
    found
}

/// The type, the sizes and the bytes of a tensor of an adapter.
fn stored<'a>(deltas: &'a Deltas, name: &str) -> Option<(DataType, &'a [i64], &'a [u8])> {
    let tensor = deltas.adapter.tensor(name)?;
    Some((tensor.dtype, &tensor.dims, tensor.bytes()?))
}
