//! pcapng: every frame and every problem is inside of the file, in order, and the walk ends.
#![no_main]

use casebook_fuzz::capture;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut file = vec![0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0];
    file.extend([0xff; 8]);
    file.extend([28, 0, 0, 0]);
    file.extend(data);
    capture(&file);
    capture(data);
});
