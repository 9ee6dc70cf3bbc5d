"""The treatments by name, with the words for what they do. Without torch: the parent process chooses from these.

The words complete the sentence "with ...": "with the gradients cleared before each step".
"""

from __future__ import annotations

TREATMENTS: dict[str, str] = {
    "learning-rate-x0.1": "a tenth of the learning rate",
    "learning-rate-x0.01": "a hundredth of the learning rate",
    "learning-rate-x10": "ten times the learning rate",
    "learning-rate-x100": "a hundred times the learning rate",
    "usual-learning-rate": "the optimizer's usual learning rate",
    "clear-gradients": "the gradients cleared after each step",
    "keep-gradients": "the gradients kept from backward to step",
    "step-each-iteration": "a step of the optimizer in each iteration",
    "clip-gradients": "the gradients clipped to a norm of 1",
    "no-clipping": "the gradients not clipped",
    "reverse-gradients": "the gradients reversed",
    "adamw": "AdamW in place of the optimizer",
    "sgd-momentum": "SGD with momentum in place of the optimizer",
    "default-hyperparameters": "the optimizer's default hyper-parameters",
    "no-weight-decay": "no weight decay",
    "no-dropout": "no dropout",
    "train-mode": "the model in train mode",
    "eval-mode": "the model in eval mode",
    "unfreeze": "all parameters trained",
    "reinitialise": "the weights initialised anew (He or Xavier)",
    "float32": "float32 instead of autocast",
    "standardise-inputs": "standardised inputs",
    "standardise-targets": "standardised targets",
    "shuffle": "shuffled samples",
    "drop-non-finite": "the samples with NaN or Inf left out",
    "recover-logits": "logits given to the loss",
    "reshape-target": "the target in the shape of the prediction",
    "unweighted-terms": "no large factors in the loss",
    "softmax-over-classes": "the softmax over the last axis",
}


def described(name: str) -> str:
    """Return what a treatment does; the name itself where a later version wrote the recording."""
    return TREATMENTS.get(name, name)
