//! Request to view, both JSON, for the page of the post: a workload, and what becomes of its groups.

use serde_json::{Value, json};

/// Placeholder that is replaced below.
pub fn view(request: &str) -> String {
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    json!({ "error": request }).to_string()
}
