//! PEM (RFC 7468), as `openssl` and everybody's consoles write keys: one block of a file, whatever text
//! stands around it. Certificates are not keys: what they say of time and name would have to be believed or
//! ignored, and neither is ours to do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::es::Curve;
use super::{Algorithm, Jwk, der, rs};
use crate::{KeyError, KeyErrorKind, base64url};

/// A key of 4096 bits takes about 3.3 KiB.
const MAX_BYTES: usize = 16 * 1024;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// The public key of a `PUBLIC KEY` (SPKI, RFC 5280 §4.1) or `RSA PUBLIC KEY` (PKCS#1) block.
pub(super) fn public(algorithm: Algorithm, text: &str) -> Result<Jwk, KeyError> {
    let (label, der) = block(text)?;
    let rsa = |components: Option<(&[u8], &[u8])>| {
        let (n, e) = components.ok_or(KeyErrorKind::Malformed)?;
        Ok(Jwk {
            kty: "RSA".to_owned(),
            n: Some(base64url::encode(n)),
            e: Some(base64url::encode(e)),
            alg: Some(algorithm.name().to_owned()),
            ..Jwk::default()
        })
    };
    if label == "RSA PUBLIC KEY" {
        return rsa(der::rsa_public_key(&der));
    }
    if label != "PUBLIC KEY" {
        return Err(KeyErrorKind::Unsupported.into());
    }
    let (identifier, key) = der::public_key_info(&der).ok_or(KeyErrorKind::Malformed)?;
    if identifier == der::RSA {
        return rsa(der::rsa_public_key(key));
    }
    if identifier == der::ED25519 {
        return Ok(Jwk {
            kty: "OKP".to_owned(),
            crv: Some("Ed25519".to_owned()),
            x: Some(base64url::encode(key)),
            alg: Some(algorithm.name().to_owned()),
            ..Jwk::default()
        });
    }
    let curve = Curve::identified(identifier).ok_or(KeyErrorKind::Unsupported)?;
    // SEC 1 §2.3.3, uncompressed.
    let point = key.strip_prefix(&[4]).filter(|point| point.len() == 2 * curve.width);
    let (x, y) = point.ok_or(KeyErrorKind::Malformed)?.split_at(curve.width);
    Ok(Jwk {
        kty: "EC".to_owned(),
        crv: Some(curve.name.to_owned()),
        x: Some(base64url::encode(x)),
        y: Some(base64url::encode(y)),
        alg: Some(algorithm.name().to_owned()),
        ..Jwk::default()
    })
}

/// The PKCS#8 (RFC 5208) of a `PRIVATE KEY`, `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY` (RFC 5915) block.
pub(super) fn private(algorithm: Algorithm, text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let (label, key) = block(text)?;
    match label {
        "PRIVATE KEY" => Ok(key),
        "RSA PRIVATE KEY" if rs::padding(algorithm).is_some() => Ok(der::private_key_info(der::RSA, &key)),
        "EC PRIVATE KEY" => {
            let curve = Curve::of(algorithm).ok_or(KeyErrorKind::Malformed)?;
            Ok(der::private_key_info(curve.identifier, &key))
        }
        "RSA PRIVATE KEY" => Err(KeyErrorKind::Malformed.into()),
        // Also `ENCRYPTED PRIVATE KEY`.
        _ => Err(KeyErrorKind::Unsupported.into()),
    }
}

/// Label and bytes of the only block that holds a key. `openssl ecparam -genkey` puts the curve's name before
/// it, in a block of its own.
fn block(text: &str) -> Result<(&str, Zeroizing<Vec<u8>>), KeyError> {
    let malformed = KeyErrorKind::Malformed;
    if text.len() > MAX_BYTES {
        return Err(malformed.into());
    }
    let mut blocks = text.split(BEGIN).skip(1).filter(|block| !block.starts_with("EC PARAMETERS-----"));
    let (Some(block), None) = (blocks.next(), blocks.next()) else {
        return Err(malformed.into());
    };
    let (label, rest) = block.split_once(DASHES).ok_or(malformed.clone())?;
    let (body, end) = rest.split_once("-----END ").ok_or(malformed.clone())?;
    if !end.strip_prefix(label).is_some_and(|rest| rest.starts_with(DASHES)) {
        return Err(malformed.into());
    }
    let letters = body.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let mut joined = Zeroizing::new(Vec::with_capacity(body.len()));
    joined.extend(letters);
    let bytes = STANDARD.decode(joined.as_slice()).map_err(|_| malformed)?;
    Ok((label, Zeroizing::new(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_block_is_found_in_whatever_text() {
        let one = "-----BEGIN A B-----\nAQID\n-----END A B-----\n";
        let read = |text: &str| block(text).map(|(label, bytes)| (label.to_owned(), bytes.to_vec()));
        let wanted = ("A B".to_owned(), vec![1, 2, 3]);
        let curve = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
        for text in [
            one.to_owned(),
            one.replace('\n', "\r\n"),
            format!("subject=x\n{one}bye"),
            format!("{curve}{one}"),
        ] {
            assert_eq!(read(&text).unwrap(), wanted, "{text:?}");
        }
        let other_end = one.replace("END A B", "END A C");
        let no_end = one.replace("-----END", "");
        let header = one.replace("AQID", "Proc-Type: 4,ENCRYPTED\n\nAQID");
        for text in
            ["", "AQID", &one.repeat(2), &other_end, &no_end, &header, &one.replace("AQID", "AQI"), curve]
        {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
