"""Edits of numbers, wherever they are written: in the call, a constant, a default, an option, a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nndoctor import Measure
from nndoctor.prescription.edits.numbers import shown
from nndoctor.records import Loader, Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable

    Treated = Callable[..., str | None]

LOWER = "Lower it to `lr=0.01` or less; a warm-up helps."


def optimizer(**facts: object) -> Optimizer:
    """Return an optimizer that is built in the line with `# here`."""
    return Optimizer(**{"name": "Adam#0", "type": "Adam", "lr": 0.1, "function": "# here", **facts})


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        pytest.param("o = Adam(p, lr=0.1)  # here\n", "lr=0.1", "lr=0.01", id="in the call"),
        pytest.param("o = Adam(p, 1e-1)  # here\n", "1e-1", "0.01", id="by position"),
        pytest.param("RATE = .1\no = Adam(p, lr=RATE)  # here\n", "= .1", "= 0.01", id="constant"),
        pytest.param("lr, n = 0.1, 3\no = Adam(p, lr=lr)  # here\n", "0.1,", "0.01,", id="unpacked"),
        pytest.param(
            "parser.add_argument('-l', '--learning-rate', type=float, default=0.1)\n"
            "args = parser.parse_args()\n"
            "o = Adam(p, lr=args.learning_rate)  # here\n",
            "default=0.1", "default=0.01", id="option",
        ),
        pytest.param(
            "def main(args):\n    o = Adam(p, lr=args.lr)  # here\n\n"
            "parser.add_argument('--lr', default=0.1)\nmain(parser.parse_args())\n",
            "default=0.1", "default=0.01", id="options passed on",
        ),
        pytest.param(
            "class T:\n    def __init__(self, net, lr=0.1):\n        self.o = Adam(p, lr=lr)  # here\n\nT(net)\n",
            "lr=0.1)", "lr=0.01)", id="default",
        ),
        pytest.param(
            "class T:\n    def __init__(self, net, lr=3.0):\n        self.o = Adam(p, lr=lr)  # here\n\n"
            "T(net, lr=0.1)\n",
            "lr=0.1)", "lr=0.01)", id="caller",
        ),
        pytest.param(
            "class T:\n    def __init__(self, net):\n        self.lr = 0.1\n\n"
            "    def build(self):\n        return Adam(p, lr=self.lr)  # here\n",
            "0.1\n", "0.01\n", id="attribute",
        ),
        pytest.param("c = {'lr': 0.1}\no = Adam(p, lr=c['lr'])  # here\n", "0.1", "0.01", id="dictionary"),
        pytest.param("c = dict(lr=0.1)\no = Adam(p, lr=float(c.get('lr', 1)))  # here\n", "0.1", "0.01", id="get"),
        pytest.param(
            "@dataclass\nclass Config:\n    lr: float = 0.1\n\ncfg = Config()\no = Adam(p, lr=cfg.lr)  # here\n",
            "0.1", "0.01", id="dataclass",
        ),
        pytest.param(
            "class Config:\n    lr = 0.1\n\no = Adam(p, lr=Config.lr)  # here\n", "0.1", "0.01", id="class",
        ),
        pytest.param("o = Adam(p)  # here\n", "Adam(p)", "Adam(p, lr=0.01)", id="not given"),
        pytest.param(
            "o = Adam(q for q in p)  # here\n", "(q for q in p)", "((q for q in p), lr=0.01)", id="beside a generator",
        ),
    ],
)  # fmt: skip
def test_the_rate_is_lowered_where_it_is_written(text: str, old: str, new: str, treated: Treated) -> None:
    assert treated("learning-rate-too-high", text, "# here", optimizer(), advice=LOWER) == text.replace(old, new)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("o = Adam(p, lr=base * 10)  # here\n", id="an expression"),
        pytest.param("lr = 0.1\nlr = 0.2\no = Adam(p, lr=lr)  # here\n", id="written twice"),
        pytest.param("o = Adam(p, lr=0.2)  # here\n", id="not the rate that was seen"),
        pytest.param("o = Adam(p, **options)  # here\n", id="passed on"),
        pytest.param("for lr in (0.1, 0.2):\n    o = Adam(p, lr=lr)  # here\n", id="a loop over rates"),
        pytest.param("def f(lr):\n    o = Adam(p, lr=lr)  # here\n\nf(0.1)\nf(0.3)\n", id="two callers"),
        pytest.param("from config import lr\no = Adam(p, lr=lr)  # here\n", id="another file"),
        pytest.param("lr = 0.1\nlr *= 2\no = Adam(p, lr=lr)  # here\n", id="changed"),
        pytest.param("a, b = Adam(p, lr=0.1), Adam(q, lr=0.1)  # here\n", id="two optimizers"),
    ],
)
def test_a_rate_is_not_guessed(text: str, treated: Treated) -> None:
    assert treated("learning-rate-too-high", text, "# here", optimizer(), advice=LOWER) is None


def test_an_option_that_was_given_is_not_its_default(treated: Treated) -> None:
    text = "q.add_argument('--lr', default=0.1)\nargs = q.parse_args()\no = Adam(p, lr=args.lr)  # here\n"
    again = {"advice": LOWER, "arguments": "--epochs 3 --lr=0.1"}
    assert treated("learning-rate-too-high", text, "# here", optimizer(), **again) is None


def test_groups_with_rates_of_their_own_are_left(treated: Treated) -> None:
    text = "o = Adam([{'params': p, 'lr': 0.1}, {'params': q}])  # here\n"
    assert treated("learning-rate-too-high", text, "# here", optimizer(groups=2), advice=LOWER) is None


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"type": "Adam", "lr": 1e-7}, "1e-3"),
        ({"type": "SGD", "lr": 1e-7, "momentum": 0.9}, "0.01"),
        ({"type": "SGD", "lr": 1e-7, "momentum": 0.0}, "0.05"),
        ({"type": "Adam", "lr": 0.002}, "0.02"),
        ({"type": "Lion", "lr": 1e-7}, "1e-6"),
    ],
)
def test_the_rate_is_raised_to_what_is_usual(facts: dict[str, object], expected: str, treated: Treated) -> None:
    text = f"o = {facts['type']}(p, lr={facts['lr']})  # here\n"
    new = treated("learning-rate-too-low", text, "# here", optimizer(**facts))
    assert new == text.replace(f"lr={facts['lr']}", f"lr={expected}")


@pytest.mark.parametrize(
    ("text", "measure", "expected"),
    [
        ("SGD(p, 0.1, momentum=9.0)  # here\n", Measure("momentum", 9.0), "SGD(p, 0.1, momentum=0.9)  # here\n"),
        ("Adam(p, betas=(0.999, 0.9))  # here\n", Measure("beta1", 0.999), "Adam(p, betas=(0.9, 0.999))  # here\n"),
        ("d = nn.Dropout(0.9)  # here\n", Measure("p", 0.9), "d = nn.Dropout(0.1)  # here\n"),
        ("K = 0.9\nd = nn.Dropout(p=K)  # here\n", Measure("p", 0.9), "K = 0.9\nd = nn.Dropout(p=1 - K)  # here\n"),
        ("d = nn.Dropout(0.9), nn.Dropout(0.9)  # here\n", Measure("p", 0.9), None),
        (
            "clip_grad_norm_(p, max_norm=1e-6)  # here\n", Measure("max_norm", 1e-6),
            "clip_grad_norm_(p, max_norm=1.0)  # here\n",
        ),
        ("o = Adam(p, amsgrad=True)  # here\n", Measure("something", 3.0), None),
    ],
)  # fmt: skip
def test_usual_values(text: str, measure: Measure, expected: str | None, treated: Treated) -> None:
    row = optimizer(type="SGD" if "SGD" in text else "Adam", momentum=9.0)
    assert treated("implausible-hyperparameter", text, "# here", row, evidence=(measure,)) == expected


def test_gradients_that_explode_at_a_rate_far_above_the_usual(treated: Treated) -> None:
    text = "o = SGD(p, lr=5.0, momentum=0.9)  # here\n"
    row = optimizer(type="SGD", lr=5.0, momentum=0.9)
    assert treated("exploding-gradient", text, "# here", row) == text.replace("5.0", "0.01")
    usual = optimizer(type="SGD", lr=0.1, momentum=0.9)
    assert treated("exploding-gradient", text.replace("5.0", "0.1"), "# here", usual) is None


def test_weight_decay(treated: Treated) -> None:
    text = "class T:\n    def __init__(self, wd=0.1):\n        self.o = SGD(p, 0.1, weight_decay=wd)  # here\n"
    new = treated("over-regularised", text, "# here", optimizer(type="SGD", weight_decay=0.1))
    assert new == text.replace("wd=0.1", "wd=1e-4")


def test_the_batch_size_is_found_from_the_loop(treated: Treated) -> None:
    text = "BATCH = 2\nloader = DataLoader(data, BATCH)\nfor i, (x, y) in enumerate(loader):  # here\n    pass\n"
    measure = Measure("samples per batch", 2)
    new = treated("batch-too-small", text, "# here", Loader(name="DataLoader#0", split="train"), evidence=(measure,))
    assert new == text.replace("BATCH = 2", "BATCH = 32")


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1"), (1e-3, "1e-3"), (2.5e-5, "2.5e-5"), (32, "32"), (1.0, "1.0"), (0.02, "0.02")]
)
def test_numbers_are_written_as_one_writes_them(value: float, text: str) -> None:
    assert shown(value) == text
    assert float(text) == value
