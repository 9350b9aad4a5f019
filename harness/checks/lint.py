# SPDX-License-Identifier: GPL-2.0
"""mypy and pyflakes report nothing about the harness."""

from __future__ import annotations

from collections.abc import Iterator

from ..common import tools
from ..common.report import Tally
from ..common.run import BUILD, PYTHON, ROOT, tried
from ..common.units import Outcome, Unit

COMMANDS = {"mypy": ["-m", "mypy", "--config-file=harness/mypy.ini",
                     f"--cache-dir={BUILD / 'mypy'}", "-p", "harness"],
            "pyflakes": ["-m", "pyflakes", "harness"]}


def units() -> list[Unit]:
    """One for each program."""
    return [Unit("lint", name, tools=(name,), inputs=("tests",)) for name in COMMANDS]


def run(_composed: object, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Run the programs called names; each file that one complains of counts as failed."""
    files = sum(1 for _ in (ROOT / "harness").rglob("*.py"))
    for name in names:
        tools.need(name)
        done = tried(PYTHON, *COMMANDS[name], cwd=ROOT)
        words = done.stdout.splitlines() if done.returncode else []
        bad = len({line.partition(":")[0] for line in words if ".py:" in line})
        failed = bad or int(done.returncode != 0)
        yield name, Outcome(Tally(max(files - failed, 0), failed), words)
