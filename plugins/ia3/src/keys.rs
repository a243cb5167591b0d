//! The adapter's tensors by what they are for.

use peftc_plugin::saved;

/// The tensors of an adapter, grouped.
pub(crate) struct Keys<'a> {
    /// Modules and their scales.
    pub(crate) layers: Vec<(&'a str, &'a str)>,
    /// Tensors that replace a parameter of the model: (the tensor, the parameter's name).
    pub(crate) parameters: Vec<(&'a str, String)>,
}

impl<'a> Keys<'a> {
    /// Groups tensors by their names. Those that are of no known form are left to the host,
    /// which refuses an adapter with tensors nobody used.
    pub(crate) fn of(names: &[&'a str]) -> Self {
        let mut keys = Self { layers: Vec::new(), parameters: Vec::new() };
        for &name in names {
            if let Some(module) = name.strip_suffix(".ia3_l") {
                keys.layers.push((module, name));
            } else if name.ends_with(".weight") || name.ends_with(".bias") {
                keys.parameters.push((name, saved::parameter_name(name)));
            }
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_grouped() {
        let keys = Keys::of(&["m.k.ia3_l", "m.modules_to_save.head.weight", "m.odd"]);
        assert_eq!(keys.layers, [("m.k", "m.k.ia3_l")]);
        assert_eq!(
            keys.parameters,
            [("m.modules_to_save.head.weight", "m.head.weight".to_owned())]
        );
    }
}
