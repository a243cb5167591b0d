//! Words of the text form.

use crate::error::{Error, Result, Source};
use std::ops::Range;
use std::path::Path;

/// A word.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token {
    /// A bare word, a number among them.
    Word(String),
    /// A quoted string.
    Quoted(String),
    /// `hex"…"`
    Hex(Vec<u8>),
    /// `%name`
    Name(String),
    /// Punctuation.
    Mark(&'static str),
    /// The end of the text.
    End,
}

impl Token {
    fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Quoted(text) => format!("{text:?}"),
            Self::Hex(_) => "hex bytes".into(),
            Self::Name(name) => format!("%{name}"),
            Self::Mark(mark) => format!("`{mark}`"),
            Self::End => "the end".into(),
        }
    }
}

const MARKS: [&str; 14] = ["->", "::", "(", ")", "[", "]", "{", "}", ",", ":", "=", "@", "#", "?"];

/// Whether a name can stand without quotes.
pub(super) fn is_plain(text: &str) -> bool {
    text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '/' || c == '_')
        && text != "_"
        && scan_word(text) == text.len()
}

/// How many bytes a bare word has. A colon belongs to it only between other characters, and
/// `-` not as `->`.
fn scan_word(text: &str) -> usize {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./+-".contains(c);
    let mut chars = text.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        let next = chars.peek().map(|&(_, c)| c);
        let inside = match c {
            ':' => i > 0 && next.is_some_and(|n| n == ':' || n.is_ascii_alphanumeric() || n == '_'),
            '-' => next != Some('>'),
            c => plain(c),
        };
        if !inside {
            return i;
        }
    }
    text.len()
}

/// Reads words, one ahead.
pub(super) struct Lexer<'a> {
    text: &'a str,
    source: Source,
    token: Token,
    span: Range<usize>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self> {
        let source = Source::new(text, Path::new("<pir>"));
        let mut lexer = Self { text, source, token: Token::End, span: 0..0 };
        lexer.advance()?;
        Ok(lexer)
    }

    pub(super) fn peek(&self) -> &Token {
        &self.token
    }

    /// An error at the word ahead.
    pub(super) fn expected(&self, what: &str) -> Error {
        self.error(format!("expected {what}, found {}", self.token.describe()))
    }

    /// Where the word ahead stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// An error at a place.
    pub(super) fn error_at(&self, span: &Range<usize>, message: impl Into<String>) -> Error {
        self.source.error(span.clone(), message)
    }

    /// An error at the word ahead.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        self.source.error(self.span.clone(), message)
    }

    /// Takes the word ahead.
    pub(super) fn next(&mut self) -> Result<Token> {
        let token = std::mem::replace(&mut self.token, Token::End);
        self.advance()?;
        Ok(token)
    }

    fn advance(&mut self) -> Result<()> {
        let mut rest = self.text[self.span.end..].trim_start();
        while rest.starts_with(';') {
            rest = rest.find('\n').map_or("", |i| &rest[i..]).trim_start();
        }
        let start = self.text.len() - rest.len();
        self.span = start..start;
        let (token, len) = self.token_of(rest, start)?;
        self.token = token;
        self.span = start..start + len;
        Ok(())
    }

    fn token_of(&self, rest: &str, start: usize) -> Result<(Token, usize)> {
        let Some(first) = rest.chars().next() else { return Ok((Token::End, 0)) };
        if first == '"' {
            let (text, len) = self.quoted(rest, start)?;
            return Ok((Token::Quoted(text), len));
        }
        if rest.starts_with("hex\"") {
            let (text, len) = self.quoted(&rest[3..], start + 3)?;
            return Ok((Token::Hex(self.hex(&text, start)?), len + 3));
        }
        if let Some(name) = rest.strip_prefix('%') {
            if name.starts_with('"') {
                let (text, len) = self.quoted(name, start + 1)?;
                return Ok((Token::Name(text), len + 1));
            }
            let len = scan_word(name);
            if len > 0 {
                return Ok((Token::Name(name[..len].to_owned()), len + 1));
            }
        }
        let len = scan_word(rest);
        if len > 0 {
            return Ok((Token::Word(rest[..len].to_owned()), len));
        }
        match MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            Some(mark) => Ok((Token::Mark(mark), mark.len())),
            None => Err(self
                .source
                .error(start..start + first.len_utf8(), format!("{first:?} has no meaning here"))),
        }
    }

    /// A quoted string as Rust writes it, and its length.
    fn quoted(&self, rest: &str, start: usize) -> Result<(String, usize)> {
        let mut text = String::new();
        let mut chars = rest.char_indices().skip(1);
        let bad =
            |i: usize| self.source.error(start + i..start + i + 1, "an escape that has no meaning");
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => return Ok((text, i + 1)),
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    Some('0') => text.push('\0'),
                    Some(c @ ('\\' | '"' | '\'')) => text.push(c),
                    Some('u') => {
                        let code: String = chars
                            .by_ref()
                            .map(|(_, c)| c)
                            .skip(1)
                            .take_while(|&c| c != '}')
                            .take(8)
                            .collect();
                        let code = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
                        text.push(code.ok_or_else(|| bad(i))?);
                    }
                    _ => return Err(bad(i)),
                },
                c => text.push(c),
            }
        }
        Err(self.source.error(start..start + 1, "a string without an end"))
    }

    fn hex(&self, text: &str, start: usize) -> Result<Vec<u8>> {
        let bad =
            || self.source.error(start..start + 3, "hex bytes are pairs of hexadecimal digits");
        if !text.is_ascii() || !text.len().is_multiple_of(2) {
            return Err(bad());
        }
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).map_err(|_| bad()))
            .collect()
    }
}
