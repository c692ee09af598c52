//! One line of a section: what it sets.

use casebook_core::Span;

use super::Reader;
use super::section::{Flag, Section, Set, Use};
use super::time;
use super::words::Word;
use crate::facts::endpoint;
use crate::facts::timer::Limit;

/// Timeouts of a proxy, `timeout NAME`; `client-hs` is of 3.1 and later.
pub const TIMEOUTS: &[&str] = &[
    "client",
    "server",
    "connect",
    "tunnel",
    "client-fin",
    "server-fin",
    "http-request",
    "http-keep-alive",
    "queue",
    "check",
    "tarpit",
    "client-hs",
];

/// First words that change no timer of a connection (configuration.txt, section 4.1).
const HARMLESS: &[&str] = &[
    "acl",
    "backlog",
    "balance",
    "bind-process",
    "capture",
    "compression",
    "cookie",
    "declare",
    "description",
    "disabled",
    "email-alert",
    "enabled",
    "error-log-format",
    "errorfile",
    "errorfiles",
    "errorloc",
    "errorloc302",
    "errorloc303",
    "external-check",
    "force-persist",
    "fullconn",
    "guid",
    "hash-balance-factor",
    "hash-preserve-affinity",
    "hash-type",
    "http-after-response",
    "http-check",
    "http-error",
    "http-reuse",
    "http-send-name-header",
    "id",
    "ignore-persist",
    "load-server-state-from-file",
    "log",
    "log-format",
    "log-format-sd",
    "log-steps",
    "log-tag",
    "max-keep-alive-queue",
    "max-session-srv-conns",
    "maxconn",
    "monitor",
    "monitor-uri",
    "persist",
    "rate-limit",
    "redirect",
    "retries",
    "retry-on",
    "server-state-file-name",
    "source",
    "stats",
    "stick",
    "stick-table",
    "tcp-check",
    "unique-id-format",
    "unique-id-header",
    "use-server",
];

/// Options that change no timer and no end of a connection; the others are kept or reported.
const HARMLESS_OPTIONS: &[&str] = &[
    "abortonclose",
    "accept-invalid-http-request",
    "accept-invalid-http-response",
    "accept-unsafe-violations-in-http-request",
    "accept-unsafe-violations-in-http-response",
    "allbackups",
    "checkcache",
    "contstats",
    "disable-h2-upgrade",
    "dontlog-normal",
    "dontlognull",
    "external-check",
    "forwarded",
    "forwardfor",
    "h1-case-adjust-bogus-client",
    "h1-case-adjust-bogus-server",
    "http-buffer-request",
    "http-drop-request-trailers",
    "http-drop-response-trailers",
    "http-ignore-probes",
    "http-no-delay",
    "http-pretend-keepalive",
    "http-restrict-req-hdr-names",
    "http-use-proxy-header",
    "httpchk",
    "httplog",
    "httpslog",
    "ldap-check",
    "log-health-checks",
    "log-separate-errors",
    "logasap",
    "mysql-check",
    "originalto",
    "persist",
    "pgsql-check",
    "prefer-last-server",
    "redis-check",
    "redispatch",
    "smtpchk",
    "socket-stats",
    "splice-auto",
    "splice-request",
    "splice-response",
    "spop-check",
    "ssl-hello-chk",
    "tcp-check",
    "tcp-smart-accept",
    "tcp-smart-connect",
    "tcplog",
    "transparent",
    "use-small-buffers",
];

/// Options the facts keep. `no option` is for those of `cfg_opts` and `cfg_opts2` (src/proxy.c): all but `tcpka`.
const KEPT_OPTIONS: &[&str] = &[
    "clitcpka",
    "srvtcpka",
    "tcpka",
    "nolinger",
    "http-server-close",
    "httpclose",
    "http-keep-alive",
    "independent-streams",
    "idle-close-on-response",
];

impl Reader {
    /// A line of `defaults`, `frontend`, `backend` or `listen`.
    pub(super) fn directive(&mut self, section: &mut Section, words: &[Word]) {
        let Some(first) = words.first() else { return };
        let line = self.line_span(words);
        let argument = words.get(1);
        match first.text.as_str() {
            "timeout" => match argument {
                Some(name) if TIMEOUTS.contains(&name.text.as_str()) => {
                    self.timeout(section, &name.text, &words[1..], line);
                }
                _ => self.gap(line, "no timeout haproxy knows"),
            },
            old @ ("clitimeout" | "srvtimeout" | "contimeout") => {
                let name = match old {
                    "clitimeout" => "client",
                    "srvtimeout" => "server",
                    _ => "connect",
                };
                self.timeout(section, name, words, line);
                self.gap(line, format!("`{old}` is refused since haproxy 2.1; it was `timeout {name}`"));
            }
            name @ ("clitcpka-idle" | "clitcpka-intvl" | "srvtcpka-idle" | "srvtcpka-intvl") => {
                self.timeout(section, name, words, line);
            }
            name @ ("clitcpka-cnt" | "srvtcpka-cnt") => match argument.and_then(|word| word.text.parse().ok()) {
                Some(count) if !self.in_condition() => {
                    section.counts.insert(name.to_owned(), (count, line));
                }
                _ => self.gap(line, "the number of probes is not known"),
            },
            "mode" => self.mode(section, argument, line),
            "option" => self.option(section, words, true, line),
            "no" | "default" if argument.is_some_and(|word| word.text == "option") => {
                self.option(section, &words[1..], false, line);
            }
            "no" | "default" if argument.is_some_and(|word| word.text == "log") => {}
            "bind" => self.bind(section, words, line),
            "server" | "dispatch" | "server-template" => self.server(section, words, line),
            "default-server" => self.server_settings(&words[1..], line),
            "default_backend" | "use_backend" => {
                let name = argument.filter(|word| !word.unknown && !word.text.contains("%["));
                if name.is_none() {
                    self.gap(line, "the backend is computed for each request");
                }
                let default = first.text == "default_backend";
                if default {
                    section.uses.retain(|known| !known.default);
                }
                section.uses.push(Use { name: name.map(|word| word.text.clone()), default, span: line });
            }
            "http-request" | "http-response" | "tcp-request" | "tcp-response" => self.rule(section, words, line),
            "filter" => self.gap(line, "what a filter does to a connection is not known"),
            "use-fcgi-app" => self.gap(line, "FastCGI is not modelled"),
            word if HARMLESS.contains(&word) => {}
            word => {
                let why = format!("no directive the reader knows: `{}`", endpoint::shown(word));
                self.gap(line, why);
            }
        }
    }

    fn timeout(&mut self, section: &mut Section, name: &str, words: &[Word], line: Span) {
        let (mut limit, mut origin) = (Limit::Unknown, String::new());
        match words.get(1) {
            Some(word) if word.unknown => {
                origin = format!("a variable: {}", word.variable.clone().unwrap_or_default());
                self.gap(line, "the value is a variable of haproxy's environment");
            }
            Some(word) => match time::length(&word.text) {
                _ if words.len() > 2 => self.gap(line, "haproxy refuses words behind a timeout's value"),
                Ok(length) => {
                    // MS_TO_TICKS(0) is TICK_ETERNITY (include/haproxy/ticks.h).
                    limit = if length.micros.0 == 0 { Limit::Never } else { Limit::After(length.micros) };
                    if let Some(variable) = &word.variable {
                        origin =
                            format!("the default for when {} is not in the environment", endpoint::shown(variable));
                    }
                    if length.tail {
                        self.gap(line, "letters behind the unit: 2.6 leaves them out and warns, later versions refuse");
                    }
                }
                Err(refused) => self.gap(line, refused.why()),
            },
            None => self.gap(line, "a timeout without a value"),
        }
        if self.in_condition() {
            limit = Limit::Unknown;
            origin = "set under a condition".to_owned();
        }
        section.timeouts.insert(name.to_owned(), Set { limit, span: line, origin });
    }

    fn mode(&mut self, section: &mut Section, argument: Option<&Word>, line: Span) {
        match argument {
            Some(word) if !self.in_condition() && ["tcp", "http"].contains(&word.text.as_str()) => {
                section.mode = Some(word.text.clone());
            }
            _ => {
                section.mode = None;
                self.gap(line, "a mode the reader does not know");
            }
        }
    }

    fn option(&mut self, section: &mut Section, words: &[Word], on: bool, line: Span) {
        let Some(name) = words.get(1).map(|word| word.text.as_str()) else {
            return self.gap(line, "an option without a name");
        };
        if KEPT_OPTIONS.contains(&name) {
            if !on && name == "tcpka" {
                return self.gap(line, "haproxy refuses `no` and `default` of this option");
            }
            let on = (!self.in_condition()).then_some(on);
            section.options.insert(name.to_owned(), Flag { on, span: line });
            // The three ways of HTTP put each other out (src/proxy.c, `PR_O_HTTP_MODE`).
            let ways = ["http-server-close", "httpclose", "http-keep-alive"];
            if on == Some(true) && ways.contains(&name) {
                ways.iter().filter(|way| **way != name).for_each(|way| {
                    section.options.remove(*way);
                });
            }
        } else if !HARMLESS_OPTIONS.contains(&name) {
            let why = format!("no option the reader knows: `{}`", endpoint::shown(name));
            self.gap(line, why);
        }
    }

    fn bind(&mut self, section: &mut Section, words: &[Word], line: Span) {
        let Some(word) = words.get(1) else { return self.gap(line, "`bind` without an address") };
        if word.unknown || self.in_condition() {
            self.gap(line, "where it listens is not known");
        }
        let span = self.span(word.span);
        for part in word.text.split(',').take(256) {
            section.binds.push(endpoint::parse(part, span));
        }
        if words.iter().any(|word| word.text == "tcp-ut") {
            self.gap(line, "`tcp-ut` (TCP_USER_TIMEOUT) is not modelled");
        }
    }

    fn server(&mut self, section: &mut Section, words: &[Word], line: Span) {
        let at = match words[0].text.as_str() {
            "dispatch" => 1,
            "server" => 2,
            _ => 3,
        };
        let Some(word) = words.get(at) else { return self.gap(line, "a server without an address") };
        if word.unknown || self.in_condition() {
            self.gap(line, "the server's address is not known");
        }
        section.servers.push(endpoint::parse(&word.text, self.span(word.span)));
        self.server_settings(&words[at + 1..], line);
    }

    /// What of a server's settings ends connections; the others do not touch time.
    fn server_settings(&mut self, words: &[Word], line: Span) {
        for word in words {
            let why = match word.text.as_str() {
                "shutdown-sessions" | "shutdown-backup-sessions" => "a health check can end connections",
                "tcp-ut" => "`tcp-ut` (TCP_USER_TIMEOUT) is not modelled",
                "pool-purge-delay" => "how long an idle connection to a server is kept is not modelled",
                _ => continue,
            };
            self.gap(line, why);
        }
    }

    fn rule(&mut self, section: &mut Section, words: &[Word], line: Span) {
        let has = |text: &str| words.iter().any(|word| word.text == text);
        let kind = words[0].text.clone();
        if has("set-timeout") {
            let at = words.iter().position(|word| word.text == "set-timeout").unwrap_or(0);
            let name = words.get(at + 1).map_or("", |word| word.text.as_str());
            for name in TIMEOUTS.iter().filter(|known| **known == name) {
                let origin = "a rule sets it for each request".to_owned();
                section.timeouts.insert((*name).to_owned(), Set { limit: Limit::Unknown, span: line, origin });
            }
            self.gap(line, "a timeout set by a rule, for each request");
        } else if words.get(1).is_some_and(|word| word.text == "inspect-delay") {
            self.timeout(section, &format!("{kind} inspect-delay"), &words[1..], line);
        } else if ["silent-drop", "close", "wait-for-body", "pause", "switch-mode"].iter().any(|word| has(word)) {
            self.gap(line, "a rule that ends, holds or changes a connection");
        }
    }
}
