//! The parts of a case.

/// A case.
pub(crate) struct Case<'a> {
    /// The command.
    pub(crate) command: &'a str,
    /// Its arguments.
    pub(crate) arguments: Vec<&'a str>,
    /// The `; edit:` lines.
    pub(crate) edits: Vec<&'a str>,
    /// The model.
    pub(crate) model: &'a str,
    /// Configuration and tensors of an adapter, if there is one.
    pub(crate) adapter: Option<&'a str>,
    /// What is expected.
    pub(crate) expected: &'a str,
    /// All before the expectation.
    pub(crate) before: &'a str,
}

impl<'a> Case<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        let (before, expected) = match text.find("\n---\n") {
            Some(at) => (&text[..=at], &text[at + 5..]),
            None => (text, ""),
        };
        let (model, adapter) = match before.split_once("\n--- adapter\n") {
            Some((model, adapter)) => (model, Some(adapter)),
            None => (before, None),
        };
        let lines = |key: &'a str| before.lines().filter_map(move |line| line.strip_prefix(key));
        let mut words = lines("; test:").next().ok_or("no `; test:` line")?.split_whitespace();
        Ok(Self {
            command: words.next().ok_or("`; test:` names no command")?,
            arguments: words.collect(),
            edits: lines("; edit:").map(str::trim).collect(),
            model,
            adapter,
            expected,
            before,
        })
    }
}
