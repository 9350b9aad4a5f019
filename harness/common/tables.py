# SPDX-License-Identifier: GPL-2.0
"""The harness's own tables, TOML files."""

from __future__ import annotations

import pathlib
import tomllib
from collections.abc import Callable
from typing import Any, TypeVar

from .report import Problem

T = TypeVar("T")


def load(path: pathlib.Path, make: Callable[[dict[str, Any]], T]) -> T:
    """Return what make makes of the tables in path; raises Problem if a table is wrong.

    make raises KeyError for a table that is missing, TypeError for a key that a table
    does not have, as a dataclass does.
    """
    try:
        return make(tomllib.loads(path.read_text()))
    except (TypeError, KeyError, tomllib.TOMLDecodeError) as error:
        raise Problem(f"{path} has a bad table: {error}") from None
