//! Every kind of break is found, and no addition is taken for one.

use super::breaks;
use serde_json::{Value, json};

fn old() -> Value {
    json!({
        "info": { "version": "v1" },
        "paths": {
            "/v1/runs": {
                "post": {
                    "operationId": "submitRun", "x-scope": "runs:write", "security": [{ "key": [] }, {}],
                    "parameters": [
                        { "in": "query", "name": "limit", "required": false,
                          "schema": { "type": "integer", "minimum": 1, "maximum": 200 } },
                        { "in": "header", "name": "Surface", "required": false,
                          "schema": { "type": "string", "enum": ["web", "mobile"] } },
                    ],
                    "requestBody": { "required": true, "content": {
                        "application/json": { "schema": { "$ref": "#/components/schemas/SubmitRun" } },
                    } },
                    "responses": {
                        "201": { "headers": { "Location": { "schema": { "type": "string" } } }, "content": {
                            "application/json": { "schema": { "$ref": "#/components/schemas/Run" } },
                        } },
                        "409": { "content": { "application/problem+json": { "schema": { "type": "object" } } } },
                    },
                },
                "get": { "operationId": "listRuns", "responses": { "200": { "content": {
                    "application/json": { "schema": { "type": "array", "items": { "$ref": "#/components/schemas/Run" } } },
                } } } },
            },
        },
        "components": { "schemas": {
            "SubmitRun": {
                "type": "object", "additionalProperties": false, "required": ["task"],
                "properties": {
                    "task": { "type": "string", "minLength": 1, "maxLength": 100 },
                    "note": { "type": ["string", "null"] },
                    "until": { "oneOf": [{ "$ref": "#/components/schemas/Time" }, { "type": "null" }] },
                    "work": { "$ref": "#/components/schemas/Work" },
                    "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                },
            },
            "Run": {
                "type": "object", "required": ["runId", "status", "why"],
                "properties": {
                    "runId": { "type": "string", "pattern": "^run_" },
                    "status": { "$ref": "#/components/schemas/Status" },
                    "why": { "type": ["string", "null"] },
                    "endedAt": { "oneOf": [{ "$ref": "#/components/schemas/Time" }, { "type": "null" }] },
                    "children": { "type": "array", "items": { "$ref": "#/components/schemas/Run" } },
                    "steps": { "type": "integer", "minimum": 0 },
                },
            },
            "Status": { "type": "string", "enum": ["queued", "running"] },
            "Time": { "type": "string", "format": "date-time" },
            "Work": { "oneOf": [
                { "type": "object", "required": ["type", "name"], "properties": {
                    "type": { "type": "string", "enum": ["intent"] }, "name": { "type": "string" } } },
                { "type": "object", "required": ["type"], "properties": {
                    "type": { "type": "string", "enum": ["agent"] } } },
            ] },
            "Delta": { "type": "object", "required": ["text"], "properties": { "text": { "type": "string" } } },
        } },
    })
}

/// The breaks after one change of the old document.
fn after(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut new = old();
    change(&mut new);
    breaks(&old(), &new)
}

fn at<'a>(document: &'a mut Value, pointer: &str) -> &'a mut Value {
    document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}"))
}

fn remove(document: &mut Value, pointer: &str, key: &str) {
    let gone = at(document, pointer).as_object_mut().unwrap().remove(key);
    assert!(gone.is_some(), "{pointer} {key}");
}

const POST: &str = "/paths/~1v1~1runs/post";
const SENT: &str = "/components/schemas/SubmitRun";
const TOLD: &str = "/components/schemas/Run";

#[test]
fn stb_1_the_same_document_breaks_nothing() {
    assert_eq!(after(|_| {}), [""; 0]);
}

type Change = fn(&mut Value);

#[test]
fn stb_1_no_addition_is_a_break() {
    let table: &[(&str, Change)] = &[
        ("a path", |new| new["paths"]["/v1/news"] = json!({ "get": {} })),
        ("an operation", |new| new["paths"]["/v1/runs"]["delete"] = json!({})),
        ("an optional parameter", |new| {
            let added = json!({ "in": "query", "name": "after", "schema": { "type": "string" } });
            at(new, &format!("{POST}/parameters")).as_array_mut().unwrap().push(added);
        }),
        ("an optional property of a request", |new| {
            at(new, SENT)["properties"]["budget"] = json!({ "type": "integer" });
        }),
        ("a property of an answer", |new| {
            at(new, TOLD)["properties"]["budget"] = json!({ "type": "integer" });
            at(new, TOLD)["required"].as_array_mut().unwrap().push(json!("budget"));
        }),
        ("a word told", |new| {
            at(new, "/components/schemas/Status/enum").as_array_mut().unwrap().push(json!("x"));
        }),
        ("a word taken", |new| {
            at(new, &format!("{POST}/parameters/1/schema/enum"))
                .as_array_mut()
                .unwrap()
                .push(json!("x"));
        }),
        ("a response", |new| at(new, POST)["responses"]["422"] = json!({})),
        ("less demanded", |new| {
            at(new, SENT)["required"] = json!([]);
            at(new, &format!("{SENT}/properties/task"))["maxLength"] = json!(1_000);
            at(new, &format!("{SENT}/properties/labels"))["additionalProperties"] = json!(true);
        }),
        ("null taken", |new| {
            at(new, &format!("{SENT}/properties/task"))["type"] = json!(["string", "null"]);
        }),
        ("never null again", |new| {
            at(new, &format!("{TOLD}/properties/why"))["type"] = json!("string")
        }),
        ("an alternative of a union", |new| {
            let added = json!({ "type": "object", "required": ["type"], "properties": {
                "type": { "type": "string", "enum": ["task"] } } });
            at(new, "/components/schemas/Work/oneOf").as_array_mut().unwrap().push(added);
        }),
        ("texts", |new| at(new, TOLD)["description"] = json!("Why.")),
        ("everybody may", |new| remove(new, POST, "security")),
        ("the same written out", |new| {
            at(new, &format!("{TOLD}/properties"))["status"] =
                json!({ "type": "string", "enum": ["queued", "running"] });
        }),
    ];
    for (what, change) in table {
        assert_eq!(after(change), [""; 0], "{what}");
    }
}

#[test]
fn stb_1_every_break_of_an_operation_is_found() {
    let table: &[(&str, Change)] = &[
        ("POST /v1/runs: the operation is gone", |new| remove(new, "/paths/~1v1~1runs", "post")),
        ("GET /v1/runs: the operation is gone", |new| remove(new, "/paths/~1v1~1runs", "get")),
        ("`operationId` was \"submitRun\"", |new| at(new, POST)["operationId"] = json!("run")),
        ("`x-scope` was \"runs:write\"", |new| at(new, POST)["x-scope"] = json!("runs:admin")),
        ("a way to authenticate is gone", |new| at(new, POST)["security"] = json!([{ "key": [] }])),
        ("query parameter \"limit\": is gone", |new| {
            at(new, &format!("{POST}/parameters")).as_array_mut().unwrap().remove(0);
        }),
        ("parameter \"limit\": is required now", |new| {
            at(new, &format!("{POST}/parameters/0"))["required"] = json!(true);
        }),
        ("parameter \"limit\": `maximum` was 200 and is 100", |new| {
            at(new, &format!("{POST}/parameters/0/schema"))["maximum"] = json!(100);
        }),
        ("the new parameter \"why\" is required", |new| {
            let added = json!({ "in": "query", "name": "why", "required": true, "schema": {} });
            at(new, &format!("{POST}/parameters")).as_array_mut().unwrap().push(added);
        }),
        ("parameter \"Surface\": the word \"mobile\" is gone", |new| {
            at(new, &format!("{POST}/parameters/1/schema"))["enum"] = json!(["web"]);
        }),
        ("request: `application/json` is gone", |new| {
            remove(new, &format!("{POST}/requestBody/content"), "application/json");
        }),
        ("GET /v1/runs request: a body is required now", |new| {
            at(new, "/paths/~1v1~1runs/get")["requestBody"] = json!({ "required": true });
        }),
        ("the response 409 is gone", |new| remove(new, &format!("{POST}/responses"), "409")),
        ("POST /v1/runs 201: `application/json` is gone", |new| {
            remove(new, &format!("{POST}/responses/201/content"), "application/json");
        }),
        ("header `Location`: is gone", |new| {
            remove(new, &format!("{POST}/responses/201/headers"), "Location");
        }),
        ("another major version", |new| new["info"]["version"] = json!("v2")),
    ];
    found(table);
}

#[test]
fn stb_1_every_break_of_what_is_sent_is_found() {
    let table: &[(&str, Change)] = &[
        ("the property \"note\" is required now", |new| {
            at(new, SENT)["required"] = json!(["task", "note"]);
        }),
        ("the property \"budget\" is required now", |new| {
            at(new, SENT)["properties"]["budget"] = json!({ "type": "integer" });
            at(new, SENT)["required"] = json!(["task", "budget"]);
        }),
        ("the property `note` is gone", |new| remove(new, &format!("{SENT}/properties"), "note")),
        ("`note`: the alternative null is gone", |new| {
            at(new, &format!("{SENT}/properties/note"))["type"] = json!("string");
        }),
        ("`until`: the alternative null is gone", |new| {
            at(new, &format!("{SENT}/properties"))["until"] =
                json!({ "$ref": "#/components/schemas/Time" });
        }),
        ("`task`: the type was \"string\" and is \"integer\"", |new| {
            at(new, &format!("{SENT}/properties/task"))["type"] = json!("integer");
        }),
        ("`task`: `maxLength` was 100 and is 50", |new| {
            at(new, &format!("{SENT}/properties/task"))["maxLength"] = json!(50);
        }),
        ("`task`: `minLength` was 1 and is 2", |new| {
            at(new, &format!("{SENT}/properties/task"))["minLength"] = json!(2);
        }),
        ("`task`: `pattern` was null and is \"^a\"", |new| {
            at(new, &format!("{SENT}/properties/task"))["pattern"] = json!("^a");
        }),
        ("`task`: only listed words are taken now", |new| {
            at(new, &format!("{SENT}/properties/task"))["enum"] = json!(["a"]);
        }),
        ("`labels`: `additionalProperties` was changed", |new| {
            at(new, &format!("{SENT}/properties/labels"))["additionalProperties"] = json!(false);
        }),
        ("`labels` additionalProperties: the type was", |new| {
            at(new, &format!("{SENT}/properties/labels"))["additionalProperties"] =
                json!({ "type": "integer" });
        }),
        ("the alternative object type=\"agent\" is gone", |new| {
            at(new, "/components/schemas/Work/oneOf").as_array_mut().unwrap().remove(1);
        }),
        ("the property \"version\" is required now", |new| {
            at(new, "/components/schemas/Work/oneOf/1")["required"] = json!(["type", "version"]);
        }),
        ("`multipleOf` was null and is 2", |new| {
            at(new, &format!("{SENT}/properties/task"))["multipleOf"] = json!(2);
        }),
        ("schema `SubmitRun`: the reference leads nowhere", |new| {
            let body = json!({ "$ref": "#/components/schemas/Gone" });
            at(new, &format!("{POST}/requestBody/content/application~1json"))["schema"] = body;
        }),
    ];
    found(table);
}

#[test]
fn stb_1_every_break_of_what_is_told_is_found() {
    let table: &[(&str, Change)] = &[
        ("the property `steps` is gone", |new| remove(new, &format!("{TOLD}/properties"), "steps")),
        ("the property \"why\" may be missing now", |new| {
            at(new, TOLD)["required"] = json!(["runId", "status"]);
        }),
        ("`steps`: the type was \"integer\" and is \"string\"", |new| {
            at(new, &format!("{TOLD}/properties/steps"))["type"] = json!("string");
        }),
        ("`steps`: may be null now", |new| {
            at(new, &format!("{TOLD}/properties/steps"))["type"] = json!(["integer", "null"]);
        }),
        ("`steps`: `minimum` was 0 and is null", |new| {
            remove(new, &format!("{TOLD}/properties/steps"), "minimum");
        }),
        ("`runId`: `pattern` was \"^run_\" and is null", |new| {
            remove(new, &format!("{TOLD}/properties/runId"), "pattern");
        }),
        ("schema `Status` as told: the word \"queued\" is gone", |new| {
            at(new, "/components/schemas/Status")["enum"] = json!(["running"]);
        }),
        ("schema `Status` as told: other words than the listed ones", |new| {
            remove(new, "/components/schemas/Status", "enum");
        }),
        ("`children` items: the type was", |new| {
            at(new, &format!("{TOLD}/properties/children"))["items"] = json!({ "type": "string" });
        }),
        ("`children`: `items` was changed", |new| {
            remove(new, &format!("{TOLD}/properties/children"), "items");
        }),
        ("`endedAt`: the alternative Time is gone", |new| {
            at(new, &format!("{TOLD}/properties"))["endedAt"] = json!({ "type": "null" });
        }),
        ("schema `Delta`: the property `text` is gone", |new| {
            remove(new, "/components/schemas/Delta/properties", "text");
        }),
        ("schema `Delta`: is gone", |new| remove(new, "/components/schemas", "Delta")),
    ];
    found(table);
}

fn found(table: &[(&str, Change)]) {
    for (expected, change) in table {
        let told = after(change);
        assert!(told.iter().any(|told| told.contains(expected)), "{expected}: {told:?}");
        assert!(told.len() <= 2, "{expected} and nothing else: {told:?}");
    }
}
