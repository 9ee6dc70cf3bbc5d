"""What the curves of a run say: loss (and metric) histories, classified by their shape. Imports nothing heavy."""

from nndoctor.curves.model import ADVICE, SEVERITIES, History, Label, Series, Verdict

__all__ = ["ADVICE", "SEVERITIES", "History", "Label", "Series", "Verdict"]
