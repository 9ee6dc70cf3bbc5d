"""The doctor survives whatever the patient does. The patients are small programs without torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nndoctor import Recording, attempt, doctor
from nndoctor.doctor import Plan, next_plan
from nndoctor.errors import UsageError
from nndoctor.records import Environment, Event, Experiment, Step
from nndoctor.settings import Settings, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nndoctor.run_folder import RunFolder


def examined(command: list[str], **options: Any) -> tuple[RunFolder, Recording, list[Mapping[str, Any]]]:
    shown: list[Mapping[str, Any]] = []
    settings = Settings(target=Target(name="train.py", arguments=("--epochs", "3")), **options)
    folder = doctor.examine(settings, show=shown.append, command=command)
    return folder, Recording.open(folder.recording), shown


def events(run: Recording) -> list[tuple[str, str]]:
    return [(event.kind, event.text) for event in run.rows(Event)]


def test_a_run_leaves_its_folder_complete(script: Path, patient: Any) -> None:
    folder, run, shown = examined(patient("print('hello'); print('oops', file=sys.stderr); train(); end()"), seed=7)
    assert folder.path.parent == script.parent / "nndoctor-runs"
    assert folder.path.name.startswith("train-")
    assert folder.log.read_text() == "hello\noops\n" or set(folder.log.read_text().split()) == {"hello", "oops"}
    assert len(run.rows(Step)) == 9
    assert shown[-1] == {"phase": "observe", "step": 8, "of": 9, "loss": 1.0, "left": 40.0}
    assert run.environment("target") == "train.py --epochs 3"
    config = json.loads(folder.patient.read_text())
    assert isinstance(config.pop("progress_fd"), int)
    assert config == {
        "schema": 1,
        "target": "train.py",
        "is_module": False,
        "arguments": ["--epochs", "3"],
        "run": str(folder.path),
        "budget": 60.0,
        "steps": 40,
        "scan": 2000,
        "seed": 7,
        "skip": [],
        "no_cut": False,
        "already": [],
        "attempt": 0,
        "plan": "check",
        "quick": False,
    }


def test_the_child_has_no_stdin_and_is_told_where_it_is(script: Path, patient: Any) -> None:
    program = (
        "print(sys.stdin.read() == '', os.environ['NNDOCTOR'], os.environ['WANDB_MODE'], os.getsid(0) == os.getpid())"
    )
    folder, _, _ = examined(patient(program))
    assert folder.log.read_text().split() == ["True", "1", "disabled", "True"]


@pytest.mark.parametrize(
    ("program", "event"),
    [
        ("train(); os.kill(os.getpid(), signal.SIGSEGV)", ("killed", "killed by SIGSEGV (a crash in compiled code)")),
        (
            "train(); os.kill(os.getpid(), signal.SIGKILL)",
            ("killed", "killed by SIGKILL (often: the system ran out of memory)"),
        ),
        ("train(); os._exit(7)", ("exit", "7")),
        ("sys.exit(3)", ("exit", "3")),
    ],
)
def test_a_violent_end_is_recorded(program: str, event: tuple[str, str], script: Path, patient: Any) -> None:
    _, run, _ = examined(patient(program))
    assert events(run) == [event]
    assert len(run.rows(Step)) == (9 if "train" in program else 0)


def test_a_patient_that_dies_before_its_recording_is_open(script: Path) -> None:
    _, run, _ = examined([sys.executable, "-c", "import os; os._exit(5)"])
    assert events(run) == [("exit", "5")]
    assert run.environment("exit_status") == "5"


def test_a_patient_that_ended_well_says_so_itself(script: Path, patient: Any) -> None:
    _, run, _ = examined(patient("recorder.add(Event(kind='exception', text='ValueError: no')); end(); sys.exit(1)"))
    assert events(run) == [("exception", "ValueError: no")]


HANG = """
import faulthandler
faulthandler.register(signal.SIGUSR1, all_threads=True)
def waits_for_ever():
    time.sleep(600)
waits_for_ever()
"""


def test_a_hang_is_ended_and_its_place_named(script: Path, patient: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "GRACE", 0.5)
    started = time.monotonic()
    folder, run, _ = examined(patient(HANG), patience=1.0)
    assert time.monotonic() - started < 15
    [event] = run.rows(Event)
    assert event.kind == "timeout"
    assert event.text.startswith("hung: no progress for 1 s, last seen at ")
    assert (Path(event.file).name, event.function) == ("fake_patient.py", "waits_for_ever")
    assert "Current thread" in folder.log.read_text()


def test_a_hang_that_ignores_every_signal_is_killed(
    script: Path, patient: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "GRACE", 0.3)
    ignoring = "[signal.signal(n, signal.SIG_IGN) for n in (signal.SIGTERM, signal.SIGUSR1)]; time.sleep(600)"
    _, run, _ = examined(patient(ignoring), patience=1.0)
    assert [kind for kind, _ in events(run)] == ["timeout"]
    assert run.environment("exit_status") == "-9"


def test_a_patient_that_overruns_its_budget_is_ended(script: Path, patient: Any) -> None:
    _, run, _ = examined(patient("train(); report(phase='coast', left=-61); time.sleep(600)"))
    assert events(run) == [("cut", "the script overran the budget and was ended")]


def test_workers_that_hold_the_pipe_open_are_not_waited_for(script: Path, patient: Any) -> None:
    program = """
        worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], close_fds=False)
        print(worker.pid, flush=True)
        train()
        end()
    """
    started = time.monotonic()
    folder, run, _ = examined(patient(program))
    assert time.monotonic() - started < 20
    assert len(run.rows(Step)) == 9
    assert not alive(int(folder.log.read_text()))


def alive(process: int) -> bool:
    """Whether a process still runs; a zombie, which only its parent can bury, does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_garbage_on_the_progress_pipe_is_ignored(script: Path, patient: Any) -> None:
    _, run, shown = examined(patient("os.write(config['progress_fd'], b'{bad\\n[1]\\n\\xff\\n'); train(1); end()"))
    assert [report["phase"] for report in shown] == ["observe"]
    assert events(run) == []


DIES_ONCE = """
    train()
    name = "overfit"
    if name not in config["skip"]:
        recorder.add(Experiment(name=name, outcome="running"))
        recorder.flush()
        os.kill(os.getpid(), signal.SIGABRT)
    recorder.add(Experiment(name="random-input", why=json.dumps([config["attempt"], config["already"]])))
    end()
"""


def test_an_experiment_that_kills_the_patient_is_left_out_the_next_time(script: Path, patient: Any) -> None:
    _, run, _ = examined(patient(DIES_ONCE))
    outcomes = {row.name: (row.outcome, row.why) for row in run.rows(Experiment)}
    assert outcomes["overfit"] == ("failed", "killed by SIGABRT (a crash in compiled code)")
    assert json.loads(outcomes["random-input"][1]) == [1, ["observe"]]
    assert [event.experiment for event in run.rows(Event)] == ["overfit"]


def died(name: str, outcome: str = "failed", batch_size: int = 0) -> Experiment:
    return Experiment(name=name, outcome=outcome, batch_size=batch_size)


def planned(*rows: Experiment, plan: Plan | None = None, left: float = 30.0) -> Plan | None:
    return next_plan(Recording.of(rows), plan or Plan(), left)


def test_when_to_try_again() -> None:
    done = Experiment(name="observe")
    assert planned(done) is None
    assert planned(done, died("overfit")) == Plan(1, ("overfit",), no_cut=False, already=("observe",), budget=30.0)
    assert planned(done, died("overfit", batch_size=16)) == Plan(1, (), no_cut=True, already=("observe",), budget=30.0)
    uncut = Plan(1, no_cut=True)
    assert planned(done, died("overfit", batch_size=16), plan=uncut) == Plan(
        2, ("overfit",), no_cut=True, already=("observe",), budget=30.0
    )
    hung = next_plan(Recording.of([done, died("overfit", "running", batch_size=16)]), Plan(), 30.0, hung=True)
    assert hung is not None
    assert (hung.skip, hung.no_cut) == (("overfit",), False)


def test_when_not_to_try_again() -> None:
    done = Experiment(name="observe")
    assert planned(died("observe")) is None  # it fails by itself
    assert planned(done, died("overfit"), left=1.0) is None
    assert planned(done, died("overfit"), left=float("nan")) is None
    assert planned(done, died("overfit"), plan=Plan(doctor.RESTARTS)) is None
    assert planned(done, died("overfit"), plan=Plan(1, ("overfit",))) is None


INTERRUPTED = """
import pathlib, sys
from nndoctor import doctor
from nndoctor.settings import Settings, Target
settings = Settings(target=Target(name="train.py"), out=pathlib.Path("out"))
doctor.examine(settings, show=lambda _: None, command=sys.argv[1:])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_patient_and_keeps_what_it_saw(
    number: signal.Signals, script: Path, patient: Any
) -> None:
    ends_well = "train(); print(os.getpid(), flush=True)\ntry: time.sleep(600)\nexcept KeyboardInterrupt: end()\n"
    # A test run in the background is started with SIGINT ignored, and its children with it.
    restore = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    parent = subprocess.Popen([sys.executable, "-c", INTERRUPTED, *patient(ends_well)], preexec_fn=restore)
    log = Path("out/script.log")
    wait_for(lambda: log.exists() and log.read_text().endswith("\n"))
    parent.send_signal(number)
    assert parent.wait(20) == 0
    run = Recording.open(Path("out/recording.sqlite"))
    assert len(run.rows(Step)) == 9
    assert run.environment("interrupted") == "yes"
    assert not alive(int(log.read_text()))


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_an_older_run_is_never_overwritten(script: Path, patient: Any) -> None:
    command = patient("train(1); end()")
    first, _, _ = examined(command)
    second, _, _ = examined(command)
    assert first.path != second.path
    examined(command, out=Path("mine"))
    with pytest.raises(UsageError, match="already holds a run"):
        examined(command, out=Path("mine"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused(script: Path, patient: Any) -> None:
    script.parent.chmod(0o500)
    with pytest.raises(UsageError, match="cannot write to"):
        examined(patient("train(); end()"))


def test_a_file_in_the_place_of_the_folder_is_refused(script: Path, patient: Any) -> None:
    for out in (Path("train.py"), Path("train.py/run")):
        with pytest.raises(UsageError, match="cannot write to"):
            examined(patient("train(); end()"), out=out)
    Path("nndoctor-runs").touch()
    with pytest.raises(UsageError, match="cannot write to"):
        examined(patient("train(); end()"))


def test_the_scripts_output_can_be_followed(script: Path, patient: Any) -> None:
    heard: list[str] = []
    settings = Settings(target=Target(name="train.py"))
    program = "print('one'); train(); print('two\\u00e9'); sys.stdout.write('no newline'); end()"
    doctor.examine(settings, show=lambda _: None, echo=heard.append, command=patient(program))
    assert heard == ["one", "two\N{LATIN SMALL LETTER E WITH ACUTE}", "no newline"]


@pytest.mark.parametrize(
    "bad", [{"budget": float("nan")}, {"budget": 0}, {"steps": 0}, {"scan": -1}, {"seed": -1}, {"patience": -1}]
)
def test_settings_refuse_what_cannot_work(bad: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(bad))}"):
        Settings(target=Target(name="train.py"), **bad)


def test_facts_of_the_run_are_recorded(script: Path, patient: Any) -> None:
    _, run, _ = examined(patient("train(); end()"), budget=30)
    facts = {row.name: row.value for row in run.rows(Environment)}
    assert facts["budget"] == "30"
    assert float(facts["seconds"]) > 0
    assert facts["interrupted"] == "no"
