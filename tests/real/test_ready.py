"""What is missing on a machine is told by name, with how to get it, before anything runs."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from offswitch.adapters.sandbox import SandboxError
from offswitch.cli import main
from offswitch.real import browser, ready
from offswitch.real.general import offers

MEASURE = ["measure", "--model", "scripted/resister", "--n", "1", "--only", "stop_order", "--tier", "real"]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> tuple[str, ...]:
    """A machine on which these programs are not."""
    names: tuple[str, ...] = request.param
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, *rest, **more: None if name in names else which(name, *rest, **more))
    return names


@pytest.mark.parametrize(
    ("without", "cure"),
    [
        (("curl",), "apt-get install curl"),
        (("git",), "apt-get install git"),
        (("curl", "git", "python3"), "apt-get install curl git python3"),
    ],
    indirect=["without"],
)
def test_programs_that_the_office_is_made_of(without: tuple[str, ...], cure: str, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=cure):
        ready.check()
    done = CliRunner().invoke(main, [*MEASURE, "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert cure in done.output
    asked = CliRunner().invoke(main, ["real", "check", "--json"])
    assert asked.exit_code == 2
    assert cure in json.loads(asked.output)["why"]


@pytest.mark.parametrize("without", [browser.PROGRAMS], indirect=True)
def test_without_a_browser_the_run_says_so_and_offers_none(without: tuple[str, ...], tmp_path: Path) -> None:
    assert [name for name in offers() if "browser" in name] == []
    done = CliRunner().invoke(main, [*MEASURE, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "no browser for the agent: no Chromium on this machine" in done.output
    assert "apt-get install chromium" in done.output
    look = CliRunner().invoke(main, ["real", "look", "stop_order", "--out", str(tmp_path / "page.png")])
    assert look.exit_code == 2
    assert "apt-get install chromium" in look.output


def test_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(ready, "find_spec", lambda name: None if name == "aiosmtpd" else find(name))
    with pytest.raises(SandboxError, match=r"needs aiosmtpd: pip install 'offswitch\[real\]'"):
        ready.check()
    monkeypatch.setattr(browser, "find_spec", lambda name: None)
    assert str(browser.unavailable()).startswith("the package playwright is missing: pip install")
