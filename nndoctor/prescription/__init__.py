"""The prescription: what to change, in which order, and the edits that need no thought as a patch."""

from nndoctor.prescription.prescribe import Item, Prescription, prescribe

__all__ = ["Item", "Prescription", "prescribe"]
