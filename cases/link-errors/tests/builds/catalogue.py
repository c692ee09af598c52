"""Which builds, how each is broken, and what is true of it.

package   Debian source package; its upstream archive is unpacked
files     what is written beside it, or instead of it
prepare   commands before it is broken
broken    edits that break it: file to (before, after)
build     commands; the last that runs fails
link      a pattern of the command that fails, in the log; its first group is the command
folder    where that command runs, below the sources
where     symbol to who defines it, as in the laboratory
fix       "before": commands; "edits": of the command that failed: (before, after)
"""

CMAKE = "cmake -S . -B out -G %s -DCMAKE_BUILD_TYPE=Debug -DCMAKE_POLICY_VERSION_MINIMUM=3.5 "

CARGO = """\
[package]
name = "app"
version = "0.1.0"
edition = "2021"

[dependencies]
%s

[profile.dev]
debug = 1
"""

BUILDS = [
    {
        "name": "zlib-order",
        "package": "zlib",
        "linker": "bfd",
        "cause": "order-archive",
        "about": "minigzip of zlib with libz.a before minigzip.o.",
        "prepare": ["./configure --static"],
        "broken": {"Makefile": [("-o $@ minigzip.o $(TEST_LDFLAGS)", "-o $@ $(TEST_LDFLAGS) minigzip.o")]},
        "build": ["make minigzip"],
        "link": r"^(gcc .* -o minigzip .*)$",
        "where": {"gzopen": "libz.a(gzlib.o)", "gzread": "libz.a(gzread.o)", "gzwrite": "libz.a(gzwrite.o)"},
        "fix": {"what": "move libz.a behind minigzip.o", "edits": [(" libz.a minigzip.o", " minigzip.o libz.a")]},
    },
    {
        "name": "bzip2-object",
        "package": "bzip2",
        "linker": "gold",
        "cause": "object-left-out",
        "about": "libbz2.a was made without crctable.o.",
        "prepare": ["gcc -Wall -Winline -O2 -g -D_FILE_OFFSET_BITS=64 -c crctable.c"],
        "broken": {"Makefile": [("      crctable.o   \\\n", "")]},
        "build": ["make bzip2 LDFLAGS=-fuse-ld=gold"],
        "link": r"^(gcc .* -o bzip2 .*)$",
        "where": {"BZ2_crc32Table": "crctable.o"},
        "fix": {"what": "add crctable.o", "edits": [("-lbz2", "-lbz2 crctable.o")]},
    },
    {
        "name": "lz4-hidden",
        "package": "lz4",
        "linker": "lld",
        "cause": "hidden",
        "about": "liblz4.so was compiled with -fvisibility=hidden, and the macro that exports its functions is empty.",
        "build": [
            "make -C lib liblz4 CFLAGS='-O1 -g -fvisibility=hidden -DLZ4LIB_VISIBILITY='",
            "make -C programs lz4-wlib V=1 CFLAGS='-O1 -g' LDFLAGS='-fuse-ld=lld -L../lib'"
        ],
        "link": r"^(cc .* -o lz4-wlib -llz4.*)$",
        "folder": "programs",
        "where": {"LZ4_versionString": "../lib/liblz4.so.1.9.4", "LZ4F_freeCDict": "../lib/liblz4.so.1.9.4"},
        "fix": {
            "what": "export its functions", "before": [
                "rm ../lib/liblz4.so*", "make -C ../lib liblz4 CFLAGS='-O1 -g "
                "-DLZ4_PUBLISH_STATIC_FUNCTIONS -DLZ4F_PUBLISH_STATIC_FUNCTIONS'"
            ]
        },
        "needs": ["ld.lld"],
    },
    {
        "name": "lua-libm",
        "package": "lua5.4",
        "linker": "bfd",
        "cause": "missing-library",
        "about": "lua without -lm.",
        "broken": {"src/Makefile": [("LIBS= -lm $(SYSLIBS)", "LIBS= $(SYSLIBS)")]},
        "build": ["make -C src linux"],
        "link": r"^(gcc .* -o lua .*)$",
        "folder": "src",
        "where": {"pow": "-lm", "fmod": "-lm", "log2": "-lm"},
        "fix": {"what": "add -lm", "edits": [("-ldl", "-ldl -lm")]},
    },
    {
        "name": "lua-two-mains",
        "package": "lua5.4",
        "linker": "mold",
        "cause": "two-mains",
        "kind": "duplicate",
        "about": "The interpreter is linked with the object of the compiler too: both have a main.",
        "broken": {
            "src/Makefile": [("-o $@ $(LDFLAGS) $(LUA_O) $(LUA_A)", "-o $@ $(LDFLAGS) $(LUA_O) $(LUAC_O) $(LUA_A)"),
                             ("$(LUA_T): $(LUA_O) $(LUA_A)", "$(LUA_T): $(LUA_O) $(LUAC_O) $(LUA_A)")]
        },
        "build": ["make -C src linux MYLDFLAGS=-fuse-ld=mold"],
        "link": r"^(gcc .* -o lua .*)$",
        "folder": "src",
        "where": {"main": "lua.o"},
        "fix": {"what": "leave luac.o out", "edits": [(" luac.o", "")]},
        "needs": ["mold"],
    },
    {
        "name": "libpng-version",
        "package": "libpng1.6",
        "linker": "lld",
        "cause": "version-script-local",
        "about": "The version script of libpng16.so lost an entry, and all that it does not list is local.",
        "prepare": ["./configure --disable-static LDFLAGS=-fuse-ld=lld CFLAGS='-O1 -g' >/dev/null", "make libpng.vers"],
        "broken": {"libpng.vers": [(" png_set_chunk_malloc_max;\n", "")]},
        "build": ["make libpng16.la", "make pngfix"],
        "link": r"^libtool: link: (gcc .* -o \.libs/pngfix .*)$",
        "where": {"png_set_chunk_malloc_max": ".libs/libpng16.so"},
        "fix": {
            "what": "put it back", "before": [
                "sed -i 's/^PNG16_0 {global:/&\\n png_set_chunk_malloc_max;/' libpng.vers", "rm -f libpng16.la",
                "make libpng16.la"
            ]
        },
        "needs": ["ld.lld", "-lz"],
    },
    {
        "name": "libpng-not-pic",
        "package": "libpng1.6",
        "linker": "bfd",
        "cause": "not-pic",
        "kind": "relocation",
        "about": "libpng16.so is linked with objects that were compiled without -fPIC.",
        "prepare": ["./configure --disable-static CFLAGS='-O1 -g' >/dev/null"],
        "broken": {"libtool": [('pic_flag=" -fPIC -DPIC"', 'pic_flag=" -DPIC"')]},
        "build": ["make libpng16.la CFLAGS='-O1 -g -fno-pic'"],
        "link": r"^libtool: link: (gcc .*-shared .*libpng16\.so.*)$",
        "where": {},
        "fix": {
            "what": "compile them with -fPIC", "before": [
                "sed -i 's/pic_flag=\" -DPIC\"/pic_flag=\" -fPIC -DPIC\"/' libtool", "rm -f *.lo .libs/*.o",
                "make libpng16.la CFLAGS='-O1 -g'"
            ]
        },
        "needs": ["-lz"],
    },
    {
        "name": "jsoncpp-abi",
        "package": "libjsoncpp",
        "linker": "bfd",
        "cause": "abi-cxx11",
        "about": "The library was compiled with _GLIBCXX_USE_CXX11_ABI=0, its test program without.",
        "prepare": [
            CMAKE % "Ninja" + "-DBUILD_SHARED_LIBS=OFF -DBUILD_OBJECT_LIBS=OFF -DJSONCPP_WITH_POST_BUILD_UNITTEST=OFF"
        ],
        "broken": {
            "src/lib_json/CMakeLists.txt": [
                ("    set_target_properties(${STATIC_LIB} PROPERTIES\n        OUTPUT_NAME jsoncpp",
                 "    target_compile_definitions(${STATIC_LIB} PRIVATE _GLIBCXX_USE_CXX11_ABI=0)\n"
                 "    set_target_properties(${STATIC_LIB} PROPERTIES\n        OUTPUT_NAME jsoncpp")
            ]
        },
        "build": ["cmake --build out --target jsontestrunner_exe"],
        "link": r"^: && (/usr/bin/c\+\+ .*) && :$",
        "folder": "out",
        "where": {"_ZNK4Json5Value8asStringB5cxx11Ev": "lib/libjsoncpp.a(json_value.cpp.o):_ZNK4Json5Value8asStringEv"},
        "fix": {
            "what": "compile both with the same ABI", "before": [
                "sed -i 's/_GLIBCXX_USE_CXX11_ABI=0/_GLIBCXX_USE_CXX11_ABI=1/' ../src/lib_json/CMakeLists.txt",
                "cmake --build . --target jsoncpp_static"
            ]
        },
        "needs": ["cmake", "ninja"],
    },
    {
        "name": "tinyxml2-twice",
        "package": "tinyxml2",
        "linker": "gold",
        "cause": "duplicate-library",
        "kind": "duplicate",
        "about": "tinyxml2.o is on the line, and in libtinyxml2.a, of which all is taken.",
        "broken": {
            "Makefile": [
                ("xmltest: xmltest.cpp libtinyxml2.a\n",
                 "xmltest: xmltest.o tinyxml2.o libtinyxml2.a\n\t$(CXX) -fuse-ld=gold -o $@ xmltest.o tinyxml2.o "
                 "-Wl,--whole-archive libtinyxml2.a -Wl,--no-whole-archive\n")
            ]
        },
        "build": ["make xmltest CXXFLAGS='-fPIC -g'"],
        "link": r"^(g\+\+ .* -o xmltest .*)$",
        "where": {"_ZN8tinyxml27XMLNodeD1Ev": "tinyxml2.o"},
        "fix": {"what": "leave tinyxml2.o out", "edits": [(" tinyxml2.o", "")]},
    },
    {
        "name": "snappy-as-c",
        "package": "snappy",
        "linker": "bfd",
        "cause": "missing-library",
        "about": "libsnappy.so is linked by the driver for C, with --no-undefined.",
        "prepare": ["sed -i 's/^size_t AdvanceToNextTag/inline &/' snappy.cc"],
        "broken": {
            "CMakeLists.txt": [
                ('add_library(snappy "")\n',
                 'set(CMAKE_CXX_IMPLICIT_LINK_LIBRARIES "")\nadd_library(snappy "")\nset_target_properties(snappy '
                 'PROPERTIES LINKER_LANGUAGE C)\n')
            ]
        },
        "build": [
            CMAKE % "'Unix Makefiles'" +
            "-DBUILD_SHARED_LIBS=ON -DCMAKE_BUILD_TYPE=Release -DSNAPPY_BUILD_TESTS=OFF -DSNAPPY_BUILD_BENCHMARKS=OFF "
            "-DCMAKE_SHARED_LINKER_FLAGS=-Wl,--no-undefined", "cmake --build out --verbose"
        ],
        "link": r"^(/usr/bin/cc .* -shared .*)$",
        "folder": "out",
        "where": {"_Znam": "-lstdc++"},
        "fix": {"what": "link with the driver for C++", "edits": [("/usr/bin/cc ", "/usr/bin/c++ ")]},
        "needs": ["cmake"],
    },
    {
        "name": "rust-wrong-name",
        "linker": "rust-lld",
        "cause": "library-path",
        "kind": "missing-file",
        "about": "A configuration overrides the build script of libz-sys with a library of another name.",
        "files": {
            "Cargo.toml": CARGO %
            'libz-sys = { version = "1.1", default-features = false, features = ["libc", "static"] }',
            "src/main.rs": "fn main() {\n    let version = unsafe { std::ffi::CStr::from_ptr(libz_sys::zlibVersion()) };\n"
            '    println!("{version:?}");\n}\n',
            ".cargo/config.toml": '[target.x86_64-unknown-linux-gnu.z]\nrustc-link-lib = ["zlib"]\n',
        },
        "build": ["RUSTFLAGS='--verbose -C save-temps' cargo build"],
        "link": r'= note: .*?("cc" "-m64" .*)$',
        "where": {},
        "fix": {"what": "the library is called z", "edits": [('"-lzlib"', '"-lz"')]},
        "needs": ["cargo", "-lz"],
    },
    {
        "name": "rust-not-linked",
        "linker": "bfd",
        "cause": "missing-library",
        "about": "A Rust program with a C library that the build script compiles, and does not tell the linker of.",
        "files": {
            "Cargo.toml": CARGO % 'bzip2-sys = { version = "0.1", features = ["static"] }',
            "src/main.rs": "fn main() {\n    let code = unsafe { bzip2_sys::BZ2_bzCompressEnd(std::ptr::null_mut()) };\n"
            "    println!(\"{code}\");\n}\n",
        },
        "prepare": [
            "cargo vendor vendor >vendor.toml && mkdir -p .cargo && cp vendor.toml .cargo/config.toml",
            "sed -i 's/\"files\":{[^}]*}/\"files\":{}/' vendor/bzip2-sys/.cargo-checksum.json",
            "sed -i 's/\\.compile(/.cargo_metadata(false)&/' vendor/bzip2-sys/build.rs"
        ],
        "build": ["RUSTFLAGS='--verbose -C save-temps -C link-arg=-fuse-ld=bfd' cargo build"],
        "link": r'= note: .*?("cc" "-m64" .*)$',
        "where": {"BZ2_bzCompressEnd": "target/debug/build/bzip2-sys-*/out/lib/libbz2.a"},
        "fix": {
            "what": "name the library",
            "edits": [('"-fuse-ld=bfd"', '"-fuse-ld=bfd" target/debug/build/bzip2-sys-*/out/lib/libbz2.a')]
        },
        "needs": ["cargo"],
    },
]
