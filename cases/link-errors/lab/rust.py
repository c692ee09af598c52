"""Rust and C in one link."""
from scenario import scenario

NATIVE = {"native.c": "int native_add(int a, int b) { return a + b; }\n"}
NO_STD = """\
    #![no_std]
    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo) -> ! {
        loop {}
    }
    """

scenario("rust-library-missing",
         """A Rust program names a C library with #[link], and it is in no folder that is searched.""",
         dict(
             NATIVE, **{
                 "main.rs": """\
        #[link(name = "native")]
        extern "C" {
            fn native_add(a: i32, b: i32) -> i32;
        }

        fn main() {
            std::process::exit(unsafe { native_add(1, 1) } - 2);
        }
        """
             }), ["gcc -g -c native.c", "mkdir lib", "ar rcs lib/libnative.a native.o", "rm native.o"],
         "{rustc} main.rs -o app",
         fails="all",
         cause="library-path",
         kind="missing-file",
         needs=["rustc"],
         where={"native_add": "lib/libnative.a(native.o)"},
         quiet="all",
         fix={"what": "add `-L lib`", "commands": ["{rustc} -L lib main.rs -o app"]})

scenario("rust-library-unnamed",
         """A Rust program declares functions of C and names no library.""",
         dict(
             NATIVE, **{
                 "main.rs": """\
        extern "C" {
            fn native_add(a: i32, b: i32) -> i32;
        }

        fn main() {
            std::process::exit(unsafe { native_add(1, 1) } - 2);
        }
        """
             }), ["gcc -g -c native.c", "ar rcs libnative.a native.o", "rm native.o"],
         "{rustc} main.rs -o app",
         fails="all",
         cause="missing-library",
         needs=["rustc"],
         where={"native_add": "libnative.a(native.o)"},
         fix={"what": "add `-L . -l native`", "commands": ["{rustc} -L . -l native main.rs -o app"]})

# An object or library without the standard library; the bitcode that rustc adds would let plugins claim it.
RLIB = "rustc --edition 2021 --crate-type rlib -C embed-bitcode=no -C panic=abort "

scenario(
    "rust-mangled",
    """C calls a Rust function that lacks #[no_mangle].""", {
        "main.c": "int part(int);\nint main(void) { return part(1) != 2; }\n", "part.rs": NO_STD + """\
    pub extern "C" fn part(x: i32) -> i32 {
        x.wrapping_add(1)
    }
    """
    }, [
        "gcc -g -c main.c",
        RLIB + "--emit obj part.rs -o part.o"
    ],
    "{gcc} main.o part.o -o app",
    fails="all",
    cause="no-mangle-missing",
    needs=["rustc"],
    where={"part": "part.o:_R.*4part|_ZN4part4part17h.*"},
    fix={
        "what": "add #[no_mangle]", "edits": {"part.rs": [("pub extern", "#[no_mangle]\npub extern")]}, "commands": [
            RLIB + "--emit obj part.rs -o part.o",
            "{gcc} main.o part.o -o app"
        ]
    })

scenario(
    "rust-hash",
    """An object was compiled against a crate that has been built anew since, with other options: the names of its
functions have another hash.""", {
        "main.c": "int call(int);\nint main(void) { return call(1) != 2; }\n", "util.rs": """\
        #![no_std]
        #[inline(never)]
        pub fn add_one(x: i32) -> i32 {
            x.wrapping_add(1)
        }
        """, "call.rs": NO_STD + """\
    #[no_mangle]
    pub extern "C" fn call(x: i32) -> i32 {
        util::add_one(x)
    }
    """
    }, [
        "gcc -g -c main.c", "mkdir old",
        RLIB + "-C metadata=old util.rs --out-dir old",
        RLIB + "--extern util=old/libutil.rlib --emit obj call.rs -o call.o",
        "rm -r old", RLIB + "-C metadata=new util.rs"
    ],
    "{gcc} main.o call.o libutil.rlib -o app",
    fails="all",
    cause="rust-hash",
    needs=["rustc"],
    quiet="bfd gold wild",
    symbols=["~.*7add_one.*@call.o"],
    where={"~.*7add_one.*@call.o": "libutil.rlib:.*7add_one.*"},
    fix={
        "what": "compile call.rs anew", "commands": [
            RLIB + "--extern util=libutil.rlib --emit obj call.rs -o call.o",
            "{gcc} main.o call.o libutil.rlib -o app"
        ]
    })

STATICLIB = ("rustc --edition 2021 --crate-type staticlib -C panic=abort -C opt-level=s -C lto -C codegen-units=1 "
             "-C strip=debuginfo ")


def static_crate(name):
    return """\
    #[no_mangle]
    pub extern "C" fn %s(x: i32) -> i32 {
        let words: Vec<String> = (0..x).map(|n| n.to_string()).collect();
        words.len() as i32
    }
    """ % name


scenario("rust-two-staticlibs",
         """Two static libraries written in Rust, each with the standard library inside.""", {
             "main.c": "int first(int);\nint second(int);\nint main(void) { return first(2) + second(2) != 4; }\n",
             "first.rs": static_crate("first"), "second.rs": static_crate("second"),
             "both.rs": "pub mod first;\npub mod second;\n"
         }, ["gcc -g -c main.c", STATICLIB + "first.rs", STATICLIB + "second.rs"],
         "{gcc} main.o libfirst.a libsecond.a -o app",
         fails="all",
         cause="staticlib-std",
         kind="duplicate",
         symbols=["rust_eh_personality"],
         where={"rust_eh_personality": "libfirst.a"},
         needs=["rustc"],
         fix={
             "what": "make one static library of both crates",
             "commands": [STATICLIB + "both.rs", "{gcc} main.o libboth.a -o app"]
         })
