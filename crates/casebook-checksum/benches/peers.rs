//! Every version and every peer crate on the same bytes, in one run.
//!
//! `cargo bench -p casebook-checksum --bench peers [-- ROUNDS] [cache|polynomial|threads|memory]`. In each round everything is measured once, one after the
//! other; the ratio is taken within the round and the median over the rounds is printed, so that a machine that slows down
//! for a while slows down both sides of it.
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use casebook_checksum::{Algorithm, Sum, crc32c, implementations, internet};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Bytes to a value of them.
type Call = dyn Fn(&[u8]) -> u64;

/// The same without a closure's state.
type Function = fn(&[u8]) -> u64;

/// Something that reads all bytes and gives a value of them.
struct Entry {
    name: String,
    run: Box<Call>,
}

fn entry(name: &str, run: impl Fn(&[u8]) -> u64 + 'static) -> Entry {
    Entry { name: name.to_owned(), run: Box::new(run) }
}

/// Calls `function` on `bytes` over and over, inside, so that the call itself can be inlined as in a caller's loop.
fn timed(function: &Call, bytes: &[u8]) -> Duration {
    let start = Instant::now();
    black_box(function(black_box(bytes)));
    start.elapsed()
}

/// One sample is `repeat` calls in one loop.
fn looped(repeat: usize, run: impl Fn(&[u8]) -> u64 + 'static) -> impl Fn(&[u8]) -> u64 + 'static {
    move |bytes| {
        let mut last = 0;
        for _ in 0..repeat {
            last = black_box(run(black_box(bytes)));
        }
        last
    }
}

fn internet_entries(repeat: usize) -> Vec<Entry> {
    vec![
        entry("casebook", looped(repeat, |b| u64::from(internet::checksum(b)))),
        entry("internet-checksum", looped(repeat, |b| u64::from(u16::from_be_bytes(internet_checksum::checksum(b))))),
        entry(
            "etherparse",
            looped(repeat, |b| {
                u64::from(etherparse::checksum::Sum16BitWords::new().add_slice(b).ones_complement().to_be())
            }),
        ),
        entry("smoltcp", looped(repeat, |b| u64::from(!smoltcp::wire::checksum::data(b)))),
        entry("pnet_packet", looped(repeat, |b| u64::from(pnet_packet::util::checksum(b, usize::MAX)))),
    ]
}

fn crc_entries(repeat: usize) -> Vec<Entry> {
    vec![
        entry("casebook", looped(repeat, |b| u64::from(crc32c::checksum(b)))),
        entry("crc32c", looped(repeat, |b| u64::from(::crc32c::crc32c(b)))),
        entry("crc-fast", looped(repeat, |b| crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, b))),
    ]
}

fn versions(algorithm: Algorithm, repeat: usize) -> Vec<Entry> {
    implementations()
        .filter(|version| version.algorithm == algorithm)
        .map(|version| {
            entry(
                &format!("  version {}", version.path.name()),
                looped(repeat, move |b| version.run(b).unwrap_or_default()),
            )
        })
        .collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Measures all entries `rounds` times in turn and prints a line for each. The first is ours; ratios are ours to theirs.
fn table(title: &str, entries: &[Entry], bytes: &[u8], repeat: usize, rounds: usize) {
    println!("\n{title}");
    println!("| what | GB/s | best GB/s | ns a call | casebook is faster, times |");
    println!("|---|---|---|---|---|");
    let values: Vec<u64> = entries.iter().map(|entry| (entry.run)(bytes)).collect();
    let mut times = vec![Vec::with_capacity(rounds); entries.len()];
    for _ in 0..rounds {
        for (entry, times) in entries.iter().zip(&mut times) {
            times.push(timed(&*entry.run, bytes).as_secs_f64() / repeat as f64);
        }
    }
    for ((entry, own), value) in entries.iter().zip(&times).zip(&values) {
        let ratios = own.iter().zip(&times[0]).map(|(theirs, ours)| theirs / ours).collect();
        let typical = median(own.clone());
        let best = own.iter().copied().fold(f64::INFINITY, f64::min);
        let speed = |seconds: f64| bytes.len() as f64 / seconds / 1e9;
        let wrong = if entry.name.starts_with("read") || entry.name == "memcpy" || *value == values[0] {
            ""
        } else {
            " (other value)"
        };
        println!(
            "| {}{wrong} | {:.1} | {:.1} | {:.1} | {:.2} |",
            entry.name,
            speed(typical),
            speed(best),
            typical * 1e9,
            median(ratios)
        );
    }
}

/// What reading alone costs: the exclusive or of all bytes.
mod read {
    #![allow(unsafe_code, reason = "the loop compiled for wider loads than the target promises")]

    /// Four chains of eight words of 64 bits, which the compiler makes vectors of.
    #[inline(always)]
    pub(crate) fn words(bytes: &[u8]) -> u64 {
        let mut chains = [[0u64; 8]; 4];
        for chunk in bytes.as_chunks::<256>().0 {
            for (chain, vector) in chains.iter_mut().zip(chunk.as_chunks::<64>().0) {
                *chain = xor(*chain, vector);
            }
        }
        chains.iter().flatten().fold(0, |all, lane| all ^ lane)
    }

    #[inline(always)]
    fn xor(lanes: [u64; 8], vector: &[u8; 64]) -> [u64; 8] {
        let words = vector.as_chunks::<8>().0;
        std::array::from_fn(|lane| lanes[lane] ^ u64::from_ne_bytes(words[lane]))
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn avx512(bytes: &[u8]) -> u64 {
        use std::arch::x86_64::*;
        let mut chains = [_mm512_setzero_si512(); 4];
        for chunk in bytes.as_chunks::<256>().0 {
            for (chain, vector) in chains.iter_mut().zip(chunk.as_chunks::<64>().0) {
                // SAFETY: 64 bytes are read from a reference to 64 bytes.
                *chain = _mm512_xor_si512(*chain, unsafe { _mm512_loadu_si512(vector.as_ptr().cast()) });
            }
        }
        let both = _mm512_xor_si512(_mm512_xor_si512(chains[0], chains[1]), _mm512_xor_si512(chains[2], chains[3]));
        _mm512_reduce_add_epi64(both) as u64
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn avx2(bytes: &[u8]) -> u64 {
        words(bytes)
    }

    pub(crate) type Read = fn(&[u8]) -> u64;

    /// The read loops this processor can run.
    pub(crate) fn all() -> Vec<(&'static str, Read)> {
        let mut found: Vec<(&'static str, Read)> = vec![("read, baseline", |b| words(b))];
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2.
                found.push(("read, avx2", |b| unsafe { avx2(b) }));
            }
            if std::arch::is_x86_feature_detected!("avx512f") {
                // SAFETY: the processor has AVX-512F.
                found.push(("read, avx512", |b| unsafe { avx512(b) }));
            }
        }
        found
    }
}

/// Sums halves on two threads and joins them.
fn on_two_threads(bytes: &[u8]) -> u64 {
    let (head, rest) = bytes.split_at(bytes.len() / 2);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| Sum::of(rest));
        let first = Sum::of(head);
        second.join().map_or(0, |second| u64::from(first.then(second).checksum()))
    })
}

/// CRCs of halves on two threads, joined.
fn crc_on_two_threads(bytes: &[u8]) -> u64 {
    let (head, rest) = bytes.split_at(bytes.len() / 2);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| crc32c::checksum(rest));
        let first = crc32c::checksum(head);
        second.join().map_or(0, |second| u64::from(crc32c::combine(first, second, rest.len() as u64)))
    })
}

/// Bytes of the cache that two threads work on at once.
const IN_CACHE: usize = 16 << 10;

/// Runs `function` over and over on a small stretch, on as many threads at once as asked; the time counts until
/// the last has ended.
fn crowd(threads: usize, function: Function) -> impl Fn(&[u8]) -> u64 {
    move |bytes| {
        let work =
            |bytes: &[u8]| (0..20_000).fold(0, |all, _| all ^ black_box(function(black_box(&bytes[..IN_CACHE]))));
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| work(bytes))).collect();
            let own = work(bytes);
            others.into_iter().fold(own, |all, other| all ^ other.join().unwrap_or_default())
        })
    }
}

fn in_cache(large: &[u8], rounds: usize) {
    for size in [64, 1448, 65_536] {
        let bytes = &large[..size];
        let repeat = (4 << 20) / size / if size < 1000 { 2 } else { 1 };
        let mut entries = internet_entries(repeat);
        entries.extend(versions(Algorithm::Internet, repeat).into_iter().skip(1));
        table(&format!("Internet checksum, {size} bytes in cache"), &entries, bytes, repeat, rounds);
        let mut entries = crc_entries(repeat);
        entries.extend(versions(Algorithm::Crc32c, repeat).into_iter().skip(1));
        table(&format!("CRC-32C, {size} bytes in cache"), &entries, bytes, repeat, rounds);
    }
}

fn polynomials(large: &[u8], rounds: usize) {
    for algorithm in [Algorithm::Polynomial32, Algorithm::Polynomial64] {
        for size in [64, 1448, 65_536] {
            let repeat = (1 << 20) / size;
            let mut entries = vec![entry("casebook", looped(repeat, move |b| algorithm.run(b)))];
            entries.extend(versions(algorithm, repeat));
            let title = format!("{}, K = 31, {size} bytes in cache", algorithm.name());
            table(&title, &entries, &large[..size], repeat, rounds);
        }
    }
}

/// Packets and large segments one after the other, as a capture reader sees them.
fn chunked(large: &[u8], size: usize, rounds: usize) {
    let each = |name: &str, function: Function| {
        entry(name, move |bytes: &[u8]| bytes.chunks(size).fold(0, |all, part| all ^ function(part)))
    };
    let entries = [
        each("casebook", |b| u64::from(internet::checksum(b))),
        each("internet-checksum", |b| u64::from(u16::from_be_bytes(internet_checksum::checksum(b)))),
        each("smoltcp", |b| u64::from(!smoltcp::wire::checksum::data(b))),
    ];
    table(&format!("Internet checksum of {size} bytes at a time, 512 MiB out of cache"), &entries, large, 1, rounds);
    let entries = [
        each("casebook", |b| u64::from(crc32c::checksum(b))),
        each("crc32c", |b| u64::from(::crc32c::crc32c(b))),
        each("crc-fast", |b| crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, b)),
    ];
    table(&format!("CRC-32C of {size} bytes at a time, 512 MiB out of cache"), &entries, large, 1, rounds);
}

fn out_of_cache(large: &[u8], rounds: usize) {
    let reads = || read::all().into_iter().map(|(name, run)| entry(name, run));
    let mut entries = internet_entries(1);
    entries.push(entry("casebook, two threads", on_two_threads));
    entries.extend(reads());
    entries.extend(versions(Algorithm::Internet, 1).into_iter().skip(1));
    table("Internet checksum, 512 MiB out of cache", &entries, large, 1, rounds);
    let mut entries = crc_entries(1);
    entries.push(entry("casebook, two threads", crc_on_two_threads));
    entries.extend(reads());
    table("CRC-32C, 512 MiB out of cache", &entries, large, 1, rounds);
    for size in [1448, 65_536] {
        chunked(large, size, rounds);
    }
    let mut copy = vec![1u8; large.len()];
    let seconds: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            copy.copy_from_slice(black_box(large));
            black_box(&copy);
            start.elapsed().as_secs_f64()
        })
        .collect();
    println!("\nmemcpy of 512 MiB: {:.1} GB/s read and as much written", large.len() as f64 / median(seconds) / 1e9);
}

/// One thread and two, each on its own 16 KiB in cache: what a second core adds.
fn scaling(large: &[u8], rounds: usize) {
    println!(
        "\nTwo threads, {IN_CACHE} bytes in cache each: work done in the same time, against one thread (best of {rounds})"
    );
    let functions: [(&str, Function); 2] =
        [("Internet checksum", |b| u64::from(internet::checksum(b))), ("CRC-32C", |b| u64::from(crc32c::checksum(b)))];
    for (name, function) in functions {
        let best = |threads: usize| {
            (0..rounds).map(|_| timed(&crowd(threads, function), large)).min().map_or(0.0, |time| time.as_secs_f64())
        };
        println!("{name}: {:.2} times", 2.0 * best(1) / best(2));
    }
}

/// What can be run alone.
const PARTS: [&str; 4] = ["cache", "polynomial", "threads", "memory"];

fn main() {
    let rounds: usize = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(201);
    let mut state = 1u64;
    let large: Vec<u8> = (0..512 << 17)
        .flat_map(|_| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state ^ (state >> 32)).to_le_bytes()
        })
        .collect();
    let wanted = |part: &str| std::env::args().all(|argument| !PARTS.contains(&argument.as_str()) || argument == part);
    if wanted("cache") {
        in_cache(&large, rounds);
    }
    if wanted("polynomial") {
        polynomials(&large, rounds / 4 + 1);
    }
    if wanted("threads") {
        scaling(&large, rounds / 4 + 1);
    }
    if wanted("memory") {
        out_of_cache(&large, rounds / 10 + 1);
    }
}
