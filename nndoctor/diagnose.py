"""From a recording to a diagnosis: run the checks, order what they found, decide the verdict.

Pure: nothing here reads a clock, a file or a model, so an old recording can be diagnosed again with newer checks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING

from nndoctor.causes import Cause, Fired, ordered, severity_of
from nndoctor.errors import FindingsError
from nndoctor.finding import Finding, Severity, Skip, SourceLine, Status
from nndoctor.merging import merged
from nndoctor.proof import Proof, explained, proof
from nndoctor.reasons import NUMBERED
from nndoctor.verdict import Verdict, decide

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from nndoctor.check import Check
    from nndoctor.recording import Recording

NOT_CHECKED = "not checked yet"
NOT_SELECTED = "not selected"
NOT_WATCHED = "needs the experiments of `nndoctor check`, or its look at every step"

NOUNS = {
    "Step": "training step",
    "Backward": "backward pass",
    "Optimizer": "optimizer",
    "OptimizerStep": "step of an optimizer",
    "Module": "module",
    "Parameter": "parameter",
    "TensorStats": "activation or gradient",
    "Units": "rectifying activation",
    "Batch": "batch",
    "Labels": "class label",
    "Loader": "DataLoader",
    "LossCall": "call of a loss function",
    "SoftmaxCall": "softmax",
    "Forwards": "layer that tells training from evaluation",
    "Independence": "comparison of a batch's samples",
    "Causality": "model that reads tokens",
    "Chained": "layer called straight on another",
    "Recreated": "layer built in a forward pass",
    "TokenTarget": "target for each token",
    "EvalGap": "comparison of train and eval mode",
    "NonFinite": "NaN or Inf",
    "Overlap": "pair of training and validation data",
    "Scan": "training data set that can be asked for its samples",
    "Collation": "DataLoader whose batches are the same each time",
    "Pairing": "pair of loaders that feed one loop",
    "RowOrder": "target whose rows could be told apart",
    "Coverage": "sampler that is to go through the data set",
    "WorkerRandomness": "random generator of a data set in worker processes",
    "Redraw": "input that is another each time it is drawn",
    "Learner": "data that simple learners could be trained on",
    "LoadedWeights": "model with loaded weights",
    "LoadedNorm": "BatchNorm with loaded statistics at the front of a model",
    "LoadedInput": "model whose weights declare their preprocessing",
    "Normalised": "BatchNorm in train mode",
    "ValidationCall": "validation pass over a DataLoader",
    "DropoutCall": "functional dropout in eval mode",
    "Clipping": "gradient clipping",
    "SchedulerStep": "step of a learning-rate scheduler",
    "KeptGraphs": "backward pass that was followed for ten steps",
    "Evaluation": "evaluation of the script's own",
    "LossTarget": "call of a loss function with a target",
    "LossTerm": "objective with several terms",
    "LossPart": "loss that is a sum of several terms",
    "Broadcast": "column that meets a vector",
    "PassUse": "backward pass that was followed to its use",
    "StepDirection": "step whose direction was measured",
    "GradientCheck": "gradient that was compared with differences",
    "Devices": "trained tensor",
    "CompiledCalls": "compiled model",
    "Rung": "rung of the ladder",
    "Histogram": "distribution of a tensor",
    "Sample": "input of the first layer",
    "Source": "file of the script",
    "Rank": "process of several",
    "RankState": "step of several processes",
    "RankBatch": "batch of several processes",
    "RankEvaluation": "validation pass of several processes",
    "SamplerPass": "pass with a DistributedSampler",
    "Experiment": "experiment",
    "Trial": "trial of a treatment",
}
"""What users call the kinds of records."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one check, or of a reason for which there is no check yet (`check` is then empty)."""

    check: str
    reason: str
    status: Status
    why: str = ""
    severity: Severity | None = None
    """The worst of its findings; None where there are none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding in the diagnosis. `explained_by` names the check that it is a symptom of, or is empty."""

    check: Check
    finding: Finding
    explained_by: str = ""
    proof: Proof | None = None
    """What the trials of treatments say of it."""

    @property
    def confirmed(self) -> bool | None:
        """Whether a trial has shown that treating it helps (True) or does nothing (False)."""
        return None if self.proof is None else self.proof.confirmed

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return severity_of(self.check, self.finding)

    @property
    def title(self) -> str:
        """The headline: the finding's own, else the check's."""
        return self.finding.title or self.check.title

    @property
    def where(self) -> SourceLine | None:
        """The line of the user's code, where one is known."""
        return self.finding.where


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding that the user has accepted: it is shown, and counts for nothing. `by` says how it was accepted."""

    entry: Entry
    by: str


@dataclass(frozen=True, slots=True, repr=False)
class Diagnosis:
    """All that a report shows of the checks: the verdict, causes with their symptoms, every check's outcome."""

    verdict: Verdict
    causes: tuple[Cause, ...]
    outcomes: tuple[Outcome, ...]
    accepted: tuple[Accepted, ...] = ()
    proofs: Mapping[str, Proof] = field(default_factory=dict)
    """By check: what the trials say of its findings."""

    @property
    def entries(self) -> list[Entry]:
        """All findings, most important first, causes before their symptoms."""
        known = self.proofs
        roots = [Entry(c.root.check, f, "", known.get(c.root.check.name)) for c in self.causes for f in c.root.findings]
        symptoms = [
            Entry(s.check, f, c.root.check.name, known.get(s.check.name))
            for c in self.causes
            for s in c.symptoms
            for f in s.findings
        ]
        worst = {c.root.check.name: c.root.severity for c in self.causes}
        # A cause keeps its own findings together; notes of their own come after everybody's symptoms.
        first = [e for e in roots if worst[e.check.name] > Severity.NOTE]
        last = [e for e in roots if worst[e.check.name] is Severity.NOTE]
        return [*first, *symptoms, *last]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def findings(self, *, at_least: Severity = Severity.NOTE, check: str = "") -> list[Entry]:
        """Return the findings of some severity or worse, of one check if it is named."""
        return [e for e in self.entries if e.severity >= at_least and check in ("", e.check.name)]

    def raise_for_findings(self, at_least: Severity = Severity.ERROR) -> None:
        """Raise `FindingsError` if there are findings of this severity or worse, or nothing could be judged."""
        __tracebackhide__ = True  # pytest shows the line of the test
        found = self.findings(at_least=at_least)
        if found:
            raise FindingsError("\n".join(told(entry) for entry in found))
        if self.verdict.status in ("crashed", "inconclusive"):
            raise FindingsError(f"{self.verdict.status}: {self.verdict.why}")

    def __str__(self) -> str:
        return "\n".join([f"{self.verdict.status.upper()} {self.verdict.why}".strip(), *map(told, self.entries)])

    def __repr__(self) -> str:
        names = dict.fromkeys(f"{entry.severity.label} {entry.check.name}" for entry in self.entries)
        return f"<Diagnosis {self.verdict.status}: {', '.join(names) or 'no findings'}>"

    def _repr_html_(self) -> str:
        """Return a short table, for notebooks."""
        rows = "".join(
            f"<tr><td>{e.severity.label}</td><td>{escape(e.check.name)}</td><td>{escape(e.finding.message)}</td>"
            f"<td>{escape(e.finding.advice)}</td></tr>"
            for e in self.entries
        )
        head = "<tr><th>severity</th><th>check</th><th>what</th><th>do</th></tr>"
        table = f"<table>{head}{rows}</table>" if rows else ""
        return f"<p><b>{self.verdict.status.upper()}</b> {escape(self.verdict.why)}</p>{table}"


def told(entry: Entry) -> str:
    """Return a finding as a short text: what was measured, where, what to do."""
    place = f" at {entry.where}" if entry.where else ""
    return f"{entry.severity.label} {entry.check.name}{place}: {entry.finding.message}\n  do: {entry.finding.advice}"


def diagnose(
    run: Recording,
    checks: Sequence[Check],
    *,
    deselected: Collection[Check] = (),
    fail_on: Severity | None = Severity.ERROR,
) -> Diagnosis:
    """Run the checks on a recording and conclude. `fail_on=None` never fails."""
    proofs: dict[str, Proof] = {}
    results = [_tested(check, run, *examine(check, run), proofs) for check in checks]
    fired = [
        _fired(check, findings, proofs.get(check.name))
        for check, (_, findings) in zip(checks, results, strict=True)
        if findings
    ]
    skipped = [Outcome(check.name, check.reason, Status.SKIPPED, NOT_SELECTED) for check in deselected]
    outcomes = [outcome for outcome, _ in results] + skipped
    severities = [severity_of(each.check, finding) for each in fired for finding in each.findings]
    causes = tuple(ordered(fired))
    proofs |= explained(proofs, {s.check.name: c.root.check.name for c in causes for s in c.symptoms})
    return Diagnosis(
        verdict=decide(run, max(severities, default=None), fail_on),
        causes=causes,
        outcomes=tuple(_with_every_reason(outcomes)),
        proofs=proofs,
    )


def examine(check: Check, run: Recording) -> tuple[Outcome, tuple[Finding, ...]]:
    """Run one check. Whatever it raises becomes its outcome; it cannot spoil the others."""
    if run.environment("command") == "watch" and not check.watched:
        return Outcome(check.name, check.reason, Status.SKIPPED, NOT_WATCHED), ()
    missing = [NOUNS.get(kind.__name__, kind.__name__) for kind in check.needs if not run.rows(kind)]
    if missing:
        why = f"no {' and no '.join(missing)} was seen"
        return Outcome(check.name, check.reason, Status.SKIPPED, why), ()
    try:
        findings = check(run)
    except Skip as skip:
        return Outcome(check.name, check.reason, Status.SKIPPED, str(skip)), ()
    except Exception as error:  # noqa: BLE001 - a check of a third party may raise anything
        why = " ".join(f"{type(error).__name__}: {error}".split())
        return Outcome(check.name, check.reason, Status.CRASHED, why), ()
    if not findings:
        return Outcome(check.name, check.reason, Status.PASSED), ()
    # Stable sort: findings of equal weight keep the order in which the check gave them.
    findings.sort(key=lambda finding: (-severity_of(check, finding), not finding.certain))
    findings = merged(findings)
    worst = severity_of(check, findings[0])
    status = Status.NOTE if worst is Severity.NOTE else Status.FINDING
    return Outcome(check.name, check.reason, status, findings[0].message, worst), tuple(findings)


def _tested(
    check: Check, run: Recording, outcome: Outcome, findings: tuple[Finding, ...], proofs: dict[str, Proof]
) -> tuple[Outcome, tuple[Finding, ...]]:
    """Note what the trials say of a check's findings. One that was only inferred and is refuted weighs less."""
    found = proof(run, check.name, certain=findings[0].certain, relief=check.relief) if findings else None
    if found is None:
        return outcome, findings
    proofs[check.name] = found
    if found.confirmed is not False:
        return outcome, findings
    milder = tuple(f if f.certain else replace(f, severity=_one_less(severity_of(check, f))) for f in findings)
    worst = max(severity_of(check, finding) for finding in milder)
    status = Status.NOTE if worst is Severity.NOTE else Status.FINDING
    return replace(outcome, status=status, severity=worst), milder


def _fired(check: Check, findings: tuple[Finding, ...], found: Proof | None) -> Fired:
    if found is None:
        return Fired(check, findings)
    cured = bool(found.confirmed) and found.found.cured
    return Fired(check, findings, found.confirmed, cured=cured, harmless=found.outcome == "harmless")


def _one_less(severity: Severity) -> Severity:
    return Severity(max(Severity.NOTE, severity - 1))


def _with_every_reason(outcomes: Iterable[Outcome]) -> list[Outcome]:
    by_reason: dict[str, list[Outcome]] = {reason.code: [] for reason in NUMBERED}
    for outcome in outcomes:
        by_reason.setdefault(outcome.reason, []).append(outcome)
    rows = []
    for code, found in by_reason.items():
        rows += sorted(found, key=lambda o: o.check) or [Outcome("", code, Status.SKIPPED, NOT_CHECKED)]
    return rows
