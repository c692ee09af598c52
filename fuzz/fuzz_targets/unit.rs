//! Unit files: assignments and problems are inside and in order, and read again the same.
#![no_main]

use casebook_formats::unit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let file = unit::read(data);
    let mut last = 0;
    for item in &file.assignments {
        assert!(last <= item.span.0 && item.span.0 <= item.span.1 && item.span.1 <= data.len());
        assert!(item.span.0 <= item.key_span.0 && item.key_span.1 <= data.len() && item.value_span.1 <= item.span.1.max(item.value_span.1));
        assert!(item.value_span.0 <= item.value_span.1 && item.value_span.1 <= data.len());
        assert!(item.section < file.sections.len() && !item.key.contains('='));
        last = item.span.1;
    }
    for section in &file.sections {
        assert_eq!(&data[section.span.0 + 1..section.span.1 - 1], section.name.as_bytes());
    }
    for problem in &file.problems {
        assert!(problem.span.0 <= problem.span.1 && problem.span.1 <= data.len());
    }
});
