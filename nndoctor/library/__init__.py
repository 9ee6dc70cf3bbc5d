"""nndoctor without a script: a model, its data, a loss and an optimizer are enough; the loop is ours then."""
