//! nft, started in a network namespace of its own so that nothing of the host is asked or changed.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use casebook_formats::nft::release::{NFT, Release};

/// What nft said.
pub struct Said {
    pub accepted: bool,
    pub text: String,
}

/// Why nft cannot be asked here; `None` when it can.
pub fn missing() -> Option<&'static str> {
    static WHY: OnceLock<Option<&'static str>> = OnceLock::new();
    *WHY.get_or_init(|| {
        let run = |program: &str, arguments: &[&str]| {
            let quiet = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
            quiet.is_ok_and(|status| status.success())
        };
        let Ok(version) = Command::new("nft").arg("--version").output() else { return Some("nft is not installed") };
        let version = String::from_utf8_lossy(&version.stdout).into_owned();
        if Release::parse(&version) != Some(NFT) {
            return Some("the answers were read off nft 1.0.6, and another release is installed");
        }
        if !run("unshare", &["--net", "nft", "list", "ruleset"]) {
            return Some("network namespaces need root");
        }
        None
    })
}

/// `nft ARGUMENTS -f -` of `text`. Without `-c` it is loaded, into a namespace that ends with nft: only the load
/// finds loops of chains.
pub fn load(arguments: &[&str], text: &str) -> Said {
    let mut child = Command::new("unshare")
        .args(["--net", "nft"])
        .args(arguments)
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    Said { accepted: output.status.success(), text: String::from_utf8_lossy(&said).into_owned() }
}

/// Two threads are enough for two cores; each text is its own nft.
pub fn load_all<T: Sync>(items: &[T], text: impl Fn(&T) -> String + Sync, arguments: &[&str]) -> Vec<Said> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut said: Vec<(usize, Said)> = std::thread::scope(|scope| {
        let worker = || {
            let mut out = Vec::new();
            loop {
                let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some(item) = items.get(at) else { return out };
                out.push((at, load(arguments, &text(item))));
            }
        };
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    said.sort_by_key(|(at, _)| *at);
    said.into_iter().map(|(_, said)| said).collect()
}
