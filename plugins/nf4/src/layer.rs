//! A linear layer, and the weight tasks that quantize its weight.

use crate::codec::QuantType;
use crate::options::Options;
use peftc_plugin::{
    DataType, Error, ParameterInfo, Record, Result, Run, Site, SiteInfo, SourceSpec, TaskSpec,
    TensorType, Value,
};

/// A linear layer whose weight can be quantized.
pub(crate) struct Layer<'a> {
    site: Site,
    pub(crate) info: SiteInfo<'a>,
    pub(crate) weight: ParameterInfo,
    /// What new tensors are named after: the module's path, or the weight where it has none.
    pub(crate) name: String,
}

/// How quantized weights stand in a model.
pub(crate) trait Form {
    /// Quantizes a layer's weight, and gives the values that hold it.
    fn quantize(&self, run: &Run<'_>, layer: &Layer<'_>) -> Result<Vec<Value>>;

    /// Has a layer read these values, which another layer of the same weight may read too.
    fn place(&self, run: &Run<'_>, layer: &Layer<'_>, weight: &[Value]) -> Result<()>;
}

/// A quantized weight: packed codes `[⌈out·in/2⌉]` and the magnitudes of the blocks.
pub(crate) struct Codes {
    pub(crate) codes: Value,
    pub(crate) absmax: Value,
}

impl<'a> Layer<'a> {
    pub(crate) fn of(run: &Run<'a>, site: Site) -> Result<Self> {
        let info = run.site(site)?;
        let weight = run.parameter_info(info.weight)?;
        let name = match info.module {
            "" => run.value(weight.value)?.name.to_owned(),
            module => format!("{module}.weight"),
        };
        let dtype = weight.stored.dtype;
        if !matches!(dtype, DataType::F32 | DataType::F16 | DataType::BF16) {
            return Err(Error::unsupported(format!(
                "{name} is of type {dtype}: f32, f16 and bf16 can be quantized"
            )));
        }
        Ok(Self { site, info, weight, name })
    }

    /// `[out, in]`
    pub(crate) fn shape(&self) -> [i64; 2] {
        [self.info.out_features, self.info.in_features]
    }

    pub(crate) fn elements(&self) -> i64 {
        self.info.out_features.saturating_mul(self.info.in_features)
    }

    /// Whether the weight is in the model's file and not too large to be quantized as a whole.
    fn is_stored_small(&self, run: &Run<'_>) -> Result<bool> {
        const LARGE: u64 = 256 << 20;
        let bytes = self.elements() as u64 * self.weight.stored.dtype.bits() / 8;
        Ok(!run.value(self.weight.value)?.is_pending && bytes <= LARGE)
    }

    /// The number of blocks.
    pub(crate) fn blocks(&self, options: &Options<'_>) -> i64 {
        (self.elements() as u64).div_ceil(options.block_size as u64) as i64
    }

    /// Records the task that quantizes the weight.
    pub(crate) fn codes(&self, run: &Run<'_>, options: &Options<'_>) -> Result<Codes> {
        let [out, inputs] = self.shape();
        let (bytes, blocks) = ((self.elements() as u64).div_ceil(2) as i64, self.blocks(options));
        let is_split = self.is_split(run, options.block_size)?;
        let (kind, codes, absmax) = match is_split {
            true => {
                ("quantize", vec![out, inputs / 2], vec![out, inputs / options.block_size as i64])
            }
            false => ("quantize-whole", vec![bytes], vec![blocks]),
        };
        let follows = match (is_split, self.weight.transposed) {
            (false, _) => Vec::new(),
            (true, is_transposed) => vec![Some(u32::from(is_transposed))],
        };
        let params = [
            options.block_size as u64,
            u64::from(options.quant_type == QuantType::Fp4),
            u64::from(self.weight.transposed),
        ];
        let values = run.add_task(TaskSpec {
            kind,
            label: &self.name,
            sources: vec![SourceSpec::Value { value: self.weight.value, follows }],
            results: vec![
                (TensorType::new(DataType::U8, codes), format!("{}.codes", self.name)),
                (TensorType::new(DataType::F32, absmax), format!("{}.absmax", self.name)),
            ],
            declared: vec![
                TensorType::new(DataType::U8, [bytes]),
                TensorType::new(DataType::F32, [blocks]),
            ],
            params: params.iter().flat_map(|p| p.to_le_bytes()).collect(),
        })?;
        match values[..] {
            [codes, absmax] => Ok(Codes { codes, absmax }),
            _ => Err(Error::invalid("the host gave other values than results")),
        }
    }

    /// Whether the weight is read some rows at a time: where these are whole blocks. But columns of
    /// a stored weight are better read in place than gathered.
    fn is_split(&self, run: &Run<'_>, block_size: usize) -> Result<bool> {
        Ok(self.info.in_features % block_size as i64 == 0
            && !(self.weight.transposed && self.is_stored_small(run)?))
    }

    /// Records the probe that measures how far the weight is from what stands for it: codes and
    /// magnitudes, or codes and the three tensors of quantized magnitudes.
    pub(crate) fn measure(
        &self,
        run: &Run<'_>,
        block_size: usize,
        quant_type: QuantType,
        stored: &[Value],
    ) -> Result<()> {
        let params = [
            block_size as u64,
            u64::from(quant_type == QuantType::Fp4),
            u64::from(stored.len() > 2),
        ];
        self.probe(run, "measure", stored, &params, self.is_split(run, block_size)?)
    }

    /// Records a probe. Whether the weight is stored transposed and whether inputs are given is
    /// put behind its parameters.
    pub(crate) fn probe(
        &self,
        run: &Run<'_>,
        kind: &str,
        stored: &[Value],
        params: &[u64],
        is_split: bool,
    ) -> Result<()> {
        let follows =
            if is_split { vec![Some(u32::from(self.weight.transposed))] } else { Vec::new() };
        let whole = |&value: &Value| SourceSpec::Value { value, follows: Vec::new() };
        let mut sources = vec![SourceSpec::Value { value: self.weight.value, follows }];
        sources.extend(stored.iter().map(whole));
        let inputs = run.site_inputs(self.site)?;
        let has_inputs = inputs.is_some();
        if let Some(inputs) = inputs {
            let columns = self.info.in_features;
            if inputs.dims.last() != Some(&columns) || inputs.dtype.float_size().is_none() {
                return Err(Error::invalid(format!(
                    "{}: the inputs given are {}, expected floats […, {columns}]: it has {columns} input features",
                    self.name,
                    inputs.ty()
                )));
            }
            sources.push(SourceSpec::Inputs(self.site));
        }
        let steps = if is_split { self.info.out_features } else { 1 };
        let flags = [u64::from(self.weight.transposed), u64::from(has_inputs)];
        run.add_probe(TaskSpec {
            kind,
            label: &self.name,
            sources,
            results: vec![(TensorType::new(DataType::U8, [steps]), String::new())],
            params: params.iter().chain(&flags).flat_map(|p| p.to_le_bytes()).collect(),
            ..Default::default()
        })
    }

    /// Adds the layer to the report.
    pub(crate) fn record(&self, run: &Run<'_>, what: &str) -> Result<()> {
        let module = if self.info.module.is_empty() { &self.name } else { self.info.module };
        let value = Some(self.weight.value);
        run.record(&Record { module, value, what, ..Default::default() })
    }
}
