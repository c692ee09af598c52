//! Versions of systemd, and what differs between them.

use std::fmt;

/// A version of systemd: 257.13 is `{ major: 257, minor: 13 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 257.
    pub major: u32,
    /// 13, and 0 where the version has no second number.
    pub minor: u32,
}

impl Version {
    /// systemd 252.39, of Debian 12.
    pub const V252: Version = Version { major: 252, minor: 39 };
    /// systemd 257.13, of Debian 13.
    pub const V257: Version = Version { major: 257, minor: 13 };
    /// systemd 262.1.
    pub const V262: Version = Version { major: 262, minor: 1 };
    /// The newest the model was held against.
    pub const NEWEST: Version = Version::V262;

    /// Reads `257`, `257.13`, `257.13-1~deb13u1`, `v257`, `systemd 257 (257.13-1~deb13u1)`: what `systemctl --version`, the
    /// journal and packages print. What stands in brackets is the more exact.
    pub fn parse(text: &str) -> Option<Version> {
        let text = text.trim().trim_start_matches("systemd").trim_start_matches([' ', '-', 'v']);
        let inner = text.split_once('(').and_then(|(_, rest)| Version::number(rest.trim_start_matches('v')));
        inner.filter(|version| (200..1000).contains(&version.major)).or_else(|| Version::number(text))
    }

    fn number(text: &str) -> Option<Version> {
        let mut parts = text.split(|c: char| !c.is_ascii_digit());
        let major = parts.next()?.parse().ok()?;
        let minor = match text.as_bytes().get(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())) {
            Some(b'.') => parts.next().and_then(|part| part.parse().ok()).unwrap_or(0),
            _ => 0,
        };
        Some(Version { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minor {
            0 => write!(f, "{}", self.major),
            minor => write!(f, "{}.{minor}", self.major),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_they_are_printed() {
        assert_eq!(Version::parse("systemd 252 (252.39-1~deb12u2)"), Some(Version::V252));
        assert_eq!(Version::parse("257.13-1~deb13u1"), Some(Version::V257));
        assert_eq!(Version::parse("systemd 262 (262~rc1-1)"), Some(Version { major: 262, minor: 0 }));
        assert_eq!(Version::parse("v255"), Some(Version { major: 255, minor: 0 }));
        assert_eq!(Version::parse("later"), None);
    }
}
