"""SARIF 2.1.0: findings for code scanning. One run, also of several targets: services take one run per tool.

Accepted findings are there as suppressed results, skipped checks and a script that failed as notifications.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import nndoctor
from nndoctor.acceptance import BASELINE
from nndoctor.baseline import identity
from nndoctor.finding import Severity, Status
from nndoctor.reasons import REASONS
from nndoctor.reports.examined import in_words
from nndoctor.reports.words import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nndoctor.check import Check
    from nndoctor.diagnose import Entry
    from nndoctor.reports.examined import Examined

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
ROOT = "%SRCROOT%"


def render(examined: Sequence[Examined]) -> str:
    """Return the whole document as text."""
    checks = {check.name: check for each in examined for check in each.checks}
    index = {name: number for number, name in enumerate(checks)}
    run = {
        "tool": {
            "driver": {
                "name": "nndoctor",
                "version": nndoctor.__version__,
                "semanticVersion": nndoctor.__version__,
                "rules": [_rule(check) for check in checks.values()],
            }
        },
        "invocations": [_invocation(each) for each in examined],
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": list(_results(examined, index)),
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return _text(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def _rule(check: Check) -> dict[str, Any]:
    reason = REASONS.get(check.reason)
    return {
        "id": check.name,
        "name": "".join(part.capitalize() for part in check.name.split("-")),
        "shortDescription": {"text": check.title or check.name},
        "help": {"text": check.documentation or check.name, "markdown": check.documentation or check.name},
        "defaultConfiguration": {"level": LEVELS[check.severity]},
        "properties": {
            "tags": [check.reason, *([reason.title] if reason else [])],
            "problem.severity": "recommendation" if check.severity is Severity.NOTE else check.severity.label,
        },
    }


def _results(examined: Iterable[Examined], index: dict[str, int]) -> Iterator[dict[str, Any]]:
    seen: dict[str, int] = {}
    for each in examined:
        found = [(entry, "") for entry in each.diagnosis.entries]
        for entry, by in [*found, *((a.entry, a.by) for a in each.diagnosis.accepted)]:
            key = json.dumps([each.name, repr(identity(entry, each.locator))])
            seen[key] = seen.get(key, 0) + 1
            yield _result(entry, by, each, index, fingerprint(f"{key}{seen[key]}"))


def fingerprint(key: str) -> str:
    """Return what stays the same from run to run, and when lines move."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:32]


def _result(entry: Entry, by: str, examined: Examined, index: dict[str, int], key: str) -> dict[str, Any]:
    text = in_words(entry)
    result: dict[str, Any] = {
        "ruleId": entry.check.name,
        "ruleIndex": index[entry.check.name],
        "level": LEVELS[entry.severity],
        "message": {"text": text},
        "locations": [],
        "partialFingerprints": {"nndoctorFinding/v1": key},
        "properties": {"target": examined.name, "names": list(entry.finding.names)},
    }
    file, line = examined.locator.place(entry)
    if file:
        result["locations"] = [_location(file, line, entry.where.function if entry.where and line else "")]
    if by:
        kind = "external" if by == BASELINE else "inSource"
        result["suppressions"] = [{"kind": kind, "justification": f"accepted by {by}"}]
    return result


def _location(file: str, line: int, function: str = "") -> dict[str, Any]:
    uri = quote(file, errors="surrogateescape")  # names that are no UTF-8 keep their bytes
    artifact = {"uri": f"file://{uri}"} if file.startswith("/") else {"uri": uri, "uriBaseId": ROOT}
    physical: dict[str, Any] = {"artifactLocation": artifact, "region": {"startLine": max(line, 1)}}
    location: dict[str, Any] = {"physicalLocation": physical}
    if function and not function.startswith("<"):
        location["logicalLocations"] = [{"name": function, "kind": "function"}]
    return location


def _invocation(examined: Examined) -> dict[str, Any]:
    verdict = examined.diagnosis.verdict
    code = int(verdict.exit_code)
    notifications = []
    if code > 1:
        told: dict[str, Any] = {
            "level": "error",
            "message": {"text": clean(f"{examined.name}: {verdict.status}: {verdict.why}")},
        }
        if verdict.where is not None and not verdict.where.file.startswith("<"):
            file = examined.locator.in_repository(verdict.where.file)
            told["locations"] = [_location(file, verdict.where.line, verdict.where.function)]
        notifications.append(told)
    levels = {Status.SKIPPED: "note", Status.CRASHED: "warning"}
    for outcome in examined.diagnosis.outcomes:
        if outcome.check and outcome.status in levels:
            text = clean(f"{examined.name}: {outcome.check} {outcome.status.value}: {outcome.why}")
            notifications.append({"level": levels[outcome.status], "message": {"text": text}})
    return {
        "executionSuccessful": code <= 1,
        "exitCode": code,
        "commandLine": clean(f"nndoctor check {examined.run.environment('target')}".strip()),
        "toolExecutionNotifications": notifications,
    }


def _text(document: str) -> str:
    """Return text that can be written as UTF-8: file names may hold lone surrogates."""
    return document.encode("utf-8", "replace").decode("utf-8")
