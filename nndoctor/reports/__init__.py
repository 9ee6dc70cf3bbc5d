"""What a diagnosis looks like. A report shows; it never decides anything."""

import random

# `rich.style` draws a number of Python's when it is imported, and in the library that stream is the user's.
_state = random.getstate()
try:
    import rich.style  # noqa: F401
finally:
    random.setstate(_state)
