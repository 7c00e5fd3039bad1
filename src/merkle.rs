//! Merkle trees after RFC 9162, section 2.1: hashing, a streaming builder, inclusion proofs and their check.
//! Reads and writes nothing but its arguments; verification's row tree and the certificate's subject tree stand on it.
//!
//! A leaf and an inner node are hashed with different first bytes (0x00, 0x01), so that a node can never be shown as a
//! leaf (second-preimage attack, RFC 9162 section 2.1.1).

use sha2::{Digest, Sha256};

/// A node of the tree.
pub type Hash = [u8; 32];

/// MTH of one entry: SHA-256(0x00 ‖ entry).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

/// SHA-256(0x01 ‖ left ‖ right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// MTH of the empty list: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// Builds a root from leaves in order, holding at most two hashes for each bit of the count. A part of the leaves can be
/// built by itself, on a thread of its own, and put behind those before it.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    /// The place of the first leaf.
    begin: u64,
    /// The place of the next leaf.
    end: u64,
    /// Roots of the largest full subtrees that lie between, from left to right, with their heights.
    peaks: Vec<(u32, Hash)>,
}

impl Builder {
    /// An empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The part of a tree whose first leaf stands at that place.
    #[must_use]
    pub fn starting_at(place: u64) -> Self {
        Self { begin: place, end: place, peaks: Vec::new() }
    }

    /// Adds the next leaf's hash (see [`leaf_hash`]).
    pub fn push(&mut self, leaf: Hash) {
        self.add(0, leaf);
    }

    /// Adds the part that begins where this one ends.
    ///
    /// # Panics
    /// When it begins elsewhere.
    pub fn append(&mut self, next: &Self) {
        assert_eq!(self.end, next.begin, "parts of a tree follow one another");
        next.peaks.iter().for_each(|(height, node)| self.add(*height, *node));
    }

    /// A node that is a right child takes its left sibling with it, as in binary addition, if all of that one lies here: then
    /// it is the last peak.
    fn add(&mut self, mut height: u32, mut node: Hash) {
        let mut start = self.end;
        self.end += 1 << height;
        while (start >> height) & 1 == 1 && start - (1 << height) >= self.begin {
            let (_, left) = self.peaks.pop().expect("the left sibling of a right child lies here as one peak");
            node = node_hash(&left, &node);
            start -= 1 << height;
            height += 1;
        }
        self.peaks.push((height, node));
    }

    /// How many leaves were added.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.end - self.begin
    }

    /// The root over what was added so far.
    ///
    /// # Panics
    /// Of a part that does not begin with the first leaf.
    #[must_use]
    pub fn root(&self) -> Hash {
        assert_eq!(self.begin, 0, "only a whole tree has a root");
        let mut peaks = self.peaks.iter().rev();
        let Some((_, last)) = peaks.next() else { return empty_root() };
        peaks.fold(*last, |right, (_, left)| node_hash(left, &right))
    }
}

/// The root over leaf hashes that are all at hand.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    let mut builder = Builder::new();
    for leaf in leaves {
        builder.push(*leaf);
    }
    builder.root()
}

/// The inclusion proof PATH(index, leaves) of RFC 9162 section 2.1.3.1, nearest sibling first; `None` beyond the end.
#[must_use]
pub fn inclusion_proof(leaves: &[Hash], index: u64) -> Option<Vec<Hash>> {
    let mut index = usize::try_from(index).ok().filter(|index| *index < leaves.len())?;
    let mut rest = leaves;
    let mut path = Vec::new();
    while rest.len() > 1 {
        let (left, right) = rest.split_at(largest_power_below(rest.len()));
        if index < left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            index -= left.len();
            rest = right;
        }
    }
    path.reverse();
    Some(path)
}

/// The largest power of two smaller than `count`, which is at least two.
fn largest_power_below(count: usize) -> usize {
    1 << (usize::BITS - 1 - (count - 1).leading_zeros())
}

/// Whether `leaf` stands at `index` in a tree of `size` leaves with this root: RFC 9162 section 2.1.3.2.
/// A path of another length than the place asks for is refused.
#[must_use]
pub fn verify_inclusion(index: u64, size: u64, leaf: &Hash, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false; // step 1
    }
    let (mut place, mut last) = (index, size - 1); // step 2
    let mut node = *leaf; // step 3
    for sibling in path {
        if last == 0 {
            return false; // step 4.a: the path is longer than the tree is high
        }
        if place & 1 == 1 || place == last {
            node = node_hash(sibling, &node); // step 4.b.i
            while place & 1 == 0 && place != 0 {
                place >>= 1; // step 4.b.ii
                last >>= 1;
            }
        } else {
            node = node_hash(&node, sibling); // step 4.b, else
        }
        place >>= 1; // step 4.c
        last >>= 1;
    }
    last == 0 && node == *root // step 5
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn hex(hash: &Hash) -> String {
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    /// MTH as section 2.1.1 defines it, by recursion, to hold the builder against.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            more => {
                let (left, right) = more.split_at(largest_power_below(more.len()));
                node_hash(&by_definition(left), &by_definition(right))
            }
        }
    }

    /// The entries and roots that the certificate-transparency implementations of RFC 6962 share as test vectors.
    #[test]
    fn known_trees_have_their_known_roots() {
        let entries: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut builder = Builder::new();
        assert_eq!(hex(&builder.root()), roots[0], "the empty tree");
        for (entry, root) in entries.iter().zip(&roots[1..]) {
            builder.push(leaf_hash(entry));
            assert_eq!(hex(&builder.root()), *root, "{} leaves", builder.size());
        }
    }

    #[test]
    fn the_builder_agrees_with_the_definition_and_stays_small() {
        for count in 0..=70 {
            let leaves = leaves(count);
            assert_eq!(root(&leaves), by_definition(&leaves), "{count} leaves");
        }
        let mut builder = Builder::new();
        leaves(70_000).into_iter().for_each(|leaf| builder.push(leaf));
        assert_eq!((builder.size(), builder.peaks.len()), (70_000, 70_000_u64.count_ones() as usize));
    }

    #[test]
    fn a_tree_in_parts_has_the_same_root_wherever_it_is_cut() {
        let leaves = leaves(41);
        let part = |from: usize, to: usize| {
            let mut part = Builder::starting_at(from as u64);
            leaves[from..to].iter().for_each(|leaf| part.push(*leaf));
            part
        };
        for first in 0..=leaves.len() {
            for second in first..=leaves.len() {
                let mut whole = part(0, first);
                whole.append(&part(first, second));
                whole.append(&part(second, leaves.len()));
                assert_eq!((whole.root(), whole.size()), (root(&leaves), 41), "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn every_leaf_of_every_small_tree_has_a_proof_that_holds_there_only() {
        for count in 1..=70 {
            let leaves = leaves(count);
            let root = root(&leaves);
            for index in 0..count {
                let leaf = &leaves[index as usize];
                let path = inclusion_proof(&leaves, index).unwrap();
                assert!(verify_inclusion(index, count, leaf, &path, &root), "leaf {index} of {count}");
                for other in (0..=count).filter(|other| *other != index) {
                    assert!(!verify_inclusion(other, count, leaf, &path, &root), "leaf {index} shown at {other}");
                }
            }
            assert_eq!(inclusion_proof(&leaves, count), None, "beyond the end of {count}");
        }
    }

    #[test]
    fn a_proof_that_was_touched_does_not_hold() {
        for count in 1..=33 {
            let leaves = leaves(count);
            let root = root(&leaves);
            for index in 0..count {
                let leaf = leaves[index as usize];
                let path = inclusion_proof(&leaves, index).unwrap();
                for place in 0..path.len() {
                    let mut flipped = path.clone();
                    flipped[place][place % 32] ^= 1;
                    assert!(!verify_inclusion(index, count, &leaf, &flipped, &root), "flipped bit at {place}");
                    let mut shorter = path.clone();
                    shorter.remove(place);
                    assert!(!verify_inclusion(index, count, &leaf, &shorter, &root), "path without {place}");
                }
                let longer = [path.clone(), vec![root]].concat();
                assert!(!verify_inclusion(index, count, &leaf, &longer, &root), "a path that is too long");
                let mut other_root = root;
                other_root[31] ^= 0x80;
                assert!(!verify_inclusion(index, count, &leaf, &path, &other_root), "another root");
                let mut other_leaf = leaf;
                other_leaf[0] ^= 1;
                assert!(!verify_inclusion(index, count, &other_leaf, &path, &root), "another leaf");
            }
        }
        assert!(!verify_inclusion(0, 0, &empty_root(), &[], &empty_root()), "nothing stands in an empty tree");
    }

    #[test]
    fn an_inner_node_cannot_be_shown_as_a_leaf() {
        let leaves = leaves(4);
        let left = node_hash(&leaves[0], &leaves[1]);
        let right = node_hash(&leaves[2], &leaves[3]);
        let children = [leaves[0], leaves[1]].concat();
        assert_ne!(leaf_hash(&children), left, "the entry made of two children hashes differently");
        // The bare node fits a tree said to have two leaves, which is why the signed size is part of every check.
        assert!(!verify_inclusion(0, 4, &left, &[right], &root(&leaves)), "a node at leaf depth");
        assert!(!verify_inclusion(0, 4, &leaf_hash(&children), &[right], &root(&leaves)), "children as an entry");
    }
}
