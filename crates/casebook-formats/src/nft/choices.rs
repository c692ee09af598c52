//! The questions of one run that neither packet nor ruleset decide, and the answers taken.

use super::ir::Draw;
use super::outcome::{Assumed, Drawn};

/// Answers to questions the evidence does not decide, replayed in order; new questions take answer 0.
#[derive(Debug, Default)]
pub(super) struct Choices {
    taken: Vec<(u32, u32)>,
    at: usize,
    /// What was asked, in order, in this run.
    pub(super) asked: Vec<String>,
    /// What the kernel draws is asked too, and answers are kept; otherwise a number that is drawn stays unknown.
    pub(super) draws: bool,
    /// The answers of this run, in order.
    pub(super) answers: Vec<Assumed>,
}

impl Choices {
    /// Chooses among `arity` answers to the question `what`.
    pub(super) fn choose(&mut self, arity: u32, what: impl FnOnce() -> String) -> u32 {
        let answer = self.answer(arity);
        let what = what();
        if self.draws {
            self.answers.push(Assumed { what: what.clone(), answer, of: arity.max(1), drawn: None });
        }
        self.asked.push(what);
        answer
    }

    /// Chooses among answers that are drawn, each with the count of numbers that give it.
    pub(super) fn draw(&mut self, weights: &[u32], draw: &Draw, what: &str) -> u32 {
        let of = (weights.len() as u32).max(1);
        let answer = self.answer(of);
        let weight = weights.get(answer as usize).copied().unwrap_or(0);
        let drawn = Some(Drawn { how: draw.how, weight, modulus: draw.modulus });
        self.answers.push(Assumed { what: what.to_owned(), answer, of, drawn });
        answer
    }

    fn answer(&mut self, arity: u32) -> u32 {
        if self.at == self.taken.len() {
            self.taken.push((0, arity.max(1)));
        }
        let (answer, _) = self.taken[self.at];
        self.at += 1;
        answer
    }

    /// Prepares the next combination of answers; false when all have been taken.
    pub(super) fn advance(&mut self) -> bool {
        self.at = 0;
        self.asked.clear();
        self.answers.clear();
        while let Some((answer, arity)) = self.taken.pop() {
            if answer + 1 < arity {
                self.taken.push((answer + 1, arity));
                return true;
            }
        }
        false
    }

    pub(super) fn reset(&mut self) {
        self.taken.clear();
        self.asked.clear();
        self.answers.clear();
        self.at = 0;
    }
}
