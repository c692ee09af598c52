//! The kubelet's summary (`/stats/summary`, k8s.io/kubelet/pkg/apis/stats/v1alpha1): one sample of the node, its pods and their
//! containers. Each has a time of its own, some seconds apart; the sample has the node's.
//!
//! Groups have no paths there: they are named NAMESPACE/POD and NAMESPACE/POD/CONTAINER, the node `/`, its system containers by name.
//! `availableBytes` is the limit less the working set where there is a limit (pkg/kubelet/stats/helper.go
//! `cadvisorInfoToCPUandMemoryStats`), which gives the limit back.

use casebook_core::{Kind, Sniff};
use casebook_formats::json::{Document, Node};
use casebook_formats::stamp;

use super::field::Field;
use super::gather::Gathered;
use super::stream::{Outcome, Sample, Session, Source};

/// The summary of a node.
pub static KUBELET_SUMMARY: Kind = Kind {
    name: "kubelet-summary",
    what: "/stats/summary of a kubelet",
    sniff: |sniff: &Sniff<'_>| {
        let head = String::from_utf8_lossy(sniff.head);
        let parts = ["\"nodeName\"", "\"workingSetBytes\"", "\"rssBytes\""];
        head.trim_start().starts_with('{') && parts.iter().all(|part| head.contains(part))
    },
    refers: None,
    comment: None,
};

/// Reads a summary.
pub(super) fn read(bytes: &[u8], each: &mut dyn FnMut(&Sample<'_>)) -> Outcome {
    let session = Session { source: Source::Kubelet, tool: "kubelet".to_owned(), ..Session::default() };
    let mut gathered = Gathered::new(session);
    let document = Document::parse(bytes);
    for error in document.errors() {
        gathered.outcome.gaps.add(error.at, error.at, error.message.clone());
    }
    if let Some(root) = document.root() {
        summary(root, &mut gathered);
    }
    gathered.play(each)
}

fn text(node: Node<'_, '_>, name: &str) -> Option<String> {
    node.get(name).and_then(|node| node.as_str()).map(|text| text.into_owned())
}

fn time(memory: Node<'_, '_>) -> Option<u64> {
    let text = memory.get("time")?.as_str()?;
    stamp::moment(&text)?.utc().map(|at| at.0)
}

fn summary(root: Node<'_, '_>, gathered: &mut Gathered) {
    let node = root.get("node");
    let memory = node.and_then(|node| node.get("memory"));
    let at_us = memory.and_then(time).unwrap_or(0);
    if let Some(memory) = memory {
        put(gathered, "/", at_us, memory);
    }
    for container in node.and_then(|node| node.get("systemContainers")).into_iter().flat_map(Node::elements) {
        if let (Some(name), Some(memory)) = (text(container, "name"), container.get("memory")) {
            put(gathered, &name, at_us, memory);
        }
    }
    for pod in root.get("pods").into_iter().flat_map(Node::elements) {
        let named = pod.get("podRef").and_then(|named| Some((text(named, "namespace")?, text(named, "name")?)));
        let Some((namespace, name)) = named else {
            gathered.outcome.gaps.add(pod.span().0, pod.span().1, "a pod without a name");
            continue;
        };
        let path = format!("{namespace}/{name}");
        if let Some(memory) = pod.get("memory") {
            put(gathered, &path, at_us, memory);
        }
        for container in pod.get("containers").into_iter().flat_map(Node::elements) {
            if let (Some(name), Some(memory)) = (text(container, "name"), container.get("memory")) {
                put(gathered, &format!("{path}/{name}"), at_us, memory);
            }
        }
    }
}

fn put(gathered: &mut Gathered, path: &str, at_us: u64, memory: Node<'_, '_>) {
    let Some(group) = gathered.group(path) else { return };
    let number = |name: &str| memory.get(name).and_then(|node| node.as_u64());
    let limit = number("availableBytes").zip(number("workingSetBytes")).and_then(|(left, used)| left.checked_add(used));
    let fields = [
        (Field::Current, number("usageBytes")),
        (Field::WorkingSet, number("workingSetBytes")),
        (Field::Anon, number("rssBytes")),
        (Field::Pgmajfault, number("majorPageFaults")),
        (Field::Max, limit),
    ];
    for (field, value) in fields {
        if let Some(value) = value {
            gathered.add(at_us, group, field, value, memory.span());
        }
    }
}
