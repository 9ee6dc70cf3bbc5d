"""Edits of what goes into the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nndoctor.records import LossCall, Module

if TYPE_CHECKING:
    from collections.abc import Callable

    Treated = Callable[..., str | None]


def loss(function: str, **facts: object) -> LossCall:
    """Return a call of a loss whose place is the line marked `# loss`."""
    return LossCall(file="train.py", function=function, **facts)


def at_line(row: LossCall, text: str) -> LossCall:
    from dataclasses import replace

    return replace(row, line=next(i for i, line in enumerate(text.splitlines(), 1) if "# loss" in line))


# ---- softmax, sigmoid


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("loss = F.cross_entropy(F.softmax(net(x), dim=1), y)", "loss = F.cross_entropy(net(x), y)"),
        ("loss = F.cross_entropy(net(x).softmax(1), y)", "loss = F.cross_entropy(net(x), y)"),
        ("loss = F.cross_entropy(torch.softmax(input=net(x), dim=1), y)", None),
        ("loss = F.cross_entropy(net(x), y)", None),
    ],
)
def test_softmax_in_the_call(before: str, after: str | None, treated: Treated) -> None:
    text = f"{before}  # loss\n"
    new = treated("softmax-into-cross-entropy", text, "# loss", at_line(loss("cross_entropy"), text))
    assert new == (f"{after}  # loss\n" if after else None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("p = F.softmax(net(x), dim=1)", "p = net(x)"),
        ("p = net(x)\np = self.softmax(p)", "p = net(x)"),
        ("p = net(x)\np = F.softmax(p, 1)", "p = net(x)"),
    ],
)
def test_softmax_in_a_variable(before: str, after: str | None, treated: Treated) -> None:
    text = f"{before}\nloss = F.cross_entropy(p, y)  # loss\nhits = p.argmax(1)\n"
    new = treated("softmax-into-cross-entropy", text, "# loss", at_line(loss("cross_entropy"), text))
    assert new == (text.replace(before, after) if after else None)


NETWORK = """
class Attention(nn.Module):
    def forward(self, x):
        return F.softmax(self.score(x), dim=1)


class Net(nn.Module):
    def __init__(self):
        self.att = Attention()
        self.out_act = nn.Softmax(dim=1)

    def forward(self, x):
        x = self.fc(x)
        {}


model = Net()
criterion = nn.CrossEntropyLoss()
loss = criterion(model(x), y)  # loss
"""
ROOT = Module(name="Net", root="Net", type="Net")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return F.softmax(x, dim=1)", "return x"),
        ("return self.out_act(x)", "return x"),
        ("return torch.softmax(self.att(x), -1).squeeze(1)", "return self.att(x).squeeze(1)"),
        ("p = nn.functional.softmax(x, dim=1)\n        return p", "p = x\n        return p"),
        ("return x, F.softmax(x, dim=1)", None),
    ],
)
def test_softmax_that_ends_the_network(before: str, after: str | None, treated: Treated) -> None:
    text = NETWORK.format(before)
    new = treated("softmax-into-cross-entropy", text, "# loss", at_line(loss("cross_entropy"), text.lstrip()), ROOT)
    assert new == (text.replace(before, after).lstrip() if after else None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))", "net = nn.Sequential(nn.Linear(4, 3))"),
        (
            "net = nn.Sequential(\n    nn.Linear(4, 3),\n    nn.Softmax(dim=1),  # end\n)",
            "net = nn.Sequential(\n    nn.Linear(4, 3),\n)",
        ),
        ("layers.append(nn.Softmax(1))\nnet = nn.Sequential(*layers)", "net = nn.Sequential(*layers)"),
        ("a = nn.Sequential(f, nn.Softmax(1))\nb = nn.Sequential(f, nn.Softmax(1))", None),
        ("net = nn.Sequential(nn.Softmax(dim=1), nn.Linear(4, 3))", None),
    ],
)
def test_softmax_that_ends_a_sequential(before: str, after: str | None, treated: Treated) -> None:
    text = f"{before}\nloss = F.cross_entropy(net(x), y)  # loss\n"
    new = treated("softmax-into-cross-entropy", text, "# loss", at_line(loss("cross_entropy"), text))
    assert new == (text.replace(before, after) if after else None)


def test_softmax_stays_where_probabilities_are_compared(treated: Treated) -> None:
    text = "p = F.softmax(net(x), 1)\nloss = F.cross_entropy(p, y)  # loss\nsure = p.max(1).values > 0.9\n"
    assert treated("softmax-into-cross-entropy", text, "# loss", at_line(loss("cross_entropy"), text)) is None


BINARY = """
class Net(nn.Module):
    def forward(self, x):
        return torch.sigmoid(self.fc(x))


criterion = nn.BCEWithLogitsLoss({})
loss = criterion(net(x), y)  # loss
right = {}
"""


def test_sigmoid_is_removed_where_nothing_relies_on_it(treated: Treated) -> None:
    text = BINARY.format("", "net(x).argmax()").lstrip()
    new = treated("sigmoid-into-bce-with-logits", text, "# loss",
                  at_line(loss("binary_cross_entropy_with_logits"), text), ROOT)  # fmt: skip
    assert new == text.replace("torch.sigmoid(self.fc(x))", "self.fc(x)")


def test_the_loss_is_exchanged_where_probabilities_are_wanted(treated: Treated) -> None:
    text = BINARY.format("", "net(x).round() == y").lstrip()
    row = at_line(loss("binary_cross_entropy_with_logits"), text)
    assert treated("sigmoid-into-bce-with-logits", text, "# loss", row, ROOT) == text.replace(
        "BCEWithLogitsLoss", "BCELoss"
    )
    weighted = BINARY.format("pos_weight=w", "net(x) > 0.5").lstrip()
    assert treated("sigmoid-into-bce-with-logits", weighted, "# loss", row, ROOT) is None


# ---- logits into nll


def test_nll_of_logits_becomes_cross_entropy(treated: Treated) -> None:
    text = "criterion = nn.NLLLoss(weight=w)\nloss = criterion(net(x), y)  # loss\n"
    new = treated("logits-into-nll", text, "# loss", at_line(loss("nll_loss"), text))
    assert new == text.replace("NLLLoss", "CrossEntropyLoss")


def test_nll_of_probabilities_gets_their_logarithm(treated: Treated) -> None:
    text = "loss = F.nll_loss(F.softmax(net(x), dim=1), y)  # loss\n"
    new = treated("logits-into-nll", text, "# loss", at_line(loss("nll_loss", probabilities=True), text))
    assert new == text.replace("F.softmax", "F.log_softmax")


def test_a_loss_imported_by_name_is_left(treated: Treated) -> None:
    text = "from torch.nn import NLLLoss\ncriterion = NLLLoss()\nloss = criterion(net(x), y)  # loss\n"
    assert treated("logits-into-nll", text, "# loss", at_line(loss("nll_loss"), text)) is None


# ---- shapes


@pytest.mark.parametrize(
    ("call", "shapes", "expected"),
    [
        ("criterion(model(x), y)", ((8, 1), (8,)), "criterion(model(x).squeeze(-1), y)"),
        ("criterion(input=a + b, target=y)", ((8, 1), (8,)), "criterion(input=(a + b).squeeze(-1), target=y)"),
        ("criterion(out, y)", ((8,), (8, 1)), "criterion(out, y.squeeze(-1))"),
        ("criterion(out, y)", ((8, 3), (8,)), None),
    ],
)
def test_both_sides_get_one_shape(
    call: str, shapes: tuple[tuple[int, ...], ...], expected: str | None, treated: Treated
) -> None:
    text = f"criterion = nn.MSELoss()\nloss = {call}  # loss\n"
    row = at_line(loss("mse_loss", input_shape=shapes[0], target_shape=shapes[1]), text)
    new = treated("loss-broadcast", text, "# loss", row)
    assert new == (text.replace(call, expected) if expected else None)


def test_validation_is_repaired_with_training(treated: Treated) -> None:
    text = "loss = F.mse_loss(net(x), y)  # loss\nval = F.mse_loss(net(v), w)  # val\n"
    rows = [loss("mse_loss", input_shape=(8, 1), target_shape=(8,), line=line) for line in (1, 2)]
    new = treated("loss-broadcast", text, "# loss", *rows)
    assert new == text.replace("net(x)", "net(x).squeeze(-1)").replace("net(v)", "net(v).squeeze(-1)")


def test_one_output_with_binary_targets(treated: Treated) -> None:
    text = "self.criterion = nn.CrossEntropyLoss()\nloss = self.criterion(net(x), y)  # loss\n"
    facts = {"target_dtype": "torch.float32", "target_integral": True, "target_min": 0.0, "target_max": 1.0}
    row = at_line(loss("cross_entropy", input_shape=(8, 1), target_shape=(8, 1), **facts), text)
    assert treated("wrong-loss-for-target", text, "# loss", row) == text.replace(
        "CrossEntropyLoss", "BCEWithLogitsLoss"
    )
    other = at_line(loss("cross_entropy", input_shape=(8, 1), target_shape=(8,), **facts), text)
    assert treated("wrong-loss-for-target", text, "# loss", other) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f = nn.BCEWithLogitsLoss()\nloss = f(y, net(x))", "f = nn.BCEWithLogitsLoss()\nloss = f(net(x), y)"),
        ("loss = F.binary_cross_entropy_with_logits(y, out)", "loss = F.binary_cross_entropy_with_logits(out, y)"),
        ("loss = g(y, out)", None),
    ],
)
def test_arguments_that_changed_places(before: str, after: str | None, treated: Treated) -> None:
    text = f"{before}  # loss\n"
    swapped = loss("binary_cross_entropy_with_logits", requires_grad=False, target_requires_grad=True)
    new = treated("wrong-loss-for-target", text, "# loss", at_line(swapped, text))
    assert new == (f"{after}  # loss\n" if after else None)


# ---- loss-detached


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("loss = f(net(x), y)\n    loss = torch.tensor(loss.item(), requires_grad=True)", "loss = f(net(x), y)"),
        ("loss = f(net(x).detach(), y)", "loss = f(net(x), y)"),
        ("out = net(x).data\n    loss = f(out, y)", "out = net(x)\n    loss = f(out, y)"),
        ("loss = f(net(x), y.detach()) + f(net(x).detach(), y)", None),
        ("loss = 2 * (f(x) + f(y)).detach()", "loss = 2 * (f(x) + f(y))"),
        ("loss = f(net(x).argmax(1), y)", None),
    ],
)
def test_the_cut_is_removed(before: str, after: str | None, treated: Treated) -> None:
    text = f"for x, y in data:\n    {before}\n    loss.backward()\n"
    new = treated("loss-detached", text, "loss.backward()")
    assert new == (text.replace(before, after) if after else None)


# ---- target-not-shifted


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = rows[:, :-1]\ny = rows[:, :-1]", "x = rows[:, :-1]\ny = rows[:, 1:]"),
        (
            "x = torch.stack([d[i : i + n] for i in ix])\ny = torch.stack([d[i : i + n] for i in ix])",
            "x = torch.stack([d[i : i + n] for i in ix])\ny = torch.stack([d[i + 1 : i + n + 1] for i in ix])",
        ),
        ("x = rows[:, :-1]\ny = rows[:, 1:]", None),
        ("x = rows\ny = rows", None),
        ("y = rows[:, :-1]\nx = rows[:, :-1]", None),
        ("a = rows[:, :-1]\nb = rows[:, :-1]", None),
        ("x = rows[:, :-1]\ny = rows[:, :-1]\nv = val[:, :-1]\ny2 = val[:, :-1]", None),
    ],
)
def test_the_target_is_shifted(before: str, after: str | None, treated: Treated) -> None:
    text = f"{before}\nloss = f(model(x), y)\n"
    new = treated("target-not-shifted", text, "loss = f")
    assert new == (text.replace(before, after) if after else None)
