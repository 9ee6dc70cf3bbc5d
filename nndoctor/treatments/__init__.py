"""Treatments: what can be changed about a training loop from outside, and fully undone."""
