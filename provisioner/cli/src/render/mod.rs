//! Text for people, from data. Pure functions: nothing here prints, asks or reads.

pub mod diagnostic;
pub mod graph;
pub mod outputs;
pub mod plan;
pub mod progress;
#[cfg(feature = "aws")]
pub mod status;
pub mod value;

use anstyle::{AnsiColor, Style};

/// The format of the page that a text is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageFormat {
    /// In columns.
    pub width: usize,
    /// `true` if the text may contain colour. Colour only repeats the meaning of a sign or a word.
    pub colour: bool,
}

/// The meaning of a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something new.
    New,
    /// Something changes.
    Changed,
    /// Something goes.
    Gone,
    /// Look here.
    Warning,
    /// A heading.
    Strong,
    /// Less important.
    Quiet,
}

impl PageFormat {
    /// Text without colour.
    pub fn plain(width: usize) -> Self {
        Self { width, colour: false }
    }

    /// `text` in a tone.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        let style = match tone {
            Tone::New => colour(AnsiColor::Green),
            Tone::Changed => colour(AnsiColor::Yellow),
            Tone::Gone => colour(AnsiColor::Red),
            Tone::Warning => colour(AnsiColor::Yellow).bold(),
            Tone::Strong => Style::new().bold(),
            Tone::Quiet => Style::new().dimmed(),
        };
        format!("{style}{text}{style:#}")
    }

    /// `text` wrapped, its first line after `first`, the others after `rest`. Words without spaces, ids and ARNs, are
    /// never cut: they are there to be copied.
    pub fn wrap(&self, first: &str, rest: &str, text: &str) -> String {
        let options = textwrap::Options::new(self.width.max(20))
            .initial_indent(first)
            .subsequent_indent(rest)
            .break_words(false)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        textwrap::fill(text, options)
    }
}

/// The number of columns of a text.
pub fn columns(text: &str) -> usize {
    textwrap::core::display_width(text)
}

/// The widest column of a table. Longer cells do not widen the column for all rows.
const WIDEST_COLUMN: usize = 100;

/// A cell of a table: a text, filled with spaces to the width of its column. `{text:width$}` counts characters instead of
/// columns, and panics at a width above 65535, which a damaged file can bring about.
pub fn cell(text: &str, width: usize) -> String {
    let spaces = width.min(WIDEST_COLUMN).saturating_sub(columns(text));
    format!("{text}{}", " ".repeat(spaces))
}

/// `1 step`, `2 steps`.
pub fn count(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}
