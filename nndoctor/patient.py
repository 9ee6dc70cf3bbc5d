"""The child process: the user's script as `__main__`, under hooks. Nothing of ours may show in its behaviour."""

from __future__ import annotations

import contextlib
import os
import platform
import random
import sys
import traceback
from pathlib import Path

import numpy as np
import torch

from nndoctor.conductor import Conductor, Plan
from nndoctor.errors import UsageError
from nndoctor.experiments.calls import LatestCalls
from nndoctor.experiments.causality import causality
from nndoctor.experiments.custom_functions import CustomFunctions
from nndoctor.experiments.eval_gap import eval_gap
from nndoctor.experiments.independence import from_the_start, independence
from nndoctor.experiments.ladder import ladder
from nndoctor.experiments.lockstep import observe_only
from nndoctor.experiments.origin import Tracer
from nndoctor.experiments.overlap import overlaps
from nndoctor.experiments.parts import ADDITIONS, Parts
from nndoctor.experiments.plan import plan
from nndoctor.experiments.samples import questions
from nndoctor.experiments.scan import drifts, scans
from nndoctor.experiments.ward import Ward
from nndoctor.experiments.whole_loss import WholeLoss
from nndoctor.feeds.state import RandomState
from nndoctor.hooks import Hooks, Watcher
from nndoctor.launcher import clean_traceback, run_module, run_script
from nndoctor.patching import Patches
from nndoctor.places import shown_file
from nndoctor.probes.batches import Batches
from nndoctor.probes.broadcasts import OPERATIONS, Broadcasts
from nndoctor.probes.declared import Declared
from nndoctor.probes.direction import Direction
from nndoctor.probes.era import Era
from nndoctor.probes.examples import Examples
from nndoctor.probes.histograms import Histograms
from nndoctor.probes.loading import Loading
from nndoctor.probes.losses import LOSS_FUNCTIONS, Losses
from nndoctor.probes.modules import ACTIVATIONS, Modules
from nndoctor.probes.norms import Norms
from nndoctor.probes.own_targets import ANSWERS, OwnTargets
from nndoctor.probes.pairs import MOVERS, Pairs
from nndoctor.probes.parameters import Parameters
from nndoctor.probes.practice import DROPOUT_FUNCTIONS, Practice
from nndoctor.probes.rank_evaluations import RankEvaluations
from nndoctor.probes.ranks import Ranks
from nndoctor.probes.samples import Samples
from nndoctor.probes.softmaxes import SOFTMAX_FUNCTIONS, Softmaxes
from nndoctor.probes.speed import Speed
from nndoctor.probes.steps import Steps
from nndoctor.probes.terms import Terms
from nndoctor.probes.tokens import Tokens
from nndoctor.probes.waste import Waste
from nndoctor.probes.wiring import POOLS, Wiring
from nndoctor.recording import FILE_NAME, Recorder
from nndoctor.records import OBSERVE, TRAIN, VALIDATION, Environment, Event
from nndoctor.scratch import Scratch
from nndoctor.session import Config, PatientStop, Session
from nndoctor.settings import split_factory


class Patient:
    """One run of the user's script with all instruments attached."""

    def __init__(self, config: Config) -> None:
        folder = Path(config.run)
        self.config = config
        self.recorder = Recorder(folder / FILE_NAME)
        self.session = Session(config, self.recorder)
        self.conductor = Conductor(self.session, self._plan)
        self.conductor.ending.on_stubborn = self._leave
        self.conductor.interesting = LOSS_FUNCTIONS | ACTIVATIONS | DROPOUT_FUNCTIONS
        shared = folder.parent if config.rank else folder
        self.scratch = Scratch(shared / "scratch", self._saved, shared=config.world > 1)
        self.calls = LatestCalls(self.session)
        era = Era(self.session, self.conductor)
        self.batches = Batches(self.session, self.conductor, era)
        self.ward = Ward(self.session, self.conductor, era, self.batches) if config.trials else None
        self.ranks: tuple[Ranks, RankEvaluations] | None = None
        if config.world > 1:
            evaluations = RankEvaluations(self.session, self.conductor, era, self.batches)
            self.ranks = (Ranks(self.session, self.conductor), evaluations)
        if self.ward is None:
            self._attach(era)
        for listener in self.ranks or ():
            self.session.listen(listener)

    def _attach(self, era: Era) -> None:
        """Attach every instrument of a check."""
        modules = Modules(self.session, self.conductor, era, self.batches)
        parameters = Parameters(self.session, self.conductor, modules)
        losses = Losses(self.session, self.conductor, era, self.batches)
        self.functions = CustomFunctions(self.session)
        self.session.listen(self.functions)
        tracer = Tracer(self.session, self.conductor, self.batches)
        steps = Steps(self.session, self.conductor, losses, parameters)
        self.session.listen(Wiring(self.session))  # before the modules are given names
        self.session.listen(Tokens(self.session))
        for listener in (era, self.batches, modules, losses, self.calls, tracer, steps, parameters):
            self.session.listen(listener)
        self.session.listen(Norms(self.session, era))
        self.session.listen(Practice(self.session, self.conductor, era))
        self.examples = Examples(self.session, self.conductor, self.batches)
        self.session.listen(self.examples)
        self.session.listen(Loading(self.session, self.conductor))
        self.session.listen(Declared(self.session))
        self.session.listen(Softmaxes(self.session, self.conductor))
        self.session.listen(OwnTargets(self.session))
        self.session.listen(Direction(self.session, self.conductor))
        self.session.listen(Terms(self.session))
        self.session.listen(Waste(self.session))
        self.parts = Parts(self.session, self.conductor)
        self.session.listen(self.parts)
        self.whole_loss = WholeLoss(self.session, self.conductor)
        self.session.listen(Broadcasts(self.session, self.conductor, self.batches))
        self.conductor.interesting = (
            LOSS_FUNCTIONS | ACTIVATIONS | DROPOUT_FUNCTIONS | ANSWERS | OPERATIONS.keys() | POOLS | ADDITIONS
        ) | (SOFTMAX_FUNCTIONS | MOVERS)
        speed = Speed(self.session, self.conductor)
        self.session.listen(speed)
        self.conductor.on_compiled = speed.compiled
        histograms, samples = Histograms(self.session), Samples(self.session)
        modules.on_measured = parameters.on_measured = self.session.guarded(histograms.take)
        pairs = Pairs(self.session, self.conductor, self.batches)
        self.batches.on_target = [self.session.guarded(samples.target), self.session.guarded(pairs.target)]
        self.session.listen(pairs)
        self.session.listen(histograms)
        self.session.listen(samples)
        self.session.listen(self.whole_loss)  # last: it moves the parameters for the next iteration

    def run(self) -> int:
        """Run the script to its end, however it ends. Returns the exit code of the process.

        `files` stays installed: exit handlers and writer threads of the script write after us, and as little for real.
        """
        self._describe()
        patches = Patches()
        self.files = Patches()
        hooks = Hooks(self.session, self.conductor)
        hooks.install(patches)
        self.scratch.install(self.files)
        for instrument in self.ranks or ():
            instrument.install(patches)
        failure = ""
        code = 0
        try:
            with Watcher(self.session, self.conductor):
                self._execute()
        except PatientStop:
            pass
        except SystemExit as error:
            failure, code = self._exited(error)
        except KeyboardInterrupt:
            failure, code = "interrupted", 130
        except BaseException as error:  # noqa: BLE001 - it is the user's, and evidence
            failure, code = self._raised(error), 1
        self._finish(failure)
        hooks.remove()
        patches.undo()
        if self.config.rank == 0:
            self.scratch.close()
        self.recorder.close()
        return code

    def _execute(self) -> None:
        if self.config.seed is not None:
            random.seed(self.config.seed)
            np.random.seed(self.config.seed % 2**32)  # noqa: NPY002 - the global stream is what scripts draw from
            torch.manual_seed(self.config.seed)
        self.session.say(phase="starting", force=True)
        if split_factory(self.config.target)[1]:
            from nndoctor.library.factory import run_factory

            run_factory(self.config.target, self.config.arguments)
        elif self.config.is_module:
            run_module(self.config.target, self.config.arguments)
        else:
            run_script(self.config.target, self.config.arguments)

    def _plan(self, conductor: Conductor) -> Plan:
        if self.config.world > 1:
            return observe_only(conductor)
        if self.ward is not None:
            return self.ward.plan(conductor)
        if self.config.plan == "ladder":
            return ladder(conductor)
        return plan(conductor, self._inspect, self.parts, self.whole_loss)

    def _inspect(self) -> None:
        """Look at the model between two experiments: the loop stands still."""
        with self.session.silence():
            for name, call in list(self.calls.calls.items()):
                for experiment in ("eval-gap", "independence", "causality"):
                    if experiment in self.config.skip:
                        continue
                    try:
                        if experiment == "eval-gap":
                            self.session.add(eval_gap(name, call))
                        elif experiment == "causality":
                            for seen in causality(name, call):
                                self.session.add(seen)
                        else:
                            from_loader = self.conductor.feed == "loader"
                            size = self.conductor.store.batch_size
                            rows = list(independence(name, call, size, from_loader=from_loader))
                            start, now = self.conductor.start, self.conductor.resume
                            if start is not None and now is not None:
                                rows = from_the_start(rows, call, start, now)
                            for row in rows:
                                self.session.add(row)
                    except Exception as error:  # noqa: BLE001 - nothing of ours may reach the patient
                        self.session.failed(experiment, error)
            self.calls.forget()
            for checked in self.functions.checked():
                self.session.add(checked)

    def _finish(self, failure: str) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            try:
                self.conductor.script_ended(failure)
                if self.ward is not None and failure:
                    self.ward.failed(failure)
                elif (
                    failure != "interrupted"
                    and self.ward is None
                    and self.config.plan == "check"
                    and self.config.rank == 0
                ):
                    self._compare_splits()
            except Exception as error:  # noqa: BLE001
                self.session.failed("the end of the run", error)
        self.session.say(phase="end", force=True, iterations=self._iterations(failure))

    def _iterations(self, failure: str) -> int:
        """Return how many iterations the script's loop has in all, 0 where no end of it was seen.

        A loop over a loader has no end while an experiment feeds it, one over `range(n)` has.
        """
        ended = not failure and not self.conductor.ending.ordered and self.conductor.feed == "call"
        return self.session.iterations if ended or self.ward is not None else 0

    def _compare_splits(self) -> None:
        if self.config.scan < 1:
            return
        loaders = self.batches.data_sets()
        training = {name: data for name, (split, data) in loaders.items() if split == TRAIN}
        validation = {name: data for name, (split, data) in loaders.items() if split == VALIDATION}
        self.session.say(phase="scan", force=True)
        state = RandomState()
        with self.session.silence():
            self.session.experiment = OBSERVE
            drifting = drifts(training)
            for row in (*overlaps(training, validation), *self.batches.overlap_of_calls()):
                self.session.add(row)
            for answer in questions(self.batches, self.examples):
                self.session.add(answer)
            for scan in scans(training, self.batches.roles(), self.config.scan, drifting):
                self.session.add(scan)
        state.restore()

    def _exited(self, error: SystemExit) -> tuple[str, int]:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        text = "" if error.code is None or isinstance(error.code, int) else str(error.code)
        self.session.add(Event(kind="exit", text=f"{code}", detail=text))
        if text:
            sys.stderr.write(f"{text}\n")
        return f"the script left with sys.exit({error.code!r})", code

    def _raised(self, error: BaseException) -> str:
        if isinstance(error, UsageError):  # a factory that is none: one sentence says it
            self.session.add(Event(kind="exception", text=str(error)))
            sys.stderr.write(f"{error}\n")
            return str(error)
        text = f"{type(error).__name__}: {error}"
        detail = clean_traceback(error)
        frames = [f for f in traceback.extract_tb(error.__traceback__) if shown_file(f.filename)]
        last = frames[-1] if frames else None
        self.session.add(
            Event(
                kind="exception",
                text=text,
                detail=detail,
                file=shown_file(last.filename) if last else "",
                line=(last.lineno or 0) if last else 0,
                function=last.name if last else "",
            )
        )
        sys.stderr.write(detail)
        return text

    def _saved(self, kind: str, text: str) -> None:
        self.session.add(Event(kind=kind, text=text))
        if self.ranks is not None:
            self.ranks[1].wrote()

    def _leave(self) -> None:
        """The script swallows every stop: write what there is and end the process."""
        self._finish("")
        self.recorder.close()
        sys.stdout.flush()
        os._exit(0)

    def _describe(self) -> None:
        facts = {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "platform": platform.platform(),
            "threads": torch.get_num_threads(),
            "cuda": torch.cuda.is_available(),
            "target": self.config.target,
            "arguments": " ".join(self.config.arguments),
            "cwd": str(Path.cwd()),
            "seed": self.config.seed,
            "steps": self.config.steps,
            "budget": self.config.budget,
        }
        for name, value in facts.items():
            self.session.add(Environment(name=name, value=str(value)))
        self.recorder.flush()


def main(config_path: str) -> int:
    """Run the script that the doctor's file names; returns the process's exit code."""
    sys.dont_write_bytecode = True
    return Patient(Config.read(Path(config_path))).run()
