"""Notices the weights that a script loads: by `load_state_dict`, and by the `from_pretrained` of a library."""

from __future__ import annotations

import sys
from functools import update_wrapper
from typing import TYPE_CHECKING, Any

from torch import nn

from nndoctor.places import user_place
from nndoctor.records import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.conductor import Conductor
    from nndoctor.patching import Patches
    from nndoctor.session import Session


class WeightHooks:
    """A part of the hooks, installed and undone with them."""

    def __init__(self, session: Session, conductor: Conductor) -> None:
        self.session = session
        self.conductor = conductor

    def install(self, patches: Patches) -> None:
        """Wrap what loads weights; also in classes that are defined later, when the script imports their library."""
        self._patches = patches
        patches.wrap(nn.Module, "load_state_dict", self._load_state_dict)
        patches.replace(nn.Module, "__init_subclass__", classmethod(self._subclassed))
        self._loads_by_name(getattr(sys.modules.get("transformers.modeling_utils"), "PreTrainedModel", None))

    def _load_state_dict(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def load_state_dict(module: nn.Module, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
            if self.session.hears():
                self.session.tell("state_loads", module, state_dict)
            result = original(module, state_dict, *args, **kwargs)
            if self.session.hears():
                missing = set(getattr(result, "missing_keys", ()))
                self._loaded(module, state_dict, set(state_dict) - missing)
            return result

        return load_state_dict

    def _subclassed(self, kind: Any, /, **kwargs: Any) -> None:
        """A class of modules is defined."""
        super(nn.Module, kind).__init_subclass__(**kwargs)  # type: ignore[misc]  # as `super()` inside nn.Module
        self._loads_by_name(kind)

    def _loads_by_name(self, kind: Any) -> None:
        original = vars(kind).get("from_pretrained") if kind is not None else None
        if isinstance(original, classmethod):
            self._patches.replace(kind, "from_pretrained", classmethod(self._from_pretrained(original.__func__)))

    def _from_pretrained(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def from_pretrained(kind: Any, /, *args: Any, **kwargs: Any) -> Any:
            result = original(kind, *args, **kwargs)
            module = result[0] if isinstance(result, tuple) and result else result
            if isinstance(module, nn.Module) and self.session.hears():
                with self.session.silence():
                    state = _from_the_file(module)
                self.session.tell("state_loads", module, {})
                self._loaded(module, state, set(state))
                self.session.tell("built_by_name", module)
            return result

        return update_wrapper(from_pretrained, original)

    def _loaded(self, module: nn.Module, state: Any, names: set[str]) -> None:
        self.conductor.owned.loaded(module, names)
        file, line, function = user_place()
        self.session.add(Event(kind="loaded", text=type(module).__name__, file=file, line=line, function=function))
        self.session.tell("state_loaded", module, state)


def _from_the_file(module: nn.Module) -> dict[str, Any]:
    """Return what `from_pretrained` has found in the file; a new head was not in it.

    transformers marks each parameter that it has read; where none is marked (another library), all count.
    """
    state = dict(module.state_dict(keep_vars=True))
    read = {name for name, value in state.items() if getattr(value, "_is_hf_initialized", False)}
    return {n: v for n, v in state.items() if not read or n in read or not isinstance(v, nn.Parameter)}
