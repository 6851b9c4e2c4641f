//! Step-up on pages: what wants a login of late leads to the password and back, and takes nobody in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use symbolon::{
    Symbolon,
    clock::{Clock, Timestamp},
};
use symbolon_axum::Auth;

use crate::browser::{Browser, ORIGIN, PASSWORD, settings};
use crate::{ada, options, usual};

/// A clock that a test moves.
#[derive(Default)]
struct Moved(AtomicI64);

impl Moved {
    fn on(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_800_000_000).plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

async fn clocked() -> (Arc<Moved>, Auth, Router) {
    let clock = Arc::new(Moved::default());
    let engine = Symbolon::builder(ORIGIN).settings(settings(ORIGIN)).clock(Arc::clone(&clock) as _);
    let auth = Auth::new(engine.open().await.unwrap(), options()).unwrap();
    let router = auth.router();
    (clock, auth, router)
}

#[tokio::test]
async fn a_page_that_wants_a_fresh_login_leads_to_the_password_and_back() {
    let (clock, _, router) = clocked().await;
    let mut ada = ada(&router).await;
    ada.get("/account/grants").await.says(200, "Name of the job");
    clock.on(Duration::from_secs(301));
    let sent_on = ada.get("/account/grants").await;
    assert_eq!(sent_on.leads_to(), "/confirm?next=%2Faccount%2Fgrants");
    let form = ada.get(sent_on.leads_to()).await;
    form.says(200, "Confirm it is you");
    assert!(form.text.contains("name=\"next\" value=\"/account/grants\""));
    let back = [("next", "/account/grants"), ("password", PASSWORD)];

    let before = ada.session().unwrap().to_owned();
    let wrong = ada.post("/confirm", &[("next", "/account/grants"), ("password", "not this one")]).await;
    wrong.says(401, "That is not your password.");
    assert!(wrong.text.contains("value=\"/account/grants\"") && wrong.sets("symbolon").is_none());
    assert_eq!(ada.session().unwrap(), before, "CK-18: a confirmation that fails changes nothing");

    let held = ada.clone();
    assert_eq!(ada.post("/confirm", &back).await.leads_to(), "/account/grants");
    assert_ne!(ada.session().unwrap(), before, "CK-03: a successor");
    ada.get("/account/grants").await.says(200, "Name of the job");
    let mut held = held;
    assert!(!held.is_in().await, "CK-03: its predecessor is dead");
    ada.get("/account").await.says(200, "Confirmed the password");
}

#[tokio::test]
async fn a_form_whose_login_grew_old_is_not_carried_out() {
    let (clock, auth, router) = clocked().await;
    let mut ada = ada(&router).await;
    clock.on(Duration::from_secs(301));
    let sent_on = ada.post("/account/grants", &[("label", "job")]).await;
    assert_eq!(sent_on.leads_to(), "/confirm?next=%2Faccount%2Fgrants");
    let user = auth.engine().find_user("ada").await.unwrap();
    assert_eq!(auth.engine().sessions(user.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn ht_05_confirm_leads_nowhere_else() {
    let (_, router) = usual().await;
    let mut ada = ada(&router).await;
    for bad in ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", ""] {
        let form = ada.get(&format!("/confirm?next={}", bad.replace('\\', "%5C").replace('\t', "%09"))).await;
        form.says(200, "Confirm it is you");
        assert!(!form.text.contains("evil"));
        let confirmed = ada.post("/confirm", &[("next", bad), ("password", PASSWORD)]).await;
        assert_eq!(confirmed.leads_to(), "/account", "{bad:?}");
    }
}

#[tokio::test]
async fn who_is_not_logged_in_confirms_by_a_login() {
    let (_, router) = usual().await;
    let mut nobody = Browser::new(&router);
    let sent_on = nobody.get("/confirm?next=/account/grants").await;
    assert_eq!(sent_on.leads_to(), "/login?next=%2Faccount%2Fgrants");
    assert_eq!(nobody.get("/confirm").await.leads_to(), "/login?next=%2Faccount");
    let refused = nobody.post("/confirm", &[("password", PASSWORD)]).await;
    assert_eq!(refused.leads_to(), "/login?next=%2Fconfirm");
}

#[tokio::test]
async fn cs_01_another_site_cannot_confirm() {
    let (_, router) = usual().await;
    let ada = ada(&router).await;
    let mut elsewhere = ada.elsewhere("cross-site", "https://evil.example");
    elsewhere.post("/confirm", &[("password", PASSWORD)]).await.says(403, "another site");
}
