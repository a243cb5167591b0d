//! An operator Attention that masks later keys by itself: the prefix would be masked too, so the mask
//! is made in the graph.

use crate::graph::Place;
use crate::masks::Masks;
use peftc_plugin::{AttentionInfo, Attr, DataType, Error, MaskKind, NodeSpec, Result, Run, Value};

/// Attributes that stay.
const ATTRIBUTES: [&str; 4] = ["scale", "softcap", "softmax_precision", "qk_matmul_output_mode"];

/// Puts an operator with an explicit mask in the place of one with `is_causal = 1`: a query sees the
/// `length` keys of the prefix, and real keys up to its own place.
pub(super) fn open(
    run: &Run<'_>,
    site: &AttentionInfo<'_>,
    module: &str,
    [key, value]: [Value; 2],
    length: i64,
    masks: &mut Masks,
) -> Result<()> {
    let node = run.node(site.context)?;
    let unused = |slot| Ok(run.node_output(site.context, slot)?.is_none());
    if !(1..node.output_count).map(unused).collect::<Result<Vec<bool>>>()?.iter().all(|&is| is) {
        return Err(Error::unsupported(format!(
            "{module}: the operator Attention masks by itself (is_causal = 1) and makes more than its first output, \
             which a prefix would change: export the model with an attention mask"
        )));
    }
    let mut inputs =
        (0..3).map(|slot| run.node_input(site.context, slot)).collect::<Result<Vec<_>>>()?;
    for (of, longer, slot) in [(&site.keys, key, 1), (&site.values, value, 2)] {
        if of.node == site.context {
            inputs[slot] = Some(longer);
        }
    }
    let place = Place { role: "prefix.mask", module, part: "prefix/mask" };
    let seen = seen(run, &place, [inputs[0], inputs[1]], length)?;
    let mask = match site.masks.first() {
        None => seen,
        Some(mask) => {
            let given = masks.widened(run, module, mask, site.heads, length)?;
            match mask.kind {
                MaskKind::Additive => {
                    let never = place.lowest(run, mask.dtype)?;
                    place.node(run, "Where", &[seen, given, never], Vec::new())?
                }
                _ => place.node(run, "And", &[seen, given], Vec::new())?,
            }
        }
    };
    inputs.push(Some(mask));
    let mut attrs = vec![("is_causal", Attr::Int(0))];
    for name in ATTRIBUTES {
        attrs.extend(run.attr(site.context, name)?.map(|attr| (name, attr)));
    }
    let name = place.name("Attention");
    let made = run.add_node(NodeSpec {
        op_type: "Attention",
        domain: "",
        name: &name,
        role: place.role,
        module,
        inputs,
        outputs: vec![format!("{name}_output_0")],
        attrs,
    })?;
    let old = run.node_output(site.context, 0)?;
    if let (Some(old), [new]) = (old, &made[..]) {
        run.replace_uses(old, *new)?;
    }
    run.remove_node(site.context)
}

/// Which keys, those of the prefix among them, a query sees: `[queries, keys]`.
fn seen(
    run: &Run<'_>,
    place: &Place<'_>,
    [query, key]: [Option<Value>; 2],
    length: i64,
) -> Result<Value> {
    let (Some(query), Some(key)) = (query, key) else {
        return Err(Error::invalid("an Attention without Q or K"));
    };
    let by = place.scalar(run, "length", DataType::I64, length as i32)?;
    let queries = place.node(run, "Add", &[count(run, place, query)?, by], Vec::new())?;
    let column = place.vector(run, "column", &[-1, 1])?;
    let queries = place.node(run, "Reshape", &[queries, column], Vec::new())?;
    place.node(run, "LessOrEqual", &[count(run, place, key)?, queries], Vec::new())
}

/// 0, 1, … for each element along the sequence.
fn count(run: &Run<'_>, place: &Place<'_>, of: Value) -> Result<Value> {
    let shape = place.node(run, "Shape", &[of], Vec::new())?;
    let axis = place.scalar(run, "axis", DataType::I64, 2)?;
    let length = place.node(run, "Gather", &[shape, axis], Vec::new())?;
    let [start, step] =
        [("start", 0), ("step", 1)].map(|(leaf, n)| place.scalar(run, leaf, DataType::I64, n));
    place.node(run, "Range", &[start?, length, step?], Vec::new())
}
