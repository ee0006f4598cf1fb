//! What is checked of a connection: scopes, and subscriptions that point here.

use crate::channel::{Access, Channel, ChannelError, Subscription};

/// The state of a connection as the cart tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checked {
    /// Scopes the token was granted.
    pub(super) granted: Vec<String>,
    /// Scopes it lacks.
    pub(super) missing: Vec<String>,
    /// Topics that are subscribed and point here, as listed *after* anything was created.
    pub(super) subscribed: Vec<String>,
    /// What stands in the way of the rest, in a sentence.
    pub(super) trouble: Option<String>,
    /// A subscription was missing or did not work: webhooks may have been lost meanwhile.
    pub(super) repaired: bool,
}

/// What subscriptions a store shall have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hooks<'a> {
    /// The store.
    pub(super) slug: &'a str,
    /// Where carts reach this daemon, if anybody said.
    pub(super) url: Option<&'a str>,
    /// Webhooks serve the store; otherwise it shall have none (R3).
    pub(super) wanted: bool,
}

/// Reads the scopes and brings the subscriptions into order: those that are missing are created,
/// those that do not work are mended, and what points at this daemon and is not the store's is
/// removed. Then they are listed again: only what the cart lists counts, since a creation may be
/// accepted and not take place. Subscriptions that point elsewhere are not touched (R43).
pub(super) async fn check(
    channel: &dyn Channel,
    access: &Access,
    hooks: Hooks<'_>,
) -> Result<Checked, ChannelError> {
    let granted = channel.granted_scopes(access).await?;
    let missing = channel.scope_gaps(&granted).into_iter().map(|gap| gap.scope.to_owned());
    let mut checked = Checked {
        missing: missing.collect(),
        granted,
        subscribed: Vec::new(),
        trouble: None,
        repaired: false,
    };
    let Some(public_url) = hooks.url else {
        checked.trouble = hooks.wanted.then(|| {
            "public.url is not set, so no webhook can be registered; set it to where carts reach \
             this daemon and reconnect."
                .to_owned()
        });
        return Ok(checked);
    };
    let url = webhook_url(public_url, channel, hooks.slug);
    let wanted = if hooks.wanted { channel.wanted_topics() } else { &[] };
    let listed = channel.subscriptions(access).await?;
    let mut changed = false;
    let is_wanted = |it: &Subscription| it.url == url && wanted.iter().any(|t| *t == it.topic);
    for stray in listed.iter().filter(|it| is_ours(it, public_url) && !is_wanted(it)) {
        channel.unsubscribe(access, &stray.id).await?;
        changed = true;
    }
    // Switched off by the cart after failures, or still carrying a secret that was replaced.
    for broken in listed.iter().filter(|it| is_wanted(it) && !it.works) {
        channel.mend(access, broken).await?;
        (changed, checked.repaired) = (true, true);
    }
    for topic in wanted.iter().filter(|topic| !points_here(&listed, topic, &url)) {
        match channel.subscribe(access, topic, &url).await {
            Ok(()) => (changed, checked.repaired) = (true, true),
            // One refused topic (a scope is missing, say) must not keep the others away.
            Err(ChannelError::Rejected(why)) => {
                let sentence = format!("The cart refused the subscription of {topic}: {why}");
                checked.trouble.get_or_insert(sentence);
            }
            Err(error) => return Err(error),
        }
    }
    let listed = if changed { channel.subscriptions(access).await? } else { listed };
    let works =
        |topic: &str| listed.iter().any(|it| it.topic == topic && it.url == url && it.works);
    let working = wanted.iter().filter(|topic| works(topic));
    checked.subscribed = working.map(|topic| (*topic).to_owned()).collect();
    if checked.trouble.is_none() && hooks.wanted {
        checked.trouble = channel.delivery_trouble(access, &url).await?;
    }
    Ok(checked)
}

/// Whether a subscription points at this daemon, at whatever store and topic. All that is listed is
/// of this store's cart, so no other store of ours is meant.
fn is_ours(subscription: &Subscription, public_url: &str) -> bool {
    let prefix = format!("{}/webhooks/", public_url.trim_end_matches('/'));
    subscription.url.starts_with(&prefix)
}

/// Where a store's webhooks are to be sent.
pub(in crate::actor) fn webhook_url(public_url: &str, channel: &dyn Channel, slug: &str) -> String {
    format!("{}/webhooks/{}/{slug}", public_url.trim_end_matches('/'), channel.kind())
}

fn points_here(listed: &[Subscription], topic: &str, url: &str) -> bool {
    listed.iter().any(|subscription| subscription.topic == topic && subscription.url == url)
}
