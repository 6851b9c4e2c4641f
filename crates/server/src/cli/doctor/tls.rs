//! The certificate files, when the server speaks TLS itself.

use rustls::{
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    server::ParsedCertificate,
};
use symbolon_token::Timestamp;

use super::{certificate, report::Report};
use crate::{cli::times, config::Config, tls::Tls};

const CHECK: &str = "certificate";
const DAY: i64 = 86_400;
/// Renewals happen earlier than this before the end.
const SOON: i64 = 14 * DAY;

pub(super) fn check(report: &mut Report, config: &Config) {
    let Some(files) = &config.tls else { return };
    if let Err(error) = Tls::load(files) {
        return report.fail(CHECK, error.to_string(), "set [tls] certificate and key right");
    }
    let shown = files.certificate.display();
    let Some(leaf) =
        CertificateDer::pem_file_iter(&files.certificate).ok().and_then(|mut all| all.next()?.ok())
    else {
        return report.fail(CHECK, format!("{shown} cannot be read"), "see its mode and owner");
    };
    named(report, config, &leaf);
    let Some((begins, ends)) = certificate::validity(&leaf) else {
        return report.warn(
            CHECK,
            format!("{shown} does not say how long it is valid"),
            "look at it with openssl x509 -text",
        );
    };
    let now = times::now();
    let told = |at: i64| {
        format!(
            "{} ({})",
            times::date(Timestamp::from_secs(at)),
            times::distance(Timestamp::from_secs(at), now)
        )
    };
    let left = ends - now.as_secs();
    match left {
        _ if begins > now.as_secs() => report.fail(
            CHECK,
            format!("{shown} begins on {}", told(begins)),
            "see the clock, or the certificate",
        ),
        ..=0 => report.fail(
            CHECK,
            format!("{shown} ended on {}", told(ends)),
            "renew it; the running server takes the new one by itself",
        ),
        1..SOON => {
            report.warn(CHECK, format!("{shown} ends on {}", told(ends)), "see that its renewal works");
        }
        _ => report.ok(CHECK, format!("{shown} is valid until {}", told(ends))),
    }
}

/// Whether the certificate is for the host that people reach the server by.
fn named(report: &mut Report, config: &Config, leaf: &CertificateDer<'_>) {
    let issuer = config.issuer(config.server.listen);
    let authority = issuer.origin().split_once("://").map_or("", |(_, authority)| authority);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let (Ok(parsed), Ok(name)) = (ParsedCertificate::try_from(leaf), ServerName::try_from(host.clone()))
    else {
        return;
    };
    if rustls::client::verify_server_name(&parsed, &name).is_err() {
        report.fail(
            CHECK,
            format!("it is not for {host}, the host of the issuer"),
            "get one for that name, or set server.issuer right",
        );
    }
}
