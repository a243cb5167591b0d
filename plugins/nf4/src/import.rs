//! Import: weights that bitsandbytes quantized, taken over from a checkpoint as they are.
//!
//! Codes and magnitudes go into the model byte for byte; nothing is quantized again, so that an
//! adapter that was trained on the checkpoint fits. What the checkpoint has besides is compared with
//! the model: it is the proof that both are of one base ([`base`]).

mod base;
mod keys;
mod options;
mod stored;
mod weight;

use crate::layer::Layer;
use base::Base;
use keys::Keys;
use options::Options;
use peftc_plugin::{Error, Result, Run, Site, Value};
use std::collections::hash_map::{Entry, HashMap};
use stored::Stored;
use weight::Weights;

/// Takes over all weights of the checkpoint.
pub(crate) fn run(run: &Run<'_>) -> Result<()> {
    let options = Options::of(run)?;
    let keys = Keys::of(&run.adapter_tensor_names()?)?;
    // All modules are looked for, so that the host can list those that are not there.
    let looked: Vec<_> = keys.quantized.iter().map(|key| run.sites_of_module(key.module)).collect();
    let modules = looked.into_iter().collect::<Result<Vec<_>>>()?;
    let mut base = Base::new(options.check_base);
    let mut weights = Weights::new(run, options.format, options.measure);
    for (key, sites) in keys.quantized.iter().zip(modules) {
        let stored = Stored::read(run, key)?;
        options.check(&stored)?;
        take_over(run, &stored, &sites, &mut weights, &mut base)?;
    }
    for name in &keys.plain {
        base.compare(run, name)?;
    }
    weights.finish();
    base.finish(run);
    Ok(())
}

/// Takes over one weight, at all places where its module stands.
fn take_over<'a>(
    run: &Run<'a>,
    stored: &Stored<'_>,
    sites: &[Site],
    weights: &mut Weights<'_, 'a>,
    base: &mut Base,
) -> Result<()> {
    let mut made: HashMap<bool, Vec<Value>> = HashMap::new();
    for &site in sites {
        let layer = checked_layer(run, stored, site)?;
        base.compare_codes(run, &layer, stored)?;
        let values = match made.entry(layer.weight.transposed) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(weights.make(&layer, stored)?),
        };
        weights.place(&layer, stored, values)?;
        layer.record(run, &weights.describe(stored))?;
    }
    Ok(())
}

/// The layer at a site, which the weight fits.
fn checked_layer<'a>(run: &Run<'a>, stored: &Stored<'_>, site: Site) -> Result<Layer<'a>> {
    let name = stored.name;
    if run.site(site)?.is_quantized {
        return Err(Error::invalid(format!("{name}: the layer of the model is quantized already")));
    }
    let layer = Layer::of(run, site)?;
    if layer.shape() != stored.shape {
        return Err(Error::invalid(format!(
            "{name} is {:?} in the checkpoint, {:?} in the model",
            stored.shape,
            layer.shape()
        )));
    }
    if run.value(layer.weight.value)?.is_pending {
        return Err(Error::invalid(format!(
            "{name}: an earlier pass changed the weight, which an import would undo: put it before that pass"
        )));
    }
    if layer.weight.factor != 1.0 {
        return Err(Error::unsupported(format!(
            "{name}: the model multiplies the weight by {} (alpha of a Gemm)",
            layer.weight.factor
        )));
    }
    Ok(layer)
}
