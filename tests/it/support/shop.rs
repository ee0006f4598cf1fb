//! A simulated shop that a test drives, and a daemon that it can reach.

use std::time::Duration;

use instasync::simulator::{Action, Fault, Options, Profile, Setting, Simulator, Wish};
use serde_json::Value;

use super::daemon::{Daemon, Home, Output};
use super::eventually;

/// A shop of that name, with its secret in the home of the daemon it is connected to.
pub struct Shop {
    pub name: &'static str,
    pub simulator: Simulator,
}

impl Shop {
    /// Opens one.
    pub fn open(name: &'static str) -> Self {
        Self::with(name, |_| {})
    }

    /// Opens one that differs from the usual.
    pub fn with(name: &'static str, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options {
            profile: Profile {
                name: name.to_owned(),
                domain: format!("{name}.myshopify.com"),
                ..Profile::default()
            },
            // Minutes of the real cart are hundredths of a second here.
            retry_pace: 0.000_2,
            ..Options::default()
        };
        change(&mut options);
        let simulator = Simulator::start(options).expect("the shop opens");
        Self { name, simulator }
    }

    /// Connects it on the command line, with client id and secret.
    pub async fn connect(&self, home: &Home) -> Output {
        self.connect_with(home, &[]).await
    }

    /// The same with more arguments.
    pub async fn connect_with(&self, home: &Home, more: &[&str]) -> Output {
        let secret = self.simulator.cart().client_secret();
        self.connect_as(home, &secret, more).await
    }

    /// The same with a client secret of the test's own.
    pub async fn connect_as(&self, home: &Home, secret: &str, more: &[&str]) -> Output {
        let secret = home.file(&format!("{}.secret", self.name), secret);
        let profile = self.simulator.cart().profile();
        let (secret, url) = (secret.to_string_lossy().into_owned(), self.simulator.url());
        let mut arguments = vec![
            "store",
            "add",
            "--channel",
            "shopify",
            "--domain",
            &profile.domain,
            "--name",
            self.name,
            "--client-id",
            &profile.client_id,
            "--client-secret-file",
            &secret,
            "--api-url",
            &url,
        ];
        arguments.extend(more);
        home.run(&arguments).await
    }

    /// A buyer places an order; its id.
    pub fn place(&self, wish: &Wish) -> u64 {
        let placed = self.simulator.cart().place(wish, 1);
        placed[0]["id"].as_str().unwrap().parse().unwrap()
    }

    /// A buyer places an ordinary, paid order; its id.
    pub fn place_one(&self) -> u64 {
        self.place(&Wish::default())
    }

    /// Something happens to an order in the shop.
    pub fn act(&self, id: u64, action: &Action) -> Value {
        let done = self.simulator.cart().act(&id.to_string(), action);
        done.unwrap_or_else(|refusal| panic!("{action:?} of {id}: {refusal}"))
    }

    /// The merchant cancels an order.
    pub fn cancel(&self, id: u64) -> Value {
        self.act(id, &Action::Cancel { reason: "customer".to_owned() })
    }

    /// The order as the shop has it.
    pub fn order(&self, id: u64) -> Value {
        self.simulator.cart().order(&id.to_string()).expect("an order of this shop")
    }

    /// Its display name, such as `#1001`.
    pub fn name_of(&self, id: u64) -> String {
        self.order(id)["name"].as_str().unwrap().to_owned()
    }

    /// Switches a fault on.
    pub fn fault(&self, setting: Setting) {
        self.simulator.cart().set_fault(setting);
    }

    /// Switches a fault off.
    pub fn calm(&self, fault: Fault) {
        self.simulator.cart().set_fault(Setting::off(fault));
    }

    /// Topics that the shop sends to this daemon, sorted.
    pub fn subscribed(&self, daemon: &Daemon) -> Vec<String> {
        let url = format!("{}/webhooks/shopify/{}", daemon.public, self.name);
        let subscriptions = self.simulator.cart().subscriptions();
        let ours = subscriptions.into_iter().filter(|subscription| subscription.uri == url);
        let mut topics: Vec<_> = ours.map(|subscription| subscription.topic).collect();
        topics.sort();
        topics
    }

    /// Lets the second end that the shop's last change was stamped with.
    pub async fn a_second_passes(&self) {
        tokio::time::sleep(millis(1_010)).await;
    }

    /// Waits until the shop has nothing more to tell.
    pub async fn told_everything(&self) {
        eventually("the shop has told everything", || async {
            (self.simulator.cart().pending_deliveries() == 0).then_some(())
        })
        .await;
    }

    /// Waits until the shop has told everything and the daemon has worked on it; its events.
    pub async fn quiet(&self, daemon: &Daemon) -> Vec<Value> {
        self.told_everything().await;
        daemon.settled(self.name).await
    }
}

/// A span in milliseconds.
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}
