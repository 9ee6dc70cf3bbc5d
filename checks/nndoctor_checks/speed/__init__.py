"""Checks of the chapter: speed."""
