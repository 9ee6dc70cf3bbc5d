"""The operators of the fault injector: each leaves a program that compiles and differs where it should."""

from __future__ import annotations

import ast
import difflib
from functools import cache

import pytest
from faults import OPERATORS, Source
from injected_faults import page
from mutants import FRESH, HIDE_OTHERS, SCORES, SEEN, Checked, Mutant, Native, choose, choose_pairs, harmless, read

from nndoctor.catalogue import load_catalogue


@cache
def fitting(name: str) -> list[str]:
    return [base for base in SCORES if Mutant(base, (name,)).files()]


@cache
def meaning(text: str) -> str:
    return ast.dump(ast.parse(text))


def changed_lines(base: str, name: str) -> list[str]:
    before = "\n".join(read(base).values()).splitlines()
    after = "\n".join((Mutant(base, (name,)).files() or {}).values()).splitlines()
    return [line for line in difflib.ndiff(before, after) if line[0] in "+-"]


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_changes_some_program_into_another_that_compiles(name: str) -> None:
    assert fitting(name)
    for base in fitting(name):
        files = Mutant(base, (name,)).files()
        assert files is not None
        assert any(meaning(files[f]) != meaning(text) for f, text in read(base).items() if files[f] != text)


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=list(OPERATORS))
def test_an_operator_says_what_it_does_and_which_checks_name_it(operator) -> None:
    assert operator.summary.endswith(".")
    assert operator.accepts
    assert operator.accepts <= set(load_catalogue())


def test_there_are_at_least_forty_operators() -> None:
    assert len(OPERATORS) >= 40
    assert set(OPERATORS) >= HIDE_OTHERS


def test_only_the_lines_of_the_fault_change() -> None:
    assert changed_lines("digits", "drop-zero-grad") == ["-         optimizer.zero_grad()", "+         pass"]
    assert changed_lines("gpt", "target-not-shifted") == [
        "-     y = torch.stack([source[i + 1 : i + 1 + args.block_size] for i in starts])",
        "+     y = torch.stack([source[i : i + args.block_size] for i in starts])",
    ]
    assert changed_lines("tabular", "rate-times-1e4") == [
        '-     parser.add_argument("--lr", type=float, default=2e-3)',
        '+     parser.add_argument("--lr", type=float, default=2e-3 * 1e4)',
    ]


def test_the_order_of_the_statements_of_a_step() -> None:
    files = Mutant("tabular", ("zero-grad-before-step",)).files()
    assert files is not None
    step = files["train.py"].partition("loss.backward()")[2].split("\n")[1:3]
    assert [line.strip() for line in step] == ["optimizer.zero_grad()", "optimizer.step()"]


def test_a_model_without_dropout_and_batchnorm_has_no_fault_of_modes() -> None:
    assert Mutant("manual_slicing", ("no-eval-mode",)).files() is None
    assert Mutant("digits", ("no-eval-mode",)).files()


def test_edits_at_one_place_keep_their_order() -> None:
    source = Source("step()\n")
    statement = source.tree.body[0]
    assert isinstance(statement, ast.Expr)
    source.before(statement, "first()")
    source.before(statement, "second()")
    source.after(statement, "third()")
    assert source.render() == "first()\nsecond()\nstep()\nthird()\n"


def test_a_keyword_is_set_or_added() -> None:
    source = Source("SGD(p, lr=1)\nSGD()\nSGD(\n    p,\n)\n")
    for call in source.calls("SGD"):
        source.keyword(call, "lr", "2")
    assert source.render() == "SGD(p, lr=2)\nSGD(lr=2)\nSGD(\n    p,\nlr=2)\n"


def test_the_choice_is_the_same_each_time_and_takes_in_all_operators() -> None:
    chosen = choose("", 1)
    assert chosen == choose("", 1)
    assert {m.operators[0] for m in chosen} == set(OPERATORS)


def test_fresh_programs_are_left_out_unless_asked_for_and_take_in_all_operators() -> None:
    assert not {m.base for m in choose("", 2)} & FRESH
    assert {m.operators[0] for m in choose("", 1, [b for b in SCORES if b in FRESH])} == set(OPERATORS)


def test_another_program_takes_the_place_of_one_that_raises() -> None:
    before = choose("", 1)
    raised = before[0]
    after = choose("", 1, SEEN, {raised.key})
    assert raised not in after
    assert after[0].operators == raised.operators
    assert after[1:] == before[1:]


def test_an_optimizer_and_a_model_that_belong_to_a_trainer() -> None:
    lines = changed_lines("deepsets_shapes", "initialisation-times-50")
    assert "+         for parameter in self.model.parameters():" in lines
    assert changed_lines("deepsets_shapes", "clip-after-step") == [
        "+             torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)"
    ]


def test_the_targets_of_an_autoencoder_are_its_inputs() -> None:
    assert "ecg_autoencoder" not in fitting("labels-permuted")
    assert "ecg_autoencoder" not in fitting("target-times-1e4")


def test_a_chunk_of_tokens_that_is_not_shifted() -> None:
    assert changed_lines("tied_lm", "target-not-shifted") == [
        "-         return chunk[:-1], chunk[1:]",
        "+         return chunk[:-1], chunk[:-1]",
    ]


def test_pairs_are_of_two_themes_and_hide_nothing() -> None:
    pairs = choose_pairs(20, {})
    assert len(pairs) == 20
    for pair in pairs:
        first, second = (OPERATORS[name] for name in pair.operators)
        assert first.theme != second.theme
        assert not first.accepts & second.accepts
        assert not set(pair.operators) & HIDE_OTHERS


def test_of_a_pair_each_does_harm_by_itself_and_the_program_runs() -> None:
    first, second, *_ = choose_pairs(20, {})
    scores = {f"@{first.base}": 0.99, first.singles()[0].key: 0.99}
    native = {key: Native(key, "", score) for key, score in scores.items()}
    native[second.key] = Native(second.key, "RuntimeError: no", None)
    others = choose_pairs(20, native)
    assert len(others) == 20
    assert not {first, second} & set(others)


def test_an_error_is_false_unless_it_names_the_fault_or_is_its_symptom() -> None:
    found = [["error", "loss-sign", ""], ["error", "dead-relu", "loss-sign"], ["error", "non-finite", ""]]
    result = Checked("loss-sign@digits", 1.0, 1, found)
    assert result.named("loss-sign")
    assert result.first(("loss-sign",))
    assert result.false_errors(("loss-sign",)) == ["non-finite"]
    assert not result.named("drop-step")


def test_a_note_names_only_what_has_nothing_but_notes() -> None:
    assert Checked("a", 1.0, 0, [["note", "accumulation-scale", ""]]).named("accumulate-undivided")
    assert not Checked("a", 1.0, 0, [["note", "loss-sign", ""]]).named("loss-sign")


@pytest.mark.parametrize(
    ("base", "healthy", "mutant", "expected"),
    [
        ("digits", 0.99, 0.985, True),
        ("digits", 0.99, 0.9, False),
        ("tabular", 0.54, 0.55, True),
        ("tabular", 0.54, 0.8, False),
        ("tabular", 0.54, float("nan"), False),
        ("rare_failures", 0.93, 0.5, False),
        ("rare_failures", 0.93, 0.95, True),
    ],
)
def test_harmless_is_what_validates_as_well(base, healthy, mutant, expected) -> None:
    assert harmless(Native(f"x@{base}", "", mutant), Native(f"@{base}", "", healthy)) is expected


def test_the_page_gives_each_kind_of_programs_a_line_of_its_own() -> None:
    checked = [
        Checked("loss-sign@gpt", 1.0, 1, [["error", "loss-sign", ""]]),
        Checked("loss-sign@ctc", 1.0, 1, [["error", "loss-sign", ""]]),
        Checked("loss-sign@tied_lm", 1.0, 1, [["error", "dead-relu", ""]]),
        Checked("loss-sign@ring_molecules", 1.0, 1, [["error", "dead-relu", ""]]),
    ]
    scores = dict.fromkeys((c.key for c in checked), 9.0) | dict.fromkeys(("@gpt", "@ctc", "@tied_lm"), 0.1)
    scores["@ring_molecules"] = 0.2
    text = page({c.key: c for c in checked}, {key: Native(key, "", score) for key, score in scores.items()})
    assert "checks were tried on: named 1 of 1 (100%)" in text
    assert "written after the checks: named 1 of 2 (50%)" in text
    assert "in unseen programs: named 0 of 1 (0%)" in text


def test_the_page_names_the_misses_and_leaves_out_what_raises() -> None:
    checked = [
        Checked("loss-sign@digits", 1.0, 1, [["error", "loss-sign", ""]]),
        Checked("drop-step@digits", 1.0, 0, [["error", "dead-relu", ""]]),
        Checked("drop-backward@digits", 1.0, 0, []),
        Checked("loss-sign+no-no-grad@gpt", 1.0, 1, [["error", "loss-sign", ""]]),
    ]
    native = {"drop-backward@digits": Native("drop-backward@digits", "RuntimeError: no", None)}
    text = page({c.key: c for c in checked}, native)
    assert "named 1 of 2 (50%), first 1 of 2 (50%), with a false error 1 of 2 (50%)" in text
    assert "| `drop-step@digits` | not measured | dead-relu |" in text
    assert "drop-backward@digits" not in text
    assert "both named: 0 of 1 (0%); at least one: 1 of 1 (100%)" in text
