//! Which process the kernel picks: the one with the most points (mm/oom_kill.c, `oom_badness`, `oom_evaluate_task`).
//!
//! Points are pages: resident, in swap, and of page tables, moved by `oom_score_adj` thousandths of all the pages that could be had.

/// A process of a report's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Process.
    pub pid: u32,
    /// Name.
    pub name: String,
    /// Its group is the table's own: of a memcg OOM it holds only tasks below the limit.
    pub uid: u32,
    /// Resident, pages.
    pub rss: u64,
    /// In swap, pages.
    pub swap: u64,
    /// Page tables, pages.
    pub tables: u64,
    /// `oom_score_adj`; `None` where the table has no such column (before 2.6.36).
    pub adj: Option<i64>,
}

/// The kernel's choice, from the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Index of the process with the most points.
    pub best: usize,
    /// Its points, in pages.
    pub points: i64,
    /// Index and points of the next one, if there is another that can be killed.
    pub second: Option<(usize, i64)>,
    /// How many cannot be killed (`oom_score_adj` -1000).
    pub immune: usize,
}

/// `OOM_SCORE_ADJ_MIN`
const NEVER: i64 = -1000;

/// Points of a process. Until 4.17 a process of root had three percent less (commit d46078b28889, "mm, oom: remove 3% bonus for
/// CAP_SYS_ADMIN processes").
pub fn points(candidate: &Candidate, total_pages: u64, root_bonus: bool) -> Option<i64> {
    let adj = candidate.adj?;
    let mut points =
        i64::try_from(candidate.rss.saturating_add(candidate.swap).saturating_add(candidate.tables)).ok()?;
    if root_bonus && candidate.uid == 0 {
        points -= points / 100 * 3;
    }
    let thousandth = i64::try_from(total_pages / 1000).ok()?;
    Some(points.saturating_add(adj.saturating_mul(thousandth)))
}

/// The choice among all; `None` when nothing can be killed, or the table does not tell.
pub fn choose(candidates: &[Candidate], total_pages: u64, release: Option<(u32, u32)>) -> Option<Choice> {
    let root_bonus = release.is_some_and(|release| release < (4, 17));
    let mut all: Vec<(usize, i64)> = Vec::new();
    let mut immune = 0;
    for (index, candidate) in candidates.iter().enumerate() {
        if candidate.adj? == NEVER {
            immune += 1;
        } else {
            all.push((index, points(candidate, total_pages, root_bonus)?));
        }
    }
    // Of equals the first stays: a later one has to have more (`oom_evaluate_task`).
    let (best, most) = all.iter().copied().reduce(|best, one| if one.1 > best.1 { one } else { best })?;
    let second = all.iter().copied().filter(|(index, _)| *index != best).max_by_key(|(_, points)| *points);
    Some(Choice { best, points: most, second, immune })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(pid: u32, rss: u64, adj: i64) -> Candidate {
        Candidate { pid, name: "x".into(), uid: 0, rss, swap: 0, tables: 10, adj: Some(adj) }
    }

    #[test]
    fn most_pages_lose_unless_adj_moves_them() {
        let all = [candidate(1, 5000, 0), candidate(2, 9000, -1000), candidate(3, 4000, 0)];
        let choice = choose(&all, 16_384, Some((6, 1))).unwrap();
        assert_eq!((choice.best, choice.points, choice.immune), (0, 5010, 1));
        let moved = [candidate(1, 5000, 0), candidate(3, 4000, 100)];
        assert_eq!(choose(&moved, 16_384, Some((6, 1))).unwrap().best, 1);
        assert_eq!(choose(&[candidate(1, 1, -1000)], 1, None), None);
    }

    #[test]
    fn root_had_a_bonus_until_4_17() {
        let all = [candidate(1, 10_000, 0), Candidate { uid: 5, ..candidate(2, 9_800, 0) }];
        assert_eq!(choose(&all, 100_000, Some((4, 14))).unwrap().best, 1);
        assert_eq!(choose(&all, 100_000, Some((4, 19))).unwrap().best, 0);
    }
}
