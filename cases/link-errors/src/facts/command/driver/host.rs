//! What a driver finds on its machine: its own folder, the folders of libraries, and the defaults it was configured with.

use super::super::Command;
use super::super::program::{Driver, Program, program};

/// What there is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Nothing.
    Nothing,
    /// A file.
    File,
    /// A folder.
    Folder,
    /// Nobody knows.
    Unknown,
}

/// Looks at a path of the machine the link ran on.
pub type Look<'a> = dyn Fn(&str) -> At + 'a;

/// How a GCC was configured, as far as a link line shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gcc {
    /// `/usr/lib/gcc/x86_64-linux-gnu/12`
    pub folder: String,
    /// `x86_64-linux-gnu`, the name of its target in paths.
    pub target: String,
    /// `--enable-default-pie`
    pub default_pie: bool,
    /// `--enable-linker-build-id`
    pub build_id: bool,
    /// `--with-linker-hash-style`
    pub hash_style: Option<String>,
    /// The plugin for link-time optimisation; `None` where GCC has none.
    pub plugin: Option<String>,
}

/// The machine of a driver.
pub struct Host<'a> {
    /// Looks at paths.
    pub look: &'a Look<'a>,
    /// GCC's installation; clang uses it too. `None` when it is not known.
    pub gcc: Option<Gcc>,
    /// GCC passes `--as-needed` by itself; `None` when that is not known.
    pub as_needed: Option<bool>,
    /// clang's version, where it is the driver.
    pub clang: Option<u16>,
    /// Where clang's own runtime is: `/usr/lib/llvm-19/lib/clang/19`.
    pub clang_resources: Option<String>,
    /// `x86_64`, `aarch64`.
    pub arch: String,
    /// Folder of libraries below `/usr/lib`, of the distributions that have one: `x86_64-linux-gnu`.
    pub multiarch: Option<String>,
    /// Where 64-bit libraries are, from `/usr/lib`: `../lib` or `../lib64`.
    pub os_folder: String,
    /// The distribution, in the words of the compilers' versions: `Debian`, `Ubuntu`, `Red`.
    pub vendor: Option<String>,
}

/// Nothing is known of the paths.
fn blind(_: &str) -> At {
    At::Unknown
}

impl Host<'static> {
    /// A machine nothing is known of.
    pub fn unknown() -> Self {
        Host {
            look: &blind,
            gcc: None,
            as_needed: None,
            clang: None,
            clang_resources: None,
            arch: "x86_64".to_owned(),
            multiarch: None,
            os_folder: "../lib".to_owned(),
            vendor: None,
        }
    }
}

/// The distribution by the content of `/etc/os-release`, in the words compilers have for it.
pub fn vendor_of(os_release: &str) -> Option<&'static str> {
    let id = os_release.lines().find_map(|line| line.strip_prefix("ID="))?;
    Some(match id.trim().trim_matches(['"', '\'']) {
        "debian" | "raspbian" => "Debian",
        "ubuntu" | "linuxmint" | "pop" => "Ubuntu",
        "fedora" => "Fedora",
        "rhel" | "centos" | "rocky" | "almalinux" => "Red",
        "opensuse-leap" | "opensuse-tumbleweed" | "sles" => "SUSE",
        "arch" | "manjaro" => "Arch",
        "alpine" => "Alpine",
        "gentoo" => "Gentoo",
        _ => return None,
    })
}

/// Does this distribution's GCC pass `--as-needed` by itself?
///
/// Debian since gcc 11 (gcc-as-needed.diff of its packages), Ubuntu since 11.10; Fedora, Red Hat and SUSE do not (their package builds put it
/// into LDFLAGS). Of others it is not known here.
pub fn passes_as_needed(vendor: Option<&str>, version: u16) -> Option<bool> {
    match vendor? {
        "Debian" => (version != 0).then_some(version >= 11),
        "Ubuntu" => Some(true),
        "Red" | "Fedora" | "SUSE" | "openSUSE" => Some(false),
        _ => None,
    }
}

impl<'a> Host<'a> {
    /// The machine of a command: what its program's name and the text around it say, the rest by looking. `vendor` is the distribution where
    /// the text does not tell it ([`vendor_of`]).
    pub fn of_command(command: &Command, look: &'a Look<'a>, vendor: Option<&str>) -> Self {
        let named = command.words.first().and_then(|word| program(&word.text));
        let (driver, target, version) = match named {
            Some(Program::Driver { driver, target, version, .. }) => (Some(driver), target, version),
            _ => (None, None, None),
        };
        let banner = &command.banner;
        let is_clang = match driver {
            Some(Driver::System) | None => banner.driver == Some(Driver::Clang),
            Some(driver) => driver == Driver::Clang,
        };
        let target = target.or_else(|| banner.target.clone());
        let arch = target.as_deref().and_then(|target| target.split('-').next()).unwrap_or("x86_64");
        let spoken =
            banner.driver_version.filter(|_| banner.driver.is_some_and(|driver| (driver == Driver::Clang) == is_clang));
        let version = version.or(spoken);
        let vendor = banner.vendor.as_deref().or(vendor);
        let mut host = Self::probe(look, arch, vendor, version.filter(|_| !is_clang));
        if is_clang {
            host.clang = Some(version.unwrap_or(19));
            host.clang_resources = host.clang.map(|version| format!("/usr/lib/llvm-{version}/lib/clang/{version}"));
        }
        host
    }

    /// Looks for what a driver would find: GCC in `/usr/lib/gcc`, folders of several architectures.
    ///
    /// `target` and `vendor` come from the driver's own words where it spoke; else from the names of folders.
    pub fn probe(look: &'a Look<'a>, arch: &str, vendor: Option<&str>, version: Option<u16>) -> Self {
        const TARGETS: &[&str] =
            &["ARCH-linux-gnu", "ARCH-pc-linux-gnu", "ARCH-redhat-linux", "ARCH-suse-linux", "ARCH-alpine-linux-musl"];
        const NEWEST: u16 = 30;
        let mut gcc = None;
        let versions: Vec<u16> = version.map_or_else(|| (4..=NEWEST).rev().collect(), |version| vec![version]);
        'found: for target in TARGETS {
            let target = target.replace("ARCH", arch);
            for version in &versions {
                for lib in ["lib", "lib64"] {
                    let folder = format!("/usr/{lib}/gcc/{target}/{version}");
                    // An installation is one that has crtbegin.o; clang looks for the same.
                    if look(&format!("{folder}/crtbegin.o")) == At::File {
                        gcc = Some((folder, target, *version));
                        break 'found;
                    }
                }
            }
        }
        let multiarch = format!("{arch}-linux-gnu");
        let is_multiarch = look(&format!("/usr/lib/{multiarch}")) == At::Folder;
        let debian = is_multiarch && vendor.is_none_or(|vendor| matches!(vendor, "Debian" | "Ubuntu"));
        let as_needed = passes_as_needed(vendor, gcc.as_ref().map_or(0, |(.., version)| *version));
        let gcc = gcc.map(|(folder, target, _)| Gcc {
            default_pie: !matches!(vendor, Some("Red" | "Fedora" | "SUSE")) && (debian || target.contains("-pc-")),
            build_id: true,
            hash_style: Some("gnu".to_owned()),
            plugin: Some(format!("{folder}/liblto_plugin.so")),
            folder,
            target,
        });
        Host {
            look,
            gcc,
            as_needed,
            clang: None,
            clang_resources: None,
            arch: arch.to_owned(),
            multiarch: is_multiarch.then_some(multiarch),
            os_folder: if debian || look("/usr/lib64") != At::Folder { "../lib" } else { "../lib64" }.to_owned(),
            vendor: vendor.map(str::to_owned),
        }
    }
}
