//! `casebook checksum bench`: every version of casebook-checksum on this machine, in turn, beside reading and copying.

use std::hint::black_box;
use std::io::Write;

use casebook_checksum::{Algorithm, implementations};
use casebook_core::{Arg, ArgKind, OutputFormat, Stopwatch, Verb, VerbError, VerbInput};
use serde_json::{Value, json};

#[cfg(feature = "peers")]
mod peers;

/// `casebook checksum bench`.
pub const BENCH: Verb = Verb {
    name: "bench",
    about: "Measure every version of the checksums on this machine",
    long: "Everything is measured once in each round, one after the other, and the median over the rounds is printed, so a machine \
           that is slow for a while is slow for all rows. A program built with `--features peers` has the peer crates as \
           rows too.\n\nExamples:\n  casebook checksum bench\n  casebook checksum bench --rounds 301 --format json",
    args: &[
        Arg {
            name: "rounds",
            kind: ArgKind::Value,
            value_name: "N",
            help: "Rounds; the median of so many is printed [default: 101]",
            required: false,
            many: false,
        },
        Arg {
            name: "big",
            kind: ArgKind::Value,
            value_name: "MIB",
            help: "Size of the buffer that is larger than the caches, in MiB [default: 256]",
            required: false,
            many: false,
        },
    ],
    run: bench,
};

/// Sizes that stay in the caches: a small packet, a full segment, the largest.
const SIZES: [usize; 3] = [64, 1448, 65_536];

/// Bytes a sample of a small size goes over.
const SAMPLE_BYTES: usize = 1 << 20;

/// A checksum of bytes, so many times over; the value of the last time.
type Run = Box<dyn Fn(&[u8], usize) -> u64>;

/// The loop is inside, so that a call can be inlined into it as in a caller's own.
fn looped(run: impl Fn(&[u8]) -> u64 + 'static) -> Run {
    Box::new(move |bytes, repeat| {
        let mut last = 0;
        for _ in 0..repeat {
            last = black_box(run(black_box(bytes)));
        }
        last
    })
}

/// Something that is measured.
struct Row {
    algorithm: &'static str,
    name: String,
    run: Run,
}

impl Row {
    fn new(algorithm: &'static str, name: impl Into<String>, run: impl Fn(&[u8]) -> u64 + 'static) -> Self {
        Self { algorithm, name: name.into(), run: looped(run) }
    }
}

/// What a row took at one size.
struct Figure {
    bytes: usize,
    median_ns: f64,
    /// False when the value is not that of the algorithm's first row.
    agrees: bool,
}

fn bench(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let number = |name: &str, default: usize, most: usize| match input.value(name) {
        Some(text) => match text.parse() {
            Ok(value) if (1..=most).contains(&value) => Ok(value),
            _ => Err(VerbError::usage(format!("--{name} is a number from 1 to {most}, not \"{text}\""))),
        },
        None => Ok(default),
    };
    let (rounds, mib) = (number("rounds", 101, 100_000)?, number("big", 256, 16_384)?);
    let stopwatch = input.stopwatch.ok_or_else(|| VerbError::usage("there is no clock to measure with"))?;
    let big = bytes(mib << 20);
    let rows = rows();
    let mut figures: Vec<Vec<Figure>> = rows.iter().map(|_| Vec::new()).collect();
    for size in SIZES {
        let repeat = (SAMPLE_BYTES / size).max(1);
        measure(stopwatch, &rows, &big[..size.min(big.len())], repeat, rounds, &mut figures);
    }
    measure(stopwatch, &rows, &big, 1, rounds.div_ceil(10), &mut figures);
    let mut copy = vec![0; big.len()];
    let mut samples: Vec<f64> = (0..rounds.div_ceil(10))
        .map(|_| stopwatch.time(&mut || black_box(&mut copy[..]).copy_from_slice(black_box(&big))) as f64)
        .collect();
    let memcpy = big.len() as f64 / median(&mut samples);
    match input.format {
        OutputFormat::Json => writeln!(out, "{}", json_of(&rows, &figures, rounds, memcpy))?,
        OutputFormat::Text => text(&rows, &figures, rounds, mib, memcpy, out)?,
    }
    Ok(0)
}

/// Ours, plainest first, the peers of a build that has them, then reading alone.
fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for algorithm in Algorithm::ALL {
        rows.push(Row::new(algorithm.name(), "casebook", move |bytes| algorithm.run(bytes)));
        for version in implementations().filter(|version| version.algorithm == algorithm) {
            let name = format!("  {}", version.path.name());
            rows.push(Row::new(algorithm.name(), name, move |bytes| version.run(bytes).unwrap_or_default()));
        }
        #[cfg(feature = "peers")]
        rows.extend(peers::rows(algorithm).into_iter().map(|(name, run)| Row {
            algorithm: algorithm.name(),
            name: name.to_owned(),
            run,
        }));
    }
    rows.push(Row::new("read", "exclusive or of 64-bit words", read));
    rows
}

/// What reading costs a plain loop: four chains of eight words, as wide as the build's own instructions.
fn read(bytes: &[u8]) -> u64 {
    let mut chains = [[0_u64; 8]; 4];
    for chunk in bytes.as_chunks::<256>().0 {
        for (chain, vector) in chains.iter_mut().zip(chunk.as_chunks::<64>().0) {
            for (lane, word) in chain.iter_mut().zip(vector.as_chunks::<8>().0) {
                *lane ^= u64::from_ne_bytes(*word);
            }
        }
    }
    chains.iter().flatten().fold(0, |all, lane| all ^ lane)
}

/// Bytes that no compiler knows: a linear congruence from 1.
fn bytes(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut out = Vec::with_capacity(count + 8);
    while out.len() < count {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        out.extend_from_slice(&(state >> 24).to_le_bytes()[..4]);
    }
    out.truncate(count);
    out
}

fn measure(
    stopwatch: &dyn Stopwatch,
    rows: &[Row],
    bytes: &[u8],
    repeat: usize,
    rounds: usize,
    figures: &mut [Vec<Figure>],
) {
    let mut times: Vec<Vec<f64>> = rows.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for _ in 0..rounds {
        for (row, times) in rows.iter().zip(&mut times) {
            let taken = stopwatch.time(&mut || {
                black_box((row.run)(bytes, repeat));
            });
            times.push(taken as f64 / repeat as f64);
        }
    }
    let mut first = ("", 0);
    for ((row, times), figures) in rows.iter().zip(&mut times).zip(figures) {
        let value = (row.run)(bytes, 1);
        if first.0 != row.algorithm {
            first = (row.algorithm, value);
        }
        figures.push(Figure { bytes: bytes.len(), median_ns: median(times), agrees: value == first.1 });
    }
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN).max(f64::MIN_POSITIVE)
}

fn text(
    rows: &[Row],
    figures: &[Vec<Figure>],
    rounds: usize,
    mib: usize,
    memcpy: f64,
    out: &mut dyn Write,
) -> Result<(), VerbError> {
    writeln!(out, "GB/s, median of {rounds} interleaved rounds ({} of the large buffer)", rounds.div_ceil(10))?;
    let mut last = "";
    for (row, figures) in rows.iter().zip(figures) {
        if row.algorithm != last {
            last = row.algorithm;
            let big = format!("{mib} MiB");
            writeln!(out, "\n{:<30}{:>10}{:>10}{:>10}{big:>12}", last, "64 B", "1448 B", "65536 B")?;
        }
        write!(out, "{:<30}", row.name)?;
        for (at, figure) in figures.iter().enumerate() {
            let width = if at == SIZES.len() { 12 } else { 10 };
            let mark = if figure.agrees { "" } else { "*" };
            write!(out, "{:>width$}", format!("{:.1}{mark}", figure.bytes as f64 / figure.median_ns))?;
        }
        writeln!(out)?;
    }
    if figures.iter().flatten().any(|figure| !figure.agrees) {
        writeln!(out, "\n* gives another value than the first row")?;
    }
    writeln!(out, "\nmemcpy of {mib} MiB: {memcpy:.1} GB/s read and as much written")?;
    if !cfg!(feature = "peers") {
        writeln!(out, "\nFor the peer crates as rows: cargo build --release -p casebook --features peers")?;
    }
    Ok(())
}

fn json_of(rows: &[Row], figures: &[Vec<Figure>], rounds: usize, memcpy: f64) -> Value {
    let list: Vec<Value> = rows
        .iter()
        .zip(figures)
        .map(|(row, figures)| {
            let sizes: Vec<Value> = figures
                .iter()
                .map(|one| {
                    json!({ "bytes": one.bytes, "ns": one.median_ns, "bytes_per_ns": one.bytes as f64 / one.median_ns, "agrees": one.agrees })
                })
                .collect();
            json!({ "algorithm": row.algorithm, "name": row.name.trim(), "sizes": sizes })
        })
        .collect();
    json!({ "rounds": rounds, "memcpy_bytes_per_ns": memcpy, "peers": cfg!(feature = "peers"), "rows": list })
}
