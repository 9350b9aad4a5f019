# SPDX-License-Identifier: GPL-2.0
"""The mails of each topic, as git format-patch makes them, and their recipients."""

import pathlib
import re
import shutil
import tempfile

from . import tools
from .patches import PLAIN, must_be_in
from .report import Problem, table
from .run import BUILD, ROOT, git, output
from .series import as_person, borrow, identity

MAILS = BUILD / "series"


def write(composed, out_dir=MAILS, who=None, only=None, root=ROOT):
    """Write out_dir/<topic>/ for each topic, or only (topic's name): mails, recipients.

    composed: series.Composed; who: (name, email), default git's user.
    Raises Problem without an identity, a cover, or a topic of that name.
    """
    who = who or identity()
    if not who:
        raise Problem("mails need your name and address:\n"
                      "  git config --global user.name 'Your Name'\n"
                      "  git config --global user.email you@example.org")
    tools.need("perl", "git-email", "mailtools")
    names = [topic.name for topic in composed.topics]
    if only:
        must_be_in(only, names)
    rows = []
    for topic in composed.topics:
        if only in (None, "", topic.name):
            directory = pathlib.Path(out_dir, topic.name)
            part = directory.with_name(topic.name + ".part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            _topic(composed, topic, part, who, root)
            shutil.rmtree(directory, ignore_errors=True)
            part.rename(directory)
            rows.append([topic.name, len(topic.commits), directory])
    table(["topic", "patches", "send with `git send-email DIRECTORY/*.patch`"], rows)


def _topic(composed, topic, directory, who, root):
    cover = root / "patches" / topic.name / "cover"
    try:
        subject, _, body = cover.read_text().strip().partition("\n")
    except OSError:
        raise Problem(f"{cover} is missing: write the cover letter there, its "
                      "subject in the first line")
    to, cc = recipients(composed.tree, topic)
    (directory / "recipients").write_text(
        "".join(f"To: {name}\n" for name in to) + "".join(f"Cc: {name}\n" for name in cc))
    git(composed.tree, "-c",
        f"branch.{topic.name}.description={subject}\n\n{body.strip()}\n",
        "format-patch", "-q", "--cover-letter", "--cover-from-description=subject",
        "--numbered", "--thread=shallow", "--signoff", "--no-renames",
        f"--base={composed.base.commit}", "-o", directory,
        *[f"--to={name}" for name in to], *[f"--cc={name}" for name in cc],
        f"{topic.start}..{topic.name}",
        env={**PLAIN, **as_person(who, "")})


def recipients(tree, topic):
    """-> (maintainers, everyone else) get_maintainer.pl names, lists of str."""
    diff = git(tree, "diff-tree", "-p", "--no-renames", topic.start, topic.end, env=PLAIN)
    found = output("perl", "scripts/get_maintainer.pl", "--no-git", "--no-git-fallback",
                   "--rolestats", cwd=tree, stdin=diff)
    to, cc = [], []
    for line in found.splitlines():
        name, role = re.fullmatch(r"(.*<\S+>|\S+) \((.*)\)", line).groups()
        (to if role.startswith(("maintainer", "supporter")) else cc).append(name)
    return to, cc


def applies(composed, directory=MAILS):
    """-> bool: the mails, in order, on the base give the tree that was composed."""
    with tempfile.TemporaryDirectory() as name:
        tree = pathlib.Path(name, "linux")
        borrow(tree, composed.tree / ".git")
        end = composed.topics[-1].end
        git(tree, "reset", "-q", "--soft", composed.base.commit)
        touched = git(tree, "diff-tree", "-r", "--no-renames", "--name-only",
                      composed.base.commit, end).splitlines()
        git(tree, "sparse-checkout", "set", "--no-cone", *["/" + path for path in touched])
        git(tree, "read-tree", "-m", "-u", "HEAD")
        mails = [mail for topic in composed.topics for mail in
                 sorted(pathlib.Path(directory, topic.name).glob("*.patch"))
                 if not mail.name.startswith("0000-")]
        git(tree, "am", "-q", *mails, env={**PLAIN, **as_person(("am", "am@localhost"), "")})
        return git(tree, "rev-parse", "HEAD^{tree}") == git(tree, "rev-parse", end + "^{tree}")
