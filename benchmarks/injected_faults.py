"""The page of what nndoctor said of injected faults, from the results as they are."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from faults import OPERATORS
from mutants import FRESH, LATER, SCORES, UNSEEN, harmless
from verdicts import share

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mutants import Checked, Native

INTRODUCTION = """\
# Injected faults

What `benchmarks/inject.py` measured. It puts one known fault at a time into healthy programs of this repository, by
editing their source, and runs `nndoctor check` on the result. The operators follow the published catalogues of
mutation operators and of real faults in deep-learning programs (DeepMutation, DeepCrime, Humbatova et al., Islam et
al.).

- **named**: an error or a warning (a note, for faults whose checks give only notes in mild cases) of a check that a
  user would take for the cause. Which checks those are stands with each operator in `benchmarks/faults/`.
- **first**: that finding is the first entry of the diagnosis.
- **false errors**: errors that neither are such a finding nor stand in the report as its symptom.
- **harmless**: run without nndoctor, the mutant validates as well as the unchanged program (its error is at most a
  tenth, or 0.01, above). These count in all columns; the second line
  of the totals leaves them out. It holds the mutants that were run without nndoctor as well.

Mutants that raise an exception without nndoctor are left out: Python names that fault.

Three kinds of programs are told apart, by how much the checks know of them:

- the samples and the first programs of the tests: checks were tried on them while they were written;
- programs written after the checks, in several rounds. What was missed in them has been looked at since, and mended
  where it could be, so that they say less about programs that nobody has seen than they did;
- unseen programs, written after that, and without knowledge of any check. No check was made or changed for them before
  they were measured, but for the second mutant of each operator (see *Earlier rounds*): the share that is named there
  is the one to expect of a program of one's own. What was missed was then mended where it could be; the figures here
  are those from before.
"""

EARLIER = """\
## Earlier rounds

Programs that were unseen before, of the harmful mutants alone, each round measured before anything was changed for it:

- nine programs: named 56 of 69 (81%), first 54 (78%), false errors in 4. Once more, after what two rounds had taught:
  named 52 of 55 (95%), first 50 (91%), no false error;
- ten programs: named and first 55 of 63 (87%), false errors in 3.

The unseen programs of above were measured twice: one mutant for each operator before anything was changed (harmful ones
named and first 50 of 56, false errors in 1), and one more, chosen by chance, after what the first had taught (with
`--budget 60`: named 42 of 48 (88%), first 40 (83%), false errors in 2).

What was not first, or had a false error, was run again after the mends (28 harmful mutants): 14 of them are named first
now, none has a false error. With them and all else as it was, the harmful ones are named and first in 208 of 222 (94%),
in unseen programs in 97 of 104 (93%). Of all else, 30 chosen by chance were run again, too: all first, no false error.

Afterwards 85 mutants that had never been run were drawn by chance from all programs and all operators (with `--budget
60`), and nothing was changed for them. 11 raise an error by themselves; of the 57 harmful ones 50 (88%) are named, 49
(86%) first, with false errors in one: of a transformer whose weights are all zero it is said that its output does not
depend on its input, not why.

After what these had taught, 80 others were drawn in the same way and measured before anything was changed for them: 8
raise an error by themselves; of the 50 harmful ones 48 (96%) are named, all of these first, none with a false error.
Missed are noise that drowns the inputs (known by its symptoms only) and, once, dropout that also acts in evaluation
(named, behind another warning).
"""


def page(checked: Mapping[str, Checked], native: Mapping[str, Native]) -> str:
    """Return the page, in Markdown."""
    seen = [r for r in checked.values() if not (r.key in native and native[r.key].raised)]
    single = [r for r in seen if len(_operators(r)) == 1]
    pairs = [r for r in seen if len(_operators(r)) > 1]
    lines = [INTRODUCTION, "## One fault", "", *_totals(single, native), "", *_table(single, native), ""]
    lines += _misses(single, native)
    tried = {name for result in single for name in _operators(result)}
    if rest := [f"`{name}`" for name in OPERATORS if name not in tried]:
        lines += ["", "### Not measured", "", f"{len(rest)} of {len(OPERATORS)} operators: {', '.join(rest)}."]
    if pairs:
        lines += ["", "## Two faults at once", "", *_pairs(pairs)]
    lines += ["", EARLIER, "## Trials", "", *_trials(seen)]
    return "\n".join(lines) + "\n"


def _operators(result: Checked) -> tuple[str, ...]:
    return tuple(result.key.rpartition("@")[0].split("+"))


def _is_harmless(result: Checked, native: Mapping[str, Native]) -> bool | None:
    control = native.get("@" + result.key.rpartition("@")[2])
    mutant = native.get(result.key)
    return harmless(mutant, control) if mutant and control else None


def _harmful_in(programs: Collection[str], results: Sequence[Checked], native: Mapping[str, Native]) -> list[Checked]:
    return [r for r in results if r.key.rpartition("@")[2] in programs and _is_harmless(r, native) is False]


def _known(results: Sequence[Checked], native: Mapping[str, Native]) -> list[bool]:
    return [answer for r in results if (answer := _is_harmless(r, native)) is not None]


def _share(part: int, of: int) -> str:
    return f"{part} of {of} ({part / of:.0%})" if of else "none"


def _totals(results: Sequence[Checked], native: Mapping[str, Native]) -> list[str]:
    lines, tried = [], SCORES.keys() - LATER - FRESH - UNSEEN
    for label, some in (
        ("All mutants", list(results)),
        ("Run without nndoctor as well, and not harmless", [r for r in results if _is_harmless(r, native) is False]),
        ("Of these, in programs that checks were tried on", _harmful_in(tried, results, native)),
        ("Of these, in programs written after the checks", _harmful_in(LATER | FRESH, results, native)),
        ("Of these, in unseen programs", _harmful_in(UNSEEN, results, native)),
    ):
        if label.startswith("Of these") and not some:
            continue
        named = sum(r.named(*_operators(r)) for r in some)
        first = sum(r.first(_operators(r)) for r in some)
        wrong = sum(bool(r.false_errors(_operators(r))) for r in some)
        lines.append(
            f"- {label}: named {_share(named, len(some))}, first {_share(first, len(some))}, "
            f"with a false error {_share(wrong, len(some))}"
        )
    return lines


def _table(results: Sequence[Checked], native: Mapping[str, Native]) -> list[str]:
    grouped: defaultdict[str, list[Checked]] = defaultdict(list)
    for result in results:
        grouped[_operators(result)[0]].append(result)
    lines = [
        "| operator | what it does | mutants | harmless | named | first | false errors |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, operator in OPERATORS.items():
        some = grouped.get(name)
        if some:
            counts = (
                len(some),
                sum(map(bool, known)) if (known := _known(some, native)) else "-",
                sum(r.named(name) for r in some),
                sum(r.first((name,)) for r in some),
                sum(len(r.false_errors((name,))) for r in some),
            )
            lines.append(f"| `{name}` | {operator.summary} | {' | '.join(map(str, counts))} |")
    return lines


def _misses(results: Sequence[Checked], native: Mapping[str, Native]) -> list[str]:
    lines = ["### Misses", "", "| mutant | harmless | what was said instead |", "|---|---|---|"]
    for result in results:
        if not result.named(*_operators(result)):
            known = _is_harmless(result, native)
            words = {True: "yes", False: "no", None: "not measured"}[known]
            lines.append(f"| `{result.key}` | {words} | {', '.join(result.serious()) or 'nothing'} |")
    lines += ["", "### False errors", "", "| mutant | errors |", "|---|---|"]
    for result in results:
        wrong = result.false_errors(_operators(result))
        if wrong:
            lines.append(f"| `{result.key}` | {', '.join(wrong)} |")
    return lines


def _pairs(results: Sequence[Checked]) -> list[str]:
    both = sum(all(r.named(name) for name in _operators(r)) for r in results)
    one = sum(any(r.named(name) for name in _operators(r)) for r in results)
    lines = [
        "Two operators of different themes in one program, a seeded choice, of which each does harm by itself there;",
        "operators after which nothing at all is learned are left out, for they hide the other.",
        "",
        f"- both named: {_share(both, len(results))}; at least one: {_share(one, len(results))}",
        "",
        "| mutant | named | not named | false errors |",
        "|---|---|---|---|",
    ]
    for result in results:
        named = [name for name in _operators(result) if result.named(name)]
        missed = [name for name in _operators(result) if name not in named]
        wrong = result.false_errors(_operators(result))
        cells = (f"`{result.key}`", ", ".join(named), ", ".join(missed), ", ".join(wrong))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _trials(results: Sequence[Checked]) -> list[str]:
    """Count what the trials showed."""
    answers = [outcome for result in results for outcome in result.trials.values()]
    return [
        "Errors and warnings with a treatment, by check and mutant, in the runs of which that was kept:",
        "",
        f"- {share(answers)}",
        "",
        "On a busy machine many trials are cut short; how many are decided on a quieter one is in [trials](trials.md).",
    ]
