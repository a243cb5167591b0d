//! Convolutions, pools and what moves images: the engine computes what the references compute.

use super::both::{Both, some};
use crate::ops::numbers::reals;

/// A constant of numbers that differ.
fn constant(name: &str, dims: &[i64], seed: i64) -> String {
    let numbers = reals(&some(dims, seed)).expect("numbers");
    let numbers: Vec<String> = numbers.iter().map(|number| format!("{number:.2}")).collect();
    format!("const %{name} = f32{dims:?} {{{}}}\n", numbers.join(", "))
}

fn both(input: &str, output: &str, constants: &[(&str, &[i64])], body: &str) -> Both {
    let seeds = constants.iter().zip(1..);
    let constants: String = seeds.map(|((name, dims), seed)| constant(name, dims, seed)).collect();
    let head = "model ir=10 opset \"\"=18\n";
    Both::of(&format!("{head}graph g({input}) -> ({output}) {{\n{constants}{body}\n}}"), 2)
}

#[test]
fn convolutions_of_all_kinds_with_what_follows() {
    let attributes = [
        "pads: ints [1, 2, 0, 1], strides: ints [2, 1]",
        "auto_pad: \"SAME_UPPER\", strides: ints [2, 3]",
        "auto_pad: \"SAME_LOWER\", dilations: ints [2, 1]",
        "auto_pad: \"VALID\"",
    ];
    for attributes in attributes {
        for (groups, own) in [(1, 4), (2, 2), (4, 1)] {
            let body = format!(
                "%c = Conv(%x, %w, %b) {{group: {groups}, {attributes}}}
                 %n = BatchNormalization(%c, %scale, %shift, %mean, %variance)
                 %s = Sigmoid(%n)
                 %m = Mul(%n, %s)
                 %d = Conv(%x, %w) {{group: {groups}, {attributes}}}
                 %r = Add(%d, %m)
                 %y = Relu(%r)
                 %e = BatchNormalization(%r, %scale, %shift, %mean, %variance)"
            );
            let channel: &[i64] = &[8];
            let model = both(
                "%x: f32[n, 4, h, w]",
                "%y, %d, %e",
                &[
                    ("w", &[8, own, 3, 2]),
                    ("b", channel),
                    ("scale", channel),
                    ("shift", channel),
                    ("mean", channel),
                ],
                &format!("const %variance = f32[8] {{1, 2, 3, 4, 5, 6, 7, 8}}\n{body}"),
            );
            for (n, h, w) in [(1, 7, 9), (3, 5, 5), (2, 24, 20), (0, 6, 6)] {
                model.same(&[("x", some(&[n, 4, h, w], 2))]);
            }
            model.refused(&[("x", some(&[1, 3, 7, 9], 1))]);
        }
    }
}

#[test]
fn a_convolution_that_others_read_keeps_its_filters() {
    let normalized = "BatchNormalization(%c, %scale, %shift, %mean, %variance)";
    let bodies = [
        format!("%c = Conv(%x, %w)\n%y = {normalized}\n%d = Conv(%x, %w)\n%z = Relu(%d)"),
        format!("%d = Conv(%x, %w)\n%c = Conv(%x, %w)\n%y = {normalized}\n%z = Relu(%d)"),
        format!("%d = Conv(%x, %w)\n%c = Identity(%d)\n%y = {normalized}\n%z = Relu(%d)"),
        format!("%d = Conv(%x, %w)\n%z = Relu(%d)\n%c = Identity(%d)\n%y = {normalized}"),
    ];
    let channel: &[i64] = &[5];
    let constants: &[(&str, &[i64])] =
        &[("w", &[5, 3, 2, 2]), ("scale", channel), ("shift", channel), ("mean", channel)];
    for body in bodies {
        let variance = "const %variance = f32[5] {1, 2, 3, 4, 5}\n";
        let model = both("%x: f32[n, 3, h, w]", "%y, %z", constants, &format!("{variance}{body}"));
        model.same(&[("x", some(&[2, 3, 6, 7], 1))]);
    }
}

#[test]
fn convolutions_of_one_and_three_axes() {
    let line = both(
        "%x: f32[n, 3, l]",
        "%y",
        &[("w", &[5, 3, 4])],
        "%y = Conv(%x, %w) {pads: ints [3, 1]}",
    );
    let body = both(
        "%x: f32[n, 2, 4, h, w]",
        "%y",
        &[("w", &[3, 2, 2, 3, 3])],
        "%c = Conv(%x, %w) {pads: ints [0, 1, 1, 1, 1, 1]}\n%y = Relu(%c)",
    );
    for size in [3, 4, 17] {
        line.same(&[("x", some(&[2, 3, size], 1))]);
        body.same(&[("x", some(&[1, 2, 4, size, 5], 1))]);
    }
}

#[test]
fn pools_with_what_follows() {
    let attributes = [
        "kernel_shape: ints [3, 2], strides: ints [2, 2], pads: ints [1, 0, 1, 1]",
        "kernel_shape: ints [3, 3], strides: ints [2, 2], pads: ints [1, 1, 1, 1], ceil_mode: 1",
        "kernel_shape: ints [2, 2], auto_pad: \"SAME_LOWER\"",
    ];
    for attributes in attributes {
        let model = both(
            "%x: f32[n, c, h, w]",
            "%a, %b, %d",
            &[],
            &format!(
                "%m = MaxPool(%x) {{{attributes}}}
                 %a = Neg(%m)
                 %b = AveragePool(%x) {{{attributes}}}
                 %d = AveragePool(%x) {{{attributes}, count_include_pad: 1}}"
            ),
        );
        for (h, w) in [(5, 6), (8, 8), (19, 4)] {
            model.same(&[("x", some(&[2, 3, h, w], 1))]);
        }
    }
}

#[test]
fn windows_are_far_apart_or_too_large() {
    let x = [("x", some(&[1, 2, 10], 1))];
    let pool = |attributes: &str| {
        both("%x: f32[n, 2, l]", "%y", &[], &format!("%y = MaxPool(%x) {{{attributes}}}"))
    };
    pool("kernel_shape: ints [1], dilations: ints [1099511627776]").same(&x);
    for far in [2_147_483_000_i64, 4_294_967_296] {
        let far = format!("dilations: ints [{far}], pads: ints [{far}, 0]");
        let conv = format!("%y = Conv(%x, %w) {{{far}}}");
        both("%x: f32[n, 2, l]", "%y", &[("w", &[3, 2, 2])], &conv).same(&x);
        pool(&format!("kernel_shape: ints [2], {far}")).same(&x);
    }
}

#[test]
fn images_are_padded_resized_and_spread() {
    let model = both(
        "%x: f32[n, 3, 4, w]",
        "%a, %b, %c, %d, %e",
        &[("w", &[3, 2, 2, 3])],
        "const %pads = i64[8] {0, 0, 1, 2, 0, 1, 3, 0}
         const %scales = f32[4] {1, 1, 2, 3}
         %r = Relu(%x)
         %a = Pad(%r, %pads)
         %b = Pad(%x, %pads) {mode: \"edge\"}
         const %sides = i64[8] {0, 1, 3, 0, 0, 2, 1, 0}
         %c = Pad(%x, %sides) {mode: \"reflect\"}
         %d = Resize(%x, _, %scales) {coordinate_transformation_mode: \"asymmetric\", nearest_mode: \"floor\"}
         %t = ConvTranspose(%x, %w) {strides: ints [2, 3]}
         %e = Sigmoid(%t)",
    );
    for (n, w) in [(1, 1), (2, 5), (0, 3)] {
        model.same(&[("x", some(&[n, 3, 4, w], 1))]);
    }
}
