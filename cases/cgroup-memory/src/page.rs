//! Request to view, both JSON, for the page of the post: a workload, and what becomes of its groups.

use casebook_core::{Bytes, Evidence, EvidenceId};
use serde_json::{Value, json};

use crate::facts::workload::read;
use crate::model::engine::{Outcome, State, Verdict, play, verdict};
use crate::model::range::Range;

/// The story at a 64th of its size.
const STORY: &str = "group /lab max=64M swap.max=0\nprocess p in /lab\np: anon 27M\np: write /tmp/x 36M\np: anon 4M\n";

/// `{"workload": "group /lab max=64M\\n…"}` to `{"verdict": "killed", "steps": [{"line": 3, "outcome": "done", "killed": null, "groups": {"/lab":
/// {"current": [lo, hi], "anon": …, "shmem": …, "cache": …, "kernel": …, "floor": …}}}]}`, bytes. Without a workload the story is played.
pub fn view(request: &str) -> String {
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    let text = request["workload"].as_str().unwrap_or(STORY);
    let bytes = Bytes::new(text.as_bytes().to_vec());
    let item = Evidence { id: EvidenceId(0), path: "workload".to_owned(), kind: None, bytes, referred: false };
    let mut unmodelled = Vec::new();
    let workload = read(&item, &mut unmodelled);
    if let Some(first) = unmodelled.first() {
        return json!({ "error": first.why, "start": first.span.start, "end": first.span.end }).to_string();
    }
    let paths: Vec<String> = State::new(&workload).named().map(|(path, _)| path.to_owned()).collect();
    let steps = play(&workload);
    let both = |range: Range| json!([range.lo, range.hi]);
    let list: Vec<Value> = steps
        .iter()
        .map(|step| {
            let groups: serde_json::Map<String, Value> = paths
                .iter()
                .zip(&step.groups)
                .map(|(path, group)| {
                    let value = json!({
                        "current": both(group.current), "anon": both(group.anon), "shmem": both(group.shmem),
                        "cache": both(group.cache), "kernel": both(group.kernel), "floor": both(group.floor),
                    });
                    (path.clone(), value)
                })
                .collect();
            let (outcome, killed) = match &step.outcome {
                Outcome::Done => ("done", Value::Null),
                Outcome::Killed(kill) => ("killed", json!(kill.victims)),
                Outcome::Refused(_) => ("refused", Value::Null),
                Outcome::Exceeded => ("exceeded", Value::Null),
                Outcome::Throttled => ("throttled", Value::Null),
                Outcome::Close(_) | Outcome::Slow | Outcome::Unknown(_) => ("unknown", Value::Null),
            };
            json!({ "line": step.line, "outcome": outcome, "killed": killed, "groups": groups })
        })
        .collect();
    let verdict = match verdict(&steps) {
        Verdict::Lives => "lives",
        Verdict::Dies => "killed",
        Verdict::Refused => "refused",
        Verdict::Throttled => "throttled",
        Verdict::Unknown(_) => "unknown",
    };
    json!({ "verdict": verdict, "steps": list }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_runs_the_model() {
        let story: Value = serde_json::from_str(&view("{}")).unwrap();
        assert_eq!(story["verdict"], "killed");
        let clean = view(
            "{\"workload\": \"group /lab max=64M\\nfile /data/a 36M\\nprocess p in /lab\\np: read /data/a 36M\\np: anon 31M\\n\"}",
        );
        assert!(clean.contains("\"verdict\":\"lives\""), "{clean}");
        assert!(view("{\"workload\": \"dance\"}").contains("error"));
        assert!(view("x").contains("killed"));
    }
}
