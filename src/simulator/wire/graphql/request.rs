//! From the text of a request to what it picks: parsed, validated against the schema, variables put
//! in, fragments laid flat.

use std::collections::{HashMap, HashSet};

use graphql_parser::Pos;
use graphql_parser::query::{
    self, Definition, Document, Field, FragmentDefinition, OperationDefinition, Selection,
    SelectionSet, TypeCondition, VariableDefinition,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::GraphqlError;
use super::schema::{Kind, SCHEMA, Ty, base};

/// The body of a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::simulator) struct Request {
    query: String,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    #[serde(default)]
    operation_name: Option<String>,
}

/// A field to answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picked {
    /// What it is called in the answer.
    pub(super) key: String,
    /// What it is called in the schema.
    pub(super) name: String,
    /// The object type that it is picked from.
    pub(super) parent: String,
    /// The type it has, inside lists and `!`.
    pub(super) ty: String,
    /// Arguments, with defaults.
    pub(super) args: Map<String, Value>,
    /// What is picked of it; empty for scalars.
    pub(super) fields: Vec<Picked>,
}

impl Picked {
    /// Whether it is a list in pages.
    pub(super) fn is_connection(&self) -> bool {
        self.ty.ends_with("Connection")
    }

    /// An argument as text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.args.get(name).and_then(Value::as_str)
    }

    /// How many of a connection are wanted at most.
    pub(super) fn first(&self) -> usize {
        self.args.get("first").and_then(Value::as_u64).unwrap_or(0) as usize
    }
}

/// A valid request.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) mutation: bool,
    pub(super) fields: Vec<Picked>,
}

/// Reads a request, or says everything that is wrong with it.
pub(super) fn plan(request: &Request) -> Result<Plan, Vec<GraphqlError>> {
    let document = query::parse_query::<String>(&request.query)
        .map_err(|error| vec![GraphqlError::new("undefined", format!("syntax error, {error}"))])?;
    let (operation, fragments) = choose(&document, request.operation_name.as_deref())?;
    let variables = request.variables.clone().unwrap_or_default();
    let values = variable_values(operation.variables, &variables)?;
    let declared = operation.variables.iter().map(|variable| (variable.name.as_str(), variable));
    let mut reading = Reading {
        fragments,
        declared: declared.collect(),
        values,
        used_fragments: HashSet::new(),
        used_variables: HashSet::new(),
        open: Vec::new(),
        errors: Vec::new(),
    };
    let root = if operation.mutation { "Mutation" } else { "QueryRoot" };
    let path = vec![operation.label()];
    let fields = reading.selections(operation.selections, root, &path);
    reading.finish(&operation)?;
    Ok(Plan { mutation: operation.mutation, fields })
}

/// The operation that is to be run.
struct Operation<'d, 'q> {
    mutation: bool,
    name: Option<&'d str>,
    variables: &'d [VariableDefinition<'q, String>],
    selections: &'d SelectionSet<'q, String>,
}

impl Operation<'_, '_> {
    /// How errors call it.
    fn label(&self) -> String {
        let kind = if self.mutation { "mutation" } else { "query" };
        self.name.map_or_else(|| kind.to_owned(), |name| format!("{kind} {name}"))
    }
}

type Fragments<'d, 'q> = HashMap<&'d str, &'d FragmentDefinition<'q, String>>;

fn choose<'d, 'q>(
    document: &'d Document<'q, String>,
    wanted: Option<&str>,
) -> Result<(Operation<'d, 'q>, Fragments<'d, 'q>), Vec<GraphqlError>> {
    let (mut operations, mut fragments) = (Vec::new(), HashMap::new());
    for definition in &document.definitions {
        match definition {
            Definition::Fragment(fragment) => {
                fragments.insert(fragment.name.as_str(), fragment);
            }
            Definition::Operation(OperationDefinition::SelectionSet(selections)) => {
                operations.push(Operation {
                    mutation: false,
                    name: None,
                    variables: &[],
                    selections,
                });
            }
            Definition::Operation(OperationDefinition::Query(query)) => {
                operations.push(Operation {
                    mutation: false,
                    name: query.name.as_deref(),
                    variables: &query.variable_definitions,
                    selections: &query.selection_set,
                });
            }
            Definition::Operation(OperationDefinition::Mutation(mutation)) => {
                operations.push(Operation {
                    mutation: true,
                    name: mutation.name.as_deref(),
                    variables: &mutation.variable_definitions,
                    selections: &mutation.selection_set,
                });
            }
            Definition::Operation(OperationDefinition::Subscription(_)) => {
                let sentence = "Schema is not configured for subscriptions";
                return Err(vec![GraphqlError::new("missingSubscriptionConfiguration", sentence)]);
            }
        }
    }
    let several = operations.len() > 1;
    let chosen = match wanted {
        Some(name) => operations.into_iter().find(|operation| operation.name == Some(name)),
        None if several => None,
        None => operations.pop(),
    };
    chosen.map(|operation| (operation, fragments)).ok_or_else(|| {
        let sentence = match wanted {
            Some(name) => format!("No operation named \"{name}\""),
            None => "An operation name is required".to_owned(),
        };
        vec![GraphqlError::new("BAD_REQUEST", sentence)]
    })
}

/// What the variables are, with their defaults; wrong ones are errors of their own kind.
fn variable_values(
    declared: &[VariableDefinition<'_, String>],
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<GraphqlError>> {
    let (mut values, mut errors) = (Map::new(), Vec::new());
    for variable in declared {
        let value = match given.get(&variable.name) {
            Some(value) => value.clone(),
            None => match &variable.default_value {
                Some(default) => literal(default, &Map::new()),
                // Not given is not null: the argument's own default applies.
                None if !is_required(&variable.var_type) => continue,
                None => Value::Null,
            },
        };
        if let Err((path, why)) = SCHEMA.fits(&value, &variable.var_type) {
            let at = if path.is_empty() {
                String::new()
            } else {
                format!(" for {} ({why})", path.join("."))
            };
            let ty = &variable.var_type;
            let message =
                format!("Variable ${} of type {ty} was provided invalid value{at}", variable.name);
            let error = GraphqlError::new("INVALID_VARIABLE", message)
                .at(variable.position, &[])
                .with("value", value.clone())
                .with("problems", json!([{"path": path, "explanation": why}]));
            errors.push(error);
        }
        values.insert(variable.name.clone(), value);
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

fn is_required(ty: &query::Type<'_, String>) -> bool {
    matches!(ty, query::Type::NonNullType(_))
}

/// A value of the text as JSON, with variables put in; names of enums become text.
pub(super) fn literal(value: &query::Value<'_, String>, variables: &Map<String, Value>) -> Value {
    match value {
        query::Value::Variable(name) => variables.get(name).cloned().unwrap_or(Value::Null),
        query::Value::Int(number) => json!(number.as_i64()),
        query::Value::Float(number) => json!(number),
        query::Value::String(text) | query::Value::Enum(text) => Value::String(text.clone()),
        query::Value::Boolean(truth) => Value::Bool(*truth),
        query::Value::Null => Value::Null,
        query::Value::List(items) => items.iter().map(|item| literal(item, variables)).collect(),
        query::Value::Object(fields) => {
            let field = |(name, value): (&String, &query::Value<'_, String>)| {
                (name.clone(), literal(value, variables))
            };
            Value::Object(fields.iter().map(field).collect())
        }
    }
}

/// A request while it is read.
struct Reading<'d, 'q> {
    fragments: Fragments<'d, 'q>,
    declared: HashMap<&'d str, &'d VariableDefinition<'q, String>>,
    values: Map<String, Value>,
    used_fragments: HashSet<&'d str>,
    used_variables: HashSet<String>,
    /// Fragments that are being read: one inside itself would never end.
    open: Vec<&'d str>,
    errors: Vec<GraphqlError>,
}

impl<'d, 'q> Reading<'d, 'q> {
    fn selections(
        &mut self,
        set: &'d SelectionSet<'q, String>,
        on: &str,
        path: &[String],
    ) -> Vec<Picked> {
        let mut picked: Vec<Picked> = Vec::new();
        for selection in &set.items {
            let found = match selection {
                Selection::Field(field) => self.field(field, on, path).into_iter().collect(),
                Selection::FragmentSpread(spread) => {
                    let name = spread.fragment_name.as_str();
                    let Some((name, fragment)) =
                        self.fragments.get_key_value(name).map(|(name, found)| (*name, *found))
                    else {
                        let message = format!("Fragment {name} was used, but not defined");
                        self.wrong("useAndDefineFragment", message, spread.position, path);
                        continue;
                    };
                    if self.open.contains(&name) {
                        let message = format!("Fragment {name} contains an infinite loop");
                        self.wrong("infiniteLoop", message, spread.position, path);
                        continue;
                    }
                    self.used_fragments.insert(name);
                    self.open.push(name);
                    let TypeCondition::On(ty) = &fragment.type_condition;
                    let found = self.inside(&fragment.selection_set, ty, on, spread.position, path);
                    self.open.pop();
                    found
                }
                Selection::InlineFragment(inline) => {
                    let ty = match &inline.type_condition {
                        Some(TypeCondition::On(ty)) => ty.as_str(),
                        None => on,
                    };
                    self.inside(&inline.selection_set, ty, on, inline.position, path)
                }
            };
            for field in found {
                merge(&mut picked, field);
            }
        }
        picked
    }

    fn inside(
        &mut self,
        set: &'d SelectionSet<'q, String>,
        ty: &str,
        on: &str,
        position: Pos,
        path: &[String],
    ) -> Vec<Picked> {
        if ty != on {
            let message = format!("Fragment on {ty} can't be spread inside {on}");
            self.wrong("cannotSpreadFragment", message, position, path);
            return Vec::new();
        }
        self.selections(set, on, path)
    }

    fn field(&mut self, field: &'d Field<'q, String>, on: &str, path: &[String]) -> Option<Picked> {
        let key = field.alias.as_ref().unwrap_or(&field.name).clone();
        let path = [path, std::slice::from_ref(&key)].concat();
        if field.name == "__typename" {
            return Some(Picked {
                key,
                name: field.name.clone(),
                parent: on.to_owned(),
                ty: "String".to_owned(),
                args: Map::new(),
                fields: Vec::new(),
            });
        }
        let Some(def) = SCHEMA.fields(on).and_then(|fields| fields.get(&field.name)) else {
            let message = format!("Field '{}' doesn't exist on type '{on}'", field.name);
            let error = GraphqlError::new("undefinedField", message)
                .at(field.position, &path)
                .with("typeName", on)
                .with("fieldName", field.name.as_str());
            self.errors.push(error);
            return None;
        };
        let args = self.arguments(field, def, &path);
        let ty = base(&def.ty);
        let fields = self.selections(&field.selection_set, ty, &path);
        let is_object = matches!(SCHEMA.kind(ty), Some(Kind::Object(_)));
        if is_object && field.selection_set.items.is_empty() {
            let name = &field.name;
            let message = format!(
                "Field must have selections (field '{name}' returns {ty} but has no selections. \
                 Did you mean '{name} {{ ... }}'?)"
            );
            self.wrong("selectionMismatch", message, field.position, &path);
        }
        Some(Picked {
            key,
            name: field.name.clone(),
            parent: on.to_owned(),
            ty: ty.to_owned(),
            args,
            fields,
        })
    }

    fn arguments(
        &mut self,
        field: &'d Field<'q, String>,
        def: &super::schema::FieldDef,
        path: &[String],
    ) -> Map<String, Value> {
        for (name, value) in &field.arguments {
            let Some(arg) = def.args.get(name) else {
                let message = format!("Field '{}' doesn't accept argument '{name}'", field.name);
                let error = GraphqlError::new("argumentNotAccepted", message)
                    .at(field.position, path)
                    .with("name", field.name.as_str())
                    .with("argumentName", name.as_str());
                self.errors.push(error);
                continue;
            };
            self.variables_in(value, name, Some(&arg.ty), field.position, path);
        }
        let mut args = Map::new();
        for (name, arg) in &def.args {
            let given = field.arguments.iter().find(|(given, _)| given == name);
            let left_out = match given {
                Some((_, query::Value::Variable(variable))) => !self.values.contains_key(variable),
                given => given.is_none(),
            };
            let value = match given {
                Some((_, value)) if !left_out => literal(value, &self.values),
                _ => match &arg.default {
                    Some(default) => default.clone(),
                    None if given.is_none() && matches!(arg.ty, Ty::NonNullType(_)) => {
                        let message =
                            format!("Field '{}' is missing required arguments: {name}", field.name);
                        self.wrong("missingRequiredArguments", message, field.position, path);
                        continue;
                    }
                    None => continue,
                },
            };
            // Variables have been checked against their own type already.
            let is_variable = matches!(given, Some((_, query::Value::Variable(_))));
            if !is_variable && let Err((_, why)) = SCHEMA.fits(&value, &arg.ty) {
                let message = format!(
                    "Argument '{name}' on Field '{}' has an invalid value ({value}). Expected type \
                     '{}'. {why}",
                    field.name, arg.ty
                );
                self.wrong("argumentLiteralsIncompatible", message, field.position, path);
            }
            args.insert(name.clone(), value);
        }
        args
    }

    /// Notes the variables that a value uses; one at the place of a whole argument has to fit it.
    fn variables_in(
        &mut self,
        value: &query::Value<'q, String>,
        argument: &str,
        ty: Option<&Ty>,
        position: Pos,
        path: &[String],
    ) {
        match value {
            query::Value::Variable(name) => {
                self.used_variables.insert(name.clone());
                let Some(declared) = self.declared.get(name.as_str()) else {
                    let message = format!("Variable ${name} is used but not declared");
                    return self.wrong("variableNotDefined", message, position, path);
                };
                let Some(ty) = ty else { return };
                let nullable = !is_required(&declared.var_type) && declared.default_value.is_none();
                let fits = base(&declared.var_type) == base(ty)
                    && !(nullable && matches!(ty, Ty::NonNullType(_)));
                if !fits {
                    let message = format!(
                        "Type mismatch on variable ${name} and argument {argument} ({} / {ty})",
                        declared.var_type
                    );
                    self.wrong("variableMismatch", message, position, path);
                }
            }
            query::Value::List(items) => {
                for item in items {
                    self.variables_in(item, argument, None, position, path);
                }
            }
            query::Value::Object(fields) => {
                for value in fields.values() {
                    self.variables_in(value, argument, None, position, path);
                }
            }
            _ => {}
        }
    }

    fn wrong(&mut self, code: &'static str, message: String, at: Pos, path: &[String]) {
        self.errors.push(GraphqlError::new(code, message).at(at, path));
    }

    /// What was declared has to be used.
    fn finish(mut self, operation: &Operation<'_, '_>) -> Result<(), Vec<GraphqlError>> {
        let declared = std::mem::take(&mut self.declared);
        for (name, variable) in &declared {
            if !self.used_variables.contains(*name) {
                let operation = operation.name.unwrap_or("anonymous query");
                let message = format!("Variable ${name} is declared by {operation} but not used");
                self.wrong("variableNotUsed", message, variable.position, &[]);
            }
        }
        let fragments = std::mem::take(&mut self.fragments);
        for (name, fragment) in &fragments {
            if !self.used_fragments.contains(name) {
                let message = format!("Fragment {name} was defined, but not used");
                self.wrong("useAndDefineFragment", message, fragment.position, &[]);
            }
        }
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }
}

/// The same field picked twice is one field with both selections.
fn merge(picked: &mut Vec<Picked>, field: Picked) {
    match picked.iter_mut().find(|known| known.key == field.key && known.name == field.name) {
        Some(known) => field.fields.into_iter().for_each(|inner| merge(&mut known.fields, inner)),
        None => picked.push(field),
    }
}
