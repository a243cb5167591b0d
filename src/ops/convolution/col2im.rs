//! Columns of blocks back into an image.

use super::window::Window;
use crate::error::{Error, Result};
use crate::ops::numbers::{i64s, of_reals, reals};
use crate::ops::shape::{count, dims, filled, sizes};
use crate::ops::{Call, Value};

/// What blocks say of one pixel is added up.
pub(super) fn col2im(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let image = positive(&i64s(call.input(1)?)?)?;
    let block = positive(&i64s(call.input(2)?)?)?;
    let window = Window::new(call, &image, &block)?;
    let (taps, blocks) = (window.size(), count(&window.output()));
    let &[batch, rows, columns] = sizes(x).as_slice() else {
        return Err(Error::input(format!("{:?} are not the 3 sizes of columns", x.dims)));
    };
    if taps == 0 || rows % taps != 0 || columns != blocks {
        return Err(Error::input(format!(
            "{:?} are no columns of {blocks} blocks of {taps} elements",
            x.dims
        )));
    }
    let (channels, pixels) = (rows / taps, count(&image));
    let shape = [vec![batch, channels], image].concat();
    let (numbers, mut y) = (reals(x)?, filled(&shape, 0.0)?);
    for (number, tap) in window.taps().enumerate() {
        let pairs = window.pairs(&tap);
        for plane in 0..batch * channels {
            let column = &numbers[(plane * taps + number) * columns..][..columns];
            let own = &mut y[plane * pixels..][..pixels];
            pairs.iter().for_each(|&(block, pixel)| own[pixel] += column[block]);
        }
    }
    Ok(vec![of_reals(x.dtype, &dims(&shape), &y)?.into()])
}

fn positive(shape: &[i64]) -> Result<Vec<usize>> {
    let size = |&size: &i64| usize::try_from(size).ok().filter(|size| *size > 0);
    let sizes: Option<Vec<usize>> = shape.iter().map(size).collect();
    sizes.ok_or_else(|| Error::input(format!("{shape:?} is no shape of an image")))
}
