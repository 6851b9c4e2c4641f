//! What a hash costs.

/// No hash, ours or alien, may use more memory: 256 MiB.
pub(super) const MAX_M_KIB: u32 = 256 * 1024;
/// Nor touch more memory over all its passes: 2 GiB, about a second.
pub(super) const MAX_WORK_KIB: u64 = 2 * 1024 * 1024;
/// Nor name more lanes.
pub(super) const MAX_LANES: u32 = 255;

/// The least that is thought enough, as (memory in KiB, passes): the equivalent pairs of OWASP's Password Storage Cheat Sheet.
const FLOORS: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

/// The cost of an Argon2id hash (RFC 9106): memory in KiB, passes, lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Params {
    m_kib: u32,
    t: u32,
    p: u32,
}

/// Why a cost is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// Less than m=19456 t=2 and every equal of it.
    #[error("Argon2id must cost at least m=19456 t=2, or m=47104 t=1, m=12288 t=3, m=9216 t=4, m=7168 t=5")]
    TooWeak,
    /// More than 256 MiB, 2 GiB over all passes, or 255 lanes.
    #[error("Argon2id may use at most 256 MiB, 2 GiB over all passes, and 255 lanes")]
    TooCostly,
    /// No passes, no lanes, or less than 8 KiB for each lane (RFC 9106 §3.1).
    #[error("Argon2id needs t >= 1, p >= 1 and m >= 8 p")]
    Impossible,
}

impl Argon2Params {
    /// # Errors
    /// Outside floor and ceiling: see [`ParamsError`].
    pub const fn new(m_kib: u32, t: u32, p: u32) -> Result<Self, ParamsError> {
        let mut i = 0;
        while i < FLOORS.len() {
            if m_kib >= FLOORS[i].0 && t >= FLOORS[i].1 {
                return Self::dangerously_below_the_floor(m_kib, t, p);
            }
            i += 1;
        }
        Err(ParamsError::TooWeak)
    }

    /// Without the floor; for a setting spelled `unsafe_…`.
    ///
    /// # Errors
    /// [`ParamsError::TooCostly`], [`ParamsError::Impossible`].
    pub const fn dangerously_below_the_floor(m_kib: u32, t: u32, p: u32) -> Result<Self, ParamsError> {
        if m_kib > MAX_M_KIB || m_kib as u64 * t as u64 > MAX_WORK_KIB || p > MAX_LANES {
            return Err(ParamsError::TooCostly);
        }
        if t < 1 || p < 1 || m_kib < 8 * p {
            return Err(ParamsError::Impossible);
        }
        Ok(Self { m_kib, t, p })
    }

    /// The cheapest hash there is (8 KiB, one pass): protects nothing.
    #[must_use]
    pub const fn dangerously_weak_for_tests() -> Self {
        Self { m_kib: 8, t: 1, p: 1 }
    }

    /// Whether passwords hashed so are cheaper to guess than they may be.
    #[must_use]
    pub const fn below_the_floor(self) -> bool {
        matches!(Self::new(self.m_kib, self.t, self.p), Err(ParamsError::TooWeak))
    }

    /// Memory in KiB.
    #[must_use]
    pub const fn m_kib(self) -> u32 {
        self.m_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn t(self) -> u32 {
        self.t
    }

    /// Lanes. Computed one after the other: more of them cost no more and take no less time here.
    #[must_use]
    pub const fn p(self) -> u32 {
        self.p
    }

    /// KiB touched over all passes: what the time is proportional to.
    pub(super) const fn work_kib(self) -> u64 {
        self.m_kib as u64 * self.t as u64
    }
}

impl Default for Argon2Params {
    fn default() -> Self {
        Self { m_kib: 19_456, t: 2, p: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_owasp_s() {
        for (m, t) in
            [(19_456, 2), (47_104, 1), (12_288, 3), (9_216, 4), (7_168, 5), (65_536, 3), (262_144, 8)]
        {
            let params = Argon2Params::new(m, t, 1).unwrap();
            assert_eq!((params.m_kib(), params.t(), params.p()), (m, t, 1));
        }
        for (m, t) in [(19_455, 2), (19_456, 1), (47_103, 1), (7_167, 100), (8, 1), (0, 0), (47_104, 0)] {
            assert_eq!(Argon2Params::new(m, t, 1), Err(ParamsError::TooWeak), "m={m} t={t}");
        }
        assert_eq!(Argon2Params::new(19_456, 2, 1), Ok(Argon2Params::default()));
    }

    #[test]
    fn the_ceiling_holds_everywhere() {
        for (m, t, p) in
            [(262_145, 1, 1), (262_144, 9, 1), (u32::MAX, 1, 1), (19_456, u32::MAX, 1), (19_456, 2, 256)]
        {
            assert_eq!(Argon2Params::new(m, t, p), Err(ParamsError::TooCostly), "m={m} t={t} p={p}");
        }
        for (m, t, p) in [(7, 1, 1), (8, 0, 1), (8, 1, 0), (15, 1, 2)] {
            assert_eq!(
                Argon2Params::dangerously_below_the_floor(m, t, p),
                Err(ParamsError::Impossible),
                "m={m} t={t} p={p}"
            );
        }
        assert_eq!(
            Argon2Params::dangerously_below_the_floor(8, 1, 1),
            Ok(Argon2Params::dangerously_weak_for_tests())
        );
    }
}
