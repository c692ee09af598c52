//! Where releases of nft and of the kernel differ: the model's inputs beside ruleset and packet.

/// A release number: `1.0.6`, `6.18.44`. What is left out counts as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Release(pub u16, pub u16, pub u16);

impl Release {
    /// Reads `1.0.6`, `v1.0.6 (Lester Gooch #5)`, `6.18.44-amd64`; `None` without a number at the front.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches("nftables").trim_start().trim_start_matches('v');
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let mut parts = text[..end].split('.').map_while(|part| part.parse().ok());
        Some(Self(parts.next()?, parts.next().unwrap_or(0), parts.next().unwrap_or(0)))
    }
}

impl std::fmt::Display for Release {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// The releases that load and run a ruleset, as far as they are known. Where one is not, the model is that of nft
/// 1.0.6 and of Linux 6.18, which its answers are compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Host {
    /// nft.
    pub nft: Option<Release>,
    /// The kernel.
    pub kernel: Option<Release>,
}

/// nft when nothing is said.
pub const NFT: Release = Release(1, 0, 6);

/// The kernel when nothing is said.
pub const KERNEL: Release = Release(6, 18, 0);

impl Host {
    fn nft(self) -> Release {
        self.nft.unwrap_or(NFT)
    }

    fn kernel(self) -> Release {
        self.kernel.unwrap_or(KERNEL)
    }

    /// What is known here, and what `other` knows beside it.
    pub fn or(self, other: Host) -> Host {
        Host { nft: self.nft.or(other.nft), kernel: self.kernel.or(other.kernel) }
    }

    /// nft knows no `destroy` for certain: it came with 1.0.7 (upstream commit e1dfd5cc).
    pub fn lacks_destroy(self) -> bool {
        self.nft.is_some_and(|nft| nft < Release(1, 0, 7))
    }

    /// Two `!=` on adjacent fields become one, until 1.1.0 (upstream commit f35a0d78).
    pub fn joins_negations(self) -> bool {
        self.nft() < Release(1, 1, 0)
    }

    /// A match is joined with one on the other side of a statement, until 1.0.9 (upstream commit 99ab1b8f).
    pub fn joins_past_statements(self) -> bool {
        self.nft() < Release(1, 0, 9)
    }

    /// `tcp flags { syn }` asks for the bit, as without braces; from 1.0.9 on for exactly SYN (upstream commits
    /// 01167c39 and fa17b17e).
    pub fn single_flag_is_bit(self) -> bool {
        self.nft() < Release(1, 0, 9)
    }

    /// `{"add": {"rule": {"handle": 5}}}` puts the rule at the end; after 1.1.6 it goes behind rule 5 (upstream commit
    /// 26d84deb).
    pub fn json_add_ignores_handle(self) -> bool {
        self.nft() <= Release(1, 1, 6)
    }

    /// Connection tracking knows DCCP: until Linux 6.16, which dropped the protocol.
    pub fn tracks_dccp(self) -> bool {
        self.kernel() < Release(6, 16, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_as_programs_print_them() {
        assert_eq!(Release::parse("1.0.6"), Some(Release(1, 0, 6)));
        assert_eq!(Release::parse("nftables v1.0.6 (Lester Gooch #5)"), Some(Release(1, 0, 6)));
        assert_eq!(Release::parse("6.1.0-17-amd64"), Some(Release(6, 1, 0)));
        assert_eq!(Release::parse("6.18"), Some(Release(6, 18, 0)));
        assert_eq!(Release::parse("newest"), None);
        assert_eq!(Release::parse(""), None);
    }

    #[test]
    fn nothing_is_refused_for_a_release_nobody_named() {
        assert!(!Host::default().lacks_destroy());
        let host = |nft| Host { nft: Release::parse(nft), kernel: None };
        assert!(host("1.0.6").lacks_destroy());
        assert!(!host("1.0.7").lacks_destroy());
        assert!(host("1.0.9").joins_negations() && !host("1.1.0").joins_negations());
    }
}
