//! Logs of the kernel in every form: places are inside and in order, a stretch of a text lies inside of the text.
//!
//! The first byte of the input chooses the form.
#![no_main]

use casebook_core::{Bytes, Sniff};
use casebook_formats::journal;
use casebook_formats::kernel_log::{self, Form};
use libfuzzer_sys::fuzz_target;

const FORMS: [Form; 5] =
    [Form::Lines, Form::Kmsg, Form::Json, Form::Journal(journal::Form::Export), Form::Journal(journal::Form::Json)];

fuzz_target!(|data: &[u8]| {
    let Some((first, data)) = data.split_first() else { return };
    for whole in [true, false] {
        kernel_log::form_of(&Sniff { path: "-", head: data, whole });
    }
    let form = FORMS[usize::from(*first) % FORMS.len()];
    let mut last = 0;
    let gaps = kernel_log::walk(&Bytes::new(data.to_vec()), form, |record| {
        let at = record.at();
        assert!(record.start <= at.0 && at.0 <= at.1 && at.1 <= data.len());
        assert!(last <= record.start, "records follow each other");
        last = record.start;
        let length = record.text().len();
        for (from, to) in [(0, length / 2), (length / 3, length), (length, length + 9)] {
            let place = record.place(from, to);
            assert!(at.0 <= place.0 && place.0 <= place.1 && place.1 <= at.1);
        }
        if form == Form::Lines {
            assert_eq!(&data[at.0..at.1], record.text());
        }
    });
    for gap in gaps.list() {
        assert!(gap.start <= gap.end && gap.end <= data.len(), "{gap:?}");
    }
});
