"""Schemas as pydantic makes them of models, in the plain form that is shown."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from service.reference.schemas.words import REF, Schema
from tracker.submission import LABEL_NAME


class _Generator(GenerateJsonSchema):
    """Without the titles that pydantic makes of names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def of_models(models: tuple[type[BaseModel], ...], mode: JsonSchemaMode) -> dict[str, Schema]:
    _, found = models_json_schema(
        [(model, mode) for model in models], ref_template=f"{REF}{{model}}", schema_generator=_Generator
    )
    made: dict[str, Schema] = found["$defs"]
    if mode == "serialization":
        for schema in made.values():
            _complete(schema)
    for schema in made.values():
        schema["properties"] = {name: _plain(part) for name, part in schema.get("properties", {}).items()}
    return made


def _complete(schema: Schema) -> None:
    """Answers leave no field out but a history entry's `detail`, and so have no defaults."""
    for part in schema.get("properties", {}).values():
        part.pop("default", None)
    if "properties" in schema:
        schema["required"] = [name for name in schema["properties"] if name != "detail"]


def _plain(part: Schema) -> Schema:
    """A type or null as `type: [..., null]`; names of labels as they are checked."""
    match part:
        case {"anyOf": [{"type": str(kind)} as some, {"type": "null"}]}:
            others = {key: value for key, value in part.items() if key != "anyOf"}
            words = {"enum": [*some["enum"], None]} if "enum" in some else {}
            return {**others, **some, **words, "type": [kind, "null"]}
        case {"propertyNames": dict(names)}:
            return {**part, "propertyNames": {"type": "string", **names, "pattern": f"^{LABEL_NAME}$"}}
    return part
