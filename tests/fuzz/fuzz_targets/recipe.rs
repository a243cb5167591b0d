//! Recipes, and assignments of the command line: the same text as both.
#![no_main]

use peftc::recipe::Recipe;
use std::path::Path;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match Recipe::parse(text, Path::new("r.toml")) {
        Ok(recipe) => recipe.passes.iter().flat_map(|pass| &pass.options).for_each(|option| {
            let error = recipe.error_at(option, "is wrong");
            assert!(error.message().starts_with("r.toml:"), "{error}");
        }),
        Err(error) => assert!(error.message().starts_with("r.toml:"), "{error}"),
    }
    let mut recipe = Recipe::for_adapter(Path::new("adapter"), "lora");
    if recipe.set(&format!("lora.{text}")).is_ok() {
        assert_eq!(recipe.passes[0].options.len(), 1);
    }
});
