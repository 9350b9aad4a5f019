# SPDX-License-Identifier: GPL-2.0
"""The commands behind the Makefile's targets.

A command is a function; its parameters are the variables it takes, in lower case.
"""

import inspect
import os
import shutil
import sys
import time
from collections.abc import Callable

from .report import Problem, minutes, table

# make's and git's own variables would reach the make and git started here.
FOREIGN = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "GIT_DIR",
           "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY",
           "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_NAMESPACE")


def _compose(kdir: str = "", topic: str = ""):
    from . import compose, source
    return _told(compose.compose(base=source.base(kdir), only=topic or None))


def _told(composed):
    print(f"Linux {composed.base.version} from {composed.base.origin}")
    return composed


def _anywhere(kdir: str, topic: str):
    """Return a compose.Composed on any release, and where its mails go.

    On another release it is of topic, and of what that needs; of all without one.
    """
    from . import mails, neighbours, source
    base = source.base(kdir, neighbours=True)
    if source.ours(base.version):
        return None, base, mails.MAILS
    return _told(neighbours.tree(base, topic or None)), base, neighbours.mails(base)


def everything(kdir: str = "") -> int:
    """the mails, all KUnit tests, and a table of it all (default)"""
    from . import commits, kunit, mails, topics
    start = time.monotonic()
    composed = _compose(kdir)
    if commits.identity():
        mails.show(mails.write(composed, list(topics.read()[1]), keep=True))
    else:
        print("no mails: git does not know your name, see `make series`")
    results = kunit.unit(composed)
    failed = sum(result.failed for result in results)
    print()
    table(["kernel", "topics", "patches", "suites", "passed", "failed", "time"],
          [[composed.base.version, len(composed.topics),
            sum(len(t.commits) for t in composed.topics),
            len({result.suite for result in results}),
            sum(result.passed for result in results), failed,
            minutes(time.monotonic() - start)]])
    return failed


def unit(kdir: str = "", job: str = "", san: str = "") -> int:
    """the KUnit tests; JOB=name for one job, SAN=1 with sanitizers and lockdep"""
    from . import kunit
    return sum(result.failed for result in kunit.unit(_compose(kdir), job, bool(san)))


def mutants(kdir: str = "", only: str = "") -> int:
    """the kernel broken in one place at a time: tests must fail; ONLY=part of a name"""
    from . import mutants
    return mutants.run(_compose(kdir), only)[1]


def fixes(kdir: str = "", only: str = "") -> int:
    """the fixes on Linux as it is, one left out at a time: tests must fail; ONLY="""
    from . import fixes
    return fixes.run(_compose(kdir), only)[1]


def cost(kdir: str = "") -> int:
    """what the series costs: instructions, commands, code size, base and series"""
    from . import bench
    return bench.run(_compose(kdir))[1]


def audit(kdir: str = "") -> int:
    """Coccinelle on who must declare that its sync must always run, and who does"""
    from . import audit
    return audit.run(_compose(kdir))[1]


def e2e(kdir: str = "") -> int:
    """a device's DMA behind real drivers on QEMU's IOMMUs"""
    from . import kunit
    return sum(result.failed for result in kunit.end_to_end(_compose(kdir)))


def e2e_history(kdir: str = "") -> int:
    """the same on kernels with and without what the series is about"""
    from . import history
    return history.run(_compose(kdir))[1]


def models_history(kdir: str = "") -> int:
    """drivers on models of their hardware, without the series"""
    from . import history
    return history.run_models(_compose(kdir))[1]


def documentation(kdir: str = "") -> int:
    """the pages of the series as HTML"""
    from . import docs
    return docs.run(_compose(kdir))[1]


def check(kdir: str = "", only: str = "", list: str = "") -> int:
    """everything a change must pass; LIST=1 names its parts, ONLY="docs audit" runs these"""
    from . import checks
    if list:
        return checks.show()
    return checks.run(lambda: _compose(kdir), only.split())


def readme() -> None:
    """what the last `make check` and `make bench` counted, to the README"""
    from . import bench, drivers, neighbours
    if not drivers.write() | bench.write() | drivers.write(neighbours.TABLE, neighbours.HEAD):
        raise Problem("nothing was counted yet: `make check` and `make bench` do that")


def mails(kdir: str = "", topic: str = "", v: str = "1", reply: str = "", rfc: str = "") -> None:
    """the mails in build/series; TOPIC=name, V=2, REPLY=<message-id>, RFC=1"""
    from . import mails, topics
    if not v.isdecimal() or int(v) < 1:
        raise Problem(f"V={v} is no version: V=2 is the second")
    known = topics.read()[1]
    if topic:
        topics.must_be_in(topic, known)
    composed, base, out = _anywhere(kdir, topic)
    composed = composed or _compose(kdir)
    names = [topic] if topic else [*known]
    options = mails.Options(int(v), reply, bool(rfc))
    mails.show(mails.write(composed, names, out, options=options))


def tree(kdir: str = "", topic: str = "") -> None:
    """the kernel tree with the patches as commits; TOPIC=name: that on what it needs"""
    composed, _, _ = _anywhere(kdir, topic)
    print((composed or _compose(kdir, topic)).tree)


def where_to(kdir: str = "") -> None:
    """the topics: what each needs, whose tree it goes to, whose ack it waits for"""
    from . import mails
    table(mails.ROUTES, mails.routes(_compose(kdir)))


def export(kdir: str = "") -> None:
    """the commits of the kernel tree back to patches/ and new files"""
    from . import compose, export, source, tree
    base, only = source.base(kdir), tree.only_topic(tree.TREE)
    export.export()
    compose.compose(base=base, only=only)   # notes that nothing in the tree would be lost now


def mend() -> None:
    """take the repaired patch from build/repair"""
    from . import repair
    repair.mend()


def update() -> None:
    """ask the Debian archive for newer kernels of this release and its neighbours"""
    from . import neighbours, source
    print(source.package(update=True).origin)
    for each in neighbours.load():
        print("Debian", each.package, neighbours.update(each)["version"])


def clean() -> None:
    """remove build/; the downloaded kernel stays in the cache"""
    from . import compose, neighbours, repair, run, tree
    if repair.REPAIR.exists():
        raise Problem(f"{repair.REPAIR} holds a repair: `make mend` it, or delete it")
    for where in (tree.TREE, neighbours.TREE):
        if (where / ".git").exists():
            compose.check_kept(tree=where)
    shutil.rmtree(run.BUILD, ignore_errors=True)
    print(f"removed {run.BUILD}; the kernel source stays in {run.CACHE}")


def usage() -> None:
    """this list"""
    table(["target", "what it makes or does", "takes"],
          [["make " + name, function.__doc__, " ".join(variables(function))]
           for name, function in COMMANDS.items()])
    print("KDIR=/path/to/linux takes that tree instead of Debian's package. With `series` "
          "and `tree` it\nmay be of another release: they say whether the patches apply there.")


COMMANDS = {"all": everything, "check": check, "kunit": unit, "mutants": mutants, "fixes": fixes,
            "e2e": e2e, "e2e-history": e2e_history, "models-history": models_history, "bench": cost,
            "audit": audit, "docs": documentation, "readme": readme, "topics": where_to,
            "series": mails, "tree": tree, "export": export, "mend": mend, "update": update,
            "clean": clean, "help": usage}


def variables(function: Callable) -> list[str]:
    """Return the variables that a command takes."""
    return [name.upper() for name in inspect.signature(function).parameters]


def chosen(words: list[str]) -> tuple[Callable, dict[str, str]]:
    """Return the command that words ask for, and its arguments.

    words: its name, and each variable as NAME=value.
    """
    name, *given = words or ["help"]
    if name not in COMMANDS:
        raise Problem(f"there is no target {name}; there are {', '.join(COMMANDS)}")
    takes = variables(COMMANDS[name])
    values = {key: os.environ[key] for key in ("KDIR",) if key in takes and os.environ.get(key)}
    for word in given:
        key, mark, value = word.partition("=")
        if not mark or key not in takes:
            raise Problem(f"`make {name}` takes {', '.join(takes) or 'no variable'}, not {key}")
        values[key] = value
    return COMMANDS[name], {key.lower(): value for key, value in values.items()}


def main(*words: str) -> int:
    """Run the command that words ask for; return the exit status."""
    try:
        function, arguments = chosen(list(words))
        # make exports what it was given.
        for variable in (*FOREIGN, *{name for each in COMMANDS.values()
                                     for name in variables(each)}):
            os.environ.pop(variable, None)
        os.environ["LC_ALL"] = "C.UTF-8"    # other programs' words are read here
        return 1 if function(**arguments) else 0
    except (Problem, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; run again to go on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
