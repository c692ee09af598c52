//! Request to view, both JSON, for the page of the post: the sums of some bytes, and what lanes make of them.

use casebook_checksum::{Sum, crc32c, polynomial};
use serde_json::{Value, json};

use crate::model::lanes;

/// Bytes a request can have; the page shows every word.
const MOST_BYTES: usize = 4096;

/// `{"bytes": "4500 0054 …", "lanes": 4, "k": 31}` to the checksums of the bytes and their lanes.
pub fn view(request: &str) -> String {
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    let Some(bytes) = request["bytes"].as_str().and_then(hex) else {
        return json!({ "error": format!("bytes is text in hexadecimal, {MOST_BYTES} bytes at most") }).to_string();
    };
    let lanes = request["lanes"].as_u64().map_or(4, |lanes| lanes.clamp(1, 64)) as usize;
    let k = request["k"].as_u64().and_then(|k| u32::try_from(k).ok()).unwrap_or(31);
    let (sum, words) = (Sum::of(&bytes), lanes::internet(&bytes, lanes));
    let all = lanes::polynomial(k, &bytes, lanes);
    let each: Vec<Value> = words
        .iter()
        .map(|lane| json!({ "words": lane.words, "wide": format!("0x{:x}", lane.wide), "folded": word(lane.folded) }))
        .collect();
    json!({
        "bytes": bytes.len(),
        "internet": { "sum": word(sum.fold()), "checksum": word(sum.checksum()), "lanes": each, "joined": word(lanes::joined(&words)) },
        "crc32c": format!("0x{:08x}", crc32c::checksum(&bytes)),
        "polynomial": {
            "k": k,
            "scalar": format!("0x{:08x}", all.scalar),
            "naive_lanes": format!("0x{:08x}", all.naive),
            "correct_lanes": format!("0x{:08x}", all.correct),
            "lanes": all.lanes.iter().map(|lane| format!("0x{lane:08x}")).collect::<Vec<_>>(),
            "wide": format!("0x{:016x}", polynomial::hash64(0, u64::from(k), &bytes)),
        },
    })
    .to_string()
}

fn word(word: u16) -> String {
    format!("0x{word:04x}")
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b':').collect();
    if digits.len() % 2 == 1 || digits.len() / 2 > MOST_BYTES {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|value| value as u8);
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 1071, section 3: 0001 f203 f4f5 f6f7 gives ddf2.
    #[test]
    fn the_page_runs_the_library() {
        let view: Value = serde_json::from_str(&view("{\"bytes\": \"0001f203 f4f5f6f7\", \"lanes\": 2}")).unwrap();
        assert_eq!(view["internet"]["sum"], "0xddf2");
        assert_eq!(view["internet"]["joined"], "0xddf2");
        assert_eq!(view["internet"]["lanes"][0]["folded"], "0xf4f6");
        assert_eq!(view["polynomial"]["scalar"], view["polynomial"]["correct_lanes"]);
        assert_ne!(view["polynomial"]["scalar"], view["polynomial"]["naive_lanes"]);
        for wrong in ["x", "{\"bytes\": \"0\"}", "{\"bytes\": \"zz\"}"] {
            assert!(super::view(wrong).contains("error"), "{wrong}");
        }
    }
}
