//! A fresh adapter: W_down drawn at random, W_up = 0, so that nothing changes until it is trained.

use crate::activation::Activation;
use crate::config::{Config, Residual, Scaling};
use crate::place::Placer;
use crate::record;
use crate::weights::{Projection, Weights};
use peftc_plugin::fresh::{self, Init, stream};
use peftc_plugin::{BlockSiteInfo, Error, Result, Run, Sublayer, TaskSpec, TensorType, Value, one};

/// The deviation of W_down, as AdapterHub's `init_weights = "bert"` has it.
const DEVIATION: f64 = 0.02;

/// Options of a fresh adapter mean nothing beside one that is given.
pub(crate) fn refuse_options(run: &Run<'_>) -> Result<()> {
    let given = [
        ("config", run.option_str("config")?.is_some()),
        ("reduction_factor", run.option_f64("reduction_factor")?.is_some()),
        ("activation", run.option_str("activation")?.is_some()),
        ("seed", run.option_i64("seed")?.is_some()),
    ];
    fresh::refuse_options("adapter", &given)
}

pub(crate) fn run(run: &Run<'_>) -> Result<()> {
    let factor = run.option_f64("reduction_factor")?.ok_or_else(|| {
        Error::invalid(
            "neither an adapter nor a reduction_factor is given: `adapter` applies one, `reduction_factor` makes a \
             fresh one",
        )
    })?;
    if !(factor > 0.0 && factor.is_finite()) {
        return Err(Error::invalid(format!(
            "reduction_factor is {factor}, it must be more than 0"
        )));
    }
    let seed = run.option_i64("seed")?.unwrap_or(0) as u64;
    let config = config(run)?;
    let mut placer = Placer::new(run, &config)?;
    for site in run.block_sites()? {
        let info = run.block_site(site)?;
        let wanted = match info.sublayer {
            Sublayer::Attention => config.attention,
            Sublayer::CrossAttention => false,
            Sublayer::FeedForward => config.feed_forward,
        };
        if !wanted {
            continue;
        }
        let module = name(&info);
        // AdapterHub's int(hidden // reduction_factor), at least 1.
        let size = ((info.hidden_size as f64 / factor).floor() as i64).max(1);
        let fresh = Fresh { run, module: &module, site: &info, seed };
        let weights = fresh.weights(size)?;
        record(run, &module, &info, &config, &weights)?;
        placer.place(&module, &info, &weights)?;
    }
    Ok(())
}

fn config(run: &Run<'_>) -> Result<Config> {
    let preset = run.option_str("config")?.unwrap_or("seq_bn");
    let is_double = preset == "double_seq_bn";
    let activation = run.option_str("activation")?.unwrap_or("relu");
    let activation = Activation::parse(activation)?;
    if activation == Activation::Prelu {
        return Err(Error::unsupported(
            "a fresh adapter with prelu, which has a parameter of its own",
        ));
    }
    Ok(Config {
        attention: is_double,
        cross_attention: false,
        feed_forward: true,
        leave_out: Vec::new(),
        is_parallel: preset == "par_bn",
        original_ln_before: preset == "seq_bn",
        original_ln_after: true,
        residual: Residual::Sublayer,
        adapter_residual_before_ln: false,
        ln_before: false,
        ln_after: false,
        use_gating: false,
        phm_layer: false,
        activation,
        scaling: Scaling::Constant(1.0),
    })
}

/// The module of the projection, or the place where it has none.
fn name(site: &BlockSiteInfo<'_>) -> String {
    let stack = if site.stack.is_empty() { String::new() } else { format!("{}.", site.stack) };
    match site.module {
        "" => format!("{stack}layer.{}.{}", site.layer, crate::sublayer_name(site.sublayer)),
        module => module.to_owned(),
    }
}

struct Fresh<'f, 'a> {
    run: &'f Run<'a>,
    module: &'f str,
    site: &'f BlockSiteInfo<'a>,
    seed: u64,
}

impl Fresh<'_, '_> {
    fn weights(&self, size: i64) -> Result<Weights> {
        let hidden = self.site.hidden_size;
        let drawn = Init::Gaussian { deviation: DEVIATION };
        let down = self.projection("adapter_down", [hidden, size], drawn)?;
        let up = self.projection("adapter_up", [size, hidden], Init::Zero)?;
        Ok(Weights {
            size,
            down,
            up,
            slope: None,
            norm_before: None,
            norm_after: None,
            gate: None,
            parameters: (2 * size * hidden + size + hidden) as u64,
        })
    }

    fn projection(&self, leaf: &str, dims: [i64; 2], init: Init) -> Result<Projection> {
        let matrix = self.tensor(&format!("{leaf}.weight"), &dims, init)?;
        let bias = Some(self.tensor(&format!("{leaf}.bias"), &dims[1..], Init::Zero)?);
        Ok(Projection { matrix, bias })
    }

    fn tensor(&self, leaf: &str, dims: &[i64], init: Init) -> Result<Value> {
        one(self.run.add_task(TaskSpec {
            kind: "init",
            label: self.module,
            sources: Vec::new(),
            results: vec![(
                TensorType::new(self.site.dtype, dims),
                format!("{}.adapters.{leaf}", self.module),
            )],
            params: init.params(self.seed, stream(self.module)),
            ..Default::default()
        })?)
    }
}
