"""What is changed for which finding. A check that is not named here has advice only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nndoctor.prescription.edits import layers, loaders, loop, losses, modes, numbers, softmax, weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nndoctor.prescription.case import Edit

EDITS: Final[Mapping[str, Edit]] = {
    "activation-mean": weights.zero_bias,
    "backward-never-called": loop.insert_backward,
    "batch-mixing": layers.batch_first,
    "batch-too-large": numbers.smaller_batch,
    "batch-too-small": numbers.larger_batch,
    "clipping-misuse": loop.move_clipping,
    "data-drifts": layers.fetch_copy,
    "dead-relu": weights.zero_bias,
    "dropout-in-eval": modes.dropout_by_mode,
    "eval-mode-in-training": modes.train_mode,
    "exploding-gradient": numbers.calmer,
    "frozen-parameters": weights.unfreeze,
    "gradients-cleared-before-step": loop.move_zero_grad,
    "gradients-in-validation": modes.no_gradients,
    "graph-kept-alive": loop.keep_number,
    "implausible-hyperparameter": numbers.usual_value,
    "initialisation-scale": weights.standard_start,
    "learning-rate-too-high": numbers.lower_rate,
    "learning-rate-too-low": numbers.raise_rate,
    "logits-into-nll": softmax.logits_for_nll,
    "loss-broadcast": losses.same_shape,
    "loss-detached": losses.attach_loss,
    "missing-nonlinearity": layers.activate,
    "missing-zero-grad": loop.insert_zero_grad,
    "no-gradient": weights.attach_output,
    "non-finite": layers.guard_formula,
    "optimizer-never-steps": loop.insert_step,
    "over-regularised": numbers.less_decay,
    "parameters-not-in-optimizer": weights.all_parameters,
    "parameters-not-updating": numbers.nonzero_rate,
    "scheduler-misuse": loop.move_scheduler,
    "sigmoid-into-bce-with-logits": softmax.drop_sigmoid,
    "single-label-batches": loaders.shuffle,
    "softmax-into-cross-entropy": softmax.drop_softmax,
    "softmax-wrong-dim": layers.softmax_dim,
    "symmetric-initialisation": weights.random_start,
    "target-not-shifted": losses.shift_target,
    "tiny-last-batch": loaders.drop_last,
    "train-mode-in-validation": modes.eval_mode,
    "unregistered-parameters": weights.register,
    "unshuffled-data": loaders.shuffle,
    "vanishing-gradient": layers.rectify,
    "wrong-loss-for-target": losses.fitting_loss,
}
"""By the name of the check."""
