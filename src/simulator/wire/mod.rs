//! The cart's wire formats: REST-shaped webhooks out, GraphQL in.

pub(super) mod graphql;
pub(super) mod webhook;

/// Hundredths as the decimal text that carts write: `60.00`.
fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
}

/// A global id.
fn gid(kind: &str, id: u64) -> String {
    format!("gid://shopify/{kind}/{id}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn money_has_two_digits() {
        let texts = [0, 5, 1250, -395].map(super::money);
        assert_eq!(texts, ["0.00", "0.05", "12.50", "-3.95"]);
    }
}
