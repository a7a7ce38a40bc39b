from typing import Any

from angarium.services.gateway.documents.merging import behind_the_gateway, merged


def a_document(path: str, **schemas: Any) -> dict[str, Any]:
    """One operation that refers to the first of `schemas`."""
    reference = {"$ref": f"#/components/schemas/{next(iter(schemas))}"}
    return {"paths": {path: {"get": {"schema": reference}}}, "components": {"schemas": schemas, "x": 1}}


def test_paths_and_schemas_come_together() -> None:
    found = merged(a_document("/a", A={"type": "string"}), {"users": a_document("/b", B={"type": "integer"})})
    assert list(found["paths"]) == ["/a", "/b"]
    assert found["components"] == {"schemas": {"A": {"type": "string"}, "B": {"type": "integer"}}, "x": 1}


def test_a_schema_that_is_alike_is_one() -> None:
    found = merged(a_document("/a", A={"type": "string"}), {"users": a_document("/b", A={"type": "string"})})
    assert list(found["components"]["schemas"]) == ["A"]


def test_a_schema_that_differs_is_renamed_with_what_refers_to_it() -> None:
    reference = {"$ref": "#/components/schemas/A"}
    own = a_document("/a", List={"items": reference}, A={"type": "string", "title": "A"})
    other = a_document("/b", List={"items": reference}, A={"type": "integer", "title": "A"}, Own={"anyOf": [reference]})
    found = merged(own, {"users": other})
    schemas = found["components"]["schemas"]
    assert schemas["A"] == {"type": "string", "title": "A"}
    assert schemas["UsersA"] == {"type": "integer", "title": "UsersA"}
    assert schemas["UsersList"] == {"items": {"$ref": "#/components/schemas/UsersA"}, "title": "UsersList"}
    assert schemas["Own"] == {"anyOf": [{"$ref": "#/components/schemas/UsersA"}]}
    assert found["paths"]["/b"]["get"]["schema"] == {"$ref": "#/components/schemas/UsersList"}
    assert found["paths"]["/a"]["get"]["schema"] == {"$ref": "#/components/schemas/List"}


def test_only_public_paths_are_behind_the_gateway() -> None:
    paths: dict[str, Any] = {"/users": {}, "/users/{id}": {}, "/internal/x": {}, "/usersx": {}}
    assert list(behind_the_gateway({"paths": paths}, "users")["paths"]) == ["/api/v1/users", "/api/v1/users/{id}"]
