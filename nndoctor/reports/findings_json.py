"""findings.json, schema 1: the diagnosis for tools. Stable; new keys may be added, none is renamed or removed."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, assert_never

import nndoctor
from nndoctor.finding import Curve, Evidence, Measure, Quote, Table
from nndoctor.records import Experiment
from nndoctor.reports.places import shown_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from nndoctor.diagnose import Diagnosis, Entry, Outcome
    from nndoctor.finding import SourceLine
    from nndoctor.prescription import Item, Prescription
    from nndoctor.proof import Proof
    from nndoctor.recording import Recording
    from nndoctor.reports.examined import Examined

SCHEMA = 1


def render(run: Recording, diagnosis: Diagnosis, folder: Path, prescription: Prescription | None = None) -> str:
    """Return the whole document as text. NaN and infinity become null: JSON has neither."""
    return _written(_document(run, diagnosis, folder, prescription))


def render_all(examined: Sequence[Examined]) -> str:
    """Return the document of one run, or of several under `targets` with the worst exit code."""
    documents = [{"name": e.name, **_document(e.run, e.diagnosis, e.folder, e.prescription)} for e in examined]
    if len(examined) == 1:
        only = examined[0]
        return render(only.run, only.diagnosis, only.folder, only.prescription)
    worst = max((int(e.diagnosis.verdict.exit_code) for e in examined), default=0)
    return _written({"schema": SCHEMA, "nndoctor": nndoctor.__version__, "exit_code": worst, "targets": documents})


def _document(run: Recording, diagnosis: Diagnosis, folder: Path, prescription: Prescription | None) -> dict[str, Any]:
    verdict = diagnosis.verdict
    return {
        "schema": SCHEMA,
        "nndoctor": nndoctor.__version__,
        "target": run.environment("target"),
        "status": verdict.status,
        "exit_code": int(verdict.exit_code),
        "why": verdict.why,
        "run": str(folder),
        "diagnosis": [_entry(entry) for entry in diagnosis.entries],
        "accepted": [{**_entry(each.entry), "accepted_by": each.by} for each in diagnosis.accepted],
        "prescription": [_prescribed(item) for item in prescription.items] if prescription else [],
        "outcomes": [_outcome(outcome) for outcome in diagnosis.outcomes],
        "experiments": [_experiment(row) for row in run.rows(Experiment)],
        "seconds": _seconds(run),
    }


def _written(document: dict[str, Any]) -> str:
    return json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _entry(entry: Entry) -> dict[str, Any]:
    finding, where = entry.finding, entry.where
    return {
        "check": entry.check.name,
        "reason": entry.check.reason,
        "severity": entry.severity.label,
        "title": entry.title,
        "message": finding.message,
        "where": _where(where),
        "names": list(finding.names),
        "evidence": _evidence(finding.evidence),
        "advice": finding.advice,
        "certain": finding.certain,
        "confirmed": entry.confirmed,
        "trial": _trial(entry.proof),
        "explains": sorted(entry.check.explains),
        "explained_by": entry.explained_by or None,
    }


def _where(where: SourceLine | None) -> dict[str, Any] | None:
    if where is None:
        return None
    return {"file": shown_path(where.file), "line": where.line, "function": where.function}


def _prescribed(item: Item) -> dict[str, Any]:
    return {"check": item.check, "where": _where(item.where), "change": item.change, "diff": item.diff or None}


def _trial(proof: Proof | None) -> dict[str, Any] | None:
    if proof is None:
        return None
    trial, found = proof.trial, proof.found
    return {
        "treatment": trial.treatment,
        "with": [*trial.jointly, *trial.with_others],
        "outcome": proof.outcome,
        "why": trial.skipped,
        "metric": f"{trial.metric} after {trial.steps} steps" if found.of else None,
        "start": trial.start,
        "control": found.control,
        "treated": found.treated,
        "won": found.won,
        "of": found.of,
        "text": proof.sentence,
    }


def _evidence(items: Iterable[Evidence]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        label, number = item.label, 2
        while label in found:
            label, number = f"{item.label} ({number})", number + 1
        found[label] = _item(item)
    return found


def _item(item: Evidence) -> dict[str, Any]:
    match item:
        case Measure(value=value, expected=expected):
            return {"kind": "measure", "value": value, "expected": expected}
        case Curve(steps=steps, values=values):
            return {"kind": "curve", "steps": list(steps), "values": list(values)}
        case Table(header=header, rows=rows):
            return {"kind": "table", "header": list(header), "rows": [list(row) for row in rows]}
        case Quote(text=text):
            return {"kind": "quote", "text": text}
        case _:
            assert_never(item)


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "check": outcome.check or None,
        "reason": outcome.reason,
        "outcome": outcome.status.value,
        "severity": None if outcome.severity is None else outcome.severity.label,
        "why": outcome.why,
    }


def _experiment(row: Experiment) -> dict[str, Any]:
    values = asdict(row)
    del values["experiment"], values["step"]
    return values


def _seconds(run: Recording) -> dict[str, float]:
    seconds: dict[str, float] = {}
    for row in run.rows(Experiment):
        seconds[row.name] = seconds.get(row.name, 0.0) + row.seconds
    try:
        total = float(run.environment("seconds") or "nan")
    except ValueError:
        total = math.nan
    return {"total": total, **seconds}


def _finite(value: Any) -> Any:
    match value:
        case float():
            return float(value) if math.isfinite(value) else None  # also makes a plain float of numpy's
        case dict():
            return {key: _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case str():
            # A lone surrogate (from a file name) cannot be written as UTF-8.
            return value.encode("utf-8", "replace").decode("utf-8")
        case bool() | int() | None:
            return value
        case _:
            return _number(value)


def _number(value: Any) -> Any:
    """Turn a number of another library (numpy's integers) into Python's; everything else into its text."""
    try:
        return value.item()
    except AttributeError:
        return str(value)
