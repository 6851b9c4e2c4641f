//! Recent activity: audit rows in the words of the one they concern.

use serde_json::Value;
use symbolon::store::AuditRow;
use symbolon_token::Timestamp;

use super::super::{view::Event, words::When};

/// A line of the list.
pub(super) fn event(row: &AuditRow, now: Timestamp) -> Event {
    let detail = |name: &str| row.detail.get(name).and_then(Value::as_str).unwrap_or_default();
    let (what, warning) = said(&row.event, detail("carrier"), detail("by"));
    Event {
        when: When::near(row.at.as_millis(), now.as_millis()),
        what,
        device: detail("device").to_owned(),
        address: row.address.clone().unwrap_or_default(),
        warning,
    }
}

/// What happened, and whether it should stand out.
fn said(event: &str, carrier: &str, by: &str) -> (String, bool) {
    let (what, warning) = match event {
        "user_created" => ("Account created", false),
        "login" if carrier == "cookie" => ("Logged in", false),
        "login" => ("Logged in from an application", false),
        "login_failed" => ("Wrong password", true),
        "logout" => ("Logged out", false),
        "session_ended" if by == "login" => ("A new login took the place of this device’s last one", false),
        "session_ended" if by == "limit" => {
            ("The oldest login ended, because there were too many at once", false)
        }
        "session_ended" => ("Ended a login", false),
        "token_ended" => ("Ended an access token", false),
        "others_ended" => ("Ended all other logins", false),
        "all_ended" => ("Ended every login", false),
        "confirmed" => ("Confirmed the password", false),
        "confirm_failed" => ("Wrong password, asked for again", true),
        "grant_given" => ("Gave a job a login of its own", false),
        "password_changed" => ("Changed the password", false),
        "password_change_failed" => ("Wrong password, while changing it", true),
        "password_reset" => ("The administrator set a new password", true),
        "refresh_reused" => ("A used-up refresh token came back, so its login was ended", true),
        "refresh_ahead" => ("A refresh token that was never issued came, so its login was ended", true),
        "roles_changed" => ("The administrator changed the roles", false),
        "user_disabled" => ("The administrator closed the account", true),
        "user_enabled" => ("The administrator opened the account again", false),
        // A later version's event: its name is better than silence.
        other => return (other.replace('_', " "), false),
    };
    (what.into(), warning)
}
