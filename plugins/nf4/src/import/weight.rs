//! Imported weights in the model.

use super::options::Format;
use super::stored::Stored;
use crate::layer::Layer;
use crate::ort;
use crate::portable::{self, Parts};
use peftc_plugin::{
    DataType, Result, Run, SourceSpec, TaskSpec, TensorType, TensorView, Value, one,
};
use std::collections::hash_map::{Entry, HashMap};

/// Makes what stands for weights.
pub(crate) struct Weights<'r, 'a> {
    run: &'r Run<'a>,
    format: Format,
    measure: bool,
    /// Code books by name and content: layers of the same one read the same one.
    maps: HashMap<(&'static str, Vec<u8>), Value>,
    /// Layers whose double quantization the format cannot hold.
    decoded: usize,
}

impl<'r, 'a> Weights<'r, 'a> {
    pub(crate) fn new(run: &'r Run<'a>, format: Format, measure: bool) -> Self {
        Self { run, format, measure, maps: HashMap::new(), decoded: 0 }
    }

    /// The values that hold a weight.
    pub(crate) fn make(&mut self, layer: &Layer<'_>, stored: &Stored<'_>) -> Result<Vec<Value>> {
        let bytes = stored.codes.bytes.len() as i64;
        let codes = self.copied(layer, stored.name, DataType::U8, bytes, "codes")?;
        // Where magnitudes stay quantized, nothing but the measuring reads these.
        let absmax = match stored.nested {
            None => self.absmax(layer, stored)?,
            Some(_) => self.decoded_absmax(layer, stored)?,
        };
        if self.measure {
            layer.measure(self.run, stored.block_size, stored.quant_type, &[codes, absmax])?;
        }
        match self.format {
            Format::Ort => {
                self.decoded += usize::from(stored.nested.is_some());
                Ok(vec![codes, absmax])
            }
            Format::Portable => {
                portable::add_functions(self.run, stored.nested.is_some())?;
                let absmax = match stored.nested {
                    None => absmax,
                    Some(_) => self.nested_absmax(layer, stored)?,
                };
                let parts = Parts {
                    codes,
                    quant_map: self.map("quant_map", stored.quant_map)?,
                    absmax,
                    block_size: stored.block_size,
                    quant_type: stored.quant_type,
                };
                Ok(vec![portable::weight(self.run, layer, &parts)?])
            }
        }
    }

    /// Has a layer read these values.
    pub(crate) fn place(
        &self,
        layer: &Layer<'_>,
        stored: &Stored<'_>,
        values: &[Value],
    ) -> Result<()> {
        match self.format {
            Format::Portable => self.run.replace_parameter(layer.info.weight, values[0]),
            Format::Ort => {
                ort::place(self.run, layer, values, stored.block_size, stored.quant_type)
            }
        }
    }

    /// What the report says of a layer.
    pub(crate) fn describe(&self, stored: &Stored<'_>) -> String {
        let is_nested = stored.nested.is_some() && self.format == Format::Portable;
        let nested = if is_nested { ", double quantized" } else { "" };
        format!("{} blocks of {}{nested}, imported", stored.quant_type.name(), stored.block_size)
    }

    /// Says what of the checkpoint the format could not hold.
    pub(crate) fn finish(&self) {
        if self.decoded > 0 {
            self.run.note(&format!(
                "MatMulBnb4 has plain magnitudes: where they are double quantized ({} weights), they were decoded to \
                 float32, which changes no value; format = \"portable\" keeps them as they are",
                self.decoded
            ));
        }
    }

    fn absmax(&self, layer: &Layer<'_>, stored: &Stored<'_>) -> Result<Value> {
        let from = format!("{}.absmax", stored.name);
        self.copied(layer, &from, DataType::F32, stored.blocks(), "absmax")
    }

    /// Magnitudes that stay quantized.
    fn nested_absmax(&mut self, layer: &Layer<'_>, stored: &Stored<'_>) -> Result<Value> {
        let Some(nested) = &stored.nested else { return self.absmax(layer, stored) };
        let from = |part: &str| format!("{}.{part}", stored.name);
        let blocks = stored.blocks();
        let groups = (blocks as u64).div_ceil(crate::codec::nested::BLOCK_SIZE as u64) as i64;
        let codes = self.copied(layer, &from("absmax"), DataType::U8, blocks, "absmax_codes")?;
        let absmax =
            self.copied(layer, &from("nested_absmax"), DataType::F32, groups, "nested_absmax")?;
        let map = self.map("nested_quant_map", nested.quant_map)?;
        let offset = self.run.add_tensor(
            &format!("{}.nested_offset", layer.name),
            &TensorType::new(DataType::F32, []),
            &nested.offset.to_le_bytes(),
        )?;
        portable::absmax_of(self.run, layer, stored.quant_type, [codes, map, absmax, offset])
    }

    /// Magnitudes that were quantized.
    fn decoded_absmax(&self, layer: &Layer<'_>, stored: &Stored<'_>) -> Result<Value> {
        let Some(nested) = &stored.nested else { return self.absmax(layer, stored) };
        let names = ["absmax", "nested_quant_map", "nested_absmax"]
            .map(|part| format!("{}.{part}", stored.name));
        let ty = TensorType::new(DataType::F32, [stored.blocks()]);
        one(self.run.add_task(TaskSpec {
            kind: "unnest",
            label: &layer.name,
            sources: names.iter().map(|name| SourceSpec::Adapter(name)).collect(),
            results: vec![(ty, format!("{}.absmax", layer.name))],
            params: nested.offset.to_le_bytes().to_vec(),
            ..Default::default()
        })?)
    }

    /// The bytes of a tensor of the checkpoint.
    fn copied(
        &self,
        layer: &Layer<'_>,
        from: &str,
        dtype: DataType,
        len: i64,
        to: &str,
    ) -> Result<Value> {
        one(self.run.add_task(TaskSpec {
            kind: "copy",
            label: &layer.name,
            sources: vec![SourceSpec::Adapter(from)],
            results: vec![(TensorType::new(dtype, [len]), format!("{}.{to}", layer.name))],
            ..Default::default()
        })?)
    }

    fn map(&mut self, name: &'static str, map: TensorView<'_>) -> Result<Value> {
        Ok(match self.maps.entry((name, map.bytes.to_vec())) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => *new.insert(portable::map(self.run, name, &map.to_f32()?)?),
        })
    }
}
