"""Becomes the process of a watched script: `python watch_main.py watch.json`, in the place of `nndoctor watch`.

The command line replaces itself by this process, so that the script has the terminal, the signals and the exit code.
"""

from __future__ import annotations

import sys
from pathlib import Path


def _enter(path: Path) -> int:
    # This file's own folder must not be searched: the user may have modules named like ours.
    sys.path.pop(0)
    from nndoctor.watching import script, vigil

    config, start = script.Config.read(path), Path.cwd()
    with vigil.beside(config.run, quiet=bool(config.asked.get("quiet", False))):
        code = script.watch(config)
    from nndoctor.watching.closing import conclude

    return conclude(config, code, start)


if __name__ == "__main__":
    sys.exit(_enter(Path(sys.argv[1])))
