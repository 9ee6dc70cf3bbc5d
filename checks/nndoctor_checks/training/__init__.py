"""Checks of the chapter: training."""
