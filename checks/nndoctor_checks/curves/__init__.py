"""Checks of the chapter: curves."""
