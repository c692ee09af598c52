//! What the laboratory left: `truth.json` of a run.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// One run.
pub struct Run {
    /// `um-6.1/tmpfs`.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// The text of its workload.
    pub workload: String,
    /// `truth.json`.
    pub truth: Value,
}

/// Every run below the folder that the variable names; `None` when it is not set.
pub fn runs() -> Option<Vec<Run>> {
    let folder = PathBuf::from(std::env::var_os("CASEBOOK_MEMORY_TRUTH")?);
    let mut out = Vec::new();
    for machine in folders(&folder) {
        for scenario in folders(&machine) {
            let read = |name: &str| std::fs::read_to_string(scenario.join(name)).ok();
            let (Some(workload), Some(truth)) = (read("workload.txt"), read("truth.json")) else { continue };
            let truth = serde_json::from_str(&truth).expect("truth.json is JSON");
            let name = scenario.strip_prefix(&folder).unwrap().display().to_string();
            out.push(Run { name, folder: scenario, workload, truth });
        }
    }
    assert!(!out.is_empty(), "{} holds no runs", folder.display());
    Some(out)
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(of).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut out: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    out.sort();
    out
}
