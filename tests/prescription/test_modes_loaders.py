"""Edits of train and eval mode, of where gradients are on, and of how a DataLoader is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nndoctor.records import Forwards, Loader

if TYPE_CHECKING:
    from collections.abc import Callable

    Treated = Callable[..., str | None]

EPOCHS = """
for epoch in range(3):
    for x, y in train:
        loss = f(model(x), y)  # here
        loss.backward()
        opt.step()
    validate()

def validate():
    model.eval()
    return [model(x) for x in val]
"""


def test_train_mode_before_each_pass(treated: Treated) -> None:
    new = treated("eval-mode-in-training", EPOCHS, "# here")
    assert new == EPOCHS.lstrip().replace("    for x, y in train:", "    model.train()\n    for x, y in train:")


def test_eval_mode_is_kept_where_it_was_set_once(treated: Treated) -> None:
    text = EPOCHS.partition("    validate")[0].replace("\nfor epoch", "\nmodel.eval()\nfor epoch")
    new = treated("eval-mode-in-training", text, "# here")
    assert new is not None
    assert "    model.train()\n    for x, y in train:" in new
    assert new.endswith("        opt.step()\n    model.eval()\n")


def test_train_mode_in_a_step_of_a_trainer(treated: Treated) -> None:
    text = 'class T:\n\tdef step(self, x):\n\t\t"""Train."""\n\t\tloss = self.net(x)  # here\n\t\tloss.backward()\n'
    new = treated("eval-mode-in-training", text + "\n\tdef go(self):\n\t\tself.net.parameters()\n", "# here")
    assert new is not None
    assert '"""Train."""\n\t\tself.net.train()\n\t\tloss' in new


def test_one_function_for_both_passes_is_left(treated: Treated) -> None:
    both = Forwards(split="validation", function="# here", module="bn")
    assert treated("eval-mode-in-training", EPOCHS, "# here", both) is None


def test_eval_mode_before_validation(treated: Treated) -> None:
    text = """
    for epoch in range(3):
        net.train()
        for x, y in train:
            net(x).backward()
        hits = 0
        with torch.no_grad():
            for x, y in val:
                hits += net(x).argmax()  # here
    """
    new = treated("train-mode-in-validation", text, "# here")
    assert new is not None
    assert "    hits = 0\n    net.eval()\n    with torch.no_grad():" in new
    assert new.count("net.train()") == 1


def test_eval_mode_and_back(treated: Treated) -> None:
    text = """
    model.train()
    for step in range(99):
        model(x).backward()
        if step % 10 == 0:
            acc = evaluate(model(v))  # here
    """
    new = treated("train-mode-in-validation", text, "# here")
    assert new is not None
    assert "        model.eval()\n        acc = evaluate(model(v))  # here\n        model.train()\n" in new


def test_eval_mode_in_a_function_that_returns(treated: Treated) -> None:
    text = "def score(model):\n    return sum(model(x) for x in val)  # here\n\nfit(model)\nmodel.train()\n"
    assert treated("train-mode-in-validation", text, "# here") is None
    again = text.replace("model.train()", "for e in r:\n    model.train()")
    new = treated("train-mode-in-validation", again, "# here")
    assert new is not None
    assert "    model.eval()\n    return sum" in new


def test_what_training_runs_through_as_well_is_left(treated: Treated) -> None:
    text = "import torch\n\ndef loss_of(model, x):\n    return f(model(x))  # here\n\nfor e in r:\n    model.train()\n"
    both = Forwards(split="train", function="# here", module="bn", graphs=4)
    assert treated("train-mode-in-validation", text, "# here", both) is None
    assert treated("gradients-in-validation", text, "# here", both) is None
    assert treated("train-mode-in-validation", text, "# here") is not None


def test_validation_without_gradients_by_a_decorator(treated: Treated) -> None:
    text = "import torch\n\nclass T:\n    @timed\n    def validate(self):\n        return self.model(x)  # here\n"
    new = treated("gradients-in-validation", text, "# here")
    assert new == text.replace("    def validate", "    @torch.no_grad()\n    def validate")


def test_validation_without_gradients_by_a_block(treated: Treated) -> None:
    text = """
    import torch
    for epoch in range(3):
        for x, y in train:
            model(x).backward()
        for x, y in val:
            # look
            out = model(x)  # here

            hits += f(out)
        print(hits)
    """
    new = treated("gradients-in-validation", text, "# here")
    assert new is not None
    assert (
        "    with torch.no_grad():\n"
        "        for x, y in val:\n"
        "            # look\n"
        "            out = model(x)  # here\n"
        "\n"
        "            hits += f(out)\n"
        "    print(hits)\n"
    ) in new


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("from torch import nn\ndef v():\n    model(x)  # here\n", id="torch is not there by its name"),
        pytest.param("import torch\nfor x in val:\n    model(x, '''a\n  b''')  # here\n", id="text over lines"),
        pytest.param("import torch\nfor x in val:\n    model(x).backward()  # here\n", id="it trains"),
    ],
)
def test_gradients_are_left_on_where_it_is_not_clear(text: str, treated: Treated) -> None:
    assert treated("gradients-in-validation", text, "# here") is None


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("F.dropout(x, 0.4)", "F.dropout(x, 0.4, training=self.training)"),
        ("F.dropout(x, p=0.4, training=True)", "F.dropout(x, p=0.4, training=self.training)"),
        ("F.dropout(x, 0.4, True)", None),
        ("F.dropout(x, training=flag)", None),
    ],
)
def test_dropout_follows_the_mode(call: str, expected: str | None, treated: Treated) -> None:
    text = f"class N(nn.Module):\n    def forward(self, x):\n        return {call}  # here\n"
    assert treated("dropout-in-eval", text, "# here") == (text.replace(call, expected) if expected else None)
    assert treated("dropout-in-eval", f"def f(x):\n    return {call}  # here\n", "# here") is None


# ---- loaders

TRAIN = Loader(name="DataLoader#0", split="train")
VAL = Loader(name="DataLoader#1", split="validation")


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        pytest.param(
            "a = DataLoader(d, batch_size=4)\nb = DataLoader(v)\nfor x in a:  # here\n    pass\n",
            "batch_size=4", "batch_size=4, shuffle=True", id="not given",
        ),
        pytest.param(
            "a = DataLoader(\n    d,\n    shuffle=False,\n)\nfor i, x in enumerate(tqdm(a)):  # here\n    pass\n",
            "shuffle=False", "shuffle=True", id="off",
        ),
        pytest.param(
            "def load():\n    return DataLoader(d, 4), DataLoader(v, 4)\n\n"
            "def train(loader):\n    for x in loader:  # here\n        pass\n\n"
            "a, b = load()\ntrain(a)\n",
            "(d, 4)", "(d, 4, shuffle=True)", id="made by a function and passed on",
        ),
        pytest.param(
            "class T:\n    def __init__(self):\n        self.dl = data.DataLoader(d, 4)\n\n"
            "    def fit(self):\n        for x in self.dl:  # here\n            pass\n",
            "(d, 4)", "(d, 4, shuffle=True)", id="attribute",
        ),
    ],
)  # fmt: skip
def test_the_training_data_are_shuffled(text: str, old: str, new: str, treated: Treated) -> None:
    assert treated("unshuffled-data", text, "# here", TRAIN, VAL) == text.replace(old, new)
    # A trailing comma stays the last thing.
    drop = treated("tiny-last-batch", text, "# here", TRAIN, VAL)
    assert drop is not None
    assert "drop_last=True" in drop


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a = DataLoader(d, sampler=s)\nfor x in a:  # here\n    pass\n", id="a sampler"),
        pytest.param("a = DataLoader(d, **k)\nfor x in a:  # here\n    pass\n", id="options passed on"),
        pytest.param("a = DataLoader(d, shuffle=flag)\nfor x in a:  # here\n    pass\n", id="unknown flag"),
        pytest.param(
            "class S(data.IterableDataset):\n    pass\n\na = DataLoader(S())\nfor x in a:  # here\n    pass\n",
            id="a stream",
        ),
        pytest.param("a = batches(d)\nfor x in a:  # here\n    pass\n", id="no DataLoader"),
        pytest.param(
            "def make(d):\n    return DataLoader(d)\n\na, b = make(d), make(v)\nfor x in a:  # here\n    pass\n",
            id="one call for both",
        ),
        pytest.param(
            "def go(l):\n    for x in l:  # here\n        pass\n\ngo(DataLoader(d))\ngo(DataLoader(v))\n",
            id="one loop for both",
        ),
    ],
)
def test_a_loader_is_not_guessed(text: str, treated: Treated) -> None:
    assert treated("unshuffled-data", text, "# here", TRAIN, VAL) is None
