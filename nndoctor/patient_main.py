"""Started by the doctor as a script: `python patient_main.py patient.json`. Becomes the user's script."""

from __future__ import annotations

import faulthandler
import signal
import sys


def _enter() -> None:
    # This file's own folder must not be searched: the user may have modules named like ours.
    sys.path.pop(0)
    faulthandler.enable()
    if hasattr(signal, "SIGUSR1"):  # the doctor asks in this way where a script hangs; imports may hang, too
        faulthandler.register(signal.SIGUSR1, all_threads=True)
    from nndoctor.patient import main

    sys.exit(main(sys.argv[1]))


if __name__ == "__main__":
    _enter()
