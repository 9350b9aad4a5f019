# SPDX-License-Identifier: GPL-2.0
"""Units in shares of about the same size, for as many machines; and about how long they take."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .common import tables
from .common.report import Problem
from .common.run import ROOT
from .common.units import Unit

TABLE = ROOT / "harness" / "budget.toml"


@dataclass(frozen=True)
class Budget:
    """One table of budget.toml: seconds on two cores with nothing cached.

    seconds: what the check may take; setup: of these, what each `setup` of units takes,
    as to build their kernel; unit: what each unit takes besides.
    """
    seconds: int
    setup: int = 0
    unit: int = 0


def load() -> dict[str, Budget]:
    """Return {check: its Budget}."""
    return tables.load(TABLE, lambda known: {name: Budget(**each) for name, each in known.items()})


def shares(units: list[Unit], count: int, budgets: dict[str, Budget]) -> list[list[Unit]]:
    """Return units in count lists, each unit in one, that take about the same time.

    Units with the same setup stay together, as far as that is no more than a share.
    """
    groups: dict[tuple[str, str], list[Unit]] = {}
    for unit in units:
        groups.setdefault((unit.check, unit.setup), []).append(unit)
    whole = sum(time(group, budgets) for group in groups.values())
    parts: list[list[Unit]] = []
    for group in groups.values():
        pieces = min(len(group), max(1, round(time(group, budgets) * count / whole)))
        parts += [group[piece::pieces] for piece in range(pieces)]
    result: list[list[Unit]] = [[] for _ in range(count)]
    taken = [0.0] * count
    for part in sorted(parts, key=lambda part: -time(part, budgets)):
        least = taken.index(min(taken))
        result[least] += part
        taken[least] += time(part, budgets)
    return result


def time(group: list[Unit], budgets: dict[str, Budget]) -> float:
    """Return about how many seconds group takes, whose setup is the same."""
    budget = budgets[group[0].check]
    return budget.setup + budget.unit * len(group)


def share(units: list[Unit], which: str) -> list[Unit]:
    """Return the part of units that which, as "2/5", stands for, in their order."""
    form = re.fullmatch(r"(\d+)/(\d+)", which)
    if not form or not 0 < int(form[1]) <= int(form[2]):
        raise Problem(f"SHARD={which} is not a share: SHARD=2/5 is the second of five")
    mine = shares(units, int(form[2]), load())[int(form[1]) - 1]
    return [unit for unit in units if unit in mine]
