//! The order in which ld.bfd goes through its hash table (`bfd_hash_traverse`, bfd/hash.c). It ends with the first symbol it cannot put
//! into the output, so what is complained of depends on that order.

/// Number of buckets at the beginning (`DEFAULT_SIZE`).
const SIZE: u64 = 4051;
/// Larger ones (`higher_prime_number`).
const PRIMES: [u64; 12] =
    [8191, 16381, 32749, 65521, 131_071, 262_139, 524_287, 1_048_573, 2_097_143, 4_194_301, 8_388_593, 16_777_213];

/// `bfd_hash_hash`
fn hash(name: &[u8]) -> u64 {
    let mix = |state: u64, value: u64| {
        let state = state.wrapping_add(value.wrapping_add(value << 17));
        state ^ (state >> 2)
    };
    let state = name.iter().fold(0, |state, byte| mix(state, u64::from(*byte)));
    mix(state, name.len() as u64)
}

/// A table of chains, as the real one.
struct Buckets {
    chains: Vec<Vec<u32>>,
    count: u64,
}

impl Buckets {
    fn insert(&mut self, entry: u32, hashes: &[u64]) {
        let size = self.chains.len() as u64;
        let at = hashes[entry as usize] % size;
        // The head of a chain is its last element here.
        self.chains[at as usize].push(entry);
        self.count += 1;
        if self.count > size * 3 / 4
            && let Some(size) = PRIMES.iter().find(|prime| **prime > size)
        {
            let mut chains = vec![Vec::new(); *size as usize];
            for mut chain in std::mem::take(&mut self.chains) {
                while let Some(first) = chain.pop() {
                    // Entries of one hash move together.
                    let mut run = vec![first];
                    while let Some(next) = chain.pop_if(|next| hashes[*next as usize] == hashes[first as usize]) {
                        run.push(next);
                    }
                    chains[(hashes[first as usize] % size) as usize].extend(run.into_iter().rev());
                }
            }
            self.chains = chains;
        }
    }
}

/// The order of names that were entered one after the other, as indices.
pub(super) fn traversal<'n>(names: impl Iterator<Item = std::borrow::Cow<'n, [u8]>>) -> Vec<u32> {
    let hashes: Vec<u64> = names.map(|name| hash(&name)).collect();
    let mut buckets = Buckets { chains: vec![Vec::new(); SIZE as usize], count: 0 };
    for entry in 0..hashes.len() as u32 {
        buckets.insert(entry, &hashes);
    }
    buckets.chains.into_iter().flat_map(|chain| chain.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::traversal;

    #[test]
    fn every_name_has_its_place_once() {
        let names: Vec<String> = (0..20_000).map(|number| format!("f{number}")).collect();
        let mut order = traversal(names.iter().map(|name| name.as_bytes().into()));
        order.sort_unstable();
        assert!(order.into_iter().eq(0..20_000));
    }
}
