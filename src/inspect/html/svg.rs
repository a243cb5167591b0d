//! SVG as text.

use std::fmt::Write;

/// A drawing that grows element by element.
pub(super) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Where a text stands from its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    /// A filled rectangle, `[x, y, width, height]`.
    pub(super) fn rect(&mut self, place: [f64; 4], class: &str, opacity: f64, title: &str) {
        let [x, y, width, height] = place.map(short);
        let opacity = format!("{:.2}", opacity.clamp(0.0, 1.0));
        self.element(&format!(
            "rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill-opacity=\"{opacity}\""
        ), "rect", title);
    }

    /// A line through points.
    pub(super) fn line(&mut self, points: &[(f64, f64)], class: &str, title: &str) {
        let points: Vec<String> =
            points.iter().map(|&(x, y)| format!("{},{}", short(x), short(y))).collect();
        let points = points.join(" ");
        self.element(&format!("polyline class=\"{class}\" points=\"{points}\""), "polyline", title);
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let (x, y, text) = (short(x), short(y), escaped(text));
        writeln!(self.body, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\"{anchor}>{text}</text>")
            .expect("a String can be written to");
    }

    fn element(&mut self, open: &str, name: &str, title: &str) {
        let end = match title {
            "" => "/>".to_owned(),
            title => format!("><title>{}</title></{name}>", escaped(title)),
        };
        writeln!(self.body, "<{open}{end}").expect("a String can be written to");
    }

    /// The whole, with what a reader says of it who cannot see.
    pub(super) fn finish(self, label: &str) -> String {
        let Self { width, height, body } = self;
        let (width, height, label) = (short(width), short(height), escaped(label));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"{label}\" \
             viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n{body}</svg>\n"
        )
    }
}

/// A coordinate.
fn short(x: f64) -> String {
    let text = format!("{x:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// Text as HTML and XML have it.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Six digits.
pub(super) fn number(x: f64) -> String {
    digits(x, 6)
}

/// A number with so many digits.
pub(super) fn digits(x: f64, count: i32) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    let magnitude = x.abs().log10().floor() as i32;
    match magnitude {
        -4..6 => format!("{x:.*}", (count - 1 - magnitude).max(0) as usize),
        _ => format!("{x:.*e}", (count - 1) as usize),
    }
}
