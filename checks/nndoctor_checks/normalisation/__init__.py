"""Checks of the chapter: normalisation."""
