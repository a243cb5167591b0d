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
            let module = name.strip_suffix(".ia3_l").or(name.strip_suffix(".loras.lora_B"));
            if let Some(module) = module {
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
        let names = ["m.k.ia3_l", "m.v.loras.lora_B", "m.modules_to_save.head.weight", "m.odd"];
        let keys = Keys::of(&names);
        assert_eq!(keys.layers, [("m.k", names[0]), ("m.v", names[1])]);
        assert_eq!(
            keys.parameters,
            [("m.modules_to_save.head.weight", "m.head.weight".to_owned())]
        );
    }
}
