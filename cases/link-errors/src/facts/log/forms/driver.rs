//! What is around a linker: collect2 and the drivers of GCC and clang, rustc and cargo, Go, make and ninja.

use super::super::message::{Kind, Linkers, Severity};
use super::{Form, row};
use Severity::{Error, Note};

const fn driver(text: &'static str, kind: Kind, severity: Severity) -> Form {
    row(text, kind, severity, Linkers::NONE)
}

/// Whole lines.
#[rustfmt::skip]
pub(crate) static DRIVER: &[Form] = &[
    // gcc/collect2.cc do_wait, gcc/collect-utils.cc collect_wait
    driver("{_}collect2{_}: error: ld returned {count} exit status", Kind::LinkFailed, Error),
    driver("{_}collect2{_}: ld returned {count} exit status", Kind::LinkFailed, Error),
    driver("{_}collect2{_}: error: lto-wrapper returned {count} exit status", Kind::LinkFailed, Error),
    driver("{_}collect2{_}: fatal error: ld terminated with signal {count} [{detail}]{_}", Kind::Killed, Error),
    driver("{_}collect2{_}: error: ld terminated with signal {count} [{detail}]{_}", Kind::Killed, Error),
    driver("{_}collect2{_}: fatal error: cannot find `{detail}'", Kind::LinkerMissing, Error),
    // clang/lib/Driver/Driver.cpp, DiagnosticDriverKinds.td err_drv_command_failed, err_drv_command_signalled
    driver("{_}: error: linker command failed with exit code {count} (use -v to see invocation)", Kind::LinkFailed, Error),
    driver("{_}: error: linker command failed due to signal (use -v to see invocation)", Kind::Killed, Error),
    driver("{_}: error: unable to execute command: {detail}", Kind::Killed, Error),
    driver("{_}: error: invalid linker name in argument `{detail}'", Kind::LinkerMissing, Error),
    driver("{_}: error: no such file or directory: `{file}'", Kind::FileMissing, Error),
    // gcc/lto-wrapper.cc, gcc/lto-streamer-in.cc
    driver("lto1: fatal error: bytecode stream in file `{file}' generated with LTO version {detail}", Kind::LtoPlugin, Error),
    driver("lto-wrapper: fatal error: {detail}", Kind::LtoPlugin, Error),
    // compiler/rustc_codegen_ssa/src/errors.rs, messages.ftl
    driver("error: linking with `{_}` failed: exit status: {count}", Kind::LinkFailed, Error),
    driver("error: linking with `{_}` failed: exit code: {count}", Kind::LinkFailed, Error),
    driver("error: linking with `{_}` failed: signal: {count}{_}", Kind::Killed, Error),
    driver("error: linking with `{_}` failed: {detail}", Kind::LinkFailed, Error),
    driver("error: linker `{detail}` not found", Kind::LinkerMissing, Error),
    driver("error: could not find native static library `{library}`, perhaps an -L flag is missing?", Kind::LibraryMissing, Error),
    driver("error: could not find native static library `{library}`", Kind::LibraryMissing, Error),
    driver("some `extern` functions couldn't be found; {detail}", Kind::Advice, Note),
    driver("use the `-l` flag to specify native libraries to link", Kind::Advice, Note),
    driver("use the `cargo:{detail}", Kind::Advice, Note),
    driver("some arguments are omitted. use `--verbose` to show all linker arguments", Kind::Advice, Note),
    driver("error: could not compile `{detail}` {_}", Kind::Step, Note),
    driver("error: could not compile `{detail}`.", Kind::Step, Note),
    driver("error: aborting due to {_} previous error", Kind::Step, Note),
    driver("error: aborting due to {_} previous errors", Kind::Step, Note),
    // cmd/link/internal/ld/lib.go hostlink
    driver("{_}: running {_} failed: exit status {count}", Kind::LinkFailed, Error),
    // GHC, GNAT, libtool, CMake
    driver("`{_}' failed in phase `Linker'. (Exit code: {count})", Kind::LinkFailed, Error),
    driver("gnatlink: {_} execution error.", Kind::LinkFailed, Error),
    // make's job.c child_error, ninja's status_printer.cc
    driver("{_}make{_}: *** [{detail}] Error {count}", Kind::Step, Note),
    driver("FAILED: [code={count}] {detail}", Kind::Step, Note),
    driver("FAILED: {detail}", Kind::Step, Note),
    driver("ninja: build stopped: subcommand failed.", Kind::Step, Note),
];
