//! Windows that slide over the spatial axes of an input.

use crate::error::{Error, Result};
use crate::ops::Call;
use crate::ops::numbers::as_many;
use crate::ops::shape::{count, dims, indices, room, sizes};

/// How a window slides along one axis. Whatever numbers a file has, their products fit in i128.
pub(super) struct Axis {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) kernel: usize,
    pub(super) stride: i128,
    pub(super) dilation: i128,
    /// Padding in front.
    pub(super) begin: i128,
    /// Padding behind.
    pub(super) end: i128,
}

/// A window over all spatial axes.
pub(super) struct Window {
    pub(super) axes: Vec<Axis>,
}

impl Axis {
    /// The outputs and the inputs that meet at a place of the window.
    fn pairs(&self, tap: usize) -> impl Iterator<Item = (usize, usize)> {
        let offset = tap as i128 * self.dilation - self.begin;
        let first = (-offset.div_euclid(self.stride)).max(0);
        let end = (self.input as i128 - 1 - offset).div_euclid(self.stride) + 1;
        let stride = self.stride;
        (first..end.min(self.output as i128))
            .map(move |output| (output as usize, (output * stride + offset) as usize))
    }

    /// How many places of the window of an output lie in the input or its padding.
    fn inside(&self, output: usize) -> i128 {
        let room = self.input as i128 + self.begin + self.end - output as i128 * self.stride;
        (room - 1).div_euclid(self.dilation).saturating_add(1).clamp(0, self.kernel as i128)
    }
}

impl Window {
    /// The window that the attributes describe.
    ///
    /// # Errors
    /// It does not fit the input.
    pub(super) fn new(call: &Call<'_>, input: &[usize], kernel: &[usize]) -> Result<Self> {
        let rank = rank_of(kernel, input)?;
        room(&dims(kernel))?;
        let strides = spatial(call, "strides", rank, 1)?;
        let dilations = spatial(call, "dilations", rank, 1)?;
        let pads = spatial(call, "pads", 2 * rank, 0)?;
        let ceil = call.schema.attribute("ceil_mode").is_some() && call.flag("ceil_mode")?;
        let padding = AutoPad::of(call)?;
        let is_pool = call.schema.attribute("group").is_none();
        let axis = |at: usize| {
            let axis = Axis {
                input: input[at],
                output: 0,
                kernel: kernel[at],
                stride: strides[at],
                dilation: dilations[at],
                begin: pads[at],
                end: pads[rank + at],
            };
            axis.fit(padding, ceil, is_pool)
        };
        let window = Self { axes: (0..rank).map(axis).collect::<Result<_>>()? };
        room(&dims(&window.output()))?;
        Ok(window)
    }

    /// The spatial sizes of the output.
    pub(super) fn output(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.output).collect()
    }

    /// How many places the window has.
    pub(super) fn size(&self) -> usize {
        self.axes.iter().map(|axis| axis.kernel).product()
    }

    /// All places of the window, row after row.
    pub(super) fn taps(&self) -> impl Iterator<Item = Vec<usize>> + '_ {
        (0..self.size()).map(|mut at| {
            let mut tap = vec![0; self.axes.len()];
            for (own, axis) in tap.iter_mut().zip(&self.axes).rev() {
                *own = at % axis.kernel;
                at /= axis.kernel;
            }
            tap
        })
    }

    /// The outputs and the inputs that meet at a place of the window.
    pub(super) fn pairs(&self, tap: &[usize]) -> Vec<(usize, usize)> {
        let mut pairs = vec![(0, 0)];
        for (axis, &tap) in self.axes.iter().zip(tap) {
            let here: Vec<(usize, usize)> = axis.pairs(tap).collect();
            let next = |&(output, input): &(usize, usize)| {
                let (output, input) = (output * axis.output, input * axis.input);
                here.iter().map(move |(o, i)| (output + o, input + i))
            };
            pairs = pairs.iter().flat_map(next).collect();
        }
        pairs
    }

    /// Visits what meets anywhere in some planes, in the order of the places of the window.
    pub(super) fn each(&self, planes: usize, mut visit: impl FnMut(usize, usize)) {
        let input: usize = self.axes.iter().map(|axis| axis.input).product();
        let output = count(&self.output());
        if planes == 0 {
            return;
        }
        for tap in self.taps() {
            let pairs = self.pairs(&tap);
            for plane in 0..planes {
                pairs.iter().for_each(|(o, i)| visit(plane * output + o, plane * input + i));
            }
        }
    }

    /// How many places of the window lie in the input or its padding, for each output.
    pub(super) fn inside(&self) -> Vec<f64> {
        let inside = |index: Vec<usize>| {
            let counts = self.axes.iter().zip(index).map(|(axis, at)| axis.inside(at) as f64);
            counts.product()
        };
        indices(&self.output()).map(inside).collect()
    }
}

impl Axis {
    /// With its output, and with the padding that this takes.
    fn fit(mut self, padding: AutoPad, ceil: bool, is_pool: bool) -> Result<Self> {
        let extent = self.extent();
        let input = self.input as i128;
        let output = match padding {
            AutoPad::Same { upper } => {
                let output = (input + self.stride - 1).div_euclid(self.stride);
                // The padding of pools may be negative: inputs at both ends are left out.
                let total = (output - 1) * self.stride + extent - input;
                self.pad(if is_pool { total } else { total.max(0) }, upper);
                output
            }
            AutoPad::Valid => {
                self.pad(0, true);
                (input - extent).div_euclid(self.stride) + 1
            }
            AutoPad::NotSet => {
                let room = input + self.begin + self.end - extent;
                if ceil {
                    let output = -(-room).div_euclid(self.stride) + 1;
                    // A window that would start in the padding behind is none.
                    let is_behind = (output - 1) * self.stride >= input + self.begin;
                    output - i128::from(is_behind)
                } else {
                    room.div_euclid(self.stride) + 1
                }
            }
        };
        self.output = usize::try_from(output).map_err(|_| {
            Error::input(format!("a window over {extent} does not fit {} of input", self.input))
        })?;
        Ok(self)
    }

    /// How far a window reaches.
    pub(super) fn extent(&self) -> i128 {
        (self.kernel as i128 - 1) * self.dilation + 1
    }

    /// Distributes padding to both ends.
    pub(super) fn pad(&mut self, total: i128, upper: bool) {
        self.begin = if upper { total / 2 } else { (total + 1) / 2 };
        self.end = total - self.begin;
    }
}

/// The number of spatial axes, of a kernel as of an input.
pub(super) fn rank_of(kernel: &[usize], input: &[usize]) -> Result<usize> {
    match kernel.len() == input.len() {
        true => Ok(input.len()),
        false => Err(Error::input(format!("a kernel {kernel:?} for spatial sizes {input:?}"))),
    }
}

/// Where padding comes from.
#[derive(Clone, Copy)]
pub(super) enum AutoPad {
    NotSet,
    Valid,
    Same {
        /// Whether the greater half is behind.
        upper: bool,
    },
}

impl AutoPad {
    pub(super) fn of(call: &Call<'_>) -> Result<Self> {
        if call.schema.attribute("auto_pad").is_none() {
            return Ok(Self::NotSet);
        }
        Ok(match call.string("auto_pad")?.as_str() {
            "NOTSET" | "" => Self::NotSet,
            "VALID" => Self::Valid,
            "SAME_UPPER" => Self::Same { upper: true },
            "SAME_LOWER" => Self::Same { upper: false },
            other => return Err(Error::input(format!("auto_pad is {other:?}"))),
        })
    }
}

/// Numbers of the spatial axes; the least is their default.
pub(super) fn spatial(call: &Call<'_>, name: &str, count: usize, least: i64) -> Result<Vec<i128>> {
    let list = as_many(name, call.ints(name)?.unwrap_or_else(|| vec![least; count]), count)?;
    if let Some(low) = list.iter().find(|&&number| number < least) {
        return Err(Error::input(format!("{name} has {low}, which is below {least}")));
    }
    Ok(list.into_iter().map(i128::from).collect())
}

/// The sizes of a tensor of samples and channels: those two, and the spatial ones.
pub(super) fn image(call: &Call<'_>, slot: usize) -> Result<([usize; 2], Vec<usize>)> {
    match &sizes(call.input(slot)?)[..] {
        [n, c, spatial @ ..] => Ok(([*n, *c], spatial.to_vec())),
        other => Err(Error::input(format!("input {slot} is {other:?}: it has no channels"))),
    }
}

/// The shape of a kernel: the attribute, which must be that of the weight where there is one.
pub(super) fn kernel(call: &Call<'_>, weight: Option<&[usize]>) -> Result<Vec<usize>> {
    let given = call.ints("kernel_shape")?;
    let given = match (given, weight) {
        (Some(given), _) => given,
        (None, Some(weight)) => weight.iter().map(|&size| size as i64).collect(),
        (None, None) => return Err(Error::input("attribute \"kernel_shape\" is missing")),
    };
    let kernel: Option<Vec<usize>> =
        given.iter().map(|&size| usize::try_from(size).ok().filter(|&size| size > 0)).collect();
    match kernel.filter(|kernel| weight.is_none_or(|weight| weight == kernel)) {
        Some(kernel) => Ok(kernel),
        None => Err(Error::input(match weight {
            Some(weight) => format!("kernel_shape is {given:?}, the weight has {weight:?}"),
            None => format!("kernel_shape is {given:?}"),
        })),
    }
}
