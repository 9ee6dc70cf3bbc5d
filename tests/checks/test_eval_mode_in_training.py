"""eval-mode-in-training, on counted calls typed by hand."""

import pytest

from nndoctor import Recording, Severity
from nndoctor.records import COAST, OBSERVE, VALIDATION, Forwards, OptimizerStep, Parameter, Record, Step
from nndoctor_checks.training.eval_mode_in_training import eval_mode_in_training


def steps(count=40, per_epoch=100, experiment=OBSERVE) -> list[Record]:
    return [Step(experiment=experiment, step=i, epoch=i // per_epoch, loss=1.0, backwards=1) for i in range(count)]


def ran(training, calls=40, graphs=None, **fields) -> Forwards:
    given = {"module": "bn", "type": "BatchNorm1d", "file": "t.py", "line": 9} | fields
    return Forwards(training=training, calls=calls, graphs=calls if graphs is None else graphs, **given)


def weight(module="fc", **fields) -> Parameter:
    return Parameter(name=f"{module}.weight", module=module, **({"optimizer": "SGD#0"} | fields))


def test_finds_eval_mode_all_the_time():
    rows = [ran(training=False), ran(training=False, module="drop", type="Dropout"), weight(), *steps()]
    [finding] = eval_mode_in_training(Recording.of(rows))
    assert finding.severity is Severity.ERROR
    assert finding.names == ("bn", "drop")
    assert finding.where.line == 9


def test_finds_it_in_later_epochs():
    rows = [ran(training=True), ran(training=False, calls=2, experiment=COAST), *steps(), *steps(2, experiment=COAST)]
    [finding] = eval_mode_in_training(Recording.of(rows))
    assert "second epoch" in finding.message
    assert finding.severity is Severity.ERROR


def test_a_loader_that_is_made_anew_for_each_epoch():
    later = [OptimizerStep(experiment=COAST, step=i) for i in range(2)]
    rows = [ran(training=True), ran(training=False, calls=2, experiment=COAST), *steps(), *later]
    [finding] = eval_mode_in_training(Recording.of(rows))
    assert "second epoch" in finding.message


def test_finds_it_within_the_observed_steps():
    rows = [ran(training=True, calls=22), ran(training=False, calls=18), *steps(per_epoch=22)]
    assert len(eval_mode_in_training(Recording.of(rows))) == 1


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([ran(training=True), *steps()], id="train mode"),
        pytest.param([ran(training=False, graphs=0), *steps()], id="no gradients: a teacher"),
        pytest.param([ran(training=False, split=VALIDATION), *steps()], id="validation"),
        pytest.param([ran(training=False, frozen=True, loaded=True), *steps()], id="a frozen backbone"),
        pytest.param(
            [
                ran(training=False, module="body.drop", type="Dropout"),
                weight("body.fc", requires_grad=False, optimizer=""),
                weight("head"),
                *steps(),
            ],
            id="dropout of a frozen backbone",
        ),
        pytest.param(
            [ran(training=False, module="target.bn"), weight("target.fc", optimizer=""), weight("policy.fc"), *steps()],
            id="a target network",
        ),
        pytest.param(
            [ran(training=True), ran(training=False, calls=3, experiment=COAST), *steps()],
            id="an evaluation with gradients after the training",
        ),
        pytest.param([ran(training=True), ran(training=False, calls=5), *steps()], id="now and then"),
    ],
)
def test_is_silent(rows):
    assert eval_mode_in_training(Recording.of(rows)) == []


def test_loaded_batch_norm_is_a_note():
    [finding] = eval_mode_in_training(Recording.of([ran(training=False, loaded=True), *steps()]))
    assert finding.severity is Severity.NOTE


def test_a_part_of_the_model_is_a_warning():
    rows = [ran(training=False), ran(training=True, module="drop", type="Dropout"), *steps()]
    [finding] = eval_mode_in_training(Recording.of(rows))
    assert finding.severity is Severity.WARNING
