"""What preprocessing loaded weights declare: told by the shape of the objects, without importing the libraries.

torchvision's weights have `transforms()`, timm's models a `pretrained_cfg`, transformers' weights lie beside a
`preprocessor_config.json`, and its image processors have `image_mean` and `image_std`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nndoctor.places import shown_file, source_line

if TYPE_CHECKING:
    from types import FrameType

MOST_FRAMES = 40
FILES = ("preprocessor_config.json", "processor_config.json")
PIXEL = 255.0
"""The brightest value of an image of bytes."""


@dataclass(frozen=True, slots=True)
class Transform:
    """Pixels from 0 to `top` have `mean` taken off and are divided by `std`, channel by channel."""

    source: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    top: float = 1.0
    size: tuple[int, ...] = ()
    """Height and width; empty where none is declared."""


def of_the_load(frame: FrameType | None) -> Transform | None:
    """Return what the caller of `load_state_dict` holds as the declaration of the weights that it loads.

    A library's builder has it among its variables. In the script's own function it counts only if the statement
    fetches the weights from it: another checkpoint may be loaded beside it.
    """
    for _ in range(MOST_FRAMES):
        if frame is None:
            return None
        code, file = frame.f_code, shown_file(frame.f_code.co_filename)
        if not file and not code.co_filename.startswith(_own_folder()):
            found = _declared_by(frame.f_locals.items())
            if found is not None:
                return found
        elif file:
            if "get_state_dict" not in source_line(file, frame.f_lineno):
                return None
            return _declared_by({**frame.f_globals, **frame.f_locals}.items())
        frame = frame.f_back
    return None


def of_the_folder(model: Any) -> Transform | None:
    """Return what lies beside the weights of a model that `from_pretrained` has built: on disk, in the hub's cache."""
    name = getattr(getattr(model, "config", None), "_name_or_path", "")
    if not isinstance(name, str) or not name:
        return None
    for file in FILES:
        path = Path(name) / file
        hub = sys.modules.get("huggingface_hub")
        if not path.is_file() and hub is not None and not Path(name).exists():
            with suppress(Exception):  # a name that is none, a version without the function
                cached = hub.try_to_load_from_cache(name, file)
                path = Path(cached) if isinstance(cached, str) else path
        if path.is_file():
            with suppress(Exception):  # a file of another form declares nothing
                content = json.loads(path.read_text())
                return _of_processor(content.get("image_processor", content), f"{file} of {name}")
    return None


def of_a_processor(frame: FrameType | None) -> Transform | None:
    """Return what the one image processor declares that the script's own functions hold; None for several."""
    found: dict[Transform, None] = {}
    for _ in range(MOST_FRAMES):
        if frame is None:
            break
        if shown_file(frame.f_code.co_filename):
            for value in {**frame.f_globals, **frame.f_locals}.values():
                value = getattr(value, "image_processor", value)  # noqa: PLW2901 - of a processor for text and images
                if not isinstance(value, type) and hasattr(value, "image_mean") and hasattr(value, "image_std"):
                    declared = _of_processor(vars(value), type(value).__name__)
                    found.update({declared: None} if declared is not None else {})
        frame = frame.f_back
    return next(iter(found)) if len(found) == 1 else None


def _own_folder() -> str:
    return str(Path(__file__).absolute().parent.parent)


def _declared_by(variables: Iterable[tuple[str, Any]]) -> Transform | None:
    found: dict[Transform, None] = {}
    for name, value in list(variables):
        with suppress(Exception):  # whatever a stranger's object does when it is asked
            each = _of_weights(value) or (_of_config(value) if name == "pretrained_cfg" else None)
            found.update({each: None} if each is not None else {})
    return next(iter(found)) if len(found) == 1 else None


def _of_weights(value: Any) -> Transform | None:
    """Read an entry of torchvision's weights enumerations."""
    kind = type(value)
    if isinstance(value, type) or not hasattr(kind, "get_state_dict") or not callable(getattr(value, "transforms", 0)):
        return None
    made = value.transforms()
    steps = [made, *(getattr(made, "transforms", None) or ())]
    for step in steps:
        mean, std = (getattr(step, n, getattr(step, f"_{n}", None)) for n in ("mean", "std"))
        if mean is not None and std is not None:
            size = getattr(made, "crop_size", getattr(made, "_crop_size", None)) or ()
            return Transform(f"{value!r}", _numbers(mean), _numbers(std), size=_size(size))
    return None


def _of_config(value: Any) -> Transform | None:
    """Read timm's `pretrained_cfg`, a dictionary or an object."""
    content = value if isinstance(value, Mapping) else vars(value)
    size = tuple(content.get("input_size") or ())
    name = str(content.get("architecture") or "weights")
    tag = f".{content['tag']}" if content.get("tag") else ""
    return Transform(
        f"the pretrained_cfg of {name}{tag}", _numbers(content["mean"]), _numbers(content["std"]), size=_size(size[-2:])
    )


def _of_processor(content: Mapping[str, Any], source: str) -> Transform | None:
    """Read the settings of one of transformers' image processors."""
    rescaled = content.get("do_rescale") is not False
    factor = float(content.get("rescale_factor") or 1 / PIXEL) if rescaled else 1.0
    size = content.get("crop_size") if content.get("do_center_crop") else content.get("size")
    sides = [size.get(k) for k in ("height", "width")] if isinstance(size, Mapping) else []
    known = _size([s for s in sides if isinstance(s, int)])
    top = PIXEL * factor
    if content.get("do_normalize") is False:
        return Transform(source, (0.0,), (1.0,), top, known)
    mean, std = content.get("image_mean"), content.get("image_std")
    return Transform(source, _numbers(mean), _numbers(std), top, known) if mean and std else None


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(float(v) for v in values) if isinstance(values, Iterable) else (float(values),)


def _size(values: Any) -> tuple[int, ...]:
    sides = tuple(int(v) for v in values) if isinstance(values, Iterable) else (int(values),)
    return sides * 2 if len(sides) == 1 else sides
