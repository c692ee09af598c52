//! Tables of lines: which address is of which line.

use std::collections::HashMap;
use std::rc::Rc;

use gimli::{ColumnType, Dwarf, LineProgramHeader, Unit};

use super::Line;
use super::sections::Slice;

/// Index of a file in [`Lines`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileIndex(u32);

#[derive(Clone, Copy, Debug)]
struct Row {
    address: u64,
    file: FileIndex,
    line: u32,
    column: u32,
}

/// A stretch of code whose rows follow each other.
#[derive(Clone, Copy, Debug)]
struct Sequence {
    start: u64,
    end: u64,
    /// Its rows, as a range of [`Lines::rows`].
    first: usize,
    last: usize,
}

#[derive(Clone, Debug)]
struct File {
    path: String,
    directory: Option<Rc<str>>,
}

/// Most files that are kept; what is in others has no line.
const MOST_FILES: usize = 1 << 20;
/// Most rows that are read of one object.
const MOST_ROWS: usize = 1 << 22;

/// All rows of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    rows: Vec<Row>,
    sequences: Vec<Sequence>,
    files: Vec<File>,
    /// Rows that were read, kept or not.
    read: usize,
    /// Files of the unit that is being read, by their number in it.
    known: HashMap<u64, Option<FileIndex>>,
}

impl Lines {
    /// Adds the rows of a unit.
    pub(super) fn add(&mut self, dwarf: &Dwarf<Slice<'_>>, unit: &Unit<Slice<'_>>) {
        self.known.clear();
        let Some(program) = unit.line_program.clone() else { return };
        let mut rows = program.rows();
        let mut first = self.rows.len();
        while let Ok(Some((header, row))) = rows.next_row() {
            if row.end_sequence() {
                let start = self.rows.get(first).map(|row| row.address);
                if let Some(start) = start.filter(|start| *start < row.address()) {
                    self.sequences.push(Sequence { start, end: row.address(), first, last: self.rows.len() });
                }
                first = self.rows.len();
                continue;
            }
            self.read += 1;
            if self.read > MOST_ROWS {
                break;
            }
            let line = row.line().and_then(|line| u32::try_from(line.get()).ok()).unwrap_or(0);
            let column = match row.column() {
                ColumnType::LeftEdge => 0,
                ColumnType::Column(column) => u32::try_from(column.get()).unwrap_or(0),
            };
            let (address, number) = (row.address(), row.file_index());
            if let Some(file) = self.file_of(dwarf, unit, header, number) {
                self.rows.push(Row { address, file, line, column });
            }
        }
        // Rows of a sequence that breaks off belong to none.
        self.rows.truncate(self.sequences.last().map_or(0, |last| last.last));
    }

    /// The file of a number in a unit, as its own table of files has it.
    pub(super) fn of_unit(
        &mut self,
        dwarf: &Dwarf<Slice<'_>>,
        unit: &Unit<Slice<'_>>,
        number: u64,
    ) -> Option<FileIndex> {
        let header = unit.line_program.as_ref()?.header();
        self.file_of(dwarf, unit, header, number)
    }

    fn file_of(
        &mut self,
        dwarf: &Dwarf<Slice<'_>>,
        unit: &Unit<Slice<'_>>,
        header: &LineProgramHeader<Slice<'_>>,
        number: u64,
    ) -> Option<FileIndex> {
        if let Some(known) = self.known.get(&number) {
            return *known;
        }
        let file = named(dwarf, unit, header, number).filter(|_| self.files.len() < MOST_FILES).map(|file| {
            let index = FileIndex(self.files.len() as u32);
            self.files.push(file);
            index
        });
        self.known.insert(number, file);
        file
    }

    /// All units are read: makes the table ready for questions.
    pub(super) fn finish(&mut self) {
        self.sequences.sort_by_key(|sequence| sequence.start);
        self.known = HashMap::new();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// The line of an address.
    pub(super) fn at(&self, address: u64) -> Option<Line> {
        let after = self.sequences.partition_point(|sequence| sequence.start <= address);
        let sequence = self.sequences.get(after.checked_sub(1)?).filter(|sequence| address < sequence.end)?;
        let rows = self.rows.get(sequence.first..sequence.last)?;
        let after = rows.partition_point(|row| row.address <= address);
        let row = rows.get(after.checked_sub(1)?)?;
        let mut line = self.file(row.file, row.line)?;
        line.column = (row.column != 0).then_some(row.column);
        Some(line)
    }

    /// A line of a file; line 0 is of no source.
    pub(super) fn file(&self, file: FileIndex, line: u32) -> Option<Line> {
        let file = self.files.get(file.0 as usize).filter(|_| line != 0)?;
        Some(Line {
            path: file.path.clone(),
            directory: file.directory.as_deref().map(str::to_owned),
            line,
            column: None,
        })
    }
}

fn named(
    dwarf: &Dwarf<Slice<'_>>,
    unit: &Unit<Slice<'_>>,
    header: &LineProgramHeader<Slice<'_>>,
    number: u64,
) -> Option<File> {
    let text = |slice: Slice<'_>| String::from_utf8_lossy(slice.slice()).into_owned();
    let entry = header.file(number)?;
    let mut path = text(dwarf.attr_string(unit, entry.path_name()).ok()?);
    // Folder 0 is the one the compiler ran in.
    if !path.starts_with('/')
        && entry.directory_index() != 0
        && let Some(folder) = entry.directory(header)
        && let Ok(folder) = dwarf.attr_string(unit, folder)
        && !folder.slice().is_empty()
    {
        path = format!("{}/{path}", text(folder));
    }
    Some(File { path, directory: unit.comp_dir.map(|folder| text(folder).into()) })
}
