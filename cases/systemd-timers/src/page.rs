//! Request to view, both JSON, for the page of the post.

/// The page shows nothing yet.
pub fn view(_request: &str) -> String {
    "{}".to_owned()
}
