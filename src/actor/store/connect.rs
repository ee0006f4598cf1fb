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
}

/// Reads the scopes, creates the subscriptions that are missing, mends those that do not work, and
/// lists them again: only what the cart lists counts, since a creation may be accepted and not take
/// place. Subscriptions that point elsewhere are not touched (R43).
pub(super) async fn check(
    channel: &dyn Channel,
    access: &Access,
    slug: &str,
    public_url: Option<&str>,
) -> Result<Checked, ChannelError> {
    let granted = channel.granted_scopes(access).await?;
    let missing = channel.scope_gaps(&granted).into_iter().map(|gap| gap.scope.to_owned());
    let mut checked =
        Checked { missing: missing.collect(), granted, subscribed: Vec::new(), trouble: None };
    let Some(public_url) = public_url else {
        checked.trouble = Some(
            "public.url is not set, so no webhook can be registered; set it to where carts reach \
             this daemon and reconnect."
                .to_owned(),
        );
        return Ok(checked);
    };
    let url = webhook_url(public_url, channel, slug);
    let listed = channel.subscriptions(access).await?;
    let mut changed = false;
    // Switched off by the cart after failures, or still carrying a secret that was replaced.
    for broken in listed.iter().filter(|it| it.url == url && !it.works) {
        channel.mend(access, broken).await?;
        changed = true;
    }
    for topic in channel.wanted_topics().iter().filter(|topic| !points_here(&listed, topic, &url)) {
        match channel.subscribe(access, topic, &url).await {
            Ok(()) => changed = true,
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
    let wanted = channel.wanted_topics().iter().filter(|topic| works(topic));
    checked.subscribed = wanted.map(|topic| (*topic).to_owned()).collect();
    if checked.trouble.is_none() {
        checked.trouble = channel.delivery_trouble(access, &url).await?;
    }
    Ok(checked)
}

/// Where a store's webhooks are to be sent.
pub(in crate::actor) fn webhook_url(public_url: &str, channel: &dyn Channel, slug: &str) -> String {
    format!("{}/webhooks/{}/{slug}", public_url.trim_end_matches('/'), channel.kind())
}

fn points_here(listed: &[Subscription], topic: &str, url: &str) -> bool {
    listed.iter().any(|subscription| subscription.topic == topic && subscription.url == url)
}
