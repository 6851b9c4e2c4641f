//! Argon2 (RFC 9106), all variants and both versions, in the caller's memory and in steps between which the caller may pause.
//!
//! Why not a crate: the well-kept ones that need no `unsafe` of ours use AVX2 at most and take more than twice as long, and none lets
//! go of the core in the middle of a hash (`docs/BENCHMARKS.md`). What the time is spent on stands in `block.rs`, written once over
//! the vectors of `fearless_simd`, which become AVX-512, AVX2, NEON or what every machine has, as is found at run time. The crate
//! `argon2` is the oracle of the tests.
//!
//! Lanes are computed one after the other. There is no secret key and no associated data.
//!
//! A crate of its own so that it is compiled with optimisation in every profile: with little of it, it takes three times as long and
//! more stack than a thread has.

use blake2::Blake2bVarCore;
use blake2::digest::block_api::{UpdateCore, VariableOutputCore};
use blake2::digest::block_buffer::LazyBuffer;
use fearless_simd::{Level, Simd, dispatch};
use zeroize::{Zeroize, Zeroizing};

use block::{BYTES, WORDS, compress};

mod block;
#[cfg(test)]
mod tests;

pub use block::Block;

/// Slices of a pass: a block refers to no block of another lane in the slice it stands in (§3.4).
const SLICES: usize = 4;

/// Which blocks a block may refer to, and how they are chosen; the numbers are those of §3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Chosen by what is in memory.
    D = 0,
    /// Chosen by nothing but the costs.
    I = 1,
    /// Like `I` for half of the first pass, then like `D`.
    Id = 2,
}

/// The version of the algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Older than the RFC: later passes overwrite.
    V16 = 16,
    /// That of the RFC.
    V19 = 19,
}

/// What is computed, and at what cost.
#[derive(Clone, Copy, Debug)]
pub struct Argon2 {
    variant: Variant,
    version: Version,
    m_kib: u32,
    t: u32,
    p: u32,
}

/// Where the filling stands.
#[derive(Clone, Copy)]
struct Position {
    pass: usize,
    slice: usize,
    lane: usize,
}

impl Argon2 {
    /// With `m_kib` KiB of memory, `t` passes and `p` lanes. `None` is what RFC 9106 §3.1 does not allow: no pass, no lane or more than
    /// 2²⁴ − 1, or less than 8 KiB for each.
    #[must_use]
    pub fn new(variant: Variant, version: Version, m_kib: u32, t: u32, p: u32) -> Option<Self> {
        let possible = t >= 1 && (1..1 << 24).contains(&p) && m_kib >= 8 * p;
        possible.then_some(Self { variant, version, m_kib, t, p })
    }

    /// How many blocks it works in.
    #[must_use]
    pub fn blocks(self) -> usize {
        self.lanes() * self.lane_length()
    }

    /// Blocks computed over all passes: what the time is proportional to.
    #[must_use]
    pub fn work(self) -> u64 {
        self.blocks() as u64 * u64::from(self.t)
    }

    /// Hashes into `tag`, of 1 to 64 bytes, in the first [`Argon2::blocks`] of `memory`. Calls `pause` after each segment: four times for each
    /// pass and lane.
    ///
    /// # Panics
    /// With less memory, or a tag of another length.
    pub fn hash(
        self,
        password: &[u8],
        salt: &[u8],
        tag: &mut [u8],
        memory: &mut [Block],
        mut pause: impl FnMut(),
    ) {
        self.hash_at(Level::new(), password, salt, tag, memory, &mut pause);
    }

    fn hash_at(
        self,
        level: Level,
        password: &[u8],
        salt: &[u8],
        tag: &mut [u8],
        memory: &mut [Block],
        pause: &mut dyn FnMut(),
    ) {
        let memory = &mut memory[..self.blocks()];
        self.seed(password, salt, tag.len(), memory);
        for pass in 0..self.t as usize {
            for slice in 0..SLICES {
                for lane in 0..self.lanes() {
                    let position = Position { pass, slice, lane };
                    dispatch!(level, simd => self.fill(simd, position, memory));
                    pause();
                }
            }
        }
        self.finish(memory, tag);
    }

    /// The first two blocks of each lane (§3.2, steps 1, 3 and 4).
    fn seed(self, password: &[u8], salt: &[u8], tag_length: usize, memory: &mut [Block]) {
        let Self { variant, version, m_kib, t, p } = self;
        let mut h0 = Zeroizing::new([0; 64]);
        let tag_length = number(tag_length);
        let costs = [p, tag_length, m_kib, t, version as u32, variant as u32];
        let costs = costs.map(u32::to_le_bytes);
        let [password_length, salt_length] = [password, salt].map(|input| number(input.len()).to_le_bytes());
        // No secret and no associated data: two lengths of zero.
        let inputs = [costs.as_flattened(), &password_length, password, &salt_length, salt, &[0; 8]];
        blake2b(&inputs, &mut *h0);
        let mut bytes = Zeroizing::new([0; BYTES]);
        for (lane, blocks) in memory.chunks_exact_mut(self.lane_length()).enumerate() {
            for (index, block) in blocks.iter_mut().take(2).enumerate() {
                let place = [index, lane].map(|of| number(of).to_le_bytes());
                expand(&[&*h0, place.as_flattened()], &mut bytes);
                block.read(&bytes);
            }
        }
    }

    /// Fills one segment (§3.2, steps 5 and 6; §3.4).
    #[inline(always)]
    fn fill<S: Simd>(self, simd: S, at: Position, memory: &mut [Block]) {
        let (lane_length, segment) = (self.lane_length(), self.lane_length() / SLICES);
        let (lane_start, start) = (at.lane * lane_length, at.slice * segment);
        let independent = match self.variant {
            Variant::D => false,
            Variant::I => true,
            Variant::Id => at.pass == 0 && at.slice < SLICES / 2,
        };
        let overwrites = at.pass == 0 || self.version == Version::V16;
        let mut addresses = Addresses::new(self, at);
        let first = if at.pass == 0 && at.slice == 0 { 2 } else { 0 };
        let mut previous = lane_start + (start + first + lane_length - 1) % lane_length;
        let mut random = memory[previous].word(0);
        for index in first..segment {
            let current = lane_start + start + index;
            if independent {
                random = addresses.of(simd, index);
            }
            let reference = self.reference(at, index, random);
            let old = if overwrites { &Block::ZERO } else { &memory[current] };
            let (block, word) = compress(simd, &memory[previous], &memory[reference], old);
            memory[current].store(block);
            (previous, random) = (current, word);
        }
    }

    /// Which block `random` names for the block at `index` of a segment (§3.4.1.2, §3.4.2).
    #[inline(always)]
    fn reference(self, at: Position, index: usize, random: u64) -> usize {
        let (lane_length, segment) = (self.lane_length(), self.lane_length() / SLICES);
        let (j1, j2) = (random & 0xffff_ffff, (random >> 32) as usize);
        let lane = if at.pass == 0 && at.slice == 0 { at.lane } else { j2 % self.lanes() };
        // What is finished: on the first pass what lies before this segment, later all but this segment.
        let finished = if at.pass == 0 { at.slice * segment } else { lane_length - segment };
        let area = if lane == at.lane { finished + index - 1 } else { finished - usize::from(index == 0) };
        let back = (area as u64 * ((j1 * j1) >> 32)) >> 32;
        let relative = area - 1 - back as usize;
        let oldest = if at.pass == 0 { 0 } else { (at.slice + 1) * segment };
        lane * lane_length + (oldest + relative) % lane_length
    }

    /// The hash of the lanes' last blocks (§3.2, steps 7 and 8).
    fn finish(self, memory: &[Block], tag: &mut [u8]) {
        let mut last = Zeroizing::new(Block::ZERO);
        for lane in memory.chunks_exact(self.lane_length()) {
            if let Some(block) = lane.last() {
                last.xor(block);
            }
        }
        let mut bytes = Zeroizing::new([0; BYTES]);
        last.write(&mut bytes);
        blake2b(&[&number(tag.len()).to_le_bytes(), &*bytes], tag);
    }

    fn lanes(self) -> usize {
        self.p as usize
    }

    /// Blocks of a lane: a multiple of the slices (§3.2, step 2).
    fn lane_length(self) -> usize {
        self.m_kib as usize / (SLICES * self.lanes()) * SLICES
    }
}

/// The words that choose references where the password may not (§3.4.1.1).
struct Addresses {
    input: Block,
    words: Block,
    counter: u64,
}

impl Addresses {
    fn new(argon2: Argon2, at: Position) -> Self {
        let mut input = Block::ZERO;
        let numbers = [at.pass, at.lane, at.slice, argon2.blocks(), argon2.t as usize];
        for (index, number) in numbers.into_iter().enumerate() {
            input.set_word(index, number as u64);
        }
        input.set_word(5, argon2.variant as u64);
        Self { input, words: Block::ZERO, counter: 0 }
    }

    /// The word for the block at `index` of the segment. To be asked in rising order.
    #[inline(always)]
    fn of<S: Simd>(&mut self, simd: S, index: usize) -> u64 {
        // The first segment of all begins at its third block.
        if self.counter == 0 || index.is_multiple_of(WORDS) {
            self.counter += 1;
            self.input.set_word(6, self.counter);
            // Twice over: in a loop, so that the compiler unrolls one of them.
            let mut input = self.input;
            for _ in 0..2 {
                let (words, _) = compress(simd, &Block::ZERO, &input, &Block::ZERO);
                input.store(words);
            }
            self.words = input;
        }
        self.words.word(index % WORDS)
    }
}

/// H' with an output of a whole block (§3.3).
fn expand(inputs: &[&[u8]], bytes: &mut [u8; BYTES]) {
    const HALF: usize = 32;
    let mut link = Zeroizing::new([0; 2 * HALF]);
    let length = number(BYTES).to_le_bytes();
    let mut all = vec![&length[..]];
    all.extend(inputs);
    blake2b(&all, &mut *link);
    let (halves, last) = bytes.split_at_mut(BYTES - 2 * HALF);
    for half in halves.chunks_exact_mut(HALF) {
        half.copy_from_slice(&link[..HALF]);
        let previous = link.clone();
        blake2b(&[&*previous], &mut *link);
    }
    last.copy_from_slice(&*link);
}

/// BLAKE2b (RFC 7693) without a key, of as many bytes as `output` has.
#[expect(clippy::expect_used, reason = "tags are of 16 to 64 bytes, links of 64")]
fn blake2b(inputs: &[&[u8]], output: &mut [u8]) {
    let mut core = Blake2bVarCore::new(output.len()).expect("1 to 64 bytes");
    let mut buffer = LazyBuffer::default();
    for input in inputs {
        buffer.digest_blocks(input, |blocks| core.update_blocks(blocks));
    }
    let mut whole = Default::default();
    core.finalize_variable_core(&mut buffer, &mut whole);
    output.copy_from_slice(&whole[..output.len()]);
    whole.zeroize();
}

/// Lengths and indices as they are hashed: all far below 2³².
fn number(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}
