//! The issuer: what everybody else calls this server, and whether it is reached there.

use serde_json::Value;

use super::{fetch, report::Report};
use crate::config::{Config, Issuer};

/// Whether listen address, proxy and issuer go together, as far as settings tell.
pub(super) fn listen(report: &mut Report, config: &Config) {
    let listen = config.server.listen;
    let issuer = config.issuer(listen);
    let loopback = listen.ip().to_canonical().is_loopback();
    let behind_a_proxy = issuer.is_https() && config.tls.is_none();
    if behind_a_proxy && config.server.trusted_proxies.is_empty() {
        return report.warn(
            "address",
            format!("{issuer} is served by a proxy in front of {listen}, and server.trusted_proxies names none: all clients look like one"),
            "name the proxy's address in server.trusted_proxies",
        );
    }
    if behind_a_proxy && !loopback {
        return report.warn(
            "address",
            format!("{listen} takes plain HTTP from other machines, for the proxy that serves {issuer}"),
            "see that only the proxy can reach it",
        );
    }
    if listen.port() == 0 && config.server.issuer.is_none() {
        return report
            .ok("address", format!("listens on a free port of {}, which is its issuer too", listen.ip()));
    }
    report.ok("address", format!("listens on {listen} as {issuer}"));
}

/// Whether the running server is reached under its issuer, and says the same of itself (RFC 8414 §3.3).
pub(super) async fn reach(report: &mut Report, issuer: &str) {
    const CHECK: &str = "issuer";
    let Ok(issuer) = Issuer::parse(issuer) else {
        return report.fail(
            CHECK,
            format!("the server calls itself {issuer}, which is no issuer"),
            "set server.issuer",
        );
    };
    let path = format!("/.well-known/oauth-authorization-server{}", issuer.path());
    let advice = "see that name, port, proxy and certificate lead from there to this server";
    let answer = match fetch::get(issuer.origin(), &path).await {
        Ok(answer) => answer,
        // A certificate, a name, a firewall: seen from here only, and clients may see it otherwise.
        Err(error) => {
            return report.fail(
                CHECK,
                format!("{issuer} cannot be reached from this machine: {error:#}"),
                advice,
            );
        }
    };
    if answer.status != 200 {
        return report.fail(CHECK, format!("{}{path} answers {}", issuer.origin(), answer.status), advice);
    }
    let metadata: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match metadata.get("issuer").and_then(Value::as_str) {
        Some(theirs) if theirs == issuer.as_str() => {
            report.ok(CHECK, format!("{issuer} is reached, and its metadata says the same"));
        }
        Some(theirs) => report.fail(
            CHECK,
            format!("{issuer} leads to a server that calls itself {theirs}"),
            "let the proxy send that name to this server",
        ),
        None => {
            report.fail(
                CHECK,
                format!("{issuer} leads to something that is no authorization server"),
                advice,
            );
        }
    }
}
