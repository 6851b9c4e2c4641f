//! The database of a storm: one machine or two, and what is done to it.

use std::net::{Ipv4Addr, SocketAddr};

use symbolon_cluster::{Cluster, url_by};

use crate::node::StoreUrl;

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// It is killed and started again.
    Restarted,
    /// Whatever is written is refused as by a full disk (53100).
    Full,
    /// Whatever is written takes long.
    Sluggish,
    /// Those who listen are cut off.
    Deaf,
    /// The primary dies, and its synchronous standby takes its place; then it gets a standby of its own.
    FailedOver,
    /// Nothing any more.
    Whole,
}

/// The cluster, and the standby where there is one.
pub(crate) struct Machines {
    primary: Cluster,
    standby: Option<Cluster>,
    name: String,
}

impl Machines {
    /// One machine. `None`, said aloud, where PostgreSQL is not installed.
    pub(crate) fn one() -> Option<Self> {
        let primary = Cluster::start()?;
        let name = primary.database().name;
        Some(Self { primary, standby: None, name })
    }

    /// A primary, and a standby without which it answers no commit.
    pub(crate) fn two() -> Option<Self> {
        let mut one = Self::one()?;
        one.standby = Some(one.primary.synchronous_standby(None));
        Some(one)
    }

    /// Where they listen.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let machines = [Some(&self.primary), self.standby.as_ref()].into_iter().flatten();
        machines.map(|machine| SocketAddr::from((Ipv4Addr::LOCALHOST, machine.port()))).collect()
    }

    /// The address of the store by these doors: of several hosts the one that takes writes is used.
    pub(crate) fn url(&self) -> StoreUrl {
        let name = self.name.clone();
        Box::new(move |doors| {
            let doors: Vec<String> = doors.iter().map(ToString::to_string).collect();
            url_by(&doors.join(","), &name)
        })
    }

    /// Puts a trigger on every table, which does nothing yet. (Its body can be replaced without a lock that anybody waits for.)
    pub(crate) fn prepare(&self) {
        self.on_writing("RETURN NULL;");
        self.primary.sql(
            &self.name,
            "DO $$ DECLARE one regclass; BEGIN \
             FOR one IN SELECT c.oid FROM pg_class c JOIN pg_class l ON l.relnamespace = c.relnamespace \
             WHERE l.relname = 'log_head' AND c.relkind = 'r' LOOP EXECUTE format(\
             'CREATE TRIGGER harm BEFORE INSERT OR UPDATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION harm()', one); \
             END LOOP; END $$",
        );
    }

    fn on_writing(&self, body: &str) {
        let function = format!(
            "CREATE OR REPLACE FUNCTION harm() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {} END'",
            body.replace('\'', "\'\'")
        );
        self.primary.sql(&self.name, &function);
    }

    /// Does it, to the end.
    pub(crate) fn suffers(&mut self, harm: Harm) {
        match harm {
            Harm::Restarted => self.primary.restart("immediate"),
            Harm::Full => {
                self.on_writing("RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100';");
            }
            Harm::Sluggish => self.on_writing("PERFORM pg_sleep(0.1); RETURN NULL;"),
            Harm::Whole => self.on_writing("RETURN NULL;"),
            Harm::Deaf => {
                let statement = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
                self.primary.sql(&self.name, statement);
            }
            Harm::FailedOver => self.fail_over(),
        }
    }

    /// What its connections wait for, and who replicates it.
    pub(crate) fn doing(&self) -> String {
        let connections = "SELECT pid, state, wait_event_type, wait_event, pg_blocking_pids(pid), now() - xact_start, left(query, 90) \
                           FROM pg_stat_activity WHERE datname IS NOT NULL ORDER BY xact_start";
        let standbys =
            "SELECT state, sync_state, sent_lsn, flush_lsn, pg_current_wal_lsn() FROM pg_stat_replication";
        let asked = [connections, standbys].map(|statement| self.primary.sql(&self.name, statement));
        asked.join("\n")
    }

    fn fail_over(&mut self) {
        let standby = self.standby.take().expect("there is a standby");
        let port = self.primary.port();
        self.primary.stop("immediate");
        standby.promote();
        self.primary = standby;
        self.standby = Some(self.primary.synchronous_standby(Some(port)));
    }
}
