//! Held against the crate `argon2`, at every level of vectors that this machine has. What libargon2
//! computed is tried in `crates/symbolon/src/password/foreign/tests.rs`.

use fearless_simd::Level;
use proptest::prelude::*;

use super::{Argon2, Block, Variant, Version};

/// This machine's level and those below it.
fn levels() -> Vec<Level> {
    let mut levels = vec![Level::new(), Level::baseline()];
    #[cfg(target_arch = "x86_64")]
    levels.extend(
        [Level::new().as_sse4_2().map(Level::Sse4_2), Level::new().as_avx2().map(Level::Avx2)]
            .into_iter()
            .flatten(),
    );
    levels
}

fn ours(argon2: Argon2, level: Level, password: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
    let mut tag = vec![0; length];
    // Not what the memory held before.
    let mut memory = vec![Block::ZERO; argon2.blocks() + 1];
    for (index, block) in memory.iter_mut().enumerate() {
        block.set_word(index % 128, index as u64);
    }
    argon2.hash_at(level, password, salt, &mut tag, &mut memory, &mut || {});
    assert_eq!(
        memory[argon2.blocks()].word(argon2.blocks() % 128),
        argon2.blocks() as u64,
        "the rest is let be"
    );
    tag
}

fn theirs(argon2: Argon2, password: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
    let variant = match argon2.variant {
        Variant::D => ::argon2::Algorithm::Argon2d,
        Variant::I => ::argon2::Algorithm::Argon2i,
        Variant::Id => ::argon2::Algorithm::Argon2id,
    };
    let version = match argon2.version {
        Version::V16 => ::argon2::Version::V0x10,
        Version::V19 => ::argon2::Version::V0x13,
    };
    let params = ::argon2::Params::new(argon2.m_kib, argon2.t, argon2.p, None).unwrap();
    let mut tag = vec![0; length];
    ::argon2::Argon2::new(variant, version, params).hash_password_into(password, salt, &mut tag).unwrap();
    tag
}

fn any_argon2() -> impl Strategy<Value = Argon2> {
    let variant = prop_oneof![Just(Variant::D), Just(Variant::I), Just(Variant::Id)];
    let version = prop_oneof![Just(Version::V16), Just(Version::V19)];
    (variant, version, 1_u32..=5, 0_u32..1500, 1_u32..=4)
        .prop_map(|(variant, version, p, more, t)| Argon2::new(variant, version, 8 * p + more, t, p).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_level_computes_what_the_oracle_computes(
        argon2 in any_argon2(),
        password in prop::collection::vec(any::<u8>(), 0..300),
        salt in prop::collection::vec(any::<u8>(), 8..80),
        length in 4_usize..=64,
    ) {
        let expected = theirs(argon2, &password, &salt, length);
        for level in levels() {
            prop_assert_eq!(&ours(argon2, level, &password, &salt, length), &expected, "{:?}", level);
        }
    }
}

#[test]
fn the_default_cost_gives_what_the_oracle_gives() {
    let argon2 = Argon2::new(Variant::Id, Version::V19, 19_456, 2, 1).unwrap();
    let expected = theirs(argon2, b"correct horse battery staple", b"0123456789abcdef", 32);
    for level in levels() {
        assert_eq!(ours(argon2, level, b"correct horse battery staple", b"0123456789abcdef", 32), expected);
    }
}

#[test]
fn there_is_a_pause_after_every_segment() {
    let argon2 = Argon2::new(Variant::Id, Version::V19, 64, 3, 2).unwrap();
    let mut pauses = 0;
    let mut memory = vec![Block::ZERO; argon2.blocks()];
    argon2.hash(b"password", b"saltsalt", &mut [0; 32], &mut memory, || pauses += 1);
    assert_eq!(pauses, 3 * 4 * 2);
}

#[test]
fn what_cannot_be_computed_is_refused() {
    for (m, t, p) in [(8, 0, 1), (8, 1, 0), (7, 1, 1), (15, 1, 2), (u32::MAX, 1, 1 << 24)] {
        assert!(Argon2::new(Variant::Id, Version::V19, m, t, p).is_none(), "m={m} t={t} p={p}");
    }
}
