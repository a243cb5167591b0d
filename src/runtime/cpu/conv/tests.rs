//! Convolutions and pools are held to loops in float64.

use super::super::gemm::Tiles;
use super::*;
use proptest::prelude::*;
use std::sync::Mutex;

fn values(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + seed * 11 + i / 7) % 129) as f32 / 64.0 - 1.0).collect()
}

/// All places, by axis.
fn all(sizes: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    let [depth, height, width] = sizes;
    (0..depth).flat_map(move |z| (0..height).flat_map(move |y| (0..width).map(move |x| [z, y, x])))
}

/// What the window of an output sees: by place, where that is in the input.
fn seen(window: &Window, output: [usize; 3]) -> Vec<Option<usize>> {
    let kernel = window.map(|axis| axis.kernel);
    let inside = |place: [usize; 3]| {
        let at = [0, 1, 2].map(|axis| window[axis].at(output[axis], place[axis]));
        let is_in = |axis: usize| (0..window[axis].input as isize).contains(&at[axis]);
        let [z, y, x] = at.map(|at| at as usize);
        (0..3).all(is_in).then(|| (z * window[1].input + y) * window[2].input + x)
    };
    all(kernel).map(inside).collect()
}

fn axis(most: usize) -> impl Strategy<Value = Axis> {
    (1..most, 1..6usize, stride(), dilation(), 0..3usize, 0..3usize).prop_filter_map(
        "the window fits",
        |(input, kernel, stride, dilation, begin, end)| {
            let room = (input + begin + end).checked_sub((kernel - 1) * dilation + 1)?;
            let output = room / stride + 1;
            Some(Axis { input, output, kernel, stride, dilation, begin })
        },
    )
}

fn stride() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 1..4usize, 1 => 4..40usize]
}

fn dilation() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 1..3usize, 1 => 3..20usize]
}

fn window() -> impl Strategy<Value = Window> {
    prop_oneof![
        axis(90).prop_map(|x| [Axis::ONE, Axis::ONE, x]),
        (axis(20), axis(20)).prop_map(|(y, x)| [Axis::ONE, y, x]),
        (2..24usize, 2..24usize).prop_map(|(y, x)| [Axis::ONE, same(y), same(x)]),
        (axis(6), axis(8), axis(8)).prop_map(|(z, y, x)| [z, y, x]),
    ]
}

/// A kernel of three that keeps the size.
fn same(input: usize) -> Axis {
    Axis { input, output: input, kernel: 3, stride: 1, dilation: 1, begin: 1 }
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let channels = prop_oneof![Just((1, 1)), (1..8usize, 1..20usize), (1..4usize, 64..80usize)];
    (0..3usize, 1..4usize, channels, window()).prop_map(
        |(images, groups, (channels, filters), window)| Sizes {
            images,
            groups,
            channels,
            filters,
            window,
        },
    )
}

/// How often each output was told of.
struct Told {
    times: Mutex<Vec<usize>>,
    channels: usize,
    outputs: usize,
}

impl Told {
    fn new(images: usize, channels: usize, outputs: usize) -> Self {
        Self { times: Mutex::new(vec![0; images * channels * outputs]), channels, outputs }
    }

    fn tell(&self, image: usize, channels: Range<usize>, places: Range<usize>) {
        let mut times = self.times.lock().expect("no test panics in it");
        for channel in channels {
            let plane = (image * self.channels + channel) * self.outputs;
            places.clone().for_each(|place| times[plane + place] += 1);
        }
    }

    fn all_once(self) -> bool {
        self.times.into_inner().expect("no test panics in it").iter().all(|times| *times == 1)
    }
}

fn convolve(
    threads: usize,
    tiles: &'static Tiles,
    sizes: &Sizes,
    bias: Option<&[f32]>,
) -> Vec<f32> {
    let pool = Pool::new(threads);
    let (x, w) = inputs_of(sizes);
    let channels = sizes.groups * sizes.filters;
    let outputs = outputs(&sizes.window);
    let mut y = vec![f32::NAN; sizes.images * channels * outputs];
    let told = Told::new(sizes.images, channels, outputs);
    // SAFETY: all is in memory of the test.
    unsafe {
        let filters = Filters::new(tiles, sizes, w.as_ptr(), &pool);
        let bias = bias.map(<[f32]>::as_ptr);
        let tell = |image, channels, places| told.tell(image, channels, places);
        conv(&pool, sizes, x.as_ptr(), &filters, bias, y.as_mut_ptr(), &tell);
    }
    assert!(told.all_once(), "all parts are told of");
    y
}

fn inputs_of(sizes: &Sizes) -> (Vec<f32>, Vec<f32>) {
    let x = sizes.images * sizes.groups * sizes.channels * inputs(&sizes.window);
    let w = sizes.groups * sizes.filters * sizes.channels * places(&sizes.window);
    (values(x, 1), values(w, 2))
}

fn assert_convolved(sizes: &Sizes, bias: Option<&[f32]>, y: &[f32]) {
    let (x, w) = inputs_of(sizes);
    let (plane, size) = (inputs(&sizes.window), places(&sizes.window));
    let outputs = outputs(&sizes.window);
    let channels = sizes.groups * sizes.filters;
    for (place, output) in all(sizes.window.map(|axis| axis.output)).enumerate() {
        let seen = seen(&sizes.window, output);
        for (image, channel) in (0..sizes.images).flat_map(|i| (0..channels).map(move |c| (i, c))) {
            let group = channel / sizes.filters;
            let (mut sum, mut all) = (bias.map_or(0.0, |bias| f64::from(bias[channel])), 0.0);
            for c in 0..sizes.channels {
                let x =
                    &x[((image * sizes.groups + group) * sizes.channels + c) * plane..][..plane];
                let w = &w[(channel * sizes.channels + c) * size..][..size];
                for (seen, w) in seen.iter().zip(w) {
                    let product = seen.map_or(0.0, |at| f64::from(x[at])) * f64::from(*w);
                    (sum, all) = (sum + product, all + product.abs());
                }
            }
            let y = y[(image * channels + channel) * outputs + place];
            let error = (f64::from(y) - sum).abs();
            assert!(error <= 1e-6 * (all + 1.0), "{image} {channel} {output:?}: {y}, not {sum}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn convolutions_are_those_of_float64(sizes in sizes(), has_bias in any::<bool>()) {
        let bias = values(sizes.groups * sizes.filters, 3);
        let bias = has_bias.then_some(&bias[..]);
        for tiles in Tiles::all() {
            let y = convolve(1, tiles, &sizes, bias);
            assert_convolved(&sizes, bias, &y);
            prop_assert_eq!(&y, &convolve(3, tiles, &sizes, bias), "it depends on the threads");
        }
    }

    #[test]
    fn pools_are_those_of_float64(
        (images, channels) in (0..3usize, 1..5usize),
        window in window(),
        end in (0..3usize).prop_map(|end| [end; 3]),
    ) {
        let pool = Pool::new(2);
        let (plane, outputs) = (inputs(&window), outputs(&window));
        let mut x = values(images * channels * plane, 4);
        if let Some(x) = x.get_mut(plane / 2) {
            *x = f32::NAN;
        }
        let images = Images { count: images, channels };
        for (tiles, kind) in Tiles::all().flat_map(|tiles| (0..3).map(move |kind| (tiles, kind))) {
            let mut y = vec![0.5; images.count * channels * outputs];
            let told = Told::new(images.count, channels, outputs);
            let tell = |image, channels, places| told.tell(image, channels, places);
            let (from, to) = (x.as_ptr(), y.as_mut_ptr());
            // SAFETY: all is in memory of the test.
            unsafe {
                match kind {
                    0 => max_pool(&pool, tiles, images, &window, from, to, &tell),
                    1 => average_pool(&pool, tiles, images, &window, Count::Input, from, to, &tell),
                    _ => average_pool(&pool, tiles, images, &window, Count::Padded(end), from, to, &tell),
                }
            }
            prop_assert!(told.all_once(), "all parts are told of");
            for (place, output) in all(window.map(|axis| axis.output)).enumerate() {
                let seen = seen(&window, output);
                let padded = all(window.map(|axis| axis.kernel)).filter(|place| {
                    (0..3).all(|axis| {
                        let at = window[axis].at(output[axis], place[axis]);
                        at < (window[axis].input + end[axis]) as isize
                    })
                });
                let padded = padded.count();
                for at in 0..images.count * channels {
                    let x = &x[at * plane..][..plane];
                    let numbers: Vec<f64> = seen.iter().flatten().map(|at| f64::from(x[*at])).collect();
                    let greater = |max: f64, x: &f64| if *x > max || x.is_nan() { *x } else { max };
                    let sum = numbers.iter().sum::<f64>();
                    let expected = match kind {
                        0 => numbers.iter().fold(f64::NEG_INFINITY, greater),
                        1 => sum / numbers.len().max(1) as f64,
                        _ => sum / padded.max(1) as f64,
                    };
                    let y = f64::from(y[at * outputs + place]);
                    let is_same = y == expected || (y.is_nan() && expected.is_nan());
                    prop_assert!(is_same || (y - expected).abs() < 1e-6, "{y}, not {expected}");
                }
            }
        }
    }
}

#[test]
fn large_convolutions_are_cut_into_blocks() {
    let small = |channels, filters, size| Sizes {
        images: 2,
        groups: 1,
        channels,
        filters,
        window: [Axis::ONE, same(size), same(size)],
    };
    for sizes in [small(40, 210, 17), small(70, 90, 7), small(3, 30, 40)] {
        let y = convolve(2, Tiles::native(), &sizes, None);
        assert_convolved(&sizes, None, &y);
    }
    let wide = |size, kernel, stride| Axis {
        kernel,
        begin: kernel / 2,
        stride,
        output: size / stride,
        ..same(size)
    };
    for (kernel, stride) in [(7, 1), (5, 1), (7, 2)] {
        let sizes = Sizes {
            images: 2,
            groups: 3,
            channels: 1,
            filters: 2,
            window: [Axis::ONE, wide(46, kernel, stride), wide(70, kernel, stride)],
        };
        for tiles in Tiles::all() {
            assert_convolved(&sizes, None, &convolve(2, tiles, &sizes, None));
        }
    }
}

#[test]
fn places_are_counted_in_31_bits() {
    let kernel = |kernel| Axis { kernel, begin: kernel - 1, ..same(4) };
    let is_countable = |size| is_countable(&[Axis::ONE, kernel(size), kernel(size)]);
    assert!(is_countable(1 << 15));
    assert!(!is_countable(1 << 16));
    assert!(!is_countable(1 << 32));
}

#[test]
fn nothing_is_made_of_nothing() {
    let empty = Axis { output: 0, ..same(1) };
    for (filters, groups) in [(80, 1), (2, 1), (1, 3)] {
        for window in [[Axis::ONE, Axis::ONE, empty], [Axis::ONE, empty, same(3)], [empty; 3]] {
            let sizes = Sizes { images: 1, groups, channels: 1, filters, window };
            assert!(convolve(2, Tiles::native(), &sizes, None).is_empty());
            // No channels: the sum of nothing, and the bias.
            let window = [Axis::ONE, same(3), same(3)];
            let sizes = Sizes { channels: 0, window, ..sizes };
            let bias = values(groups * filters, 3);
            assert_convolved(
                &sizes,
                Some(&bias),
                &convolve(2, Tiles::native(), &sizes, Some(&bias)),
            );
        }
    }
}
