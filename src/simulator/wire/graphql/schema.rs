//! The schema, read from `schema.graphql`, and whether values fit its types.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use graphql_parser::schema::{self, Definition, InputValue, TypeDefinition};
use serde_json::{Map, Value};

/// A type as it is written at a field or an argument.
pub(super) type Ty = schema::Type<'static, String>;

/// A field of an object.
#[derive(Debug)]
pub(super) struct FieldDef {
    pub(super) ty: Ty,
    pub(super) args: BTreeMap<String, ArgDef>,
}

/// An argument, or a field of an input object.
#[derive(Debug)]
pub(super) struct ArgDef {
    pub(super) ty: Ty,
    pub(super) default: Option<Value>,
}

/// What a name of the schema stands for.
#[derive(Debug)]
pub(super) enum Kind {
    Scalar,
    Enum(Vec<String>),
    Object(BTreeMap<String, FieldDef>),
    Input(BTreeMap<String, ArgDef>),
}

/// All types by name.
#[derive(Debug)]
pub(super) struct Schema(HashMap<String, Kind>);

/// The schema of the simulated shop.
pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let document = schema::parse_schema::<String>(include_str!("schema.graphql"))
        .expect("invariant: schema.graphql is a schema");
    let types = document.definitions.into_iter().filter_map(|definition| match definition {
        Definition::TypeDefinition(definition) => Some(definition),
        _ => None,
    });
    Schema(types.filter_map(kind).collect())
});

fn kind(definition: TypeDefinition<'static, String>) -> Option<(String, Kind)> {
    match definition {
        TypeDefinition::Scalar(scalar) => Some((scalar.name, Kind::Scalar)),
        TypeDefinition::Enum(found) => {
            let values = found.values.into_iter().map(|value| value.name).collect();
            Some((found.name, Kind::Enum(values)))
        }
        TypeDefinition::Object(object) => {
            let fields = object.fields.into_iter().map(|field| {
                let def = FieldDef { ty: field.field_type, args: arguments(field.arguments) };
                (field.name, def)
            });
            Some((object.name, Kind::Object(fields.collect())))
        }
        TypeDefinition::InputObject(input) => {
            Some((input.name, Kind::Input(arguments(input.fields))))
        }
        TypeDefinition::Interface(_) | TypeDefinition::Union(_) => None,
    }
}

fn arguments(inputs: Vec<InputValue<'static, String>>) -> BTreeMap<String, ArgDef> {
    let argument = |input: InputValue<'static, String>| {
        let default = input.default_value.map(|value| super::request::literal(&value, &Map::new()));
        (input.name, ArgDef { ty: input.value_type, default })
    };
    inputs.into_iter().map(argument).collect()
}

/// The name inside lists and `!`.
pub(super) fn base<'t>(ty: &'t schema::Type<'_, String>) -> &'t str {
    match ty {
        schema::Type::NamedType(name) => name,
        schema::Type::ListType(inner) | schema::Type::NonNullType(inner) => base(inner),
    }
}

impl Schema {
    /// What a name stands for.
    pub(super) fn kind(&self, name: &str) -> Option<&Kind> {
        self.0.get(name)
    }

    /// The fields of an object type.
    pub(super) fn fields(&self, name: &str) -> Option<&BTreeMap<String, FieldDef>> {
        match self.0.get(name) {
            Some(Kind::Object(fields)) => Some(fields),
            _ => None,
        }
    }

    /// Whether a value fits a type; if not, where and why, in the words of the real API.
    pub(super) fn fits(
        &self,
        value: &Value,
        ty: &schema::Type<'_, String>,
    ) -> Result<(), (Vec<String>, String)> {
        let wrong = |why: String| Err((Vec::new(), why));
        match (ty, value) {
            (schema::Type::NonNullType(_), Value::Null) => {
                wrong("Expected value to not be null".to_owned())
            }
            (schema::Type::NonNullType(inner), value) => self.fits(value, inner),
            (_, Value::Null) => Ok(()),
            (schema::Type::ListType(inner), Value::Array(items)) => {
                items.iter().enumerate().try_for_each(|(at, item)| {
                    self.fits(item, inner).map_err(|wrong| inside(&at.to_string(), wrong))
                })
            }
            // One value stands for a list of one.
            (schema::Type::ListType(inner), value) => self.fits(value, inner),
            (schema::Type::NamedType(name), value) => match (self.0.get(name), value) {
                (Some(Kind::Enum(values)), Value::String(text)) if values.contains(text) => Ok(()),
                (Some(Kind::Enum(values)), value) => {
                    let values = values.join(", ");
                    wrong(format!("Expected {value} to be one of: {values}"))
                }
                (Some(Kind::Input(fields)), Value::Object(given)) => {
                    if let Some(unknown) = given.keys().find(|name| !fields.contains_key(*name)) {
                        let why = format!("Field is not defined on {name}");
                        return Err((vec![unknown.clone()], why));
                    }
                    fields.iter().try_for_each(|(field, def)| {
                        let value = given.get(field).unwrap_or(&Value::Null);
                        self.fits(value, &def.ty).map_err(|wrong| inside(field, wrong))
                    })
                }
                (Some(Kind::Scalar), value) if scalar(name, value) => Ok(()),
                (_, value) => wrong(format!("Could not coerce value {value} to {name}")),
            },
        }
    }
}

fn inside(step: &str, (mut path, why): (Vec<String>, String)) -> (Vec<String>, String) {
    path.insert(0, step.to_owned());
    (path, why)
}

fn scalar(name: &str, value: &Value) -> bool {
    match name {
        "Int" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "Float" => value.is_number(),
        "Boolean" => value.is_boolean(),
        "ID" => value.is_string() || value.is_u64(),
        _ => value.is_string(),
    }
}
