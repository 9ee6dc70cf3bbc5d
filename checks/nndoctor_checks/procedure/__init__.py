"""Checks of the chapter: procedure."""
