//! Block sites: the attention and feed-forward sublayers of a transformer, by structure.
//!
//! A sublayer ends with `residual + projection(…)`, where what is projected was computed from
//! `residual`. Its norm stands before it (pre-LN: between the residual and what is computed from it) or
//! after it (post-LN: on the sum). Between the projection and the residual Add may stand a norm of its
//! output, and a scale. Attention and feed-forward may both be computed from one residual, and are then
//! added to each other before it or after. Where the exporter left module names, they number the layers;
//! else their order does.

mod find;
mod norm;
mod place;

pub use norm::{Norm, NormKind};

use super::parameter::is_of_layer;
use super::site::Sites;
use crate::error::{Error, Result, near};
use crate::ir::{DataType, Graph, NodeId, Op, ValueId};
use place::Place;

/// What a sublayer computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sublayer {
    /// Self-attention.
    Attention,
    /// Attention over the states of an encoder.
    CrossAttention,
    /// The feed-forward network.
    FeedForward,
}

impl Sublayer {
    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attention => "attention",
            Self::CrossAttention => "cross-attention",
            Self::FeedForward => "feed-forward",
        }
    }
}

/// A sublayer: `sum = output + residual`.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockSite {
    /// The module path of its output projection, as far as the exporter left it.
    pub module: Option<String>,
    /// `encoder` or `decoder`, where names or cross-attention say it.
    pub stack: Option<String>,
    /// The layer in its stack, from 0.
    pub layer: u64,
    /// What it computes.
    pub sublayer: Sublayer,
    /// The MatMul or Gemm of the output projection.
    pub projection: NodeId,
    /// What is added to the residual: the projection's output with its bias, its norm and scale,
    /// `[…, hidden]`.
    pub output: ValueId,
    /// What it is added to: what the sublayer was computed from, `[…, hidden]`, or the sum of that and
    /// of a sublayer beside.
    pub residual: ValueId,
    /// The residual Add, or an operator that adds and normalizes; or the Add of attention and
    /// feed-forward beside each other, to which the residual is added then.
    pub add: NodeId,
    /// The input slot of `output` in it.
    pub slot: usize,
    /// The sum with the residual; none where an operator that normalizes too keeps it to itself, and
    /// for an attention that the feed-forward beside it is added to first.
    pub sum: Option<ValueId>,
    /// The norm between the residual and what is computed from it.
    pub norm_before: Option<Norm>,
    /// The norm of the sum, where there is none before.
    pub norm_after: Option<Norm>,
    /// The size of the hidden states.
    pub hidden_size: i64,
    /// Their element type.
    pub dtype: DataType,
    /// Which residual stream it is of, from 0.
    stream: usize,
}

impl BlockSite {
    /// `attention sublayer of layer 3 of the decoder`
    pub fn describe(&self) -> String {
        describe(self.sublayer, self.layer, self.stack.as_deref())
    }
}

fn describe(sublayer: Sublayer, layer: u64, stack: Option<&str>) -> String {
    let stack = stack.map(|s| format!(" of the {s}")).unwrap_or_default();
    format!("{} sublayer of layer {layer}{stack}", sublayer.name())
}

/// The block sites of a graph.
#[derive(Clone, Debug, Default)]
pub struct BlockSites {
    sites: Vec<BlockSite>,
    linear_count: usize,
    /// Whether passes added operators to the graph.
    has_branches: bool,
}

impl BlockSites {
    /// Finds all sublayers, in the order of the graph.
    pub fn find(graph: &Graph, linear: &Sites) -> Self {
        let is_branch = |op: &Op| op.metadata.get("peftc.role").is_some_and(|r| !is_of_layer(r));
        Self {
            sites: find::find(graph, linear),
            linear_count: linear.all().len(),
            has_branches: graph.ops().into_iter().any(|(_, op)| is_branch(op)),
        }
    }

    /// All sites, in the order of the graph.
    pub fn all(&self) -> &[BlockSite] {
        &self.sites
    }

    /// The sublayer that an adapter's module path names, such as
    /// `encoder.layer.0.attention.output` or `layers.0.output_adapters`; with its number.
    ///
    /// # Errors
    /// The path names no sublayer, or one that the model does not have.
    pub fn of_module(&self, module: &str) -> Result<(usize, &BlockSite)> {
        let place = Place::parse(module).ok_or_else(|| {
            Error::input(format!("{module:?} names no attention or feed-forward sublayer")).help(
                "accepted: paths such as encoder.layer.0.attention.output, layers.0.output_adapters, \
                 decoder.block.0.layer.2",
            )
        })?;
        let fits = |site: &BlockSite| {
            site.layer == place.layer
                && site.sublayer == place.sublayer
                && place.stack.zip(site.stack.as_deref()).is_none_or(|(named, of)| named == of)
        };
        let mut found = self.sites.iter().enumerate().filter(|(_, site)| fits(site));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(self.missing(module, &place)),
            (Some(_), Some(_)) => Err(Error::input(format!(
                "{module:?} matches {} sublayers of the model: the {} in more than one stack",
                2 + found.count(),
                describe(place.sublayer, place.layer, None),
            ))),
        }
    }

    fn missing(&self, module: &str, place: &Place<'_>) -> Error {
        let looked = describe(place.sublayer, place.layer, place.stack);
        let error = Error::input(format!("the model has no {looked}, which {module:?} names"));
        self.explain(error, &looked)
    }

    /// An error for a pass that needs sublayers, where there are none.
    pub fn none_found(&self) -> Error {
        self.explain(Error::input("no attention or feed-forward sublayer was found"), "")
    }

    fn explain(&self, error: Error, looked: &str) -> Error {
        let error = match self.has_branches {
            true => error.help(
                "earlier passes added operators to the model: a sublayer that they changed may not be seen any more",
            ),
            false => error,
        };
        if self.sites.is_empty() {
            return error.help(format!(
                "looked for linear layers whose output is added to what they were computed from; of {} linear \
                 layers none is such",
                self.linear_count
            ));
        }
        let names: Vec<String> = self.sites.iter().map(BlockSite::describe).collect();
        let near = near(looked, names.iter().map(String::as_str), 3);
        let error = near.iter().fold(error, |e, n| e.help(format!("near: {n}")));
        let last = self.sites.iter().map(|s| s.layer).max().unwrap_or(0);
        error.help(format!(
            "sublayers that were found: {}, in layers 0 to {last}; `peftc inspect --sites` lists them",
            self.sites.len()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text;

    /// The operators of an attention whose queries are of `x`, keys and values of `states`.
    fn attention(n: &str, x: &str, states: &str, residual: &str) -> String {
        format!(
            "%q{n} = MatMul(%{x}, %w)
             %k{n} = MatMul(%{states}, %w)
             %v{n} = MatMul(%{states}, %w)
             %t{n} = Transpose(%k{n}) {{perm: ints [0, 2, 1]}}
             %s{n} = MatMul(%q{n}, %t{n})
             %p{n} = Softmax(%s{n})
             %c{n} = MatMul(%p{n}, %v{n})
             %o{n} = MatMul(%c{n}, %w)
             %a{n} = Add(%o{n}, %{residual})\n"
        )
    }

    fn feed_forward(n: &str, x: &str, residual: &str) -> String {
        format!(
            "%u{n} = MatMul(%{x}, %w)
             %r{n} = Relu(%u{n})
             %d{n} = MatMul(%r{n}, %w)
             %h{n} = Add(%w1, %d{n})
             %f{n} = Add(%{residual}, %h{n})\n"
        )
    }

    fn norm(x: &str, to: &str) -> String {
        format!("%{to} = LayerNormalization(%{x}, %w1) {{axis: -1}}\n")
    }

    fn found(nodes: &[String]) -> BlockSites {
        let source = format!(
            "model ir=8 opset \"\"=17
             graph g(%x: f32[n, m, 2], %e: f32[n, m, 2]) -> (%y) {{
             const %w = f32[2, 2] {{1, 2, 3, 4}}
             const %w1 = f32[2] {{1, 2}}
             {}}}",
            nodes.concat()
        );
        let model = text::parse(&source).unwrap_or_else(|e| panic!("{e}: {source}"));
        BlockSites::find(&model.graph, &Sites::find(&model.graph))
    }

    fn described(sites: &BlockSites) -> Vec<String> {
        let place = |site: &BlockSite| match (&site.norm_before, &site.norm_after) {
            (Some(_), None) => "before",
            (None, Some(_)) => "after",
            _ => "none",
        };
        sites.all().iter().map(|s| format!("{}, norm {}", s.describe(), place(s))).collect()
    }

    #[test]
    fn two_layers_with_norms_behind() {
        let sites = found(&[
            attention("0", "x", "x", "x"),
            norm("a0", "n0"),
            feed_forward("0", "n0", "n0"),
            norm("f0", "l1"),
            attention("1", "l1", "l1", "l1"),
            norm("a1", "n1"),
            feed_forward("1", "n1", "n1"),
            norm("f1", "y"),
        ]);
        let expected = [
            "attention sublayer of layer 0, norm after",
            "feed-forward sublayer of layer 0, norm after",
            "attention sublayer of layer 1, norm after",
            "feed-forward sublayer of layer 1, norm after",
        ];
        assert_eq!(described(&sites), expected);
    }

    #[test]
    fn the_last_norm_is_not_that_of_the_last_sublayer() {
        let sites = found(&[
            norm("x", "n0"),
            attention("0", "n0", "n0", "x"),
            norm("a0", "m0"),
            feed_forward("0", "m0", "a0"),
            norm("f0", "y"),
        ]);
        let expected = [
            "attention sublayer of layer 0, norm before",
            "feed-forward sublayer of layer 0, norm before",
        ];
        assert_eq!(described(&sites), expected);
    }

    #[test]
    fn a_stack_that_reads_another_one_is_the_decoder() {
        let sites = found(&[
            attention("0", "e", "e", "e"),
            feed_forward("0", "a0", "a0"),
            attention("1", "x", "x", "x"),
            attention("2", "a1", "f0", "a1"),
            feed_forward("2", "a2", "a2"),
            "%y = Identity(%f2)\n".to_owned(),
        ]);
        let expected = [
            "attention sublayer of layer 0 of the encoder, norm none",
            "feed-forward sublayer of layer 0 of the encoder, norm none",
            "attention sublayer of layer 0 of the decoder, norm none",
            "cross-attention sublayer of layer 0 of the decoder, norm none",
            "feed-forward sublayer of layer 0 of the decoder, norm none",
        ];
        assert_eq!(described(&sites), expected);
        let (number, site) = sites.of_module("decoder.block.0.layer.2").expect("it is there");
        assert_eq!((number, site.sublayer), (4, Sublayer::FeedForward));
        let error = sites.of_module("decoder.block.3.layer.1").expect_err("it has one layer");
        assert_eq!(
            error.helps().first().map(String::as_str),
            Some("near: cross-attention sublayer of layer 0 of the decoder")
        );
    }

    /// Attention and feed-forward of `x`, without the Adds.
    fn parts() -> String {
        let without_add = |nodes: String| {
            nodes
                .lines()
                .filter(|l| !l.contains("= Add(%o0") && !l.contains("%f0"))
                .fold(String::new(), |all, line| all + line + "\n")
        };
        norm("x", "n0")
            + &without_add(attention("0", "n0", "n0", "x"))
            + &without_add(feed_forward("0", "n0", "x"))
    }

    #[test]
    fn attention_and_feed_forward_beside_each_other() {
        let expected = [
            "attention sublayer of layer 0, norm before",
            "feed-forward sublayer of layer 0, norm before",
        ];
        // Added to each other before the residual: the first has no sum of its own.
        let sites = found(&[parts(), "%b = Add(%h0, %o0)\n%y = Add(%b, %x)\n".to_owned()]);
        assert_eq!(described(&sites), expected);
        let [first, second] = sites.all() else { panic!("two sites") };
        assert_eq!((first.slot, second.slot, first.add), (1, 0, second.add));
        assert!(first.sum.is_none() && second.sum.is_some());
        assert_eq!(first.residual, second.residual);
        // Added one after the other.
        let sites = found(&[parts(), "%b = Add(%x, %o0)\n%y = Add(%h0, %b)\n".to_owned()]);
        assert_eq!(described(&sites), expected);
        let [first, second] = sites.all() else { panic!("two sites") };
        assert_eq!(first.sum, Some(second.residual));
    }

    #[test]
    fn a_side_branch_of_a_layer_is_no_sublayer_beside() {
        let sites = found(&["%u = MatMul(%x, %w)
             %r = Relu(%u)
             %d = MatMul(%r, %w)
             %down = MatMul(%r, %w)
             %up = MatMul(%down, %w)
             %s = Add(%d, %up)
             %y = Add(%x, %s)\n"
            .to_owned()]);
        assert_eq!(described(&sites), ["feed-forward sublayer of layer 0, norm none"]);
    }

    #[test]
    fn norms_and_scales_of_what_a_sublayer_made() {
        for behind in ["%s = Mul(%h0, %w1)\n".to_owned(), norm("h0", "s")] {
            let sites = found(&[parts(), behind, "%f = Add(%x, %s)\n".to_owned(), norm("f", "y")]);
            assert_eq!(described(&sites), ["feed-forward sublayer of layer 0, norm before"]);
        }
        // Without a norm before, one behind the projection is not one of the sum.
        let sites = found(&[
            "%u = MatMul(%x, %w)\n%r = Relu(%u)\n%d = MatMul(%r, %w)\n".to_owned(),
            norm("d", "s"),
            "%f = Add(%x, %s)\n".to_owned(),
            norm("f", "y"),
        ]);
        assert_eq!(described(&sites), ["feed-forward sublayer of layer 0, norm none"]);
    }

    #[test]
    fn what_is_added_to_something_else_is_no_sublayer() {
        let sites =
            found(&["%u = MatMul(%x, %w)\n%v = MatMul(%e, %w)\n%y = Add(%u, %v)\n".to_owned()]);
        assert_eq!(sites.all(), []);
        let text = format!("{:?}", sites.none_found().helps());
        assert!(text.contains("of 2 linear layers none is such"), "{text}");
    }
}
