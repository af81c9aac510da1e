"""The connector's specification: the options as Airbyte's form shows them."""

from __future__ import annotations

from typing import Any

from source_iterable.config import DOCUMENTATION_URL, Config

# The cards of the form, in this order: their ids, titles and options. All other options are in the last one.
_GROUPS = {
    "connection": ("Connection", ("api_key", "region", "project_type", "project")),
    "reading": ("What to read", ("start_date", "end_date", "user_fields_as_columns", "metrics_days")),
    "private": ("Private fields", ("excluded_fields", "hashed_fields", "hash_salt")),
    "advanced": ("Advanced", ()),
}


def specification() -> dict[str, Any]:
    """Return the specification: where its documentation is, and the JSON schema of Config for Airbyte's form."""
    schema = Config.model_json_schema()
    group_of = {name: group for group, (_, names) in _GROUPS.items() for name in names}
    for order, (name, prop) in enumerate(schema["properties"].items()):
        prop |= {"order": order, "group": group_of.get(name, "advanced")}
        # Airbyte's form expects the plain type of an optional field, not "this or null", and no default.
        if "anyOf" in prop:
            plain, _null = prop.pop("anyOf")
            prop.update(plain)
            del prop["default"]
        schema["properties"][name] = dict(sorted(prop.items()))
    del schema["description"]
    groups = [{"id": group, "title": title} for group, (title, _) in _GROUPS.items()]
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "additionalProperties": True, **schema}
    return {"documentationUrl": DOCUMENTATION_URL, "connectionSpecification": {**schema, "groups": groups}}
