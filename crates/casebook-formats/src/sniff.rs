//! What the kinds of evidence have in common: the beginning of a file as text.

use casebook_core::Sniff;

/// The beginning of the evidence, as far as it is text.
pub fn head<'a>(sniff: &Sniff<'a>) -> &'a str {
    match std::str::from_utf8(sniff.head) {
        Ok(text) => text,
        // The head may end inside a character.
        Err(error) if error.error_len().is_none() || error.valid_up_to() > 512 => {
            std::str::from_utf8(&sniff.head[..error.valid_up_to()]).unwrap_or("")
        }
        Err(_) => "",
    }
}
