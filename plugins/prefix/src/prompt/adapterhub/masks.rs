//! Masks get columns and rows in front.

use super::config::Queries;
use crate::graph::{Place, input};
use peftc_plugin::{AttentionInfo, Attr, Error, Mask, MaskKind, Node, Result, Run, Value};
use std::collections::{HashMap, HashSet};

const PLACE: Place<'static> = Place { role: "prompt.mask", module: "", part: "prompt/mask" };

/// Masks of the tokens of the hidden states, which sites share.
pub(super) struct Masks<'m, 'a> {
    run: &'m Run<'a>,
    states: Value,
    by: i64,
    queries: Queries,
    widened: HashMap<(Value, MaskKind), Value>,
    done: HashSet<(Node, usize)>,
    /// The number of tokens, as a vector of one element.
    length: Option<Value>,
}

impl<'m, 'a> Masks<'m, 'a> {
    pub(super) fn new(run: &'m Run<'a>, states: Value, by: i64, queries: Queries) -> Self {
        let (widened, done) = (HashMap::new(), HashSet::new());
        Self { run, states, by, queries, widened, done, length: None }
    }

    pub(super) fn widen_all(&mut self, sites: &[AttentionInfo<'_>]) -> Result<()> {
        sites.iter().try_for_each(|site| {
            site.masks.iter().try_for_each(|mask| self.widen(site.module, mask))
        })
    }

    fn widen(&mut self, module: &str, mask: &Mask) -> Result<()> {
        if !self.done.insert((mask.node, mask.slot)) {
            return Ok(());
        }
        if mask.has_bias {
            return Err(Error::unsupported(format!("{module}: its scores have a learned bias")));
        }
        let value = input(self.run, mask.node, mask.slot)?;
        let by = match self.widened.get(&(value, mask.kind)) {
            Some(&by) => by,
            None => self.widened(module, mask, value)?,
        };
        self.widened.insert((value, mask.kind), by);
        self.run.replace_input(mask.node, mask.slot, by)
    }

    /// A mask with a row and a column for each token, whatever its broadcast, and more in front.
    fn widened(&mut self, module: &str, mask: &Mask, value: Value) -> Result<Value> {
        let run = self.run;
        if mask.rank == 0 {
            return Err(Error::unsupported(format!(
                "{module}: the rank of its mask {:?} is not known: export the model with shapes",
                run.value(value)?.name
            )));
        }
        let rank = mask.rank.max(2);
        let length = self.length()?;
        let ones = PLACE.vector(run, "ones", &vec![1; rank - 2])?;
        let shape =
            PLACE.node(run, "Concat", &[ones, length, length], vec![("axis", Attr::Int(0))])?;
        let full = PLACE.node(run, "Expand", &[value, shape], Vec::new())?;
        let seen = PLACE.scalar(run, "seen", mask.dtype, i32::from(mask.kind == MaskKind::Keep))?;
        let pads = |rows: i64, columns: i64| {
            let mut pads = vec![0; 2 * rank];
            (pads[rank - 2], pads[rank - 1]) = (rows, columns);
            PLACE.vector(run, "pads", &pads)
        };
        let mode = |mode| vec![("mode", Attr::Str(mode))];
        match self.queries {
            Queries::SeeAll => {
                PLACE.node(run, "Pad", &[full, pads(self.by, self.by)?, seen], mode("constant"))
            }
            Queries::SeeAsOthers => {
                let wide =
                    PLACE.node(run, "Pad", &[full, pads(0, self.by)?, seen], mode("constant"))?;
                PLACE.node(run, "Pad", &[wide, pads(self.by, 0)?], mode("edge"))
            }
        }
    }

    fn length(&mut self) -> Result<Value> {
        if let Some(length) = self.length {
            return Ok(length);
        }
        let shape = PLACE.node(self.run, "Shape", &[self.states], Vec::new())?;
        let axis = PLACE.vector(self.run, "axis", &[1])?;
        let length = PLACE.node(self.run, "Gather", &[shape, axis], Vec::new())?;
        self.length = Some(length);
        Ok(length)
    }
}
