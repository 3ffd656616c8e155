//! Diagnostics as text: the one place where errors, warnings and hints get their form.
//!
//! ```text
//! error: subnet/main: could not be read
//!   at src/stack.rs:12:5
//!   because ec2:DescribeSubnets failed with UnauthorizedOperation
//!   hint: the credentials need the permission ec2:DescribeSubnets
//! ```

use std::{fmt::Write as _, ops::Range};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, NarratableReportHandler};
use provisioner_model::{Diagnostic, Severity};

use super::{PageFormat, Tone, count};
use crate::environment::Mistakes;

/// One diagnostic under its label.
pub fn diagnostic(diagnostic: &Diagnostic, page: &PageFormat) -> String {
    let tone = match diagnostic.severity {
        Severity::Error => Tone::Gone,
        Severity::Warning => Tone::Warning,
    };
    let label = page.paint(tone, &format!("{}:", diagnostic.severity));
    block("", "  ", &format!("{label} {}", title(diagnostic)), diagnostic, page)
}

/// The failure of a command, with each of its diagnostics.
pub fn list(heading: &Diagnostic, diagnostics: &[Diagnostic], page: &PageFormat) -> String {
    let mut out = diagnostic(&Diagnostic { hint: None, ..heading.clone() }, page);
    for each in diagnostics {
        out += &block("  - ", "    ", &title(each), each, page);
    }
    hint(&mut out, "  ", heading, page);
    out
}

/// A diagnostic that a plan carries.
pub fn notice(diagnostic: &Diagnostic, page: &PageFormat) -> String {
    block("  ! ", "    ", &title(diagnostic), diagnostic, page)
}

fn title(diagnostic: &Diagnostic) -> String {
    match &diagnostic.address {
        Some(address) => format!("{address}: {}", diagnostic.summary),
        None => diagnostic.summary.clone(),
    }
}

/// `title` after `first`, and all that belongs to it indented by `indent`.
fn block(first: &str, indent: &str, title: &str, diagnostic: &Diagnostic, page: &PageFormat) -> String {
    let mut out = page.wrap(first, indent, title);
    out.push('\n');
    if let Some(location) = &diagnostic.location {
        let _ = writeln!(out, "{indent}at {location}");
    }
    for cause in &diagnostic.detail {
        let _ = writeln!(out, "{}", page.wrap(&format!("{indent}because "), &format!("{indent}  "), cause));
    }
    hint(&mut out, indent, diagnostic, page);
    out
}

fn hint(out: &mut String, indent: &str, diagnostic: &Diagnostic, page: &PageFormat) {
    if let Some(hint) = &diagnostic.hint {
        let _ = writeln!(out, "{}", page.wrap(&format!("{indent}hint: "), &format!("{indent}  "), hint));
    }
}

/// The mistakes of an environment file, each with the lines around it. A dumb terminal gets plain lines.
pub fn mistakes(mistakes: &Mistakes, page: &PageFormat, dumb: bool) -> String {
    let mut out = String::new();
    for mistake in &mistakes.mistakes {
        if !is_readable(&mistakes.text, mistake.span.start) {
            out += &diagnostic(&mistake.diagnostic, page);
            continue;
        }
        let excerpt = Excerpt {
            diagnostic: &mistake.diagnostic,
            span: first_line(&mistakes.text, mistake.span.clone()),
            source: NamedSource::new(&mistakes.file, mistakes.text.clone()),
        };
        let rendered = if dumb {
            NarratableReportHandler::new().render_report(&mut out, &excerpt)
        } else {
            let theme = if page.colour { GraphicalTheme::unicode() } else { GraphicalTheme::none() };
            let handler =
                GraphicalReportHandler::new_themed(theme).with_width(page.width.max(40)).with_context_lines(1);
            handler.render_report(&mut out, &excerpt)
        };
        if rendered.is_err() {
            out += &diagnostic(&mistake.diagnostic, page);
        }
        out.push('\n');
    }
    if mistakes.omitted > 0 {
        let _ = writeln!(out, "… and {} more", count(mistakes.omitted, "mistake"));
    }
    let summary = mistakes.to_string();
    out + &diagnostic(&Diagnostic::error(summary), page)
}

/// Longest line that an excerpt shows, in bytes. No reader finds the place in a longer one, and drawing it takes long.
const LONGEST_LINE: usize = 500;

/// Returns whether the lines around a position are short enough for an excerpt.
fn is_readable(text: &str, position: usize) -> bool {
    let (before, after) = text.as_bytes().split_at(position.min(text.len()));
    let (mut before, mut after) = (before.rsplit(|byte| *byte == b'\n'), after.split(|byte| *byte == b'\n'));
    let mut next_lengths = || [before.next().unwrap_or_default().len(), after.next().unwrap_or_default().len()];
    let (own, neighbours) = (next_lengths(), next_lengths());
    own.iter().sum::<usize>() <= LONGEST_LINE && neighbours.iter().all(|length| *length <= LONGEST_LINE)
}

/// A diagnostic with the text that it is about, for `miette`.
#[derive(Debug)]
struct Excerpt<'a> {
    diagnostic: &'a Diagnostic,
    span: Range<usize>,
    source: NamedSource<String>,
}

impl std::fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.diagnostic.summary)
    }
}

impl std::error::Error for Excerpt<'_> {}

impl miette::Diagnostic for Excerpt<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn std::fmt::Display + 'b>> {
        self.diagnostic.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn std::fmt::Display>)
    }
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(None, self.span.clone()))))
    }
}

/// The part of a span that is on its first line: a table's would underline all of it.
fn first_line(text: &str, span: Range<usize>) -> Range<usize> {
    let start = span.start.min(text.len());
    let end = span.end.clamp(start, text.len());
    let length = text.get(start..end).and_then(|part| part.lines().next()).map_or(0, |line| line.trim_end().len());
    start..start + length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread() -> Diagnostic {
        Diagnostic {
            detail: vec!["ec2:DescribeSubnets failed with UnauthorizedOperation".to_owned()],
            ..Diagnostic::resource_error("subnet/main", "could not be read").hint("ask for the permission")
        }
    }

    #[test]
    fn place_causes_and_hint_follow_the_summary() {
        let here = std::panic::Location::caller();
        let text = diagnostic(&unread().declared_at(here), &PageFormat::plain(100));
        assert_eq!(
            text,
            format!(
                "error: subnet/main: could not be read\n  at {here}\n  because ec2:DescribeSubnets failed with \
                 UnauthorizedOperation\n  hint: ask for the permission\n"
            )
        );
    }

    #[test]
    fn list_ends_with_the_hint_for_all() {
        let heading = Diagnostic::error("some resources could not be read").hint("try again");
        let text = list(&heading, &[unread()], &PageFormat::plain(100));
        assert_eq!(
            text,
            "error: some resources could not be read\n  - subnet/main: could not be read\n    because \
             ec2:DescribeSubnets failed with UnauthorizedOperation\n    hint: ask for the permission\n  hint: try again\n"
        );
    }

    #[test]
    fn excerpt_has_short_lines_only() {
        let long = "x".repeat(LONGEST_LINE + 1);
        let text = format!("a\nb\nc\n{long}\nd\n");
        let readable: Vec<bool> = [0, 2, 4, 6, text.len() - 2, text.len()].map(|at| is_readable(&text, at)).to_vec();
        assert_eq!(readable, [true, true, false, false, false, true]);
        assert!(is_readable("", 0) && is_readable("a", 99));
    }
}
