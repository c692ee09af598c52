//! Request to view, both JSON, for the page of the post.

use serde_json::{Value, json};

use crate::model::refused;

/// `{"limit": 10, "load": 12}` to `{"refused": true}`.
pub fn view(request: &str) -> String {
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    match (request["limit"].as_u64(), request["load"].as_u64()) {
        (Some(limit), Some(load)) => json!({ "refused": refused(limit, load) }).to_string(),
        _ => json!({ "error": "limit and load are numbers" }).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_runs_the_model() {
        assert_eq!(view("{\"limit\": 1, \"load\": 2}"), "{\"refused\":true}");
        assert!(view("x").contains("error"));
    }
}
