//! Tensors as rows along some of their axes.

use super::shape::{count, places, strides};

/// Where the elements of a tensor are, as rows along some axes: a row for each index of the other axes.
/// Elements within rows, and rows, have the order that the tensor gives them.
pub(crate) struct Rows {
    /// How many there are.
    pub(crate) count: usize,
    /// How many elements each has.
    pub(crate) length: usize,
    places: Vec<usize>,
}

impl Rows {
    /// Rows along these axes.
    pub(crate) fn along(axes: &[usize], shape: &[usize]) -> Self {
        let strides = strides(shape);
        let (inner, outer): (Vec<usize>, Vec<usize>) =
            (0..shape.len()).partition(|axis| axes.contains(axis));
        let order = [outer.as_slice(), &inner].concat();
        let of = |list: &[usize], all: &[usize]| list.iter().map(|&a| all[a]).collect::<Vec<_>>();
        let (sizes, strides) = (of(&order, shape), of(&order, &strides));
        Self {
            count: count(&of(&outer, shape)),
            length: count(&of(&inner, shape)),
            places: places(&sizes, &strides).collect(),
        }
    }

    /// The places of the elements of each row.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[usize]> {
        (0..self.count).map(|row| &self.places[row * self.length..][..self.length])
    }

    /// What a function makes of each row.
    pub(crate) fn each<T: Copy, U>(&self, x: &[T], mut f: impl FnMut(&[T]) -> U) -> Vec<U> {
        let mut row = Vec::with_capacity(self.length);
        self.iter()
            .map(|places| {
                row.clear();
                row.extend(places.iter().map(|&place| x[place]));
                f(&row)
            })
            .collect()
    }

    /// Changes each row by a function of its number and its elements.
    pub(crate) fn change<T: Copy>(&self, x: &mut [T], mut f: impl FnMut(usize, &mut [T])) {
        let mut row = Vec::with_capacity(self.length);
        for (number, places) in self.iter().enumerate() {
            row.clear();
            row.extend(places.iter().map(|&place| x[place]));
            f(number, &mut row);
            places.iter().zip(&row).for_each(|(&place, new)| x[place] = *new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_order_of_the_tensor() {
        let mut x: Vec<usize> = (0..12).collect();
        let rows = Rows::along(&[0, 2], &[2, 2, 3]);
        assert_eq!(rows.each(&x, <[usize]>::to_vec), [[0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11]]);
        rows.change(&mut x, |number, row| row.fill(number));
        assert_eq!(x, [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]);
        assert_eq!(Rows::along(&[1], &[2, 0]).each(&x, <[usize]>::len), [0, 0]);
        assert_eq!(Rows::along(&[], &[2]).each(&x, <[usize]>::len), [1, 1]);
    }
}
