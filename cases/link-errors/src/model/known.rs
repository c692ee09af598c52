//! Which library usually has a symbol, for evidence that holds no libraries: a log alone, a line whose files are not here.
//!
//! The names are those of the projects' public headers; the packages are Debian's. It is knowledge about the world and not a result of the
//! model: reports say so, and where the libraries can be read they are asked instead.

/// What to do about a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The flag: `-lm`, `-pthread`, `-fopenmp`.
    pub flag: &'static str,
    /// The library or runtime, in words.
    pub what: &'static str,
    /// The Debian package that has the file to link with; empty where the compiler brings it.
    pub package: &'static str,
}

impl Known {
    /// The stem of a library's name (`png16` of `libpng16.so`) is this library, in some version.
    pub fn is_called(&self, stem: &str) -> bool {
        let Some(wanted) = self.flag.strip_prefix("-l") else { return false };
        let version = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit() || b".-".contains(&byte));
        stem == wanted
            || stem.strip_prefix(wanted).is_some_and(version)
            || wanted.strip_prefix(stem).is_some_and(|rest| rest.contains('.') && version(rest))
    }
}

/// `z` of `libz.so.1` and `libz.a`; `base` is the name without folders.
pub fn library_stem(base: &str) -> Option<&str> {
    let stem = base.strip_prefix("lib")?;
    stem.strip_suffix(".a").or_else(|| stem.find(".so").map(|end| &stem[..end]))
}

const fn known(flag: &'static str, what: &'static str, package: &'static str) -> Known {
    Known { flag, what, package }
}

/// Prefixes of names as the linker has them. The longest that fits counts.
const PREFIXES: &[(&str, Known)] = &[
    ("ASN1_", known("-lcrypto", "OpenSSL's libcrypto", "libssl-dev")),
    ("BIO_", known("-lcrypto", "OpenSSL's libcrypto", "libssl-dev")),
    ("BN_", known("-lcrypto", "OpenSSL's libcrypto", "libssl-dev")),
    ("BZ2_", known("-lbz2", "bzip2", "libbz2-dev")),
    ("BrotliDecoder", known("-lbrotlidec", "Brotli's decoder", "libbrotli-dev")),
    ("BrotliEncoder", known("-lbrotlienc", "Brotli's encoder", "libbrotli-dev")),
    ("CRYPTO_", known("-lcrypto", "OpenSSL's libcrypto", "libssl-dev")),
    ("ERR_", known("-lcrypto", "OpenSSL's libcrypto", "libssl-dev")),
    ("EVP_", known("-lcrypto", "OpenSSL's libcrypto", "libssl-dev")),
    ("GOMP_", known("-fopenmp", "GNU OpenMP", "")),
    ("HMAC_", known("-lcrypto", "OpenSSL's libcrypto", "libssl-dev")),
    ("LZ4_", known("-llz4", "LZ4", "liblz4-dev")),
    ("LZ4F_", known("-llz4", "LZ4", "liblz4-dev")),
    ("MPI_", known("-lmpi", "MPI (link with mpicc)", "libopenmpi-dev")),
    ("OPENSSL_", known("-lcrypto", "OpenSSL's libcrypto", "libssl-dev")),
    ("PEM_", known("-lcrypto", "OpenSSL's libcrypto", "libssl-dev")),
    ("PQ", known("-lpq", "PostgreSQL's libpq", "libpq-dev")),
    ("Py", known("-lpython3", "CPython (python3-config --embed --ldflags)", "python3-dev")),
    ("RAND_", known("-lcrypto", "OpenSSL's libcrypto", "libssl-dev")),
    ("RSA_", known("-lcrypto", "OpenSSL's libcrypto", "libssl-dev")),
    ("SSL_", known("-lssl", "OpenSSL's libssl", "libssl-dev")),
    ("TLS_", known("-lssl", "OpenSSL's libssl", "libssl-dev")),
    ("X509_", known("-lcrypto", "OpenSSL's libcrypto", "libssl-dev")),
    ("XML_", known("-lexpat", "Expat", "libexpat1-dev")),
    ("ZSTD_", known("-lzstd", "Zstandard", "libzstd-dev")),
    ("_ZN2cv", known("-lopencv_core", "OpenCV", "libopencv-dev")),
    ("_ZN3fmt", known("-lfmt", "{fmt}", "libfmt-dev")),
    ("_ZN5boost10filesystem", known("-lboost_filesystem", "Boost.Filesystem", "libboost-filesystem-dev")),
    (
        "_ZN5boost15program_options",
        known("-lboost_program_options", "Boost.Program_options", "libboost-program-options-dev"),
    ),
    ("_ZN5boost6system", known("-lboost_system", "Boost.System", "libboost-system-dev")),
    ("_ZN5boost6thread", known("-lboost_thread", "Boost.Thread", "libboost-thread-dev")),
    ("_ZN6google8protobuf", known("-lprotobuf", "Protocol Buffers", "libprotobuf-dev")),
    ("_ZN6spdlog", known("-lspdlog", "spdlog", "libspdlog-dev")),
    ("_ZN6testing", known("-lgtest", "GoogleTest", "libgtest-dev")),
    ("_ZN7testing", known("-lgtest", "GoogleTest", "libgtest-dev")),
    ("_ZNKSt", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_ZNSa", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_ZNSo", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_ZNSs", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_ZNKSt3__1", known("-lc++", "libc++ (link with clang++ -stdlib=libc++)", "libc++-dev")),
    ("_ZNSt3__1", known("-lc++", "libc++ (link with clang++ -stdlib=libc++)", "libc++-dev")),
    ("_ZTINSt3__1", known("-lc++", "libc++ (link with clang++ -stdlib=libc++)", "libc++-dev")),
    ("_ZTVNSt3__1", known("-lc++", "libc++ (link with clang++ -stdlib=libc++)", "libc++-dev")),
    ("_ZNSt", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_ZSt", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_ZTINSt", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_ZTISt", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_ZTVN10__cxxabiv1", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_ZTVSt", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_ZTVNSt", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_Zda", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_Zdl", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_Zna", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_Znw", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("_Unwind_", known("-lgcc_s", "GCC's unwinder", "")),
    ("__asan_", known("-fsanitize=address", "AddressSanitizer (the option belongs on the link line too)", "")),
    ("__atomic_", known("-latomic", "GCC's libatomic", "")),
    ("__cxa_", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("__gcov_", known("--coverage", "gcov (the option belongs on the link line too)", "")),
    ("__gmp", known("-lgmp", "GMP", "libgmp-dev")),
    ("__gxx_personality_", known("-lstdc++", "the C++ runtime (link with g++)", "")),
    ("__kmpc_", known("-fopenmp", "LLVM's OpenMP", "libomp-dev")),
    (
        "__llvm_profile_",
        known("-fprofile-instr-generate", "LLVM's profile runtime (the option belongs on the link line too)", ""),
    ),
    ("__msan_", known("-fsanitize=memory", "MemorySanitizer (the option belongs on the link line too)", "")),
    (
        "__sanitizer_cov_",
        known("-fsanitize-coverage=…", "coverage for fuzzing (the option belongs on the link line too)", ""),
    ),
    ("__tsan_", known("-fsanitize=thread", "ThreadSanitizer (the option belongs on the link line too)", "")),
    (
        "__ubsan_",
        known("-fsanitize=undefined", "UndefinedBehaviorSanitizer (the option belongs on the link line too)", ""),
    ),
    ("_gfortran_", known("-lgfortran", "the Fortran runtime (link with gfortran)", "")),
    ("archive_", known("-larchive", "libarchive", "libarchive-dev")),
    ("cairo_", known("-lcairo", "cairo", "libcairo2-dev")),
    ("cblas_", known("-lcblas", "CBLAS", "libblas-dev")),
    ("curl_", known("-lcurl", "libcurl", "libcurl4-openssl-dev")),
    ("dbus_", known("-ldbus-1", "D-Bus", "libdbus-1-dev")),
    ("event_", known("-levent", "libevent", "libevent-dev")),
    ("ffi_", known("-lffi", "libffi", "libffi-dev")),
    ("fftw_", known("-lfftw3", "FFTW", "libfftw3-dev")),
    ("g_", known("-lglib-2.0", "GLib (pkg-config --libs glib-2.0 gobject-2.0)", "libglib2.0-dev")),
    ("gnutls_", known("-lgnutls", "GnuTLS", "libgnutls28-dev")),
    ("gsl_", known("-lgsl", "the GNU Scientific Library", "libgsl-dev")),
    ("gz", known("-lz", "zlib", "zlib1g-dev")),
    ("jpeg_", known("-ljpeg", "libjpeg", "libjpeg-dev")),
    ("json_object_", known("-ljson-c", "json-c", "libjson-c-dev")),
    ("jv_", known("-ljq", "libjq", "libjq-dev")),
    ("libusb_", known("-lusb-1.0", "libusb", "libusb-1.0-0-dev")),
    ("luaL_", known("-llua5.4", "Lua", "liblua5.4-dev")),
    ("lua_", known("-llua5.4", "Lua", "liblua5.4-dev")),
    ("lzma_", known("-llzma", "liblzma", "liblzma-dev")),
    ("mnl_", known("-lmnl", "libmnl", "libmnl-dev")),
    ("mpfr_", known("-lmpfr", "MPFR", "libmpfr-dev")),
    ("mq_", known("-lrt", "librt (part of libc from glibc 2.34 on)", "libc6-dev")),
    ("numa_", known("-lnuma", "libnuma", "libnuma-dev")),
    ("omp_", known("-fopenmp", "OpenMP", "")),
    ("onig_", known("-lonig", "Oniguruma", "libonig-dev")),
    ("pam_", known("-lpam", "PAM", "libpam0g-dev")),
    ("pcap_", known("-lpcap", "libpcap", "libpcap-dev")),
    ("pcre2_", known("-lpcre2-8", "PCRE2", "libpcre2-dev")),
    ("png_", known("-lpng", "libpng", "libpng-dev")),
    ("pthread_", known("-pthread", "POSIX threads (part of libc from glibc 2.34 on)", "libc6-dev")),
    ("rl_", known("-lreadline", "GNU Readline", "libreadline-dev")),
    ("sd_", known("-lsystemd", "libsystemd", "libsystemd-dev")),
    ("sem_", known("-pthread", "POSIX threads (part of libc from glibc 2.34 on)", "libc6-dev")),
    ("shm_", known("-lrt", "librt (part of libc from glibc 2.34 on)", "libc6-dev")),
    ("snd_", known("-lasound", "ALSA", "libasound2-dev")),
    ("sqlite3_", known("-lsqlite3", "SQLite", "libsqlite3-dev")),
    ("timer_", known("-lrt", "librt (part of libc from glibc 2.34 on)", "libc6-dev")),
    ("udev_", known("-ludev", "libudev", "libudev-dev")),
    ("uuid_", known("-luuid", "libuuid", "uuid-dev")),
    ("uv_", known("-luv", "libuv", "libuv1-dev")),
    ("wl_", known("-lwayland-client", "Wayland", "libwayland-dev")),
    ("xcb_", known("-lxcb", "XCB", "libxcb1-dev")),
    ("xml", known("-lxml2", "libxml2", "libxml2-dev")),
    ("yaml_", known("-lyaml", "libyaml", "libyaml-dev")),
    ("zip_", known("-lzip", "libzip", "libzip-dev")),
];

/// Functions of `<math.h>`; each has `f` and `l` forms.
const MATH: &[&str] = &[
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "ceil",
    "copysign",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "exp10",
    "exp2",
    "expm1",
    "fabs",
    "fdim",
    "floor",
    "fma",
    "fmax",
    "fmin",
    "fmod",
    "frexp",
    "gamma",
    "hypot",
    "ilogb",
    "j0",
    "j1",
    "jn",
    "ldexp",
    "lgamma",
    "llrint",
    "llround",
    "log",
    "log10",
    "log1p",
    "log2",
    "logb",
    "lrint",
    "lround",
    "modf",
    "nan",
    "nearbyint",
    "nextafter",
    "pow",
    "remainder",
    "remquo",
    "rint",
    "round",
    "scalbln",
    "scalbn",
    "sin",
    "sincos",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "tgamma",
    "trunc",
    "y0",
    "y1",
    "yn",
];

/// Whole names.
const NAMES: &[(&str, Known)] = &[
    ("add_history", known("-lreadline", "GNU Readline", "libreadline-dev")),
    ("adler32", known("-lz", "zlib", "zlib1g-dev")),
    ("compress", known("-lz", "zlib", "zlib1g-dev")),
    ("compress2", known("-lz", "zlib", "zlib1g-dev")),
    ("compressBound", known("-lz", "zlib", "zlib1g-dev")),
    ("crc32", known("-lz", "zlib", "zlib1g-dev")),
    ("crypt", known("-lcrypt", "libcrypt", "libcrypt-dev")),
    ("crypt_r", known("-lcrypt", "libcrypt", "libcrypt-dev")),
    ("deflate", known("-lz", "zlib", "zlib1g-dev")),
    ("deflateEnd", known("-lz", "zlib", "zlib1g-dev")),
    ("deflateInit2_", known("-lz", "zlib", "zlib1g-dev")),
    ("deflateInit_", known("-lz", "zlib", "zlib1g-dev")),
    ("dladdr", known("-ldl", "libdl (part of libc from glibc 2.34 on)", "libc6-dev")),
    ("dlclose", known("-ldl", "libdl (part of libc from glibc 2.34 on)", "libc6-dev")),
    ("dlerror", known("-ldl", "libdl (part of libc from glibc 2.34 on)", "libc6-dev")),
    ("dlopen", known("-ldl", "libdl (part of libc from glibc 2.34 on)", "libc6-dev")),
    ("dlsym", known("-ldl", "libdl (part of libc from glibc 2.34 on)", "libc6-dev")),
    ("endwin", known("-lncurses", "ncurses", "libncurses-dev")),
    ("inflate", known("-lz", "zlib", "zlib1g-dev")),
    ("inflateEnd", known("-lz", "zlib", "zlib1g-dev")),
    ("inflateInit2_", known("-lz", "zlib", "zlib1g-dev")),
    ("inflateInit_", known("-lz", "zlib", "zlib1g-dev")),
    ("initscr", known("-lncurses", "ncurses", "libncurses-dev")),
    ("readline", known("-lreadline", "GNU Readline", "libreadline-dev")),
    ("tgetent", known("-ltinfo", "terminfo", "libncurses-dev")),
    ("uncompress", known("-lz", "zlib", "zlib1g-dev")),
    ("zlibVersion", known("-lz", "zlib", "zlib1g-dev")),
];

const LIBM: Known = known("-lm", "the mathematical functions of libc", "libc6-dev");

/// What usually has the symbol.
pub fn library_of(name: &str) -> Option<&'static Known> {
    if let Some((_, known)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(known);
    }
    let stem = name.strip_suffix(['f', 'l']).unwrap_or(name);
    if MATH.contains(&name) || MATH.contains(&stem) {
        return Some(&LIBM);
    }
    PREFIXES
        .iter()
        .filter(|(prefix, _)| name.starts_with(prefix) && name.len() > prefix.len())
        .max_by_key(|(prefix, _)| prefix.len())
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_go_by_their_stems_in_any_version() {
        let known = library_of("png_read_info").expect("it is libpng's");
        assert_eq!(library_stem("libpng16.so.16"), Some("png16"));
        assert_eq!(library_stem("libz.a"), Some("z"));
        assert_eq!(library_stem("crt1.o"), None);
        assert!(known.is_called("png") && known.is_called("png16"));
        assert!(!known.is_called("pngquant") && !known.is_called("z"));
    }

    #[test]
    fn the_longest_prefix_counts() {
        let flag = |name: &str| library_of(name).map(|known| known.flag);
        assert_eq!(flag("sqrt"), Some("-lm"));
        assert_eq!(flag("sqrtf"), Some("-lm"));
        assert_eq!(flag("_ZNSt6vectorIiSaIiEE9push_backERKi"), Some("-lstdc++"));
        assert_eq!(flag("_ZNSt3__14coutE"), Some("-lc++"));
        assert_eq!(flag("SSL_read"), Some("-lssl"));
        assert_eq!(flag("deflate"), Some("-lz"));
        assert_eq!(flag("main"), None);
        assert_eq!(flag("my_function"), None);
    }
}
