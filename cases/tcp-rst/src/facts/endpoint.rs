//! Hosts and ports as configuration writes them.

use casebook_core::Span;

use super::timer::Endpoint;

/// `host:port`, `:port`, `*:port`, `[v6]:port`, `v6:port`, `unix:/path`; a port range or offset gives no port.
pub fn parse(text: &str, span: Span) -> Endpoint {
    let text = ["ipv4@", "ipv6@", "tcp4@", "tcp6@", "tcp@"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(text);
    if text.starts_with('/') || text.starts_with("unix:") || text.contains('@') {
        return Endpoint { host: text.to_owned(), port: None, span };
    }
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let port = rest.strip_prefix(':').and_then(|port| port.parse().ok());
        return Endpoint { host: host.to_owned(), port, span };
    }
    match text.rsplit_once(':') {
        Some((host, port)) => Endpoint { host: host.to_owned(), port: port.parse().ok(), span },
        None => Endpoint { host: text.to_owned(), port: None, span },
    }
}

/// Text of the evidence for a message: one line, not long.
pub fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(48).map(|letter| if letter.is_control() { '·' } else { letter }).collect();
    if text.chars().count() > 48 {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use casebook_core::EvidenceId;

    use super::*;

    #[test]
    fn hosts_and_ports_are_told_apart() {
        let span = Span::new(EvidenceId(0), 0, 0);
        let parts = |text: &str| {
            let got = parse(text, span);
            (got.host, got.port)
        };
        assert_eq!(parts("10.0.0.1:80"), ("10.0.0.1".to_owned(), Some(80)));
        assert_eq!(parts(":80"), (String::new(), Some(80)));
        assert_eq!(parts("[2001:db8::1]:443"), ("2001:db8::1".to_owned(), Some(443)));
        assert_eq!(parts(":::80"), ("::".to_owned(), Some(80)));
        assert_eq!(parts("ipv4@10.0.0.1:8000-8010"), ("10.0.0.1".to_owned(), None));
        assert_eq!(parts("/run/app.sock"), ("/run/app.sock".to_owned(), None));
        assert_eq!(parts("db.example"), ("db.example".to_owned(), None));
    }
}
