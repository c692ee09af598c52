use casebook_core::watch::{Hierarchy, Key, Moment, Visit as _};

use super::*;
use crate::facts::recording::sampler::{Sampler, files};

const MIB: u64 = 1 << 20;

/// Tells the sampler of a group: path, current and max in MiB, anon, shmem.
fn group(sampler: &mut Sampler, id: u32, [current, anon, shmem]: [u64; 3], max: Option<u64>) {
    let file = |name: &str| files(Hierarchy::V2).iter().position(|known| *known == name).unwrap();
    let mut tell = |name: &str, content: String| sampler.read(id, file(name), content.as_bytes());
    let bytes = |mib: u64| mib * MIB;
    tell("memory.current", bytes(current).to_string());
    tell("memory.max", max.map_or("max".to_owned(), |max| bytes(max).to_string()));
    tell("memory.swap.max", "0".to_owned());
    tell("memory.events", format!("low 0\nhigh 0\nmax {current}\noom 0\noom_kill {}\n", u64::from(current > 60)));
    tell("memory.pressure", format!("some avg10=0.00 total={}\n", current * 1000));
    let (cache, kernel) = (current - anon - shmem - 1, 1);
    tell(
        "memory.stat",
        format!(
            "anon {}\nfile {}\nkernel {}\nsock 0\nshmem {}\nfile_dirty 0\ninactive_anon {}\nactive_anon 0\n\
             inactive_file {}\nactive_file 0\nunevictable 0\nslab_reclaimable 0\n",
            bytes(anon),
            bytes(cache + shmem),
            bytes(kernel),
            bytes(shmem),
            bytes(anon + shmem),
            bytes(cache)
        ),
    );
}

fn board() -> Board {
    let mut sampler = Sampler::new(Hierarchy::V2, 1_000_000).thorough();
    sampler.appeared(1, "/lab.slice");
    sampler.appeared(2, "/lab.slice/a\u{1b}.service");
    sampler.appeared(3, "/quiet.service");
    sampler.read(0, 0, b"MemTotal: 1048576 kB\nMemAvailable: 524288 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
    let mut board = Board::new(Sort::Tree);
    for (second, current) in [(0, 50), (30, 62)] {
        group(&mut sampler, 1, [current + 1, 20, current - 40], Some(64));
        group(&mut sampler, 2, [current, 20, current - 40], Some(200));
        group(&mut sampler, 3, [10, 2, 0], None);
        board.take(Moment { monotonic_us: 1_000_000 + second * 1_000_000, ..Moment::default() }, &sampler);
        sampler.done();
    }
    board
}

fn screen(columns: usize, rows: usize) -> Screen {
    Screen { columns, rows, color: false, unicode: false }
}

#[test]
fn a_frame_shows_the_limit_above_the_floor_and_the_time_that_is_left() {
    let shown = frame(&board(), screen(150, 8));
    let expected = "\
3 groups by tree; machine: 512M of 1.0G available, swap 0 of 0 free
GROUP                                        CURRENT  LIMIT             FLOOR  ANON SHMEM       FILE KERNEL  SOCK  SWAP  +/MIN FULL IN  MAX/OOM  PRESS
  lab.slice                                      63M    64M ######+++.    43M   20M   22M      20M/0   1.0M     0     -   +24M      2s     12/1   0.0%
    a?.service                                   62M   ^64M ######+++.    43M   20M   22M      19M/0   1.0M     0     -   +24M      2s     12/1   0.0%
  quiet.service                                  10M    max              3.0M  2.0M     0     7.0M/0   1.0M     0     -      0       -      0/0   0.0%


q quit  t tree/flat  s sort  / filter  arrows scroll
";
    assert_eq!(shown, expected);
}

#[test]
fn a_narrow_screen_leaves_out_columns_and_no_line_is_too_long() {
    for columns in [1, 20, 40, 60, 80, 100] {
        let shown = frame(&board(), screen(columns, 6));
        assert!(shown.lines().all(|line| line.chars().count() <= columns.max(68)), "{columns}: {shown}");
        assert_eq!(shown.lines().count(), 6);
    }
    assert!(frame(&board(), screen(60, 6)).contains("FLOOR"));
    assert!(!frame(&board(), screen(60, 6)).contains("SOCK"));
}

#[test]
fn keys_sort_filter_scroll_and_quit() {
    let mut board = board();
    let first = |board: &Board| board.shown().next().map(|row| row.path.clone()).unwrap_or_default();
    assert!(board.key(Key::Char('s'), 2));
    assert_eq!((board.sort.name(), first(&board).as_str()), ("current", "/lab.slice"));
    "/qui".chars().for_each(|char| assert!(board.key(Key::Char(char), 2)));
    assert!(board.key(Key::Char('q'), 2), "it is typed into the filter");
    assert!(board.key(Key::Backspace, 2) && board.key(Key::Enter, 2));
    assert_eq!(board.shown().count(), 1);
    assert!(board.key(Key::Escape, 2));
    assert!(board.key(Key::Down, 2) && board.key(Key::Down, 2));
    assert_eq!(board.scroll, 1, "three rows, two at a time");
    assert!(!board.key(Key::Char('q'), 2));
}

#[test]
fn colors_say_what_is_hopeless() {
    let shown = frame(&board(), Screen { color: true, ..screen(150, 8) });
    assert!(shown.contains("\u{1b}[31m") && !shown.contains("a\u{1b}.service"), "{shown:?}");
}
