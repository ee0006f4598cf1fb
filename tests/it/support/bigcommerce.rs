//! A simulated BigCommerce store that a test drives, and a daemon that it can reach.

use std::sync::Arc;

use instasync::simulator::bigcommerce::{Act, Options, Simulator, Store, Wanted};
use instasync::simulator::{Fault, Setting};
use serde_json::Value;

use super::daemon::{Daemon, Home, Output};
use super::eventually;

/// A store of that hash, with its token in the home of the daemon it is connected to.
pub struct Shop {
    pub hash: &'static str,
    pub simulator: Simulator,
}

impl Shop {
    /// Opens one.
    pub fn open(hash: &'static str) -> Self {
        Self::with(hash, |_| {})
    }

    /// Opens one that differs from the usual.
    pub fn with(hash: &'static str, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options {
            hash: hash.to_owned(),
            name: hash.to_owned(),
            // Minutes of the real cart are hundredths of a second here.
            retry_pace: 0.000_2,
            // Tests are no shop with one customer a minute.
            quota: 10_000,
            ..Options::default()
        };
        change(&mut options);
        Self { hash, simulator: Simulator::start(options).expect("the store opens") }
    }

    pub fn store(&self) -> &Arc<Store> {
        self.simulator.store()
    }

    /// Connects it on the command line.
    pub async fn connect(&self, home: &Home) -> Output {
        self.connect_as(home, self.store().token(), &[]).await
    }

    /// The same with a token of the test's own and more arguments.
    pub async fn connect_as(&self, home: &Home, token: &str, more: &[&str]) -> Output {
        let token = home.file(&format!("{}.token", self.hash), token);
        let secret = home.file(&format!("{}.secret", self.hash), self.store().client_secret());
        let (token, secret) = (token.to_string_lossy(), secret.to_string_lossy());
        let url = self.simulator.url();
        let mut arguments = vec![
            "store",
            "add",
            "--channel",
            "bigcommerce",
            "--domain",
            self.hash,
            "--name",
            self.hash,
            "--client-id",
            self.store().client_id(),
            "--client-secret-file",
            &secret,
            "--access-token-file",
            &token,
            "--api-url",
            &url,
        ];
        arguments.extend(more);
        home.run(&arguments).await
    }

    /// A buyer places an ordinary, paid order of three lines; its id.
    pub fn place(&self) -> u64 {
        self.store().place(&Wanted { lines: Some(3), ..Wanted::default() })
    }

    /// Something happens to an order; the order as it is then.
    pub fn act(&self, id: u64, act: &Act) -> Value {
        self.store().act(id, act).expect("an order of this store")
    }

    /// The order as the store has it.
    pub fn order(&self, id: u64) -> Value {
        self.store().order(id).expect("an order of this store")
    }

    pub fn fault(&self, setting: Setting) {
        self.store().set_fault(setting);
    }

    pub fn calm(&self, fault: Fault) {
        self.store().set_fault(Setting::off(fault));
    }

    /// Waits until the store has nothing more to tell and the daemon has worked everything off.
    pub async fn quiet(&self, daemon: &Daemon) -> Vec<Value> {
        eventually("every callback was delivered or given up", || async {
            (self.store().pending() == 0).then_some(())
        })
        .await;
        daemon.settled(self.hash).await
    }
}
