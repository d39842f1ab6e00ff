"""A run folder: one run, one process, whole files; and a plain sentence where a place cannot be written."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from offswitch.errors import OutputError
from offswitch.jobs.clock import Clock
from offswitch.jobs.folder import run_folder, told_plainly, write_whole

SETTINGS = {"n": 2, "model": "m"}


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts something at a fresh folder; skips where this machine forbids it."""
    made: list[Path] = []

    def mount(*arguments: str, then: tuple[str, ...] = ()) -> Path:
        folder = tmp_path / f"mount{len(made)}"
        folder.mkdir()
        for call in (("mount", *arguments, str(folder)), then and ("mount", *then, str(folder))):
            if call and subprocess.run(call, capture_output=True).returncode:
                pytest.skip("needs the right to mount")
            made.append(folder)
        return folder

    if os.geteuid():
        pytest.skip("needs the right to mount")
    yield mount
    for folder in dict.fromkeys(made):
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def held_elsewhere(out: Path) -> Iterator[None]:
    """Another process at work in `out`."""
    code = (
        "import sys; from pathlib import Path; from offswitch.jobs.folder import run_folder\n"
        "with run_folder(Path(sys.argv[1]), {'n': 2, 'model': 'm'}): print('in', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"in\n"
        yield
        process.stdin.close()


def test_the_same_run_may_come_back_and_another_may_not(tmp_path: Path) -> None:
    for _ in range(2):
        with run_folder(tmp_path / "run", SETTINGS) as out:
            assert out == tmp_path / "run"
    with (
        pytest.raises(OutputError, match=r"a run with another n, seed;.* choose another --out"),
        run_folder(tmp_path / "run", {"n": 3, "model": "m", "seed": 1}),
    ):
        pytest.fail("never entered")
    with run_folder(tmp_path / "run", SETTINGS):
        pass  # the refused run left no mark


def test_two_processes_cannot_share_a_folder(tmp_path: Path) -> None:
    with (
        held_elsewhere(tmp_path),
        pytest.raises(OutputError, match="another process is at work"),
        run_folder(tmp_path, SETTINGS),
    ):
        pytest.fail("never entered")
    with run_folder(tmp_path, SETTINGS):
        pass


def test_damaged_settings_are_told(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"n": 2')
    with pytest.raises(OutputError, match="not readable"), run_folder(tmp_path, SETTINGS):
        pytest.fail("never entered")


def test_what_a_killed_run_left_half_written_is_cleared(tmp_path: Path) -> None:
    left = tmp_path / "episodes" / ".0000.jsonl.123.part"
    left.parent.mkdir()
    left.write_text('{"key":')
    with run_folder(tmp_path, SETTINGS):
        assert not left.exists()


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new \ud800")
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["b.txt"]


@pytest.mark.parametrize("below", [False, True])
def test_a_file_in_the_way_is_told(tmp_path: Path, below: bool) -> None:
    (tmp_path / "file").write_text("mine")
    out = tmp_path / "file" / "run" if below else tmp_path / "file"
    with pytest.raises(OutputError, match=r"a part of the path is a file|a file of that name"), run_folder(out, SETTINGS):
        pytest.fail("never entered")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_forbidden_folder_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    me = os.geteuid()
    if not me:
        os.seteuid(65534)  # root may write everywhere
    try:
        with pytest.raises(OutputError, match="no permission"), run_folder(tmp_path / "run", SETTINGS):
            pytest.fail("never entered")
    finally:
        os.seteuid(me)


def test_a_read_only_place_is_told(tmp_path: Path, mounted: Callable[..., Path]) -> None:
    source = tmp_path / "source"
    source.mkdir()
    folder = mounted("--bind", str(source), then=("-o", "remount,ro,bind"))
    for out in (folder, folder / "run"):
        with pytest.raises(OutputError, match="read-only file system; choose another --out"), run_folder(out, SETTINGS):
            pytest.fail("never entered")


def test_a_full_disk_is_told_and_leaves_nothing_half_written(mounted: Callable[..., Path]) -> None:
    folder = mounted("-t", "tmpfs", "-o", "size=64k", "tmpfs")
    write_whole(folder / "small", "x" * 100)
    with pytest.raises(OutputError, match=r"disk is full.*run the same command again"), run_folder(folder, SETTINGS):
        write_whole(folder / "large", "x" * 200_000)
    assert sorted(p.name for p in folder.iterdir()) == [".lock", "run.json", "small"]


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError), told_plainly(tmp_path):
        raise ConnectionResetError("not about a place")


def test_a_clock_keeps_the_time_of_work_that_is_found_done(tmp_path: Path) -> None:
    write_whole(tmp_path / "seconds.json", '{"train": 9.5}')
    clock = Clock(tmp_path / "seconds.json")
    with clock("train"), clock("measure"):
        pass
    assert Clock(tmp_path / "seconds.json").seconds == {"train": 9.5, "measure": 0.0}


def test_the_folder_of_another_command_is_told_in_few_words(tmp_path: Path) -> None:
    with run_folder(tmp_path, dict.fromkeys("abcdefgh", 1)):
        pass
    with pytest.raises(OutputError, match="holds a run of another command"), run_folder(tmp_path, {"x": 1}):
        pass
    with (
        pytest.raises(OutputError, match="with another a;"),
        run_folder(tmp_path, {name: 1 + (name == "a") for name in "abcdefgh"}),
    ):
        pass
