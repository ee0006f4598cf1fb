//! What people may set of a store: names, addresses, rules.

use actix_web::http::Uri;
use serde_json::{Map, Value};

use crate::domain::{ChannelKind, Rules};
use crate::web::api::input::Fields;
use crate::web::problem::{FieldError, Kind, Problem};

/// How long names may be.
const MAX_NAME: usize = 100;
/// How long slugs may be; they stand in addresses.
const MAX_SLUG: usize = 63;

/// A store's or account's name, which must be there.
pub(in crate::web::api) fn name(fields: &mut Fields) -> String {
    let name = fields.required("name");
    if name.chars().count() > MAX_NAME {
        fields.mistake::<()>("name", "is longer than 100 characters");
    }
    name
}

/// A slug that was chosen: `[a-z0-9-]`, not beginning or ending with a dash.
pub(in crate::web::api) fn slug(fields: &mut Fields) -> Option<String> {
    let slug = fields.text("slug")?;
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let fits = (1..=MAX_SLUG).contains(&slug.len())
        && slug.bytes().all(plain)
        && !slug.starts_with('-')
        && !slug.ends_with('-');
    if fits {
        return Some(slug);
    }
    fields.mistake("slug", "must be 1 to 63 of a-z, 0-9 and -, not beginning or ending with -")
}

/// The slug that a name makes; `otherwise` if nothing of the name can stand in one.
pub(in crate::web::api) fn slug_of(name: &str, otherwise: &str) -> String {
    let mut slug = String::new();
    for letter in name.to_lowercase().chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        // Room for a number behind it.
        if slug.len() >= MAX_SLUG - 6 {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { otherwise.to_owned() } else { slug.to_owned() }
}

/// `slug`, `slug-2`, `slug-3`, …
pub(in crate::web::api) fn numbered(slug: &str) -> impl Iterator<Item = String> {
    let rest = (2..1000).map({
        let slug = slug.to_owned();
        move |n| format!("{slug}-{n}")
    });
    std::iter::once(slug.to_owned()).chain(rest)
}

/// An address that replaces scheme, host and port of a cart's API.
pub(super) fn api_url(fields: &mut Fields) -> Option<String> {
    let text = fields.text("api_url")?;
    let base = base_of(text.trim());
    base.or_else(|| {
        fields
            .mistake("api_url", "must be scheme, host and port, such as https://cart.example:8443")
    })
}

fn base_of(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let authority = uri.authority()?;
    let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    let named = !authority.host().is_empty() && !authority.as_str().contains('@');
    (bare && named && !text.contains('#')).then(|| format!("{scheme}://{authority}"))
}

/// The rules with what was given put over them. Unknown names and wrong values are refused with
/// their place, and so are rules that this channel or build cannot follow.
pub(in crate::web::api) fn merged(
    rules: &Rules,
    given: &Map<String, Value>,
    channel: ChannelKind,
) -> Result<Rules, Problem> {
    let present = serde_json::to_value(rules).ok();
    let Some(Value::Object(mut merged)) = present else {
        return Err(Problem::new(Kind::Internal, "The store's rules cannot be read."));
    };
    let mut errors = Vec::new();
    let mut wrong = |name: &str, detail: String| {
        let name: String = name.chars().take(100).collect();
        let pointer = format!("/rules/{}", name.replace('~', "~0").replace('/', "~1"));
        errors.push(FieldError { pointer, detail });
    };
    for (name, value) in given {
        if !merged.contains_key(name) {
            wrong(name, "There is no such rule.".to_owned());
            continue;
        }
        let before = merged.insert(name.clone(), value.clone());
        if let Err(error) = serde_json::from_value::<Rules>(Value::Object(merged.clone())) {
            wrong(name, format!("{name}: {error}."));
            merged.insert(name.clone(), before.unwrap_or_default());
        }
    }
    if !errors.is_empty() {
        return Err(Problem::fields(Kind::Malformed, errors));
    }
    let merged: Rules = serde_json::from_value(Value::Object(merged))
        .map_err(|error| Problem::invalid("/rules", error.to_string()))?;
    let objections = merged.objections(channel);
    if objections.is_empty() {
        return Ok(merged);
    }
    let error = |(name, detail)| FieldError { pointer: format!("/rules/{name}"), detail };
    Err(Problem::fields(Kind::Invalid, objections.into_iter().map(error).collect()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("Pine & Wick", "pine-wick")]
    #[case("  --Été 2026!  ", "t-2026")]
    #[case("木", "shopify")]
    #[case("UPPER_case", "upper-case")]
    fn r1_a_slug_is_made_from_the_name(#[case] name: &str, #[case] slug: &str) {
        assert_eq!(slug_of(name, "shopify"), slug);
    }

    #[test]
    fn r1_a_taken_slug_gets_a_number() {
        assert_eq!(numbered("pine").take(3).collect::<Vec<_>>(), ["pine", "pine-2", "pine-3"]);
        assert!(slug_of(&"long".repeat(50), "x").len() <= MAX_SLUG - 5);
    }

    #[rstest]
    #[case("https://cart.example:8443/", Some("https://cart.example:8443"))]
    #[case("http://127.0.0.1:9000", Some("http://127.0.0.1:9000"))]
    #[case("https://cart.example/admin", None)]
    #[case("https://cart.example?x=1", None)]
    #[case("https://user:pass@cart.example", None)]
    #[case("ftp://cart.example", None)]
    #[case("cart.example", None)]
    #[case("https://", None)]
    #[case("", None)]
    fn an_api_url_is_scheme_host_and_port(#[case] text: &str, #[case] base: Option<&str>) {
        assert_eq!(base_of(text).as_deref(), base);
    }

    fn merge(given: &Value) -> Result<Rules, Problem> {
        let rules = Rules::defaults(ChannelKind::Shopify);
        merged(&rules, given.as_object().unwrap(), ChannelKind::Shopify)
    }

    #[test]
    fn r23_rules_are_merged_and_what_cannot_be_is_named() {
        let rules = merge(&json!({"cancels": "ignore", "import_from": null})).unwrap();
        assert_eq!(rules.cancels, crate::domain::rules::Cancels::Ignore);
        assert!(rules.import_test_orders, "what was not given stays");

        let problem = merge(&json!({"cancells": "ignore", "cancels": "never"})).unwrap_err();
        let pointers: Vec<_> = problem.errors().iter().map(|e| e.pointer.as_str()).collect();
        assert_eq!(pointers, ["/rules/cancells", "/rules/cancels"]);
        assert_eq!(problem.kind(), Kind::Malformed);

        let problem =
            merge(&json!({"import_statuses": ["payed"], "archives": "cancel"})).unwrap_err();
        assert_eq!((problem.kind(), problem.errors().len()), (Kind::Invalid, 2));
    }
}
