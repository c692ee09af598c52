//! Where variables and functions are declared, by the address they are defined at.

use std::collections::HashMap;

use gimli::{Attribute, AttributeValue, DebuggingInformationEntry, Dwarf, Operation, OperationIter, Unit, UnitOffset};

use super::lines::{FileIndex, Lines};
use super::sections::Slice;

type Entry<'a> = DebuggingInformationEntry<Slice<'a>>;

/// A chain of entries that describe one thing: a definition, its declaration, its abstract instance.
const LONGEST_CHAIN: usize = 4;

/// Most attributes that are looked at in one object: some take no byte, and a file could have any number of them.
const MOST_ATTRIBUTES: usize = 1 << 27;

/// All declarations of an object that have an address.
#[derive(Clone, Debug, Default)]
pub(super) struct Declarations {
    at: HashMap<u64, (FileIndex, u32)>,
    attributes: usize,
}

impl Declarations {
    /// Adds those of a unit.
    pub(super) fn add(&mut self, dwarf: &Dwarf<Slice<'_>>, unit: &Unit<Slice<'_>>, lines: &mut Lines) {
        let mut entries = unit.entries();
        while let Ok(Some(entry)) = entries.next_dfs() {
            self.attributes = self.attributes.saturating_add(entry.attrs().len());
            if self.attributes > MOST_ATTRIBUTES {
                return;
            }
            let address = match entry.tag() {
                gimli::DW_TAG_variable => variable(dwarf, unit, entry),
                gimli::DW_TAG_subprogram => function(dwarf, unit, entry),
                _ => None,
            };
            let Some(address) = address else { continue };
            if let Some((file, line)) = declared(unit, entry)
                && let Some(file) = lines.of_unit(dwarf, unit, file)
            {
                self.at.entry(address).or_insert((file, line));
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// File and line of what is defined at an address.
    pub(super) fn at(&self, address: u64) -> Option<(FileIndex, u32)> {
        self.at.get(&address).copied()
    }
}

/// The address of a variable: its location is an address, or for a thread-local one a number that the address of its
/// block is added to.
fn variable(dwarf: &Dwarf<Slice<'_>>, unit: &Unit<Slice<'_>>, entry: &Entry<'_>) -> Option<u64> {
    let AttributeValue::Exprloc(expression) = entry.attr_value(gimli::DW_AT_location)? else { return None };
    let mut operations = expression.operations(unit.encoding());
    let address = match operations.next().ok()?? {
        Operation::Address { address } => address,
        Operation::AddressIndex { index } => dwarf.address(unit, index).ok()?,
        Operation::UnsignedConstant { value } => is_thread_local(&mut operations).then_some(value)?,
        Operation::ConstantIndex { index } => {
            let address = dwarf.address(unit, index).ok()?;
            is_thread_local(&mut operations).then_some(address)?
        }
        _ => return None,
    };
    Some(address)
}

fn is_thread_local(operations: &mut OperationIter<Slice<'_>>) -> bool {
    matches!(operations.next(), Ok(Some(Operation::TLS)))
}

/// The address of a function: its first, or the first of its ranges.
fn function(dwarf: &Dwarf<Slice<'_>>, unit: &Unit<Slice<'_>>, entry: &Entry<'_>) -> Option<u64> {
    if let Some(value) = entry.attr_value(gimli::DW_AT_low_pc) {
        return dwarf.attr_address(unit, value).ok()?;
    }
    let ranges = entry.attr_value(gimli::DW_AT_ranges)?;
    let mut ranges = dwarf.attr_ranges(unit, ranges).ok()??;
    ranges.next().ok()?.map(|range| range.begin)
}

/// File and line of an entry; what it does not say, the entry it refers to does.
fn declared(unit: &Unit<Slice<'_>>, entry: &Entry<'_>) -> Option<(u64, u32)> {
    let mut file = None;
    let mut line = None;
    let mut next = look(entry.attrs(), &mut file, &mut line);
    for _ in 0..LONGEST_CHAIN {
        let (Some(offset), true) = (next, file.is_none() || line.is_none()) else { break };
        let Ok(other) = unit.entry(offset) else { break };
        next = look(other.attrs(), &mut file, &mut line);
    }
    Some((file?, line?))
}

/// Takes what is not known yet, and gives the entry that is referred to.
fn look(attributes: &[Attribute<Slice<'_>>], file: &mut Option<u64>, line: &mut Option<u32>) -> Option<UnitOffset> {
    let mut next = None;
    for attribute in attributes {
        match attribute.name() {
            gimli::DW_AT_decl_file => {
                let number = match attribute.value() {
                    AttributeValue::FileIndex(number) => Some(number),
                    value => value.udata_value(),
                };
                *file = file.or(number);
            }
            gimli::DW_AT_decl_line => {
                *line = line.or(attribute.udata_value().and_then(|line| u32::try_from(line).ok()));
            }
            gimli::DW_AT_specification | gimli::DW_AT_abstract_origin => {
                if let AttributeValue::UnitRef(offset) = attribute.value() {
                    next = Some(offset);
                }
            }
            _ => {}
        }
    }
    next
}
