//! Stack and registers (`dump_stack`), told from other lines and not read further.

use super::scan::{begins_with_any, find, is_hex, words};

/// True for a line of a stack, of registers, or of what is printed around them.
pub(super) fn is_trace(line: &[u8]) -> bool {
    const BEGIN: [&[u8]; 46] = [
        b"Call Trace:",
        b"Call trace:",
        b"Backtrace:",
        b"Stack:",
        b"Stack :",
        b"Code:",
        b"Bad RIP value",
        b"Tainted: ",
        b"Workqueue: ",
        b"Stopper: ",
        b"Sched_ext: ",
        b"Kernel: ",
        b"RIP: ",
        b"RSP: ",
        b"RAX: ",
        b"RDX: ",
        b"RBP: ",
        b"R10: ",
        b"R13: ",
        b"ORIG_RAX: ",
        b"EIP: ",
        b"EAX: ",
        b"ESI: ",
        b"DS: ",
        b"CS: ",
        b"FS: ",
        b"CR0: ",
        b"CR2: ",
        b"DR0: ",
        b"DR3: ",
        b"PKRU: ",
        b"pc : ",
        b"lr : ",
        b"sp : ",
        b"pstate: ",
        b"Exception stack",
        b"NIP ",
        b"NIP: ",
        b"REGS: ",
        b"MSR: ",
        b"GPR",
        b"CFAR: ",
        b"--- interrupt",
        b"--- Exception",
        b"Last Breaking-Event-Address",
        b"Instruction dump:",
    ];
    // `<TASK>`, `</IRQ>`, `#DB1`.
    if line.len() < 24 && line.starts_with(b"<") && line.ends_with(b">") {
        return true;
    }
    // `[<ffffffff81720bf6>] dump_stack+0x45/0x56`, `([<0000000000112a8e>] show_stack+0x8e/0xd0)`.
    if line.starts_with(b"[<") || line.starts_with(b"([<") || line.starts_with(b"? ") {
        return true;
    }
    // `dump_stack+0x5c/0x78`, ` [c000000] [c00000] .dump_header+0x8c/0x2c`.
    if let Some(at) = find(line, b"+0x")
        && find(&line[at..], b"/0x").is_some()
    {
        return true;
    }
    begins_with_any(line, &BEGIN) || registers(line) || dump(line) || is_decoded(line)
}

/// `dump_header (mm/oom_kill.c:74 mm/oom_kill.c:468) `: a stack that scripts/decode_stacktrace.sh went through.
fn is_decoded(line: &[u8]) -> bool {
    let Some(open) = find(line, b" (") else { return false };
    let name = line[..open].iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(byte));
    let source =
        find(&line[open..], b".c:").or_else(|| find(&line[open..], b".h:")).or_else(|| find(&line[open..], b".S:"));
    name && source.is_some()
}

/// `x29: ffff80001000bb90 x28: …`, `r7:600e0013 r6:c08f8ab8`, `epc : ffff ra : ffff`, `a0 : …`.
fn registers(line: &[u8]) -> bool {
    let mut pairs = 0;
    let mut text = line;
    while let Some(colon) = text.iter().position(|byte| *byte == b':') {
        let name = text[..colon].trim_ascii();
        let short = (1..=4).contains(&name.len()) && name.iter().all(u8::is_ascii_alphanumeric);
        let rest = text[colon + 1..].trim_ascii_start();
        let length = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if !short || length < 8 {
            return false;
        }
        pairs += 1;
        text = &rest[length..];
    }
    pairs > 0 && text.trim_ascii().is_empty()
}

/// Words of a stack in hexadecimal, with or without an address in front.
fn dump(line: &[u8]) -> bool {
    let mut words = words(line).map(|(_, word)| word).peekable();
    if words.peek().is_some_and(|first| first.strip_suffix(b":").is_some_and(is_hex)) {
        words.next();
    }
    let mut count = 0;
    for word in words {
        if !(matches!(word.len(), 8 | 16) && is_hex(word)) {
            return false;
        }
        count += 1;
    }
    count > 0
}
