"""Edits of weights, of what is trained, and of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nndoctor.records import NonFinite, Parameter, SoftmaxCall

if TYPE_CHECKING:
    from collections.abc import Callable

    Treated = Callable[..., str | None]


# ---- initialisation


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    nn.init.constant_(m.weight, 0.1)\n    nn.init.zeros_(m.bias)\n", "    nn.init.zeros_(m.bias)\n"),
        ("    m.weight.data.fill_(0.1)\n", "    pass\n"),
        ("    m.weight.data.zero_()\n    m.bias.data.zero_()\n", "    m.bias.data.zero_()\n"),
        ("    nn.init.zeros_(a.weight)\n    nn.init.ones_(b.weight)\n    f()\n", "    f()\n"),
        ("    nn.init.zeros_(a.weight)\n    nn.init.ones_(b.weight)\n", None),
        ("    if isinstance(m, nn.BatchNorm2d):\n        nn.init.constant_(m.weight, 1)\n", None),
        ("    nn.init.ones_(self.norm1.weight)\n    f()\n", None),
        ("    nn.init.xavier_uniform_(m.weight)\n", None),
    ],
)
def test_constant_weights_go(before: str, after: str | None, treated: Treated) -> None:
    head = "def init(m):  # here\n"
    new = treated("symmetric-initialisation", head + before, "# here")
    assert new == (head + after if after else None)


def test_weights_on_another_scale_go(treated: Treated) -> None:
    text = (
        "if True:  # here\n    nn.init.normal_(\n        m.weight, std=1.0\n    )  # far\n    nn.init.zeros_(m.bias)\n"
    )
    assert treated("initialisation-scale", text, "# here") == "if True:  # here\n    nn.init.zeros_(m.bias)\n"
    two = "nn.init.normal_(a.weight, std=1)  # here\nnn.init.normal_(b.weight, std=1)\nf()\n"
    assert treated("initialisation-scale", two, "# here") is None


def test_a_far_bias_starts_at_zero(treated: Treated) -> None:
    text = "nn.init.constant_(self.a.bias, -3.0)  # here\nnn.init.constant_(self.b.bias, 0.1)\n"
    assert treated("dead-relu", text, "# here") == text.replace("-3.0", "0.0")
    assert treated("dead-relu", text.replace("0.1", "2"), "# here") is None


def test_a_large_gain_goes(treated: Treated) -> None:
    text = "nn.init.orthogonal_(w, gain=2.5)  # here\n"
    assert treated("exploding-gradient", text, "# here") == text.replace("2.5", "1.0")
    assert treated("exploding-gradient", text.replace("2.5", "1.4"), "# here") is None


# ---- what is trained


def test_frozen_layers_are_trained(treated: Treated) -> None:
    text = """
    for p in model.body.parameters():  # here
        p.requires_grad = False
    opt = torch.optim.Adam(model.head.parameters(), lr=1e-3)
    """
    assert treated("frozen-parameters", text, "# here") == "opt = torch.optim.Adam(model.parameters(), lr=1e-3)\n"
    method = "model.body.requires_grad_(False)  # here\nopt = SGD(model.parameters())\n"
    assert treated("frozen-parameters", method, "# here") == "opt = SGD(model.parameters())\n"
    assert treated("frozen-parameters", method + "model.neck.requires_grad_(False)\n", "# here") is None


HELD = Parameter(name="head.weight", optimizer="Adam#0")


@pytest.mark.parametrize(
    ("before", "after"),
    [("model.head.parameters()", "model.parameters()"), ("self.net.head.parameters()", "self.net.parameters()")],
)
def test_all_parameters(before: str, after: str, treated: Treated) -> None:
    text = f"opt = Adam({before}, lr=1)  # here\n"
    new = treated("parameters-not-in-optimizer", text, "# here", HELD, names=("body.weight",))
    assert new == text.replace(before, after)
    assert treated("parameters-not-in-optimizer", text, "# here", HELD, names=("head.bias",)) is None


def test_the_optimizer_is_built_after_the_new_layer(treated: Treated) -> None:
    text = "opt = Adam(net.parameters())  # here\n# the new head\nnet.fc = nn.Linear(4, 2)\ntrain(opt)\n"
    new = treated("parameters-not-in-optimizer", text, "# here", HELD, names=("fc.weight",))
    assert new == "# the new head\nnet.fc = nn.Linear(4, 2)\nopt = Adam(net.parameters())  # here\ntrain(opt)\n"
    used = text.replace("# the new head", "s = StepLR(opt, 3)")
    assert treated("parameters-not-in-optimizer", used, "# here", HELD, names=("fc.weight",)) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("self.a = [nn.Linear(4, 4) for _ in range(3)]", "self.a = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])"),
        (
            "self.a = []\n        self.a.append(nn.Linear(4, 4))",
            "self.a = nn.ModuleList()\n        self.a.append(nn.Linear(4, 4))",
        ),
        ("self.a = {'x': torch.nn.ReLU()}", "self.a = torch.nn.ModuleDict({'x': torch.nn.ReLU()})"),
        ("self.a = torch.zeros(4, requires_grad=True)", "self.a = nn.Parameter(torch.zeros(4))"),
        ("self.a = [Block(4), Block(4)]", "self.a = nn.ModuleList([Block(4), Block(4)])"),
        ("self.a = [Other(4)]", None),
        ("self.a = [(nn.Linear(4, 4), 3)]", None),
        ("self.a = {1: nn.Linear(4, 4)}", None),
        ("self.a = [4, 5]", None),
        ("self.a = [nn.Linear(4, 4)]\n        self.b = [nn.Linear(4, 4)]", None),
        ("self.a = torch.zeros(4)", None),
    ],
)
def test_hidden_weights_are_registered(before: str, after: str | None, treated: Treated) -> None:
    head = "from torch import nn\n\nclass Block(nn.Module):\n    pass\n\nclass Other:\n    pass\n\n"
    text = f"{head}class N(nn.Module):\n    def __init__(self):  # here\n        {before}\n"
    new = treated("unregistered-parameters", text, "# here")
    assert new == (text.replace(before, after) if after else None)


def test_the_hidden_weights_that_are_named(treated: Treated) -> None:
    text = (
        "class N:\n    def __init__(self):  # here\n        self.a = [nn.ReLU()]\n        self.b = [nn.Linear(4, 4)]\n"
    )
    new = treated("unregistered-parameters", text, "# here", names=("b.0.weight",))
    assert new == text.replace("[nn.Linear(4, 4)]", "nn.ModuleList([nn.Linear(4, 4)])")


def test_a_cut_in_forward_goes(treated: Treated) -> None:
    text = "def forward(self, x):  # here\n    h = self.a(x).detach()\n    return self.b(h)\n"
    named = {"names": ("net.a.0.weight",)}
    assert treated("no-gradient", text, "# here", **named) == text.replace(".detach()", "")
    later = text.replace("self.a(x).detach()", "self.a(x)\n    h = h.detach()")
    assert treated("no-gradient", later, "# here", **named) == later.replace(".detach()", "")
    assert treated("no-gradient", text, "# here", names=("other.weight",)) is None  # a cut that is meant
    block = (
        "def forward(self, x):  # here\n    with torch.no_grad():\n        # old\n        h = self.a(x)\n    return h\n"
    )
    out = "def forward(self, x):  # here\n    # old\n    h = self.a(x)\n    return h\n"
    assert treated("no-gradient", block, "# here", **named) == out
    assert treated("no-gradient", text + block.replace("  # here", ""), "# here", **named) is None


# ---- the network


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "x = self.fc1(x)\n        x = F.gelu(self.fc2(x))",
            "x = F.gelu(self.fc1(x))\n        x = F.gelu(self.fc2(x))",
        ),
        ("return self.fc2(self.fc1(x))", "return self.fc2(torch.relu(self.fc1(x)))"),
        ("return self.fc2(self.fc1(x) + self.fc1(y))", None),
    ],
)
def test_an_activation_between_two_layers(before: str, after: str | None, treated: Treated) -> None:
    text = f"class N:\n    def forward(self, x):\n        {before}  # here\n"
    new = treated("missing-nonlinearity", text, "# here", names=("fc1", "fc2"))
    assert new == (text.replace(before, after) if after else None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(nn.Linear(2, 3), nn.Linear(3, 4), nn.Tanh())", "(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 4), nn.Tanh())"),
        (
            "(\n    nn.Linear(2, 3),\n    nn.Linear(3, 4),\n)",
            "(\n    nn.Linear(2, 3),\n    nn.ReLU(),\n    nn.Linear(3, 4),\n)",
        ),
        ("(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4))", None),
        ("(*layers, nn.Linear(3, 4), nn.Linear(3, 4))", None),
    ],
)
def test_an_activation_in_a_sequential(before: str, after: str | None, treated: Treated) -> None:
    text = f"net = nn.Sequential{before}\nnet(x)  # here\n"
    new = treated("missing-nonlinearity", text, "# here", names=("0", "1"))
    assert new == (text.replace(before, after) if after else None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("F.softmax(s, dim=0)", "F.softmax(s, dim=1)"),
        ("torch.softmax(s, 0)", "torch.softmax(s, 1)"),
        ("s.softmax(0)", "s.softmax(1)"),
        ("F.softmax(s, d)", None),
        ("F.softmax(s, 1)", None),
    ],
)
def test_the_dimension_of_a_softmax(before: str, after: str | None, treated: Treated) -> None:
    text = f"w = {before}  # here\n"
    row = SoftmaxCall(function="# here", dim=0, shape=(8, 4))
    new = treated("softmax-wrong-dim", text, "# here", row, advice="Normalise over the classes, most likely `dim=1`.")
    assert new == (text.replace(before, after) if after else None)


def test_batch_first(treated: Treated) -> None:
    text = (
        "class RNN:\n    def go(self):\n        l = nn.LSTM(4, 8)\n        return l(x)[0][:, -1, :]  # here\n\nRNN()\n"
    )
    assert treated("batch-mixing", text, "# here") == text.replace("(4, 8)", "(4, 8, batch_first=True)")
    assert treated("batch-mixing", text.replace("[:, -1, :]", "[-1]"), "# here") is None
    assert treated("batch-mixing", text + "x = x.permute(1, 0, 2)\n", "# here") is None


def test_sigmoids_between_layers(treated: Treated) -> None:
    text = "net = nn.Sequential(a, nn.Sigmoid(), b, nn.Sigmoid())  # here\nl += [a, nn.Sigmoid()]\n"
    expected = "net = nn.Sequential(a, nn.ReLU(), b, nn.Sigmoid())  # here\nl += [a, nn.ReLU()]\n"
    assert treated("vanishing-gradient", text, "# here") == expected
    assert treated("vanishing-gradient", "f = nn.Sigmoid()  # here\n", "# here") is None


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        ("log", "torch.log(p)", "torch.log(p.clamp(min=1e-7))"),
        ("log", "(1 - p).log()", "(1 - p).clamp(min=1e-7).log()"),
        ("SqrtBackward0", "torch.sqrt((d**2).sum(1))", "torch.sqrt((d**2).sum(1).clamp(min=1e-7))"),
        ("log", "torch.log(1 + torch.exp(x))", None),
        ("div", "a / b.sum(1)", "a / b.sum(1).clamp(min=1e-7)"),
        ("div", "a / b / c", None),
        ("exp", "torch.exp(x)", None),
    ],
)
def test_a_formula_is_kept_off_zero(operation: str, before: str, after: str | None, treated: Treated) -> None:
    text = f"loss = {before}  # here\n"
    phase = "backward" if "Backward" in operation else "forward"
    row = NonFinite(function="# here", phase=phase, operation=operation, inputs="min 0, max 4; min 0, max 2")
    assert treated("non-finite", text, "# here", row) == (text.replace(before, after) if after else None)
    negative = NonFinite(function="# here", phase=phase, operation=operation, inputs="min -2, max 4; min -1, max 2")
    assert treated("non-finite", text, "# here", negative) is None


def test_the_data_set_gives_copies(treated: Treated) -> None:
    text = """
    class D(Dataset):
        def __init__(self, x):
            self.x = {}

        def __getitem__(self, i):  # here
            row = self.x[i]
            row -= 3
            return row
    """
    for made, method in (("x.astype(float)", "copy"), ("torch.tensor(x)", "clone")):
        new = treated("data-drifts", text.format(made), "# here")
        assert new is not None
        assert f"row = self.x[i].{method}()\n" in new
    assert treated("data-drifts", text.format("x"), "# here") is None
