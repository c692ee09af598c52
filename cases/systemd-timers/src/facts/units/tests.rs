//! Expected values are systemd's: `systemctl --root … cat`, `systemd-analyze cat-config`, systemd.unit(5), and the sources named in the
//! readers.

use casebook_core::{Bytes, EvidenceSet};

use super::*;

fn set(files: &[(&str, &str)]) -> EvidenceSet {
    let mut set = EvidenceSet::new();
    for (path, text) in files {
        let kind = if path.ends_with("links.txt") { LINKS.name } else { UNIT_FILE.name };
        set.add(*path, Some(kind), Bytes::new(text.as_bytes().to_vec()));
    }
    set
}

fn units(set: &EvidenceSet) -> Units {
    let settings = BTreeMap::new();
    read(&Input { evidence: set, settings: &settings }, &mut Vec::new())
}

/// Effective values of a key of `[Timer]`.
fn values(units: &Units, name: &str, key: &str) -> Vec<String> {
    let merged = units.unit(name).unwrap();
    merged.all("Timer", key).map(|setting| setting.assignment.value.clone()).collect()
}

#[test]
fn the_first_folder_of_the_search_path_holds() {
    let set = set(&[
        ("m/usr/lib/systemd/system/a.timer", "[Timer]\nOnCalendar=daily\n"),
        ("m/etc/systemd/system/a.timer", "[Timer]\nOnCalendar=weekly\n"),
        ("m/run/systemd/system/a.timer", "[Timer]\nOnCalendar=hourly\n"),
    ]);
    let units = units(&set);
    assert_eq!((values(&units, "a.timer", "OnCalendar"), units.trees.len()), (vec!["weekly".to_owned()], 1));
    let merged = units.unit("a.timer").unwrap();
    let hidden: Vec<&str> = merged.hidden.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(hidden, ["m/run/systemd/system/a.timer", "m/usr/lib/systemd/system/a.timer"]);
    assert_eq!(units.trees[0].root, "m/");
}

#[test]
fn an_empty_assignment_takes_all_values_of_a_timer_away() {
    let set = set(&[
        (
            "etc/systemd/system/a.timer",
            "[Unit]\nAfter=x.target\n[Timer]\nOnCalendar=daily\nOnBootSec=5min\nPersistent=yes\n",
        ),
        ("etc/systemd/system/a.timer.d/20-b.conf", "[Timer]\nOnCalendar=\nOnCalendar=03:00\n[Unit]\nAfter=\n"),
    ]);
    let units = units(&set);
    assert_eq!(values(&units, "a.timer", "OnCalendar"), ["03:00"]);
    assert_eq!(values(&units, "a.timer", "OnBootSec"), [] as [&str; 0]);
    let merged = units.unit("a.timer").unwrap();
    let daily = merged.settings.iter().find(|setting| setting.assignment.value == "daily").unwrap();
    assert_eq!(set.text(daily.reset_by.unwrap().span).as_deref(), Some("OnCalendar="));
    assert_eq!(set.text(daily.assignment.value_span).as_deref(), Some("daily"));
    assert_eq!(merged.last("Timer", "Persistent").unwrap().assignment.value, "yes");
    // Dependencies cannot be taken away (systemd.unit(5)).
    assert_eq!(merged.all("Unit", "After").count(), 1);
}

#[test]
fn drop_ins_are_read_by_name_across_folders() {
    let set = set(&[
        ("usr/lib/systemd/system/foo-bar.timer", "[Timer]\nOnCalendar=a\n"),
        ("usr/lib/systemd/system/foo-bar.timer.d/10-x.conf", "[Timer]\nOnCalendar=hidden\n"),
        ("etc/systemd/system/foo-bar.timer.d/10-x.conf", "[Timer]\nOnCalendar=b\n"),
        ("etc/systemd/system/foo-.timer.d/05-y.conf", "[Timer]\nOnCalendar=c\n"),
        ("etc/systemd/system/timer.d/99-z.conf", "[Timer]\nOnCalendar=d\n"),
        ("etc/systemd/system/timer.d/05-y.conf", "[Timer]\nOnCalendar=hidden\n"),
        ("usr/lib/systemd/system/foo-bar.timer.d/50-masked.conf", "[Timer]\nOnCalendar=hidden\n"),
        ("etc/systemd/system/foo-bar.timer.d/50-masked.conf", ""),
        ("etc/systemd/system/foo-bar.timer.d/readme.txt", "[Timer]\nOnCalendar=no\n"),
    ]);
    let units = units(&set);
    assert_eq!(values(&units, "foo-bar.timer", "OnCalendar"), ["a", "c", "b", "d"]);
    let merged = units.unit("foo-bar.timer").unwrap();
    assert_eq!((merged.drop_ins.len(), merged.hidden_drop_ins.len()), (4, 3));
}

#[test]
fn templates_give_instances_their_file_and_drop_ins() {
    let set = set(&[
        ("etc/systemd/system/b@.timer", "[Unit]\nDescription=of %i\n[Timer]\nOnCalendar=daily\nUnit=w@%i.service\n"),
        ("etc/systemd/system/b@.timer.d/a.conf", "[Timer]\nAccuracySec=1s\n"),
        ("etc/systemd/system/b@x.timer.d/b.conf", "[Timer]\nAccuracySec=2s\n"),
    ]);
    let units = units(&set);
    let merged = units.unit("b@x.timer").unwrap();
    assert!(merged.of_template && merged.last("Timer", "AccuracySec").unwrap().assignment.value == "2s");
    let unit = &merged.last("Timer", "Unit").unwrap().assignment.value;
    let name = merged.parts().unwrap();
    assert_eq!(name::expand(unit, &name), Expanded::Text("w@x.service".into()));
    assert_eq!((name.template().as_deref(), name.with_suffix("service").as_str()), (Some("b@.timer"), "b@x.service"));
    assert!(units.unit("c@x.timer").is_none());
}

#[test]
fn a_mask_is_an_empty_file_or_a_link_to_null() {
    let set = set(&[
        ("m/etc/systemd/system/a.timer", ""),
        ("m/usr/lib/systemd/system/a.timer", "[Timer]\nOnCalendar=daily\n"),
        ("m/usr/lib/systemd/system/b.timer", "[Timer]\nOnCalendar=daily\n"),
        ("m/usr/lib/systemd/system/c.timer", "[Timer]\nOnCalendar=daily\n[Install]\nAlias=e.timer\n"),
        (
            "m/links.txt",
            "/etc/systemd/system/b.timer -> /dev/null\n/etc/systemd/system/timers.target.wants/c.timer -> /usr/lib/systemd/system/c.timer\n\
             /etc/systemd/system/d.timer -> /usr/lib/systemd/system/c.timer\n",
        ),
    ]);
    let units = units(&set);
    assert_eq!(units.trees.len(), 1);
    for name in ["a.timer", "b.timer"] {
        let merged = units.unit(name).unwrap();
        assert!(merged.masked && merged.settings.is_empty(), "{name}");
    }
    let wanted = units.unit("c.timer").unwrap();
    assert_eq!((wanted.wanted_by[0].0.as_str(), wanted.masked), ("timers.target", false));
    for alias in ["d.timer", "e.timer"] {
        let merged = units.unit(alias).unwrap();
        assert_eq!(
            (merged.alias_of.as_deref(), merged.all("Timer", "OnCalendar").count()),
            (Some("c.timer"), 1),
            "{alias}"
        );
    }
}

/// systemctl-cat.txt of the laboratory has this form.
#[test]
fn systemctl_cat_is_the_files_it_prints() {
    let text = "# /etc/systemd/system/a.timer\n[Timer]\nOnCalendar=daily\n\n# /etc/systemd/system/a.timer.d/x.conf\n[Timer]\n# no header\nOnCalendar=\nOnCalendar=02:00\n";
    let set = set(&[("m/cat.txt", text)]);
    let units = units(&set);
    assert_eq!(values(&units, "a.timer", "OnCalendar"), ["02:00"]);
    let merged = units.unit("a.timer").unwrap();
    let setting = merged.last("Timer", "OnCalendar").unwrap();
    assert_eq!(set.text(setting.assignment.span).as_deref(), Some("OnCalendar=02:00"));
    // Beside the files themselves, it adds nothing.
    let both = self::set(&[("m/cat.txt", text), ("m/etc/systemd/system/a.timer", "[Timer]\nOnCalendar=daily\n")]);
    assert_eq!(
        super::read(&Input { evidence: &both, settings: &BTreeMap::new() }, &mut Vec::new()).trees[0].files.len(),
        2
    );
}

#[test]
fn files_without_a_folder_of_systemd_are_units_too() {
    let set = set(&[
        ("x/a.timer", "[Timer]\nOnCalendar=daily\n"),
        ("x/a.timer.d/b.conf", "[Timer]\nPersistent=1\n"),
        ("c.timer", "[Timer]\nOnBootSec=1\n"),
    ]);
    let units = units(&set);
    assert_eq!((units.trees.len(), units.timers()), (2, vec!["a.timer".to_owned(), "c.timer".to_owned()]));
    assert_eq!(units.unit("a.timer").unwrap().drop_ins.len(), 1);
}

#[test]
fn sections_of_other_types_are_not_read() {
    let set = set(&[("etc/systemd/system/a.timer", "[Service]\nOnCalendar=daily\n[Timer]\nOnBootSec=1\n")]);
    let units = units(&set);
    let merged = units.unit("a.timer").unwrap();
    assert_eq!((merged.settings[0].section_known, merged.all("Service", "OnCalendar").count()), (false, 0));
}

/// systemd.unit(5), SPECIFIERS.
#[test]
fn specifiers_of_the_name_are_replaced() {
    let name = UnitName::of("foo-bar@a-b\\x2dc.timer").unwrap();
    let text = |text: &str| match name::expand(text, &name) {
        Expanded::Text(text) => text,
        Expanded::Unknown(letter) => format!("?{letter}"),
    };
    assert_eq!(text("%n|%N|%p|%i|%I|%j|%%"), "foo-bar@a-b\\x2dc.timer|foo-bar@a-b\\x2dc|foo-bar|a-b\\x2dc|a/b-c|bar|%");
    assert_eq!(
        (text("%f"), text("%P"), text("%H"), text("50% of")),
        ("/a/b-c".into(), "foo/bar".into(), "?H".into(), "50% of".into())
    );
}

/// src/shared/dropin.c, `unit_file_find_dirs`.
#[test]
fn names_of_drop_ins_go_from_special_to_general() {
    assert_eq!(name::drop_in_names("a-b-c.timer"), ["a-b-c.timer", "a-b-.timer", "a-.timer"]);
    assert_eq!(name::drop_in_names("a-b@x.timer"), ["a-b@x.timer", "a-b@.timer", "a-@.timer", "a-@x.timer"]);
    assert_eq!(name::drop_in_names("a.timer"), ["a.timer"]);
}
