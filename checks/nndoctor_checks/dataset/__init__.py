"""Checks of the chapter: dataset."""
