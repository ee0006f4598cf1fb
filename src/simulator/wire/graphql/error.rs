//! Errors in the shape of the Admin API.

use graphql_parser::Pos;
use serde_json::{Map, Value, json};

/// One entry of `errors`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::simulator) struct GraphqlError {
    pub(super) message: String,
    code: &'static str,
    position: Option<Pos>,
    path: Vec<String>,
    details: Map<String, Value>,
}

impl GraphqlError {
    /// An error with the code that programs read.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code,
            position: None,
            path: Vec::new(),
            details: Map::new(),
        }
    }

    /// Where in the text, and in which field.
    #[must_use]
    pub(super) fn at(self, position: Pos, path: &[String]) -> Self {
        Self { position: Some(position), path: path.to_vec(), ..self }
    }

    /// One more entry of `extensions`.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// As it is answered.
    fn to_json(&self) -> Value {
        let mut error = Map::new();
        error.insert("message".to_owned(), json!(self.message));
        if let Some(at) = self.position {
            let locations = json!([{"line": at.line, "column": at.column}]);
            error.insert("locations".to_owned(), locations);
        }
        if !self.path.is_empty() {
            error.insert("path".to_owned(), json!(self.path));
        }
        let mut extensions = self.details.clone();
        extensions.insert("code".to_owned(), json!(self.code));
        error.insert("extensions".to_owned(), Value::Object(extensions));
        Value::Object(error)
    }
}

/// The entry `errors` of an answer.
pub(super) fn list(errors: &[GraphqlError]) -> Value {
    errors.iter().map(GraphqlError::to_json).collect()
}

/// A whole answer of nothing but errors.
pub(super) fn answer(errors: &[GraphqlError]) -> Value {
    json!({"errors": list(errors)})
}
