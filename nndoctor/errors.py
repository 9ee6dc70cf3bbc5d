"""Exit codes and the exceptions that the user sees as one line."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line. Stable: scripts and CI depend on them, so they are never renumbered."""

    HEALTHY = 0
    FINDINGS = 1
    USAGE = 2
    SCRIPT_FAILED = 3
    INTERNAL = 4
    INTERRUPTED = 130


class NndoctorError(Exception):
    """Something that is told in one line: what, where, what to do."""

    exit_code = ExitCode.INTERNAL


class UsageError(NndoctorError):
    """The command line, the configuration or a file named on it is wrong."""

    exit_code = ExitCode.USAGE


class RecordingError(NndoctorError):
    """A recording cannot be opened, read or written."""

    exit_code = ExitCode.USAGE


class FindingsError(AssertionError):
    """What was checked has findings; the text tells them."""
