//! Files of a folder, in byte order, less what `.gitignore` and dot names hide.

use ignore::{DirEntry, WalkBuilder};

/// Calls `each` for every file under `root`; true when the walk stopped at `limit` files.
pub(crate) fn files(root: &str, limit: usize, mut each: impl FnMut(Result<&DirEntry, (String, String)>)) -> bool {
    let mut builder = WalkBuilder::new(root);
    // Evidence is often looked at outside a repository; its .gitignore still says what is not meant.
    builder.require_git(false).parents(false).git_global(false).follow_links(false);
    builder.sort_by_file_name(|a, b| a.cmp(b));
    let mut count = 0;
    for entry in builder.build() {
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                if count == limit {
                    return true;
                }
                count += 1;
                each(Ok(&entry));
            }
            Ok(_) => {}
            Err(error) => each(Err((path_of(&error).unwrap_or(root).to_owned(), message(&error)))),
        }
    }
    false
}

fn path_of(error: &ignore::Error) -> Option<&str> {
    match error {
        ignore::Error::WithPath { path, .. } => path.to_str(),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        _ => None,
    }
}

fn message(error: &ignore::Error) -> String {
    match error.io_error() {
        Some(error) => crate::source::explain(error),
        None => error.to_string(),
    }
}
