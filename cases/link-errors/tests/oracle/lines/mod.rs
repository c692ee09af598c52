//! Lines against the programs that read them: what a driver makes of a command, which files a linker finds, which options it knows.

mod driver;
mod evidence;
mod options;
mod search;
