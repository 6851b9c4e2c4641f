//! Argon2's blocks of 1 KiB and its compression function G (RFC 9106 §3.5, §3.6), eight words of 64 bits at a time.
//!
//! A block is a matrix of 8 by 16 words. It lies in memory by columns, so that one vector holds the same word of all eight rows: the
//! permutation P then works on whole rows without moving anything between the lanes, and two transpositions of 8 by 8 pairs of
//! words turn rows into what RFC 9106 calls columns. Which instructions a vector becomes is the level's matter.

use fearless_simd::{Simd, SimdBase, u64x8};
use zeroize::Zeroize;

const LANES: usize = 8;
const VECTORS: usize = 16;
/// Words of a block.
pub(super) const WORDS: usize = LANES * VECTORS;
/// Bytes of a block.
pub(super) const BYTES: usize = WORDS * 8;

/// A KiB of Argon2's memory.
///
/// Vector `j` holds word `j` of each row.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct Block([[u64; LANES]; VECTORS]);

/// A block on its way through registers.
type Vectors<S> = [u64x8<S>; VECTORS];

impl Block {
    /// Nothing but zeros.
    pub const ZERO: Self = Self([[0; LANES]; VECTORS]);

    /// The word at `index` in the order of the RFC: row after row.
    pub(super) fn word(&self, index: usize) -> u64 {
        self.0[index % VECTORS][index / VECTORS]
    }

    pub(super) fn set_word(&mut self, index: usize, word: u64) {
        self.0[index % VECTORS][index / VECTORS] = word;
    }

    pub(super) fn read(&mut self, bytes: &[u8; BYTES]) {
        for (index, word) in bytes.as_chunks().0.iter().enumerate() {
            self.set_word(index, u64::from_le_bytes(*word));
        }
    }

    pub(super) fn write(&self, bytes: &mut [u8; BYTES]) {
        for (index, word) in bytes.as_chunks_mut().0.iter_mut().enumerate() {
            *word = self.word(index).to_le_bytes();
        }
    }

    pub(super) fn xor(&mut self, other: &Self) {
        for (word, other) in self.0.as_flattened_mut().iter_mut().zip(other.0.as_flattened()) {
            *word ^= other;
        }
    }

    #[inline(always)]
    pub(super) fn store<S: Simd>(&mut self, vectors: Vectors<S>) {
        for (words, vector) in self.0.iter_mut().zip(vectors) {
            vector.store_array(words);
        }
    }

    #[inline(always)]
    fn vector<S: Simd>(&self, simd: S, index: usize) -> u64x8<S> {
        u64x8::load_array_ref(simd, &self.0[index])
    }
}

impl AsRef<[[u64; LANES]; VECTORS]> for Block {
    fn as_ref(&self) -> &[[u64; LANES]; VECTORS] {
        &self.0
    }
}

impl Zeroize for Block {
    fn zeroize(&mut self) {
        self.0.as_flattened_mut().zeroize();
    }
}

/// G(`previous`, `reference`), and XORed with `old`. Beside it the first word of that, which names the next reference: known before
/// the rest is, so that the load of the next reference need not wait.
#[inline(always)]
pub(super) fn compress<S: Simd>(
    simd: S,
    previous: &Block,
    reference: &Block,
    old: &Block,
) -> (Vectors<S>, u64) {
    let input = |index| previous.vector(simd, index) ^ reference.vector(simd, index);
    let mut vectors: Vectors<S> = std::array::from_fn(input);
    permute(&mut vectors);
    transpose(simd, &mut vectors);
    permute(&mut vectors);
    // Word 0 stays where it is when rows and columns change places.
    let first = (vectors[0] ^ input(0) ^ old.vector(simd, 0))[0];
    transpose(simd, &mut vectors);
    for (index, vector) in vectors.iter_mut().enumerate() {
        *vector = *vector ^ input(index) ^ old.vector(simd, index);
    }
    (vectors, first)
}

/// P (RFC 9106 §3.6) on eight rows at once.
#[inline(always)]
fn permute<S: Simd>(v: &mut Vectors<S>) {
    mix(v, 0, 4, 8, 12);
    mix(v, 1, 5, 9, 13);
    mix(v, 2, 6, 10, 14);
    mix(v, 3, 7, 11, 15);
    mix(v, 0, 5, 10, 15);
    mix(v, 1, 6, 11, 12);
    mix(v, 2, 7, 8, 13);
    mix(v, 3, 4, 9, 14);
}

/// GB of RFC 9106 §3.6.
#[inline(always)]
fn mix<S: Simd>(v: &mut Vectors<S>, a: usize, b: usize, c: usize, d: usize) {
    v[a] = multiply_add(v[a], v[b]);
    v[d] = rotate::<S, 32>(v[d] ^ v[a]);
    v[c] = multiply_add(v[c], v[d]);
    v[b] = rotate::<S, 24>(v[b] ^ v[c]);
    v[a] = multiply_add(v[a], v[b]);
    v[d] = rotate::<S, 16>(v[d] ^ v[a]);
    v[c] = multiply_add(v[c], v[d]);
    v[b] = rotate::<S, 63>(v[b] ^ v[c]);
}

/// x + y + 2 · low(x) · low(y), low being the lower 32 bits.
#[inline(always)]
fn multiply_add<S: Simd>(x: u64x8<S>, y: u64x8<S>) -> u64x8<S> {
    let product = (x & 0xffff_ffff) * (y & 0xffff_ffff);
    x + y + (product + product)
}

#[inline(always)]
fn rotate<S: Simd, const RIGHT: u32>(x: u64x8<S>) -> u64x8<S> {
    (x >> RIGHT) | (x << (64 - RIGHT))
}

/// Exchanges rows and columns: vector 2i + b, lane k with vector 2k + b, lane i.
#[inline(always)]
fn transpose<S: Simd>(simd: S, v: &mut Vectors<S>) {
    let even = square(simd, [v[0], v[2], v[4], v[6], v[8], v[10], v[12], v[14]]);
    let odd = square(simd, [v[1], v[3], v[5], v[7], v[9], v[11], v[13], v[15]]);
    *v = std::array::from_fn(|index| if index % 2 == 0 { even[index / 2] } else { odd[index / 2] });
}

/// Transposes 8 by 8 words: three perfect shuffles.
#[inline(always)]
fn square<S: Simd>(simd: S, mut rows: [u64x8<S>; LANES]) -> [u64x8<S>; LANES] {
    for _ in 0..3 {
        rows = std::array::from_fn(|index| {
            let (low, high) = (rows[index / 2], rows[index / 2 + LANES / 2]);
            if index % 2 == 0 { simd.zip_low_u64x8(low, high) } else { simd.zip_high_u64x8(low, high) }
        });
    }
    rows
}
