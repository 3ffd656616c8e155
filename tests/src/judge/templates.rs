//! The judge of templates: the CloudFormation template of each plan is checked by AWS's validator and by the rules of
//! `cdk-preflight`. `tests/tools/templates` is the judge itself.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::Value;

use super::{Case, Judge, start};
use crate::{program, skipped};

/// The variable that names the Python with the judge's packages.
const PYTHON: &str = "PROVISIONER_TEMPLATES";

static TEMPLATES: Judge = Judge {
    process: LazyLock::new(|| match program(PYTHON, "") {
        python if python.is_empty() => Err(io::ErrorKind::NotFound.into()),
        python => start(&python, "templates"),
    }),
    heading: "AWS would refuse these resources",
};

/// A folder of templates. Its end judges them, and panics if the judge has findings.
pub struct Templates {
    folder: PathBuf,
    number: AtomicUsize,
}

impl Templates {
    /// Creates the folder.
    pub fn in_folder(folder: PathBuf) -> io::Result<Self> {
        std::fs::create_dir(&folder)?;
        // The judge loads its rules meanwhile.
        LazyLock::force(&TEMPLATES.process);
        Ok(Self { folder, number: AtomicUsize::new(0) })
    }

    /// Returns the folder. Each file in it that ends with `.json` is a template.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns a file that does not exist yet.
    pub fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.number.fetch_add(1, Ordering::SeqCst)))
    }

    /// Adds a template.
    pub fn add(&self, template: &Value) -> io::Result<()> {
        #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
        std::fs::write(self.file(), template.to_string())
    }

    /// Returns the different templates, each on one line.
    fn read(&self) -> io::Result<BTreeSet<String>> {
        let mut templates = BTreeSet::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            // Other files are those that a killed program has left.
            if path.extension().is_some_and(|extension| extension == "json") {
                templates.insert(serde_json::from_slice::<Value>(&std::fs::read(path)?)?.to_string());
            }
        }
        Ok(templates)
    }
}

impl Drop for Templates {
    fn drop(&mut self) {
        // The judge has a finding about a text that is no template.
        let templates = self.read().unwrap_or_else(|error| [format!("unreadable: {error}")].into());
        if templates.is_empty() {
            return;
        }
        match Case::open(&TEMPLATES) {
            Ok(case) => templates.iter().for_each(|template| case.connection().send(template)),
            Err(_) => skipped("templates of plans", "the judge of templates is not installed"),
        }
    }
}
