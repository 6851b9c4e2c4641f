//! The master keys of this process: which of those it was given count, and the MAC keys that each of them makes.
//!
//! Owns the numbers of master keys: a new one gets the next, and what it seals or MACs names it. A key is known by its fingerprint,
//! which the installation keeps. Refuses a set of keys of which the installation knows none (KM-05).

use std::path::{Path, PathBuf};

use symbolon_token::MacKey;

use super::{MasterKey, NotAMasterKey};
use crate::{
    error::{Error, ErrorKind, Result},
    store::Installation,
};

/// The master keys, current first, and where they came from. A previous one stays while something it made still counts.
#[derive(Clone, Debug)]
pub struct MasterKeys {
    pub(super) keys: Vec<MasterKey>,
    /// The file they were read from, in which a rotation may write; `None` when somebody else keeps them.
    pub(super) file: Option<PathBuf>,
}

impl MasterKeys {
    /// From several lines or a comma list of [`MasterKey::parse`] texts.
    ///
    /// # Errors
    /// When one of them is not a master key, or there is none.
    pub fn parse(text: &str) -> std::result::Result<Self, NotAMasterKey> {
        let texts = text.split([',', '\n']).map(str::trim).filter(|text| !text.is_empty());
        let keys = texts.map(MasterKey::parse).collect::<std::result::Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(NotAMasterKey) } else { Ok(Self { keys, file: None }) }
    }

    pub(super) fn of_file(self, path: &Path) -> Self {
        Self { file: Some(path.to_owned()), ..self }
    }

    /// The fingerprints, current first. They tell nothing of the keys.
    pub fn fingerprints(&self) -> Vec<String> {
        self.keys.iter().map(MasterKey::fingerprint).collect()
    }
}

impl From<MasterKey> for MasterKeys {
    fn from(key: MasterKey) -> Self {
        Self { keys: vec![key], file: None }
    }
}

/// What a set of keys is to an installation.
pub(super) struct Recognised {
    /// Those that count, current first, each with its number.
    pub(super) keys: Vec<(u32, MasterKey)>,
    /// The installation with the current key in front.
    pub(super) installation: Installation,
    /// Whether the current key is a new one, put in front of those that the installation knows: a rotation.
    pub(super) adopted: bool,
}

/// Finds the keys among those the installation knows. A new installation learns the current one; an old one learns a new current key
/// when a key that it knows stands behind it. A wrong one is refused before anything is made with it.
pub(super) fn recognise(installation: &Installation, given: &[MasterKey]) -> Result<Recognised> {
    let mut installation = installation.clone();
    let number = |known: &[(u32, String)], key: &MasterKey| {
        let fingerprint = key.fingerprint();
        known.iter().find(|(_, known)| *known == fingerprint).map(|(number, _)| *number)
    };
    let is_new = installation.master_keys.is_empty();
    let knows_some = given.iter().any(|key| number(&installation.master_keys, key).is_some());
    let Some(current) = given.first().filter(|_| is_new || knows_some) else {
        return Err(Error::new(
            ErrorKind::Unavailable,
            "The master key is not the one this store was made with. Give the right one: nothing in the store can be used without it.",
        ));
    };
    let known = number(&installation.master_keys, current);
    let highest = installation.master_keys.iter().map(|(number, _)| *number).max().unwrap_or_default();
    let entry = (known.unwrap_or(highest + 1), current.fingerprint());
    installation.master_keys.retain(|(number, _)| *number != entry.0);
    installation.master_keys.insert(0, entry);
    let counting = given
        .iter()
        .filter_map(|key| number(&installation.master_keys, key).map(|number| (number, key.clone())))
        .collect();
    Ok(Recognised { keys: counting, installation, adopted: known.is_none() && !is_new })
}

/// The keys that count where the store is shared: in the installation's order, however they were given, so that all nodes have the same
/// one in front. The installation's current one must be among them: what the others make by it could not be told from what was made up.
pub(super) fn in_order(installation: &Installation, given: &[MasterKey]) -> Result<Vec<(u32, MasterKey)>> {
    let held = installation.master_keys.iter().filter_map(|(number, fingerprint)| {
        let key = given.iter().find(|key| key.fingerprint() == *fingerprint)?;
        Some((*number, key.clone()))
    });
    let keys: Vec<_> = held.collect();
    let current = installation.master_keys.first();
    if current.map(|(number, _)| *number) == keys.first().map(|(number, _)| *number) {
        return Ok(keys);
    }
    let fingerprint = current.map(|(_, fingerprint)| fingerprint.as_str()).unwrap_or_default();
    let text = format!(
        "The master key was replaced, and this node does not hold the one that counts now ({fingerprint}). Give it the master key file of \
         the node that replaced it."
    );
    Err(Error::new(ErrorKind::Unavailable, text))
}

/// A master key with its number, and what is derived from it.
pub(super) struct Versioned {
    pub(super) version: u32,
    pub(super) master: MasterKey,
    cookie: MacKey,
    refresh: MacKey,
    known: MacKey,
    throttle: MacKey,
}

/// The keys in use at one moment. Never changed, only replaced, together with what they sealed.
pub(crate) struct Masters {
    current: Versioned,
    previous: Vec<Versioned>,
    /// What the installation knew of master keys then.
    known: Vec<(u32, String)>,
    /// Part of the MAC keys: raised, none of what was MACed before is genuine.
    epoch: u32,
}

impl Masters {
    /// `None` without a key.
    pub(super) fn of(keys: Vec<(u32, MasterKey)>, installation: &Installation) -> Option<Self> {
        let epoch = installation.epoch;
        let mut keys = keys.into_iter().map(|(version, master)| Versioned {
            version,
            cookie: master.mac_key("session cookie", epoch),
            refresh: master.mac_key("refresh token", epoch),
            known: master.mac_key("known browser", epoch),
            // Counters outlive a restore: no epoch in them.
            throttle: master.mac_key("throttle", 0),
            master,
        });
        let (current, known) = (keys.next()?, installation.master_keys.clone());
        Some(Self { current, previous: keys.collect(), known, epoch })
    }

    /// Whether the installation knows the same still.
    pub(super) fn are_of(&self, installation: &Installation) -> bool {
        self.known == installation.master_keys && self.epoch == installation.epoch
    }

    pub(super) fn current(&self) -> &Versioned {
        &self.current
    }

    pub(super) fn previous(&self) -> &[Versioned] {
        &self.previous
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Versioned> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    pub(super) fn version(&self, version: u32) -> Option<&Versioned> {
        self.all().find(|master| master.version == version)
    }

    /// Those but these previous ones.
    pub(super) fn without(&self, gone: &[u32]) -> Vec<(u32, MasterKey)> {
        let stay = self.all().filter(|master| !gone.contains(&master.version));
        stay.map(|master| (master.version, master.master.clone())).collect()
    }

    /// The installation's epoch that is in the MAC keys.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether a session that names this version can be live.
    pub(crate) fn knows(&self, version: u32) -> bool {
        self.version(version).is_some()
    }

    /// The MAC key of cookies, and the version that a session made with it names.
    pub(crate) fn cookie(&self) -> (&MacKey, u32) {
        (&self.current.cookie, self.current.version)
    }

    pub(crate) fn cookie_keys(&self) -> impl Iterator<Item = &MacKey> {
        self.all().map(|master| &master.cookie)
    }

    /// The MAC key of the refresh tokens of a session that names `version`.
    pub(crate) fn refresh(&self, version: u32) -> Option<&MacKey> {
        self.version(version).map(|master| &master.refresh)
    }

    pub(crate) fn refresh_keys(&self) -> impl Iterator<Item = &MacKey> {
        self.all().map(|master| &master.refresh)
    }

    /// The MAC key of new known-browser cookies.
    pub(crate) fn known_browser(&self) -> &MacKey {
        &self.current.known
    }

    pub(crate) fn known_browser_keys(&self) -> impl Iterator<Item = &MacKey> {
        self.all().map(|master| &master.known)
    }

    pub(crate) fn throttle(&self) -> &MacKey {
        &self.current.throttle
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::clock::SystemRandomness;

    fn installation(master_keys: Vec<(u32, String)>) -> Installation {
        Installation {
            log_epoch: Uuid::nil(),
            epoch: 1,
            master_keys,
            token_life: 0,
            longer_life: None,
            lease_ms: 0,
            other_lease: None,
        }
    }

    fn numbers(known: &[(u32, &MasterKey)], given: &[&MasterKey]) -> Option<(Vec<u32>, Vec<u32>, bool)> {
        let known = known.iter().map(|(number, key)| (*number, key.fingerprint())).collect();
        let given: Vec<MasterKey> = given.iter().map(|key| (*key).clone()).collect();
        let found = recognise(&installation(known), &given).ok()?;
        let counting = found.keys.iter().map(|(number, _)| *number).collect();
        let kept = found.installation.master_keys.iter().map(|(number, _)| *number).collect();
        Some((counting, kept, found.adopted))
    }

    #[test]
    fn km_02_nodes_that_share_a_store_have_the_same_key_in_front() {
        let [a, b, c] = [(); 3].map(|()| MasterKey::generate(&SystemRandomness));
        let known = installation(vec![(2, b.fingerprint()), (1, a.fingerprint())]);
        let numbers = |given: &[&MasterKey]| {
            let given: Vec<MasterKey> = given.iter().map(|key| (*key).clone()).collect();
            let keys = in_order(&known, &given).map_err(|error| error.to_string())?;
            Ok::<_, String>(keys.iter().map(|(number, _)| *number).collect::<Vec<u32>>())
        };
        assert_eq!(numbers(&[&b, &a]), Ok(vec![2, 1]));
        assert_eq!(numbers(&[&a, &b]), Ok(vec![2, 1]), "however they were given");
        assert_eq!(numbers(&[&c, &b]), Ok(vec![2]), "what the installation does not know does not count");
        for lacking in [&[&a][..], &[&c, &a], &[]] {
            assert!(numbers(lacking).unwrap_err().contains(&b.fingerprint()));
        }
    }

    #[test]
    fn a_new_key_counts_only_in_front_of_one_that_is_known() {
        let [a, b, c] = [(); 3].map(|()| MasterKey::generate(&SystemRandomness));
        assert_eq!(numbers(&[], &[&a]), Some((vec![1], vec![1], false)), "a new installation");
        assert_eq!(numbers(&[], &[&a, &b]), Some((vec![1], vec![1], false)));
        assert_eq!(numbers(&[(1, &a)], &[&a]), Some((vec![1], vec![1], false)));
        assert_eq!(numbers(&[(1, &a)], &[&b]), None, "KM-05: a wrong one");
        assert_eq!(numbers(&[(1, &a)], &[&b, &c]), None);
        assert_eq!(numbers(&[(1, &a)], &[&b, &a]), Some((vec![2, 1], vec![2, 1], true)), "a rotation");
        assert_eq!(numbers(&[(2, &b), (1, &a)], &[&b, &a]), Some((vec![2, 1], vec![2, 1], false)));
        assert_eq!(numbers(&[(2, &b), (1, &a)], &[&b]), Some((vec![2], vec![2, 1], false)));
        assert_eq!(
            numbers(&[(2, &b)], &[&b, &a]),
            Some((vec![2], vec![2], false)),
            "one that counts no more"
        );
        assert_eq!(
            numbers(&[(2, &b), (1, &a)], &[&a, &b]),
            Some((vec![1, 2], vec![1, 2], false)),
            "back again"
        );
        assert_eq!(numbers(&[(2, &b), (1, &a)], &[&c, &b, &a]), Some((vec![3, 2, 1], vec![3, 2, 1], true)));
    }
}
