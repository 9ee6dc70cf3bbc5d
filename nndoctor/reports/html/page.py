"""The page as a whole: its parts put together, scripts and styles inlined, the policy that forbids everything else."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nndoctor
from nndoctor.finding import Severity
from nndoctor.records import OBSERVE, Module, Step
from nndoctor.reports import remarks, terminal
from nndoctor.reports.html import checklist, curves, data, distributions, layers, surroundings, tree
from nndoctor.reports.html.cards import MOST_CARDS, Cards, accepted
from nndoctor.reports.html.charts import Charts
from nndoctor.reports.html.code import Code
from nndoctor.reports.html.prescribed import prescribed
from nndoctor.reports.html.wording import finalized, inline, whole
from nndoctor.reports.words import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    import jinja2

    from nndoctor.diagnose import Diagnosis
    from nndoctor.prescription import Prescription
    from nndoctor.recording import Recording

TEMPLATES = Path(__file__).with_name("templates")
SCRIPTS = ("page.js", "charts.js")
BOKEH = ("bokeh.min.js", "bokeh-api.min.js")
_END = re.compile(r"</(script)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tile:
    """One number at the top of the page."""

    value: str
    label: str


def render(run: Recording, diagnosis: Diagnosis, folder: Path, prescription: Prescription | None = None) -> str:
    """Return the page as text."""
    from markupsafe import Markup

    charts = Charts()
    findings = _findings(run, diagnosis, folder, charts)
    content = {**findings, **_sections(run, charts)}
    content["prescription"] = prescribed(prescription, findings["cards"], folder)
    scripts = [*map(_bokeh, BOKEH), *(_end_escaped((TEMPLATES / n).read_text("utf-8")) for n in SCRIPTS)]
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            **content,
            version=nndoctor.__version__,
            charts=charts.document(),
            style=Markup((TEMPLATES / "style.css").read_text("utf-8")),  # noqa: S704 - our own file
            scripts=[Markup(text) for text in scripts],  # noqa: S704 - files of ours and of Bokeh's
            policy=_policy(scripts),
        )
    )


def _findings(run: Recording, diagnosis: Diagnosis, folder: Path, charts: Charts) -> dict[str, Any]:
    """Return what the diagnosis says: verdict, cards, checklist, and the model with the findings in their places."""
    code = Code(run)
    cards = Cards(run, code, charts).of(diagnosis)
    chapters = checklist.chapters(diagnosis)
    roots, modules_left_out = tree.trees(run, cards)
    return {
        "target": run.environment("target") or folder.name,
        "verdict": diagnosis.verdict,
        "sentence": _sentence(run, diagnosis),
        "failure": _failure(diagnosis, folder),
        "failure_place": code.around(diagnosis.verdict.where),
        "tiles": list(_tiles(run, diagnosis)),
        "root": next((card for card in cards if card.severity != "note" and not card.explained_by), None),
        "cards": cards,
        "cards_left_out": diagnosis.entries[MOST_CARDS:],
        "accepted": accepted(diagnosis),
        "chapters": chapters,
        "counts": checklist.counts(chapters),
        "roots": roots,
        "modules_left_out": modules_left_out,
    }


def _sections(run: Recording, charts: Charts) -> dict[str, Any]:
    """Return what the recording shows by itself."""
    shapes, shapes_left_out = distributions.of_all(run)
    classes = data.class_counts(run)
    timing = (surroundings.step_times(run), surroundings.time_shares(run))
    return {
        "curves": [charts.add(chart, size="large") for chart in curves.all_curves(run)],
        "rate_sentence": curves.rate_sentence(run),
        "heats": [charts.add(chart, size=_height(len(chart.rows))) for chart in layers.heat_maps(run)],
        "shape_kinds": distributions.KINDS,
        "shapes": shapes,
        "shapes_left_out": shapes_left_out,
        "galleries": data.galleries(run),
        "classes": charts.add(classes) if classes is not None else None,
        "features": data.features(run),
        "copies": data.copies(run),
        "loaders": data.loaders(run),
        "timing": [charts.add(chart) for chart in timing if chart is not None],
        "timing_sentence": surroundings.timing_sentence(run),
        "experiments": surroundings.experiments(run),
        "events": surroundings.events(run),
        "environment": surroundings.environment(run),
        "command": surroundings.command(run),
        "watched": run.environment("command") == "watch",
    }


def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=finalized,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"inline": inline, "whole": whole}
    return environment


def _policy(scripts: list[str]) -> str:
    """Return a policy by which nothing runs but our scripts, known by their hashes, and nothing is fetched."""
    hashes = " ".join(f"'sha256-{_hash(text)}'" for text in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:;"
        " base-uri 'none'; form-action 'none'"
    )


@cache
def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _bokeh(name: str) -> str:
    """Return one of Bokeh's scripts. The package is not imported: that takes longer than all of the rendering."""
    spec = importlib.util.find_spec("bokeh")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("bokeh is not installed", name="bokeh")
    return _end_escaped((Path(spec.origin).parent / "server" / "static" / "js" / name).read_text("utf-8"))


def _end_escaped(script: str) -> str:
    """Return a script in which no string can end the element that it stands in."""
    return _END.sub(r"<\\/\1", script)


def _sentence(run: Recording, diagnosis: Diagnosis) -> str:
    """Return the verdict as on the terminal, without the status and the script's name that stand beside it."""
    verdict = diagnosis.verdict
    if verdict.status == "sick" and diagnosis.entries:
        return diagnosis.entries[0].title.rstrip(".") + (f"; {verdict.why}" if verdict.why else "")
    line = terminal.verdict_line(run, diagnosis).plain.removeprefix(verdict.status.upper()).strip()
    name = clean(run.environment("script") or "the run")
    return line.removeprefix(name).removeprefix(":").strip()


def _failure(diagnosis: Diagnosis, folder: Path) -> str:
    shown = remarks.failure(diagnosis.verdict, folder)
    return str(shown) if shown is not None else ""


def _tiles(run: Recording, diagnosis: Diagnosis) -> Iterator[Tile]:
    entries = diagnosis.entries
    for severity in (Severity.ERROR, Severity.WARNING, Severity.NOTE):
        count = sum(entry.severity is severity for entry in entries)
        if severity is Severity.NOTE and not count:
            continue
        yield Tile(str(count), severity.label if count == 1 else f"{severity.label}s")
    observed = sum(row.experiment == OBSERVE for row in run.rows(Step))
    yield Tile(f"{observed:,}", "step observed" if observed == 1 else "steps observed")
    if run.rows(Module):
        count = tree.parameter_count(run)
        yield Tile(_short(count), "parameter" if count == 1 else "parameters")
    if total := surroundings.total_seconds(run):
        yield Tile(total, "for the whole check")


def _short(count: int) -> str:
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if count >= size:
            return f"{count / min(size, 1000 if letter == 'k' else size):.3g} {letter}"
    return f"{count:,}"


def _height(rows: int) -> str:
    return "tall" if rows > 60 else "large" if rows > 20 else "medium" if rows > 3 else "small"
