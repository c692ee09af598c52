//! A command to the line its linker gets.

use super::driver::{self, Host};
use super::program::{self, Driver, Program};
use super::response::{self, Responses};
use super::{Argument, Command, LinkLine, Origin, Word, options, tool};
use crate::model::outcome::LinkerKind;

/// Reads a command.
///
/// `linker` is for which linker the line is read, where it is not the one the command tells: options and search differ. `host` is what the
/// driver finds on its machine. `responses` gives response files.
pub fn read(command: &Command, linker: Option<LinkerKind>, host: &Host, responses: &Responses<'_>) -> LinkLine {
    let mut line = LinkLine {
        directory: command.directory.clone(),
        unmodelled: command.unmodelled.clone(),
        ..LinkLine::default()
    };
    response::expand(&mut line, &command.words, responses);
    let program = line.words.first().and_then(|word| program::program(&word.text));
    line.tool = tool::tool(program.clone(), &line.words, &command.banner);
    report_responses(&mut line);
    match &program {
        Some(Program::Driver { driver, language, .. }) => {
            // `cc` is whoever speaks in the text.
            let driver = match (driver, command.banner.driver) {
                (Driver::System, Some(spoken)) => spoken,
                _ => *driver,
            };
            driver::arguments(&mut line, driver, *language, host);
        }
        _ => line.arguments = plain(&line.words),
    }
    let kind = linker.or(line.tool.linker);
    options::read(&mut line, kind);
    line
}

impl Command {
    /// A command given as words, as `casebook link -- cc …` has it.
    pub fn of_words(words: &[String], directory: Option<&str>) -> Self {
        Self {
            words: words.iter().map(Word::free).collect(),
            directory: directory.map(str::to_owned),
            ..Self::default()
        }
    }
}

/// The words of a linker's own command.
fn plain(words: &[Word]) -> Vec<Argument> {
    let argument = |(index, word): (usize, &Word)| Argument {
        text: word.text.clone(),
        origin: Origin::Word { first: index as u32, word: index as u32, start: 0, end: word.text.len() as u32 },
    };
    words.iter().enumerate().skip(1).map(argument).collect()
}

/// Response files that are not on the line are gaps.
fn report_responses(line: &mut LinkLine) {
    use casebook_core::Unmodelled;
    use response::Reading;
    for included in &line.responses {
        let why = match included.reading {
            Reading::Read => continue,
            Reading::Missing => format!("the response file {} is not there", included.name),
            Reading::Cycle => format!("the response file {} includes itself", included.name),
            Reading::TooLong => {
                format!("{} words of a line are read; there are more in {}", response::MOST_WORDS, included.name)
            }
        };
        match included.span {
            Some(span) => line.unmodelled.push(Unmodelled::new(span, why)),
            None => line.unknown.push(why),
        }
    }
}
