"""Checks of the chapter: distributed."""
