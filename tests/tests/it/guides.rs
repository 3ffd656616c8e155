//! The guides in `docs/guide`, executed: each page from top to bottom, as a reader would, in a checkout's folder on moto.
//!
//! | in a page | what the test does |
//! |---|---|
//! | a `console` block | runs the commands after `$ ` in one shell, and compares their output |
//! | `<!-- console: exit 1, first 4, last 2, any numbers -->` before it | expects another exit code than 0 of the last command; shows only these lines of each; compares no numbers |
//! | `<!-- file: PATH -->` before a block | writes the block to this file, in the checkout unless it begins with `~/` |
//! | `<!-- edit: PATH -->` before a `diff` block | applies the block to this file |
//! | `<!-- run`, lines, `-->` | runs these commands without showing them |
//!
//! Every other block is for the reader only. `UPDATE_DOCS=1` rewrites outputs that differ by more than IDs, times and
//! the like. Start reading at [`follow_page`]; `page.rs` parses, `shell.rs` runs.

mod normalize;
mod page;
mod shell;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use provisioner_tests::{Emulator, Templates, skipped};

use self::{
    normalize::normalize,
    page::{Block, Page},
    shell::Shell,
};

#[test]
fn getting_started_works_as_written() {
    follow_page("getting-started");
}

#[test]
fn writing_a_stack_works_as_written() {
    follow_page("writing-a-stack");
}

#[test]
fn writing_a_resource_type_works_as_written() {
    follow_page("writing-a-resource-type");
}

#[test]
fn environments_works_as_written() {
    follow_page("environments");
}

#[test]
fn rollouts_works_as_written() {
    follow_page("rollouts");
}

#[test]
fn import_works_as_written() {
    follow_page("import");
}

#[test]
fn troubleshooting_works_as_written() {
    follow_page("troubleshooting");
}

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Executes a page, and fails if an output differs; with `UPDATE_DOCS=1`, it writes the page with the new outputs.
fn follow_page(name: &str) {
    let Some(moto) = Emulator::moto() else { return skipped(&format!("guide {name}"), "moto is not installed") };
    let reader = Reader::new(&moto);
    let path = root().join("docs/guide").join(format!("{name}.md"));
    let mut page = Page::parse(&fs::read_to_string(&path).unwrap());
    let mut differences = vec![];
    for block in &mut page.blocks {
        reader.carry_out(block, &mut differences);
    }
    #[expect(clippy::disallowed_methods, reason = "how a developer asks for new outputs")]
    let is_update = std::env::var_os("UPDATE_DOCS").is_some();
    if is_update && !differences.is_empty() {
        #[expect(clippy::disallowed_methods, reason = "a source file, under version control")]
        fs::write(&path, page.render()).unwrap();
        return;
    }
    let count = differences.len();
    let all = differences.join("\n\n");
    assert!(count == 0, "{count} outputs in {name}.md differ; UPDATE_DOCS=1 rewrites them\n\n{all}");
}

/// A reader at a shell, in a folder with the repository's environment files and with the programs on the path.
struct Reader {
    shell: Shell,
    /// The folder that stands for a checkout of the repository.
    checkout: PathBuf,
    folder: tempfile::TempDir,
    /// The templates of the plans, which are judged at the end.
    _templates: Templates,
    /// The folder of the templates, which no page shows.
    _beside: tempfile::TempDir,
}

impl Reader {
    fn new(moto: &Emulator) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().canonicalize().unwrap();
        let (checkout, bin) = (home.join("provisioner"), home.join("bin"));
        for files in ["environments", "examples/worker/environments", "examples/own-type/environments"] {
            fs::create_dir_all(checkout.join(files)).unwrap();
            for file in fs::read_dir(root().join(files)).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), checkout.join(files).join(file.file_name())).unwrap();
            }
        }
        fs::create_dir(&bin).unwrap();
        let beside = tempfile::tempdir().unwrap();
        let templates = Templates::in_folder(beside.path().join("templates")).unwrap();
        let under_test = Path::new(env!("CARGO_BIN_EXE_provisioner-under-test"));
        let mut programs = vec![("provisioner", under_test.to_owned())];
        programs.extend(EXAMPLES.iter().map(|name| (*name, example(name))));
        for (name, program) in programs {
            program_on_path(&bin.join(name), &program, templates.folder());
        }
        #[expect(clippy::disallowed_methods, reason = "how the test runner says where the client is")]
        if let Some(aws) = std::env::var_os("PROVISIONER_AWS_CLI") {
            std::os::unix::fs::symlink(aws, bin.join("aws")).unwrap();
        }
        let shell = Shell::start(
            &home,
            &checkout,
            &[
                ("AWS_ENDPOINT_URL", &moto.url),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_DEFAULT_REGION", "us-east-1"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
                ("AWS_PAGER", ""),
            ],
        );
        Self { shell, checkout, folder, _templates: templates, _beside: beside }
    }

    /// Returns a path that a page names: in the home folder, or else in the checkout.
    fn path(&self, path: &str) -> PathBuf {
        path.strip_prefix("~/").map_or_else(|| self.checkout.join(path), |path| self.folder.path().join(path))
    }

    fn carry_out(&self, block: &mut Block, differences: &mut Vec<String>) {
        match block {
            Block::Console { line, options, commands } => {
                let last = commands.len() - 1;
                for (number, command) in commands.iter_mut().enumerate() {
                    let ran = self.shell.run(&command.text);
                    let at = format!("line {line}: $ {}", command.text);
                    let code = if number == last { options.exit } else { 0 };
                    assert!(ran.code == code, "{at}\nended with {}, not {code}\n{}", ran.code, ran.output);
                    let output = options.select(&ran.output);
                    let [expected, found] = [&command.output, &output].map(|text| normalize(text, options.any_numbers));
                    if expected != found {
                        differences.push(format!("{at}\n── in the page\n{expected}\n── printed\n{found}"));
                        command.output = output;
                    }
                }
            }
            Block::File { path, text } => {
                let path = self.path(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
                fs::write(path, text).unwrap();
            }
            Block::Edit { line, path, diff } => {
                let file = self.path(path);
                let text = fs::read_to_string(&file).unwrap();
                let (old, new) = (diff.before(), diff.after());
                assert_eq!(text.matches(&old).count(), 1, "line {line}: {path} must contain once:\n{old}\n{text}");
                #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
                fs::write(file, text.replacen(&old, &new, 1)).unwrap();
            }
            Block::Hidden { line, commands } => {
                let ran = self.shell.run(commands);
                assert!(ran.code == 0, "line {line}: ended with {}\n{}", ran.code, ran.output);
            }
        }
    }
}

/// Names of the examples' programs.
const EXAMPLES: [&str; 2] = ["example-worker", "example-own-type"];

/// Returns the path of an example's program, which the first call builds.
fn example(name: &str) -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_provisioner-under-test")).parent().unwrap();
        let mut command = Command::new("cargo");
        // With the workspace's features, so that Cargo does not build the SDK again.
        command.args(["build", "--workspace", "--locked", "--quiet", "--target-dir"]).arg(folder.parent().unwrap());
        command.args(EXAMPLES.iter().flat_map(|name| ["--bin", name])).current_dir(root());
        // What Cargo tells a test about its package would make `ring` build again, and all that stands on it.
        let about_test = |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.starts_with(start));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(about_test)) {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder.to_owned()
    });
    BUILT.join(name)
}

/// Writes a script that runs a program under its own name. It sets the pace for an emulator, which is consistent and
/// fast, and has the template of each plan written into a folder; a saved plan and a destroy have none.
fn program_on_path(script: &Path, program: &Path, templates: &Path) {
    let name = script.file_name().unwrap().to_str().unwrap();
    let text = format!(
        "#!/usr/bin/env bash\n\
         case \"$1\" in plan|apply|destroy|drift|rollback) pace=(--consistency-window 0 --poll 0.2) ;; esac\n\
         case \"$1\" in plan|apply) template=(--template '{}'/$$.json) ;; esac\n\
         for one in \"${{@:2}}\"; do if [[ -f $one || $one == --destroy ]]; then template=(); fi; done\n\
         exec -a {name} '{}' \"$@\" \"${{pace[@]}}\" \"${{template[@]}}\"\n",
        templates.display(),
        program.display()
    );
    #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
    fs::write(script, text).unwrap();
    fs::set_permissions(script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}
