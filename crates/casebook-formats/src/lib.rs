//! Pure readers, and the models of mechanisms, that two cases need: bytes in, facts with places out.

pub mod ar;
pub mod capture;
pub mod elf;
pub mod gap;
pub mod journal;
pub mod json;
pub mod kernel_log;
pub mod ldscript;
pub mod nft;
pub mod oom;
pub mod packet;
pub mod place;
pub mod sniff;
pub mod stamp;
pub mod sysctl;
pub mod text;
pub mod unit;
pub mod yaml;
