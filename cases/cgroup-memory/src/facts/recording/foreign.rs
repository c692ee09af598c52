//! Tests of recordings of others.

use casebook_core::{Bytes, EvidenceSet, Sniff};
use proptest::prelude::*;

use super::*;

/// Each sample as one text: time in seconds, then group and fields.
fn samples(text: &str) -> (Vec<String>, Outcome) {
    let sniff = Sniff { path: "x", head: text.as_bytes(), whole: true };
    let kind = KINDS.iter().find(|kind| (kind.sniff)(&sniff)).expect("a kind");
    let mut set = EvidenceSet::new();
    let id = set.add("x", Some(kind.name), Bytes::new(text.as_bytes().to_vec()));
    let mut said = Vec::new();
    let outcome = read(set.get(id).unwrap(), &mut |sample| {
        let groups: Vec<String> = sample
            .groups()
            .map(|group| {
                let fields = group.fields.iter().map(|(field, value)| match value {
                    NO_LIMIT => format!("{}=none", field.name()),
                    value => format!("{}={value}", field.name()),
                });
                format!("{} {}", group.path, fields.collect::<Vec<_>>().join(","))
            })
            .collect();
        assert!(sample.place.0 <= sample.place.1 && sample.place.1 <= text.len());
        said.push(format!("{}: {}", sample.at.realtime_us / 1_000_000, groups.join("; ")));
    });
    (said, outcome.unwrap())
}

/// As `below dump cgroup -O json --raw -f datetime timestamp name full_path mem.total mem.anon` nests it.
const BELOW: &str = r#"[{"Datetime":"2026-11-25 10:00:00","Timestamp":"1795600800","Name":"<root>","Full Path":"","Mem Total":"?","Mem Anon":"10",
"children":[{"Timestamp":"1795600800","Name":"a.slice","Full Path":"/a.slice","Mem Total":"4096","Mem Max":"-1","Mem Anon":"1.2 GB","children":[]}]}
,{"Timestamp":"1795600805","Name":"<root>","Full Path":"","Mem Anon":"20","children":[]}]"#;

#[test]
fn below_nests_groups_and_rounded_sizes_are_not_taken() {
    let (samples, outcome) = samples(BELOW);
    assert_eq!(
        samples,
        [
            "1795600800: / memory.stat anon=10; /a.slice memory.current=4096,memory.max=none",
            "1795600805: / memory.stat anon=20"
        ]
    );
    assert_eq!(outcome.gaps.list().len(), 1);
    assert_eq!(outcome.gaps.list()[0].why, "sizes that are rounded; dump with --raw");
    assert_eq!(outcome.sessions[0].interval_us, 5_000_000);
}

#[test]
fn below_tables_have_a_separator_behind_the_last_column() {
    let (samples, outcome) =
        samples("Timestamp,Full Path,Mem Total,\n1795600800,/a,1,\n1795600801,/a,?,\nodd\n1795600802,/a,3,\n");
    assert_eq!(samples, ["1795600800: /a memory.current=1", "1795600802: /a memory.current=3"]);
    assert_eq!(outcome.gaps.list().len(), 1);
}

/// As cAdvisor prints them (metrics/prometheus.go).
const SCRAPE: &str = r#"# HELP container_memory_usage_bytes Current memory usage in bytes
# TYPE container_memory_usage_bytes gauge
container_memory_usage_bytes{container="app",id="/kubepods/pod1/app",image="a,b}",name="k8s_\"app\"",namespace="ns",pod="p"} 1.34217728e+08 1795600800123
container_memory_rss{container="app",id="/kubepods/pod1/app"} 4096 1795600800123
container_memory_failcnt{id="/kubepods/pod1/app"} 0 1795600800123
container_spec_memory_limit_bytes{id="/kubepods/pod1/app"} 0 1795600800123
container_oom_events_total{container="app",namespace="ns",pod="p"} 2 1795600800123
container_cpu_usage_seconds_total{id="/"} 1.5 1795600800123
container_memory_cache{id="/x"} 1.5 1795600800123
not a line
"#;

#[test]
fn a_scrape_is_one_sample() {
    let (samples, outcome) = samples(SCRAPE);
    assert_eq!(
        samples,
        [
            "1795600800: /kubepods/pod1/app memory.current=134217728,memory.max=none,memory.stat anon=4096; ns/p/app memory.events oom_kill=2"
        ]
    );
    let why: Vec<&str> = outcome.gaps.list().iter().map(|gap| gap.why.as_ref()).collect();
    assert_eq!(why, ["a value that is no whole number", "no line of a scrape"]);
}

const MATRIX: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[
{"metric":{"__name__":"container_memory_working_set_bytes","id":"/a"},"values":[[1795600800,"10"],[1795600815.5,"20"],[1795600830,"x"]]},
{"metric":{"__name__":"container_oom_events_total","id":"/a"},"values":[[1795600800,"3"],[1795600815.5,"1"]]},
{"metric":{"id":"/a"},"values":[[1795600800,"10"]]}]}}"#;

#[test]
fn a_query_over_a_range_is_put_in_order_of_time() {
    let (samples, outcome) = samples(MATRIX);
    assert_eq!(
        samples,
        [
            "1795600800: /a memory.events oom_kill=3,working set=10",
            "1795600815: /a memory.events oom_kill=1,working set=20"
        ]
    );
    assert_eq!(outcome.gaps.list().len(), 2);
    assert!(matches!(&outcome.notes[0].what, What::WentBack { field: Field::EventOomKill, from: 3, to: 1, .. }));
}

/// As the kubelet answers (k8s.io/kubelet/pkg/apis/stats/v1alpha1/types.go).
const SUMMARY: &str = r#"{"node":{"nodeName":"n","memory":{"time":"2026-11-25T10:00:00Z","availableBytes":90,"usageBytes":20,"workingSetBytes":10,
"rssBytes":5,"pageFaults":1,"majorPageFaults":0},"systemContainers":[{"name":"kubelet","memory":{"usageBytes":7}}]},
"pods":[{"podRef":{"name":"p","namespace":"ns"},"containers":[{"name":"c","memory":{"time":"2026-11-25T10:00:03Z","workingSetBytes":3,"rssBytes":2}}]}, {}]}"#;

#[test]
fn a_summary_gives_the_limit_that_is_left_and_used() {
    let (samples, outcome) = samples(SUMMARY);
    assert_eq!(
        samples,
        ["1795600800: / memory.current=20,memory.max=100,memory.stat anon=5,memory.stat pgmajfault=0,working set=10; \
          kubelet memory.current=7; ns/p/c memory.stat anon=2,working set=3"]
    );
    assert_eq!(outcome.gaps.list().len(), 1);
}

proptest! {
    #[test]
    fn damaged_recordings_are_read(which in 0..4_usize, cut in 0..2000_usize, at in 0..2000_usize, byte in any::<u8>()) {
        let text = [BELOW, SCRAPE, MATRIX, SUMMARY][which];
        let mut bytes = text.as_bytes()[..cut.min(text.len())].to_vec();
        if let Some(slot) = bytes.get_mut(at) {
            *slot = byte;
        }
        let mut each = |sample: &Sample<'_>| assert!(sample.place.1 <= text.len());
        for reader in [below::read, prometheus::read, kubelet::read] {
            let outcome = reader(&bytes, &mut each);
            prop_assert!(outcome.gaps.list().iter().all(|gap| gap.end <= bytes.len()));
        }
    }
}
