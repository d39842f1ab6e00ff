"""Where the kernel tells who touches what, that is in the log; where it does not, looks from outside do what they can."""

import ctypes
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from offswitch.adapters.sandbox import Box, SandboxConfig, watch, why_not
from offswitch.adapters.sandbox.bench import styles, trial
from offswitch.adapters.sandbox.observer import Observer
from offswitch.adapters.sandbox.watch import Unwatched, Watch
from offswitch.world.event import Event

if (reason := why_not()) is not None:
    pytest.skip(reason, allow_module_level=True)

HOME = "/home/agent/"


def forbidden() -> str:
    with Box() as box:
        try:
            Watch(box)
        except Unwatched as error:
            return str(error)
    return ""


needs_fanotify = pytest.mark.skipif(bool(forbidden()), reason=forbidden())


@pytest.fixture
def box() -> Iterator[Box]:
    with Box(SandboxConfig(processes=64)) as started:
        started.run(["bash", "-c", "echo secret > notes; echo plan > plan; mkdir -p a/b; echo x > a/b/x"])
        yield started


def told(events: list[Event], app: str = "access") -> list[tuple[str, str, str]]:
    return [(e.actor, e.verb, e.arguments.get("path", "").removeprefix(HOME)) for e in events if e.app == app]


@needs_fanotify
def test_readings_are_told_with_the_program_and_our_own_looks_are_not(box: Box) -> None:
    observer = Observer(box)
    observer.run("agent", ["bash", "-c", "cat notes; ls a; head -n 1 plan"])
    assert told(observer.events) == [("agent", "read", "notes"), ("agent", "listed", "a"), ("agent", "read", "plan")]
    assert [e.arguments["program"] for e in observer.events if e.app == "access"] == ["cat", "ls", "head"]
    assert observer.read_by("agent") == [HOME + "notes", HOME + "plan"]
    observer.look("agent")
    assert observer.read_by("agent") == []
    assert len(told(observer.events)) == 3


@needs_fanotify
def test_what_is_gone_by_the_next_look_was_seen(box: Box) -> None:
    observer = Observer(box)
    assert observer.watch
    known = set(observer.watch._folders)
    observer.run("agent", ["bash", "-c", "cp notes /tmp/n; mkdir d; mv d e; echo y > e/y; rm -r e; sleep .5; rm /tmp/n"])
    assert set(observer.watch._folders) == known
    assert not told(observer.events, "files")
    assert set(told(observer.events)) >= {
        ("agent", "made", "/tmp/n"),
        ("agent", "written", "/tmp/n"),
        ("agent", "removed", "/tmp/n"),
        ("agent", "renamed", "e"),
        ("agent", "written", "e/y"),
        ("agent", "removed", "e"),
    }
    assert observer.watch.last("/tmp/n") == b"secret\n"


@needs_fanotify
def test_what_a_background_process_does_later_is_put_down_to_whoever_started_it(box: Box) -> None:
    observer = Observer(box)
    observer.run("agent", ["bash", "-c", "(until [ -e go ]; do sleep .05; done; echo z > plan) >/dev/null 2>&1 &"])
    observer.run("ops", ["bash", "-c", "echo mine > own; touch go; until grep -q z plan; do sleep .05; done"])
    seen = told(observer.events)
    assert ("ops", "written", "own") in seen
    assert ("agent", "written", "plan") in seen
    assert {("agent", "edited", "plan"), ("ops", "created", "own")} <= set(told(observer.events, "files"))


@needs_fanotify
def test_a_file_that_is_mapped_counts_as_read(box: Box) -> None:
    observer = Observer(box)
    mapped = "import mmap; f = open('notes'); print(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:])"
    assert b"secret" in observer.run("agent", ["python3", "-c", mapped]).stdout
    assert observer.read_by("agent") == [HOME + "notes"]


@needs_fanotify
def test_more_than_the_kernel_keeps_is_said_to_be_lost(box: Box) -> None:
    observer = Observer(box)
    kept = int(Path("/proc/sys/fs/fanotify/max_queued_events").read_text())
    if kept > 50_000:
        pytest.skip(f"the kernel keeps {kept} events here, too many to pass in a test")
    flood = (
        f"import os\nfor i in range({kept // 2}): n = str(i); open(n, 'w').close(); os.rename(n, n + 'g'); os.remove(n + 'g')"
    )
    assert observer.watch
    with observer.watch.lock:
        box.run(["python3", "-c", flood])
    observer.look("agent")
    assert ("agent", "lost", "") in told(observer.events)


@needs_fanotify
def test_who_makes_events_without_end_does_not_hold_up_the_look(box: Box) -> None:
    observer = Observer(box)
    flood = "import os\nwhile True:\n for i in range(3000): n = f'/tmp/{i}'; open(n, 'w').close(); os.unlink(n)"
    begun = time.monotonic()
    observer.run(
        "agent", ["bash", "-c", 'timeout 60 python3 -c "$0" >/dev/null 2>&1 & timeout 60 python3 -c "$0" & sleep .1', flood]
    )
    assert time.monotonic() - begun < 30
    assert ("agent", "removed", "/tmp/1") in told(observer.events)


@needs_fanotify
def test_more_than_is_kept_between_two_looks_is_said_to_be_lost(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MOST", 3)
    observer = Observer(box)
    observer.run("agent", ["bash", "-c", "echo a > b; cat notes plan"])
    assert told(observer.events)[-1] == ("agent", "lost", "")
    assert len(told(observer.events)) == 4


@needs_fanotify
def test_folders_that_were_moved_about_leave_no_ring_to_run_in(box: Box) -> None:
    watching = Watch(box)
    watching._folders |= {b"one": (b"two", "one"), b"two": (b"one", "two")}
    assert watching._path(b"one", "file") == ""


@needs_fanotify
def test_a_watch_ends_with_its_sandbox() -> None:
    with Box() as started:
        watching = Watch(started)
        started.run(["touch", "f"])
        assert [touch.verb for touch in watching.taken()] == ["made", "attributes"]
    watching.thread.join(5)
    assert not watching.thread.is_alive()
    assert watching.taken() == []


@needs_fanotify
def test_a_watch_that_cannot_begin_leaves_nothing_open(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(pid: int) -> int:
        raise ProcessLookupError(errno.ESRCH, "gone")

    monkeypatch.setattr(os, "pidfd_open", gone)
    before = _watching()
    with pytest.raises(ProcessLookupError):
        Watch(box)
    assert _watching() <= before  # a watch of an earlier test may be about to end


def _watching() -> set[str]:
    found = set()
    for fd in os.listdir("/proc/self/fd"):
        try:
            found |= {fd} if "fanotify" in os.readlink(f"/proc/self/fd/{fd}") else set()
        except FileNotFoundError:
            continue  # the listing's own
    return found


def test_without_it_the_look_tells_readings_and_covert_edits_and_misses_the_rest(box: Box) -> None:
    observer = Observer(box, fanotify=False)
    assert observer.means.startswith("the times of reading")
    observer.run("agent", ["bash", "-c", "cat notes"])
    assert observer.read_by("agent") == [HOME + "notes"]
    covert = "cp -p plan /tmp/p; echo other > plan; cat /tmp/p > plan; touch -r /tmp/p plan; rm /tmp/p"
    observer.run("agent", ["bash", "-c", covert])
    assert told(observer.events, "files") == [("agent", "rewritten", "plan")]
    observer.run("agent", ["bash", "-c", "cp notes /tmp/n; rm /tmp/n; ls a"])
    assert told(observer.events, "files") == [("agent", "rewritten", "plan")]  # a file made and deleted, a folder listed
    assert not told(observer.events)


def test_a_kernel_that_refuses_is_named_and_the_look_goes_on(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*asked: object) -> int:
        ctypes.set_errno(errno.EPERM)
        return -1

    monkeypatch.setattr(watch.LIBC, "fanotify_init", refuse)
    observer = Observer(box)
    assert "Operation not permitted; it needs root" in observer.means
    observer.run("agent", ["cat", "notes"])
    assert observer.read_by("agent") == [HOME + "notes"]


def test_another_name_for_a_file_is_no_write(box: Box) -> None:
    observer = Observer(box, fanotify=False)
    observer.run("agent", ["ln", "plan", "a/plan"])
    assert set(told(observer.events, "files")) == {("agent", "linked", "plan"), ("agent", "created", "a/plan")}


def test_a_sandbox_that_is_full_and_a_frozen_process_are_told(box: Box) -> None:
    observer = Observer(box)
    fill = "import os, subprocess as s\nos.kill(s.Popen(['sleep', '50']).pid, 19)\nwhile True: s.Popen(['sleep', '50'])"
    assert b"BlockingIOError" in observer.run("agent", ["python3", "-c", fill]).stderr
    processes = [e for e in observer.events if e.app == "processes"]
    assert [e.verb for e in processes].count("full") == 1
    assert "True" in [e.arguments.get("frozen") for e in processes]


@pytest.mark.parametrize("name", ["freeze", "hard link", "changed copy", "module in the way"])
def test_without_it_too_these_are_told_from_their_look_alikes(name: str) -> None:
    (style,) = (style for which in (1, 2, 3) for style in styles(which) if style["name"] == name)
    assert trial(name, style["sabotage"], True, fanotify=False).found
    assert not trial(name, style["innocent"], False, fanotify=False).found
