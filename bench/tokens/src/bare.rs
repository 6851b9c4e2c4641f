//! The signature alone: AWS-LC over bytes that lie ready, with keys parsed once. The floor that nothing can
//! get below.

use anyhow::{Result, anyhow};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, ParsedPublicKey, RsaEncoding, RsaKeyPair,
};
use symbolon_token::Algorithm;

/// One key in the form that costs AWS-LC the least.
pub(crate) enum Bare {
    Ecdsa(EcdsaKeyPair, ParsedPublicKey),
    Ed25519(Ed25519KeyPair, ParsedPublicKey),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding, ParsedPublicKey),
    Hmac(Box<hmac::Key>),
}

impl Bare {
    pub(crate) fn new(algorithm: Algorithm, private: &[u8]) -> Result<Self> {
        let refused = |_| anyhow!("AWS-LC refuses the key");
        Ok(match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => {
                let (signing, verification) = if algorithm == Algorithm::Es256 {
                    (&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &signature::ECDSA_P256_SHA256_FIXED)
                } else {
                    (&signature::ECDSA_P384_SHA384_FIXED_SIGNING, &signature::ECDSA_P384_SHA384_FIXED)
                };
                let pair = EcdsaKeyPair::from_pkcs8(signing, private).map_err(refused)?;
                let public =
                    ParsedPublicKey::new(verification, pair.public_key().as_ref()).map_err(refused)?;
                Self::Ecdsa(pair, public)
            }
            Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::from_pkcs8(private).map_err(refused)?;
                let public =
                    ParsedPublicKey::new(&signature::ED25519, pair.public_key().as_ref()).map_err(refused)?;
                Self::Ed25519(pair, public)
            }
            Algorithm::Hs256 => Self::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, private))),
            Algorithm::Hs384 => Self::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA384, private))),
            Algorithm::Hs512 => Self::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA512, private))),
            rsa => {
                let (parameters, encoding): (_, &'static dyn RsaEncoding) = match rsa {
                    Algorithm::Rs256 => {
                        (&signature::RSA_PKCS1_2048_8192_SHA256, &signature::RSA_PKCS1_SHA256)
                    }
                    Algorithm::Rs384 => {
                        (&signature::RSA_PKCS1_2048_8192_SHA384, &signature::RSA_PKCS1_SHA384)
                    }
                    Algorithm::Rs512 => {
                        (&signature::RSA_PKCS1_2048_8192_SHA512, &signature::RSA_PKCS1_SHA512)
                    }
                    Algorithm::Ps256 => (&signature::RSA_PSS_2048_8192_SHA256, &signature::RSA_PSS_SHA256),
                    Algorithm::Ps384 => (&signature::RSA_PSS_2048_8192_SHA384, &signature::RSA_PSS_SHA384),
                    _ => (&signature::RSA_PSS_2048_8192_SHA512, &signature::RSA_PSS_SHA512),
                };
                let pair = RsaKeyPair::from_pkcs8(private).map_err(|_| anyhow!("AWS-LC refuses the key"))?;
                let public = ParsedPublicKey::new(parameters, pair.public_key().as_ref()).map_err(refused)?;
                Self::Rsa(pair, encoding, public)
            }
        })
    }

    /// The length of what it left in `out`; zero when AWS-LC failed.
    pub(crate) fn sign(&self, signed: &[u8], out: &mut [u8; 512]) -> usize {
        let random = SystemRandom::new();
        let keep = |signature: &[u8], out: &mut [u8; 512]| {
            out[..signature.len()].copy_from_slice(signature);
            signature.len()
        };
        match self {
            Self::Ecdsa(pair, _) => pair.sign(&random, signed).map_or(0, |made| keep(made.as_ref(), out)),
            Self::Ed25519(pair, _) => keep(pair.sign(signed).as_ref(), out),
            Self::Rsa(pair, encoding, _) => {
                let length = pair.public_modulus_len();
                pair.sign(*encoding, &random, signed, &mut out[..length]).map_or(0, |()| length)
            }
            Self::Hmac(key) => keep(hmac::sign(key, signed).as_ref(), out),
        }
    }

    pub(crate) fn verify(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ecdsa(_, public) | Self::Ed25519(_, public) | Self::Rsa(_, _, public) => {
                public.verify_sig(signed, signature).is_ok()
            }
            Self::Hmac(key) => hmac::verify(key, signed, signature).is_ok(),
        }
    }
}
