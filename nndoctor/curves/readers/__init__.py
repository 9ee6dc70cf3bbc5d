"""From logs to histories: TensorBoard folders, CSV, JSON lines, Hugging Face's trainer_state.json."""

from nndoctor.curves.readers.columns import Wanted, history_of
from nndoctor.curves.readers.find import Log, logs_of

__all__ = ["Log", "Wanted", "history_of", "logs_of"]
