"""Checks of the chapter: implementation."""
