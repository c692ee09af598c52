//! Kernel parameters: every line is a setting, a comment or a stretch that was not read, in order.
#![no_main]

use casebook_formats::sysctl;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let settings = sysctl::read(data);
    let mut last = 0;
    for setting in &settings.items {
        let (start, end) = setting.span;
        assert!(last <= start && start <= end && end <= data.len());
        last = end;
        assert_eq!(&data[setting.value_span.0..setting.value_span.1], setting.value.as_bytes());
        assert!(settings.get(&setting.key).is_some());
    }
    settings.unread.iter().for_each(|(start, end)| assert!(start <= end && *end <= data.len()));
});
