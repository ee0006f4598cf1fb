//! What people and tools send: query parameters and JSON bodies, read strictly.
//!
//! Every mistake is collected with its place, so that a request is mended in one go. The values
//! themselves are never repeated in an error: they may be secrets.

use actix_web::{HttpRequest, web};
use serde_json::{Map, Value};

use crate::web::problem::{FieldError, Kind, Problem};

/// Rows of a page when nobody says.
const LIMIT: usize = 50;
/// Rows of a page at most.
const MAX_LIMIT: usize = 200;

/// The query parameters of a request. An empty one counts as not given, as browsers send forms.
pub(super) struct Params {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Params {
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let read = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        let pairs = read.map_err(|_| Problem::new(Kind::Malformed, "The query cannot be read."))?;
        Ok(Self { pairs: pairs.into_inner(), errors: Vec::new() })
    }

    /// A parameter; the last one counts if it is given several times.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let mut value = None;
        self.pairs.retain_mut(|(given, text)| {
            let fits = given == name;
            if fits {
                value = Some(text.trim().to_owned());
            }
            !fits
        });
        value.filter(|text| !text.is_empty())
    }

    /// A parameter of a kind; `wanted` finishes "must be …".
    pub(super) fn parse<T>(
        &mut self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.take(name)?;
        let value = read(&text);
        if value.is_none() {
            self.wrong(name, format!("{name} must be {wanted}."));
        }
        value
    }

    /// Rows of a page: 1 to 200.
    pub(super) fn limit(&mut self) -> usize {
        let in_range = |text: &str| text.parse().ok().filter(|n| (1..=MAX_LIMIT).contains(n));
        self.parse("limit", "a number from 1 to 200", in_range).unwrap_or(LIMIT)
    }

    /// Notes a mistake.
    pub(super) fn wrong(&mut self, name: &str, detail: impl Into<String>) {
        self.errors.push(FieldError { pointer: format!("?{name}"), detail: detail.into() });
    }

    /// What is left is not known: a filter that is not understood must not be passed over, since
    /// the answer would be more than was asked for.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        // Read by the scope.
        self.take("account");
        let unknown: Vec<String> = self.pairs.drain(..).map(|(name, _)| name).collect();
        for name in unknown {
            let shown: String = name.chars().take(50).collect();
            self.wrong(&shown, "The route does not know this parameter.");
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        Err(Problem::fields(Kind::Malformed, self.errors))
    }
}

/// The members of a JSON object, taken one by one. `null` counts as not given.
pub(super) struct Fields {
    at: String,
    members: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Of a request's body; an empty body is an empty object.
    pub(super) fn read(body: &[u8]) -> Result<Self, Problem> {
        let empty = body.iter().all(u8::is_ascii_whitespace);
        let value =
            if empty { Ok(Value::Object(Map::new())) } else { serde_json::from_slice(body) };
        let wrong = |detail: String| {
            let error = FieldError { pointer: String::new(), detail };
            Problem::fields(Kind::Malformed, vec![error])
        };
        match value {
            Ok(Value::Object(members)) => {
                Ok(Self { at: String::new(), members, errors: Vec::new() })
            }
            Ok(_other) => Err(wrong("The body must be a JSON object.".to_owned())),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                Err(wrong(format!("The body is not JSON (line {line}, column {column}).")))
            }
        }
    }

    /// A member as it is.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    /// A member as it is, `null` too.
    pub(super) fn given(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name)
    }

    /// Whether it was given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => self.mistake(name, "must be text"),
        }
    }

    /// A text that must be there and not be blank.
    pub(super) fn required(&mut self, name: &str) -> String {
        let before = self.errors.len();
        let text = self.text(name).map(|text| text.trim().to_owned());
        match text {
            Some(text) if !text.is_empty() => return text,
            Some(_blank) => self.mistake::<()>(name, "must not be empty"),
            // Unless it was there and no text, which is noted already.
            None if self.errors.len() == before => self.mistake(name, "is missing"),
            None => None,
        };
        String::new()
    }

    /// True or false.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(truth) => Some(truth),
            _ => self.mistake(name, "must be true or false"),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let Value::Array(list) = self.take(name)? else {
            return self.mistake(name, "must be a list of texts");
        };
        let texts: Option<Vec<String>> =
            list.into_iter().map(|item| item.as_str().map(str::to_owned)).collect();
        texts.or_else(|| self.mistake(name, "must be a list of texts"))
    }

    /// An object; give it back with [`Fields::close`].
    pub(super) fn object(&mut self, name: &str) -> Option<Self> {
        match self.take(name)? {
            Value::Object(members) => {
                Some(Self { at: self.pointer(name), members, errors: Vec::new() })
            }
            _ => self.mistake(name, "must be an object"),
        }
    }

    /// A list of objects, each read by `read`.
    pub(super) fn objects<T>(
        &mut self,
        name: &str,
        read: impl Fn(&mut Self) -> T,
    ) -> Option<Vec<T>> {
        let Value::Array(list) = self.take(name)? else {
            return self.mistake(name, "must be a list of objects");
        };
        let mut values = Vec::with_capacity(list.len());
        for (n, item) in list.into_iter().enumerate() {
            let Value::Object(members) = item else {
                return self.mistake(name, "must be a list of objects");
            };
            let at = format!("{}/{n}", self.pointer(name));
            let mut inner = Self { at, members, errors: Vec::new() };
            values.push(read(&mut inner));
            self.close(inner);
        }
        Some(values)
    }

    /// What is left, for objects whose members the caller knows.
    pub(super) fn rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.members)
    }

    /// Takes over the mistakes of an object within.
    pub(super) fn close(&mut self, inner: Self) {
        self.errors.extend(inner.leftovers());
    }

    /// Notes a mistake; `what` finishes the sentence that begins with the member's name.
    pub(super) fn mistake<T>(&mut self, name: &str, what: &str) -> Option<T> {
        let pointer = self.pointer(name);
        self.errors.push(FieldError { pointer, detail: format!("{name} {what}.") });
        None
    }

    /// Whether a mistake was noted.
    pub(super) fn failed(&self) -> bool {
        !self.errors.is_empty()
    }

    /// All mistakes, unknown members among them.
    pub(super) fn finish(self) -> Result<(), Problem> {
        let errors = self.leftovers();
        if errors.is_empty() { Ok(()) } else { Err(Problem::fields(Kind::Malformed, errors)) }
    }

    fn leftovers(mut self) -> Vec<FieldError> {
        let unknown: Vec<String> = self.rest().into_iter().map(|(name, _)| name).collect();
        for name in unknown {
            self.mistake::<()>(&name, "is not known here");
        }
        self.errors
    }

    fn pointer(&self, name: &str) -> String {
        // RFC 6901.
        let name: String = name.chars().take(100).collect();
        format!("{}/{}", self.at, name.replace('~', "~0").replace('/', "~1"))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn pointers(outcome: Result<(), Problem>) -> Vec<String> {
        let problem = outcome.unwrap_err();
        assert_eq!(problem.kind(), Kind::Malformed);
        problem.errors().iter().map(|error| error.pointer.clone()).collect()
    }

    #[test]
    fn every_mistake_of_a_body_is_named_with_its_place_and_without_its_value() {
        let body = br#"{"name": 5, "slug": " ", "connect": "yes", "tags": [1],
            "credentials": {"client_secret": ["hush-hush"], "x/y": 1}, "extra": "hush-hush"}"#;
        let mut fields = Fields::read(body).unwrap();
        assert_eq!(fields.required("name"), "");
        assert_eq!(fields.required("slug"), "");
        assert_eq!(fields.required("domain"), "");
        assert_eq!(fields.flag("connect"), None);
        assert_eq!(fields.texts("tags"), None);
        let mut inner = fields.object("credentials").unwrap();
        assert_eq!(inner.text("client_secret"), None);
        fields.close(inner);
        let outcome = fields.finish();
        assert!(!format!("{outcome:?}").contains("hush"));
        assert_eq!(
            pointers(outcome),
            [
                "/name",
                "/slug",
                "/domain",
                "/connect",
                "/tags",
                "/credentials/client_secret",
                "/credentials/x~1y",
                "/extra"
            ]
        );
    }

    #[test]
    fn an_empty_body_is_an_empty_object_and_anything_else_is_none() {
        assert!(Fields::read(b" ").unwrap().finish().is_ok());
        assert!(Fields::read(b"{\"name\": null}").unwrap().text("name").is_none());
        for bad in [&b"["[..], b"[]", b"5", b"{} {}", b"\xff"] {
            assert!(Fields::read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn unknown_and_unreadable_parameters_are_named() {
        let request = TestRequest::with_uri("/x?limit=900&store=&q=%20a+b&colour=red");
        let mut params = Params::of(&request.to_http_request()).unwrap();
        assert_eq!(params.take("store"), None);
        assert_eq!(params.take("q").as_deref(), Some("a b"));
        assert_eq!(params.limit(), LIMIT);
        assert_eq!(pointers(params.finish()), ["?limit", "?colour"]);
    }
}
