"""Progress: it ends at its end, on a terminal and in a file, and says nothing of the kind where work failed."""

from io import StringIO

import pytest
from rich.console import Console

from offswitch.jobs.report import Shown


def shown(terminal: bool) -> tuple[Shown, StringIO]:
    report, page = Shown(), StringIO()
    report.console = Console(file=page, force_terminal=terminal, width=120)
    return report, page


@pytest.mark.parametrize("terminal", [False, True])
def test_a_bar_ends_at_its_end_though_less_was_to_do(terminal: bool) -> None:
    report, page = shown(terminal)
    with report.work("days") as bar:
        bar.at(3, 10, "of ten")
    assert "100%" in page.getvalue()
    if not terminal:
        assert page.getvalue().splitlines() == ["days", "days 20% of ten", "days 100%"]


@pytest.mark.parametrize("terminal", [False, True])
def test_work_that_failed_did_not_come_to_its_end(terminal: bool) -> None:
    report, page = shown(terminal)
    with pytest.raises(ZeroDivisionError), report.work("days") as bar:
        bar.at(1 / 0, 10)
    assert "100%" not in page.getvalue()
