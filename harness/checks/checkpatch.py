# SPDX-License-Identifier: GPL-2.0
"""checkpatch.pl --strict reports nothing about the patches."""

from __future__ import annotations

import concurrent.futures
import functools
import os
import pathlib
from collections.abc import Iterable, Iterator

from ..common import tools
from ..common.report import Tally
from ..common.run import tried
from ..common.units import Outcome, Unit
from ..kernel import mails, topics
from ..kernel.compose import Composed
from .mails import INPUTS, WRITTEN

# What checkpatch.pl cannot know here: its type, and why it does not matter.
IGNORED = {
    "FILE_PATH_CHANGES": "MAINTAINERS covers the directories of all new files",
    "MISSING_FIXES_TAG": "what brought some defects could not be established",
    "UNDOCUMENTED_DT_STRING": "compatibles of tests, test,*, have no bindings anywhere",
    "UNKNOWN_COMMIT_ID": "the base is a source package without history",
}
# The same in one topic alone.
IGNORED_IN = {
    "selftests": {"COMPLEX_MACRO": "what generates the variants of a fixture calls one"},
}


def units() -> list[Unit]:
    """A topic each."""
    needs = ("perl", "git-email", "mailtools", "ply", "gitpython")
    return [Unit("checkpatch", name, tools=needs, inputs=(*INPUTS, "headers"), topic=name)
            for name in topics.read()]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Check the mails of each of the topics names."""
    tools.need("perl", "ply", "gitpython")
    for kind, reason in IGNORED.items():
        print(f"  not checked: {kind}, {reason}", flush=True)
    for name in set(names) & set(IGNORED_IN):
        for kind, reason in IGNORED_IN[name].items():
            print(f"  not checked in {name}: {kind}, {reason}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name in names:
            ignored = (*IGNORED, *IGNORED_IN.get(name, ()))
            said = list(pool.map(functools.partial(complaints, composed.tree, ignored),
                                 mails.of_patches(WRITTEN.of(composed, name))))
            failed = sum(map(bool, said))
            yield name, Outcome(Tally(len(said) - failed, failed or int(not said)),
                                list(filter(None, said)))


def complaints(tree: pathlib.Path, ignored: Iterable[str], mail: pathlib.Path) -> str:
    """Return what checkpatch.pl of tree says about mail, "" if nothing; ignored: its types."""
    # It runs a Python script that wants the packages of Debian's python3.
    done = tried("perl", "scripts/checkpatch.pl", "--strict", "--terse", "--show-types",
                 "--no-summary", f"--ignore={','.join(ignored)}", mail, cwd=tree,
                 env={"PATH": f"/usr/bin:{os.environ['PATH']}"})
    if done.stdout.strip() or not done.returncode:
        return done.stdout.strip()
    return f"{mail}: checkpatch.pl failed"
