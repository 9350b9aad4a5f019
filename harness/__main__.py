# SPDX-License-Identifier: GPL-2.0
"""The commands behind the Makefile's targets."""

import os
import shutil
import sys
import time

from .report import Problem, minutes, table

# make's and git's own variables would reach the make and git started here.
FOREIGN = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "GIT_DIR",
           "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY",
           "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_NAMESPACE")


def _compose(base=None):
    from . import series
    return _told(series.compose(base=base))


def _told(composed):
    print(f"Linux {composed.base.version} from {composed.base.origin}")
    return composed


def _anywhere():
    """-> (series.Composed, where its mails go): on any release, up to TOPIC on others."""
    from . import mails, neighbours, source
    base = source.base(neighbours=True)
    if source.ours(base.version):
        return _compose(base), mails.MAILS
    return _told(neighbours.compose(base, os.environ.get("TOPIC"))), neighbours.mails(base)


def everything():
    """the mails, all KUnit tests, and a table of it all (default)"""
    from . import kunit, mails, series
    start = time.monotonic()
    composed = _compose()
    if series.identity():
        mails.write(composed)
    else:
        print("no mails: git does not know your name, see `make series`")
    results = kunit.unit(composed)
    failed = sum(result.failed for result in results)
    print()
    table(["kernel", "commits", "suites", "passed", "failed", "time"],
          [[composed.base.version,
            ", ".join(f"{t.name} {len(t.commits)}" for t in composed.topics),
            len({result.suite for result in results}),
            sum(result.passed for result in results), failed,
            minutes(time.monotonic() - start)]])
    return failed


def unit():
    """the KUnit tests; JOB=name for one job, SAN=1 with sanitizers and lockdep"""
    from . import kunit
    return sum(result.failed for result in kunit.unit(_compose()))


def mutants():
    """the kernel broken in one place at a time: tests must fail; ONLY=part of a name"""
    from . import mutants
    return mutants.run(_compose(), os.environ.get("ONLY", ""))[1]


def fixes():
    """the fixes on Linux as it is, one left out at a time: tests must fail; ONLY="""
    from . import fixes
    return fixes.run(_compose(), os.environ.get("ONLY", ""))[1]


def cost():
    """what the series costs: instructions, commands, code size, base and series"""
    from . import bench
    return bench.run(_compose())[1]


def audit():
    """Coccinelle on who must declare that its sync must always run, and who does"""
    from . import audit
    return audit.run(_compose())[1]


def e2e():
    """a device's DMA behind real drivers on QEMU's IOMMUs"""
    from . import kunit
    return sum(result.failed for result in kunit.end_to_end(_compose()))


def e2e_history():
    """the same on kernels with and without what the series is about"""
    from . import history
    return history.run(_compose())[1]


def models_history():
    """drivers on models of their hardware, without the series"""
    from . import history
    return history.run_models(_compose())[1]


def documentation():
    """the pages of the series as HTML"""
    from . import docs
    return docs.run(_compose())[1]


def check():
    """everything a change must pass"""
    from . import checks
    return checks.run()


def readme():
    """what the last `make check` and `make bench` counted, to the README"""
    from . import bench, drivers, neighbours
    if not drivers.write() | bench.write() | drivers.write(neighbours.TABLE, neighbours.HEAD):
        raise Problem("nothing was counted yet: `make check` and `make bench` do that")


def mails():
    """the mails of each topic in build/series; TOPIC=name for one"""
    from . import mails
    composed, where = _anywhere()
    mails.write(composed, where, only=os.environ.get("TOPIC"))


def tree():
    """the kernel tree with the patches as commits; its path is printed last"""
    print(_anywhere()[0].tree)


def export():
    """the commits of the kernel tree back to patches/ and new files"""
    from . import patches, series, source
    base = source.base()
    patches.export()
    series.compose(base=base)   # notes that nothing in the tree would be lost now


def mend():
    """take the repaired patch from build/repair"""
    from . import repair
    repair.mend()


def update():
    """ask the Debian archive for newer kernels of this release and its neighbours"""
    from . import neighbours, source
    print(source.package(update=True).origin)
    for each in neighbours.load():
        print("Debian", each.package, neighbours.update(each)["version"])


def clean():
    """remove build/; the downloaded kernel stays in the cache"""
    from . import neighbours, run, series
    for tree in (series.TREE, neighbours.TREE):
        if (tree / ".git").exists():
            series.check_kept(tree=tree)
    shutil.rmtree(run.BUILD, ignore_errors=True)
    print(f"removed {run.BUILD}; the kernel source stays in {run.CACHE}")


def usage():
    """this list"""
    table(["target", "what it makes or does"],
          [["make " + name, function.__doc__] for name, function in COMMANDS.items()])
    print("KDIR=/path/to/linux takes that tree instead of Debian's package. With `series` "
          "and `tree` it\nmay be of another release: they say whether the patches apply there.")


COMMANDS = {"all": everything, "check": check, "kunit": unit, "mutants": mutants, "fixes": fixes,
            "e2e": e2e, "e2e-history": e2e_history, "models-history": models_history, "bench": cost,
            "audit": audit, "docs": documentation, "readme": readme, "series": mails, "tree": tree,
            "export": export, "mend": mend, "update": update, "clean": clean,
            "help": usage}


def main(name="help"):
    """Run command name (str) -> exit status (int)."""
    for variable in FOREIGN:
        os.environ.pop(variable, None)
    os.environ["LC_ALL"] = "C.UTF-8"    # other programs' words are read here
    try:
        return 1 if COMMANDS[name]() else 0
    except (Problem, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; run again to go on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
