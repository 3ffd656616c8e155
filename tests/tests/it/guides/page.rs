//! The parts of a guide that a test executes: see the table in `guides.rs`.

/// A page: its lines, and the blocks to execute, in order.
pub(super) struct Page {
    lines: Vec<String>,
    pub(super) blocks: Vec<Block>,
    /// The lines inside each block, as a range.
    places: Vec<std::ops::Range<usize>>,
}

/// A part of a page that the test executes. `line` counts from 1.
pub(super) enum Block {
    /// Commands with their output.
    Console { line: usize, options: ConsoleOptions, commands: Vec<ShownCommand> },
    /// A file that the reader writes.
    File { path: String, text: String },
    /// A change that the reader makes to a file.
    Edit { line: usize, path: String, diff: Diff },
    /// Commands that the page does not show.
    Hidden { line: usize, commands: String },
}

/// A command after `$ ` with the output that the page shows.
pub(super) struct ShownCommand {
    pub(super) text: String,
    pub(super) output: String,
}

/// Options of a console block.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ConsoleOptions {
    /// The expected exit code of the last command; the others end with 0.
    pub(super) exit: i32,
    /// Numbers do not count in the comparison.
    pub(super) any_numbers: bool,
    /// The number of lines at the start that the page shows; `None` with `last: None` for all.
    first: Option<usize>,
    /// The number of lines at the end that the page shows.
    last: Option<usize>,
}

impl ConsoleOptions {
    /// Parses `exit 1, first 4, last 2, any numbers`.
    fn parse(text: &str) -> Option<Self> {
        let mut options = Self::default();
        for option in text.split(", ") {
            match option.split_once(' ')? {
                ("any", "numbers") => options.any_numbers = true,
                ("exit", code) => options.exit = code.parse().ok()?,
                ("first", count) => options.first = Some(count.parse().ok()?),
                ("last", count) => options.last = Some(count.parse().ok()?),
                _ => return None,
            }
        }
        Some(options)
    }

    /// Returns the shown lines, with `…` in place of the others.
    pub(super) fn select(self, output: &str) -> String {
        let lines: Vec<&str> = output.lines().collect();
        let (first, last) = match (self.first, self.last) {
            (None, None) => return output.to_owned(),
            (first, last) => (first.unwrap_or(0), last.unwrap_or(0)),
        };
        if first + last >= lines.len() {
            return output.to_owned();
        }
        let mut shown: Vec<&str> = lines[..first].to_vec();
        shown.push("…");
        shown.extend(&lines[lines.len() - last..]);
        shown.join("\n") + "\n"
    }
}

/// The lines of a `diff` block.
pub(super) struct Diff(Vec<String>);

impl Diff {
    /// Returns the text before the change.
    pub(super) fn before(&self) -> String {
        self.without('+')
    }

    /// Returns the text after the change.
    pub(super) fn after(&self) -> String {
        self.without('-')
    }

    fn without(&self, sign: char) -> String {
        self.0.iter().filter(|line| !line.starts_with(sign)).flat_map(|line| [&line[1..], "\n"]).collect()
    }
}

impl Page {
    pub(super) fn parse(text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut page = Self { lines, blocks: vec![], places: vec![] };
        let mut at = 0;
        while at < page.lines.len() {
            let end = |mark: &str| {
                let length = page.lines[at + 1..].iter().position(|line| line.trim() == mark);
                at + 1 + length.unwrap_or_else(|| panic!("line {}: no `{mark}` ends this", at + 1))
            };
            let line = page.lines[at].clone();
            let end = if line == "<!-- run" {
                end("-->")
            } else if line.starts_with("```") {
                end("```")
            } else {
                at += 1;
                continue;
            };
            let body = &page.lines[at + 1..end];
            let before = at.checked_sub(1).map(|before| page.lines[before].as_str());
            let directive = before.and_then(|line| line.strip_prefix("<!-- ")?.strip_suffix(" -->")?.split_once(": "));
            if let Some(block) = Block::parse(at + 1, &line, directive, body) {
                page.blocks.push(block);
                page.places.push(at + 1..end);
            }
            at = end + 1;
        }
        page
    }

    /// Returns the page with the current outputs of its commands.
    pub(super) fn render(&self) -> String {
        let mut lines = self.lines.clone();
        for (block, place) in self.blocks.iter().zip(&self.places).rev() {
            if let Block::Console { commands, .. } = block {
                let shown = commands.iter().flat_map(|command| {
                    let output = command.output.lines().map(str::to_owned);
                    std::iter::once(format!("$ {}", command.text)).chain(output)
                });
                lines.splice(place.clone(), shown);
            }
        }
        lines.join("\n") + "\n"
    }
}

impl Block {
    fn parse(line: usize, opening: &str, directive: Option<(&str, &str)>, body: &[String]) -> Option<Self> {
        let text = || body.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>();
        match (opening, directive) {
            ("<!-- run", _) => Some(Self::Hidden { line, commands: text() }),
            ("```console", directive) => Some(Self::console(line, directive, body)),
            (_, Some(("file", path))) => Some(Self::File { path: path.to_owned(), text: text() }),
            ("```diff", Some(("edit", path))) => {
                let wrong = body.iter().find(|line| !line.starts_with([' ', '-', '+']));
                assert!(wrong.is_none(), "line {line}: a line of a diff starts with a space, - or +: {wrong:?}");
                Some(Self::Edit { line, path: path.to_owned(), diff: Diff(body.to_vec()) })
            }
            (_, Some((directive, _))) if ["console", "edit"].contains(&directive) => {
                panic!("line {line}: `{directive}` before a block of another kind: {opening}")
            }
            _ => None,
        }
    }

    fn console(line: usize, directive: Option<(&str, &str)>, body: &[String]) -> Self {
        let options = directive.map_or_else(ConsoleOptions::default, |(name, options)| {
            let options = ConsoleOptions::parse(options).filter(|_| name == "console");
            options.unwrap_or_else(|| panic!("line {line}: expected `console: exit N, first N, last N, any numbers`"))
        });
        let mut commands: Vec<ShownCommand> = vec![];
        for text in body {
            match (text.strip_prefix("$ "), commands.last_mut()) {
                (_, Some(last)) if last.text.ends_with('\\') => last.text += &format!("\n{text}"),
                (Some(command), _) => {
                    commands.push(ShownCommand { text: command.to_owned(), output: String::new() });
                }
                (None, Some(last)) => last.output += &format!("{text}\n"),
                (None, None) => panic!("line {line}: a console starts with `$ `"),
            }
        }
        Self::Console { line, options, commands }
    }
}
