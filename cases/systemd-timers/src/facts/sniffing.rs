//! Every kind knows its own files and leaves those of the others alone.

use casebook_core::Sniff;

use super::kinds::KINDS;

/// Path and text of a file of each kind, and of files of others.
const FILES: &[(&str, &str, &str)] = &[
    ("journal-export", "x", "__CURSOR=s=1\n__REALTIME_TIMESTAMP=1\nMESSAGE=x\n\n"),
    ("journal-json", "x", "{\"__CURSOR\":\"s=1\",\"MESSAGE\":\"x\"}\n"),
    (
        "journal-text",
        "x",
        "2027-01-19T12:00:01.449987+0000 lab kernel: Linux version 6.12\nJan 19 12:00:03 lab systemd[1]: Started x.\n",
    ),
    ("list-timers", "x", "NEXT LEFT LAST PASSED UNIT ACTIVATES\n- - - - a.timer a.service\n"),
    (
        "list-timers-json",
        "x",
        "[{\"next\":1,\"left\":1,\"last\":0,\"passed\":0,\"unit\":\"a.timer\",\"activates\":\"a.service\"}]",
    ),
    ("list-unit-files", "x", "UNIT FILE STATE PRESET\na.timer enabled enabled\n"),
    ("list-unit-files-json", "x", "[{\"unit_file\":\"a.timer\",\"state\":\"enabled\",\"preset\":\"enabled\"}]"),
    ("systemctl-show", "x", "Id=a.timer\nNames=a.timer\nActiveState=active\n"),
    ("systemctl-show", "x", "Version=262.1-1\nFeatures=+PAM\nUserspaceTimestamp=Tue 2027-01-19 12:00:00 UTC\n"),
    (
        "systemctl-status",
        "x",
        "● a.timer - x\n     Loaded: loaded (/etc/systemd/system/a.timer; enabled)\n     Active: active\n",
    ),
    (
        "timedatectl",
        "x",
        "               Local time: x\n           Universal time: x\n                 RTC time: n/a\n",
    ),
    ("timedatectl-show", "x", "Timezone=UTC\nLocalRTC=no\nCanNTP=no\nNTPSynchronized=no\nTimeUSec=x\n"),
    ("timesync-status", "x", "       Server: n/a\nPoll interval: 0 (min: 32s; max 34min 8s)\n Packet count: 0\n"),
    (
        "chronyc-tracking",
        "x",
        "Reference ID    : 00000000 ()\nStratum         : 0\nLeap status     : Not synchronised\n",
    ),
    ("chronyc-tracking", "x", "00000000,,0,0.000000000,0.0,0.0,0.0,0.000,0.000,0.000,1.0,1.0,0.0,Not synchronised\n"),
    (
        "chronyc-sources",
        "x",
        "MS Name/IP address         Stratum Poll Reach LastRx Last sample\n^? 192.0.2.1 0 6 0 - +0ns[+0ns] +/- 0ns\n",
    ),
    ("adjtimex", "x", "state: 5\noffset: 0\nfreq: 0\nmaxerror: 16000000\nesterror: 16000000\nstatus: 8256\n"),
    ("adjtime", "etc/adjtime", "0.0 0 0.0\n0\nUTC\n"),
    ("hardware-clock", "rtc.txt", "name uml-rtc\ndate 2027-01-19\ntime 12:00:19\nsince_epoch 1800360019\nhctosys 1\n"),
    (
        "list-boots",
        "x",
        "IDX BOOT ID FIRST ENTRY LAST ENTRY\n  0 2d0b7d0e730e4d86a145949093f6ad30 Tue 2027-01-19 12:00:01 UTC Sun 2027-01-10 12:00:19 UTC\n",
    ),
    ("now", "dates.txt", "1799582419.409988096\n18.95 15.39\n"),
    ("timer-stamps", "x", "/var/lib/systemd/timers/stamp-a.timer 1800360003.4700380160\n"),
    ("systemd-links", "x", "/etc/systemd/system/timers.target.wants/a.timer -> /usr/lib/systemd/system/a.timer\n"),
    ("machine-id", "etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ("systemd-version", "x", "systemd 262 (262.1-1)\n+PAM +AUDIT\n"),
    ("os-release", "etc/os-release", "NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n"),
    ("timezone", "etc/timezone", "Europe/Berlin\n"),
    ("timezone", "zone.txt", "../usr/share/zoneinfo/UTC\n"),
    ("tzif", "etc/localtime", "TZif2\0\0\0"),
    ("systemd-unit", "a/b.timer", "[Timer]\nOnCalendar=daily\n"),
    ("systemd-unit", "cat.txt", "# /etc/systemd/system/a.timer\n[Timer]\nOnCalendar=daily\n"),
    ("", "x", "net.ipv4.ip_forward = 1\n"),
    ("", "x", "table inet filter {\n chain input {\n }\n}\n"),
    ("", "x", "{\"nftables\": [{\"metainfo\": {}}]}"),
    ("", "x", "2026-11-24 03:14:22 RST\n2026-11-24 15:14:23 RST\n"),
    ("", "x", "Nov 25 09:48:45 epsilon app[1]: Connection reset\nNov 25 19:48:45 epsilon app[1]: Connection reset\n"),
    ("", "x", "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"),
    ("", "x", "global\n log /dev/log local0\ndefaults\n mode http\n"),
    ("", "x", "PATH=/bin\nHOME=/root\n"),
    ("", "Cargo.toml", "[package]\nname = \"x\"\n"),
    ("", "x", "total 4\n-rw-r--r-- 1 root root 0 2027-01-19 12:00:03.470038016 +0000 file\n"),
    ("", "x", "0123456789abcdef0123456789abcdef\n"),
    ("", "x", "12:00 UTC\n"),
    ("", "x", ""),
];

#[test]
fn a_file_is_of_its_kind_and_of_no_other() {
    for (name, path, text) in FILES {
        for whole in [true, false] {
            let sniff = Sniff { path, head: text.as_bytes(), whole };
            let said: Vec<&str> = KINDS.iter().filter(|kind| (kind.sniff)(&sniff)).map(|kind| kind.name).collect();
            let expected: Vec<&str> = if name.is_empty() { Vec::new() } else { vec![*name] };
            // A head that is cut off loses its last line, and a small file that has to be whole is not.
            assert!(said == expected || !whole && said.is_empty(), "{text:?} is {said:?}, not {expected:?}");
        }
    }
}
