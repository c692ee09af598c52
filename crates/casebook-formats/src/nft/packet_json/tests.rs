use proptest::prelude::*;

use super::*;
use crate::nft::packet_text;

fn read(line: &str) -> Packet {
    parse(line).unwrap_or_else(|error| panic!("{line}: {error}")).1
}

fn fails(line: &str) -> (String, String, String) {
    let error = parse(line).expect_err(line);
    (line[error.at].to_owned(), error.message, error.hint.unwrap_or_default())
}

#[test]
fn readable_fields_are_the_packet_of_the_text_language() {
    for (line, text) in [
        (
            r#"{"ip":{"saddr":"10.9.0.5","daddr":"172.16.0.1","ttl":3,"dscp":"ef"},"tcp":{"sport":1,"dport":"ssh","flags":["syn","ack"]}}"#,
            "tcp 10.9.0.5:1 > 172.16.0.1:22 syn,ack ttl 3 ip dscp ef",
        ),
        (
            r#"{"ip6":{"saddr":"::1","daddr":"::2"},"udp":{"dport":53},"hbh":{},"payload":4,"path":"forward"}"#,
            "udp ::1 > [::2]:53 hbh payload 4 path forward",
        ),
        (
            r#"{"ip":{"saddr":"10.0.0.1","daddr":"10.0.0.2"},"icmp":{"type":"echo-reply","code":0},"iif":{"name":"a","index":4}}"#,
            "icmp 10.0.0.1 > 10.0.0.2 echo-reply iif a iifindex 4",
        ),
        (
            r#"{"th":{"dport":7},"ip":{"saddr":"10.0.0.1","daddr":"10.0.0.2"},"proto":"udp","mark":"0x51","ct":{"state":"new","mark":2}}"#,
            "udp 10.0.0.1 > 10.0.0.2:7 mark 0x51 ct new ct mark 2",
        ),
        (
            r#"{"arp":{"saddr ip":"10.0.0.1","daddr":"10.0.0.2","operation":"reply"},"path":"arp-input"}"#,
            "arp 10.0.0.1 > 10.0.0.2 reply",
        ),
        (
            r#"{"ip":{"saddr":"10.0.0.1","daddr":"10.0.0.2"},"fragment":"later","proto":6,"payload":"00ff"}"#,
            "tcp 10.0.0.1 > 10.0.0.2 fragment later payload 0x00ff",
        ),
    ] {
        assert_eq!(read(line), packet_text::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")), "{line}");
    }
}

#[test]
fn the_id_is_given_back() {
    let (id, packet) = parse(r#"{"id":{"n":[7]},"raw":"4500","iif":"eth0","oif":"eth1"}"#).expect("a packet");
    assert_eq!((id, packet.path, packet.bytes), (json!({"n": [7]}), Path::Forward, vec![0x45, 0]));
    assert_eq!(parse(r#"{"raw":"4500"}"#).expect("a packet").0, Value::Null);
}

#[test]
fn errors_name_the_key_and_the_known_ones() {
    for (line, at, message, hint) in [
        (r#"{"raw":"45","iff":"eth0"}"#, "\"iff\"", "not a known key", "did you mean `iif`? known are id, path"),
        (r#"{"ip":{"saddr":"1.1.1.1","dadr":"1.1.1.2"},"tcp":{}}"#, "\"dadr\"", "no field `dadr`", "`daddr`"),
        (r#"{"raw":"45","ct":{"stat":"new"}}"#, "\"stat\"", "not a known key", "`state`"),
        (r#"{"raw":"45","ct":{"saddr":"1.1.1.1"}}"#, "\"saddr\"", "taken from the packet", ""),
        (r#"{"raw":"45","tcp":{"dport":1}}"#, "\"tcp\"", "beside `raw`", ""),
        (r#"{"raw":"4g"}"#, "\"raw\"", "at digit 2", ""),
        (r#"{"raw":"450"}"#, "\"raw\"", "left over", ""),
        (r#"{"raw":""}"#, "\"raw\"", "no bytes", ""),
        (r#"{"raw":"45","path":"inpt"}"#, "\"path\"", "expected a path", "did you mean `input`?"),
        (r#"{"raw":"45","mark":4294967296}"#, "\"mark\"", "up to 0xffffffff", ""),
        (r#"{"raw":"45","iif":{"index":1}}"#, "\"iif\"", "no `name`", ""),
        (r#"[1]"#, "[1]", "expected an object", ""),
    ] {
        let (place, said, near) = fails(line);
        assert_eq!(place, at, "{line}: {said}");
        assert!(said.contains(message), "{line}: {said}");
        assert!(near.contains(hint), "{line}: {near}");
    }
    let (place, said, _) = fails("{\"raw\":\"45\",}");
    assert_eq!(place, "}");
    assert!(said.starts_with("not JSON"));
}

proptest! {
    #[test]
    fn what_is_written_reads_back(packet in crate::nft::craft::tests::packet()) {
        let line = to_json(&packet).to_string();
        prop_assert_eq!(parse(&line).map_err(|error| format!("{line}: {error}")), Ok((Value::Null, packet)));
    }

    #[test]
    fn any_text_is_a_packet_or_an_error_with_a_place(text in any::<String>(), key in "[a-z]{0,6}", value in "[ -~]{0,20}") {
        for line in [text, format!("{{\"{key}\":{value}}}"), format!("{{\"raw\":\"45\",\"{key}\":\"{}\"}}", value.replace(['"', '\\'], ""))] {
            if let Err(error) = parse(&line) {
                prop_assert!(line.get(error.at).is_some());
            }
        }
    }
}
