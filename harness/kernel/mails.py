# SPDX-License-Identifier: GPL-2.0
"""The mails of a topic, on what it needs, as git format-patch makes them; to whom."""

from __future__ import annotations

import collections
import pathlib
import re
import shutil
import tempfile
from dataclasses import dataclass

from ..common import tools
from ..common.report import Problem, Stage, table
from ..common.run import BUILD, ROOT, git, must_match, output
from . import patches, topics
from .commits import Branch, Commits, as_person, borrow, identity
from .compose import Composed
from .patches import PLAIN, Who
from .source import Base

MAILS = BUILD / "series"

# Sections of MAINTAINERS that are asked of everything, and decide nothing here.
EVERYWHERE = {"THE REST", "DOCUMENTATION"}
MAINLINE = re.compile(r"torvalds/linux\.git")

ROUTES = ["send", "topic", "patches", "needs", "tree", "to", "waits for an ack of"]


@dataclass
class Options:
    """What git's options of that name do: version, whom to reply to, [PATCH RFC]."""
    version: int = 1
    reply: str = ""
    rfc: bool = False


@dataclass
class Recipient:
    """Whom a topic goes to: {section of MAINTAINERS: role there}; a list has none."""
    name: str
    roles: dict[str, str]

    @property
    def decides(self) -> bool:
        """Whether that is a maintainer, not a reviewer or a list."""
        return not {"maintainer", "supporter"}.isdisjoint(self.roles.values())


def write(composed: Composed, names: list[str], out: pathlib.Path = MAILS,
          who: Who | None = None, options: Options = Options(), keep: bool = False,
          root: pathlib.Path = ROOT) -> dict[str, pathlib.Path]:
    """Write the mails of the topics names to out/<topic>/v<version>/, and `recipients`.

    who: default git's user; keep: whether mails that are there stay,
    as they may have been sent.  Returns the directory of each.  Raises Problem without an
    identity, a cover, an author's sign-off or, for a later version, a list of changes.
    """
    who = who or identity()
    if not who:
        raise Problem("mails need your name and address:\n"
                      "  git config --global user.name 'Your Name'\n"
                      "  git config --global user.email you@example.org")
    tools.need("perl", "git-email", "mailtools")
    written = {}
    with Commits(composed.base, root, composed.tree, who) as commits:
        for name in names:
            branch = commits.make(topics.alone(commits.topics, name))[-1]
            directory = out / name / f"v{options.version}"
            part = directory.with_name(directory.name + ".part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            _topic(composed, commits, branch, part, options)
            written[name] = directory
            if keep and directory.exists():
                if contents(part) != contents(directory):
                    print(f"kept {directory}, which is not what the patches are now: "
                          f"`make series TOPIC={name}` replaces it, and `V=` writes another")
                shutil.rmtree(part)
                continue
            shutil.rmtree(directory, ignore_errors=True)
            part.rename(directory)
    return written


def contents(directory: pathlib.Path) -> list[bytes]:
    """Return the mails in directory, without what differs each time they are written."""
    return [re.sub(rb"^(From [0-9a-f]{40}|Date:|Message-I[dD]:|In-Reply-To:|References:).*\n",
                   b"", path.read_bytes(), flags=re.M) for path in sorted(directory.glob("*"))]


def show(written: dict[str, pathlib.Path]) -> None:
    """Print what write() wrote."""
    table(["topic", "patches", "send with `git send-email DIRECTORY/*.patch`"],
          [[name, len(of_patches(path)), path] for name, path in written.items()])


def _topic(composed: Composed, commits: Commits, branch: Branch, directory: pathlib.Path,
           options: Options) -> None:
    tree, root = composed.tree, commits.root
    _signed_off(tree, branch, commits.who)
    alone = len(branch.commits) == 1
    cover = root / "patches" / branch.name / "cover"
    subject = body = ""
    if not alone:
        try:
            subject, _, body = cover.read_text().strip().partition("\n")
        except OSError:
            raise Problem(f"{cover} is missing: write the cover letter there, its "
                          "subject in the first line") from None
    last = _last_version(tree, commits, branch, directory, options)
    if options.version > 1:
        changes = git(tree, "notes", "show", branch.end) if alone and _has_note(
            tree, branch.end) else body
        if f"Changes in v{options.version}" not in changes:
            where = "below `---` in the patch" if alone else f"in {cover}"
            raise Problem(f"v{options.version} of {branch.name} needs a list of changes: write "
                          f"a paragraph \"Changes in v{options.version}:\" {where}")
    people = recipients(tree, branch)
    to = [each.name for each in people if each.decides]
    cc = [each.name for each in people if not each.decides]
    (directory / "recipients").write_text(
        "".join(f"To: {name}\n" for name in to) + "".join(f"Cc: {name}\n" for name in cc))
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name, "linux")
        borrow(scratch, tree / ".git")
        _same_as(tree, scratch, branch)
        git(scratch, "-c", f"branch.topic.description={subject}\n\n{body.strip()}\n",
            "format-patch", "-q", "--cover-from-description=subject", "--thread=shallow",
            "--signoff", "--notes", "--no-renames", f"--base={composed.base.commit}",
            *(["--no-cover-letter"] if alone else ["--cover-letter", "--numbered"]),
            *([f"-v{options.version}"] if options.version > 1 else []),
            *([f"--in-reply-to={options.reply}"] if options.reply else []),
            *(["--rfc"] if options.rfc else []),
            *([f"--range-diff={last}"] if last else []),
            "-o", directory, *[f"--to={name}" for name in to], *[f"--cc={name}" for name in cc],
            f"{branch.start}..topic", env={**PLAIN, **as_person(commits.who)})
    if not is_public(composed.base):
        for mail in directory.glob("*.patch"):
            text = mail.read_bytes()
            line = f"base-commit: {composed.base.commit}\n".encode()
            mail.write_bytes(text.replace(
                line, f"Applies to {tag(composed.base.version)}\n".encode()))


def _same_as(tree: pathlib.Path, scratch: pathlib.Path, branch: Branch) -> None:
    """Give the repository scratch the branch `topic`, and tree's notes and attributes."""
    git(scratch, "update-ref", "refs/heads/topic", branch.end)
    notes = git(tree, "for-each-ref", "--format=%(objectname)", "refs/notes/commits").strip()
    if notes:
        git(scratch, "update-ref", "refs/notes/commits", notes)
    if (tree / ".gitattributes").exists():
        (scratch / ".git/info").mkdir(exist_ok=True)
        shutil.copy(tree / ".gitattributes", scratch / ".git/info/attributes")


def _has_note(tree: pathlib.Path, commit: str) -> bool:
    return commit in git(tree, "notes", "list").split()


def _signed_off(tree: pathlib.Path, branch: Branch, who: Who) -> None:
    """Raise Problem if a commit of branch has another author, who has not signed it off."""
    for commit in branch.commits:
        text = git(tree, "log", "-1", "--format=%an <%ae>%n%ae%n%s%n%B", commit)
        author, address, subject, message = text.split("\n", 3)
        if address != who[1] and not patches.signed(message, address):
            raise Problem(f"\"{subject}\" is by {author}, without a Signed-off-by: of this "
                          "author, which only the author can give: ask for it, and put it into "
                          "the message")


def _last_version(tree: pathlib.Path, commits: Commits, branch: Branch,
                  directory: pathlib.Path, options: Options) -> str | None:
    """Return the commits (a range) that the mails of the version before give, if any."""
    last = directory.with_name(f"v{options.version - 1}")
    if options.version == 1:
        return None
    mails = [path.read_bytes() for path in of_patches(last)]
    if not mails:
        print(f"no range-diff: there are no mails in {last}")
        return None
    # The sender's sign-off is in mails only, unless he wrote it himself.
    if not any(patches.signed(git(tree, "log", "-1", "--format=%B", commit), commits.who[1])
               for commit in branch.commits):
        line = b"Signed-off-by: %s <%s>\n" % tuple(word.encode() for word in commits.who)
        mails = [mail.replace(line, b"", 1) for mail in mails]
    end = commits.apply(branch.start, mails)
    if not end:
        print(f"no range-diff: those in {last} do not apply to what {branch.name} needs now")
    return f"{branch.start}..{end}" if end else None


def is_public(base: Base) -> bool:
    """Return whether others have the commit of base: it is tagged, or from a remote."""
    return bool(git(base.repo, "for-each-ref", "--contains", base.commit, "refs/remotes") or
                git(base.repo, "for-each-ref", "--points-at", base.commit,
                    f"refs/tags/{tag(base.version)}"))


def tag(version: str) -> str:
    """Return the tag of version, as the Makefile has it."""
    return "v" + re.sub(r"\.0(?=-|$)", "", version)


def recipients(tree: pathlib.Path, branch: Branch) -> list[Recipient]:
    """Return whom get_maintainer.pl names for what branch changes."""
    diff = git(tree, "diff-tree", "-p", "--no-renames", branch.start, branch.end, env=PLAIN)
    found = output("perl", "scripts/get_maintainer.pl", "--no-git", "--no-git-fallback",
                   "--rolestats", cwd=tree, stdin=diff)
    people = []
    for line in found.splitlines():
        name, roles = must_match(r"^(.*<\S+>|\S+@\S+) \((.*)\)$", line,
                                 "the output of get_maintainer.pl").groups()
        people.append(Recipient(name, {section: role for role, section in re.findall(
            r"(maintainer|supporter|reviewer):(.*?)(?=,(?:maintainer|supporter|reviewer):|$)",
            roles)}))
    return people


def of_patches(directory: pathlib.Path) -> list[pathlib.Path]:
    """Return the mails in directory that hold patches, in order."""
    return sorted(path for path in directory.glob("*.patch")
                  if not re.match(r"(v\d+-)?0000-", path.name))


def applies(composed: Composed, directory: pathlib.Path, name: str,
            root: pathlib.Path = ROOT) -> bool:
    """Return whether the mails in directory, on what topic name needs, give that topic."""
    mails = [path.read_bytes() for path in of_patches(directory)]
    with Commits(composed.base, root, composed.tree) as commits:
        branch = commits.make(topics.alone(commits.topics, name))[-1]
        end = commits.apply(branch.start, mails)
    return bool(end) and git(composed.tree, "rev-parse", f"{end}^{{tree}}") == git(
        composed.tree, "rev-parse", f"{branch.end}^{{tree}}")


# --- where a topic goes

def trees_of(maintainers: str) -> dict[str, str]:
    """Return {section: its first tree} of the text of MAINTAINERS."""
    found = {}
    for block in re.split(r"\n\s*\n", maintainers):
        tree = re.search(r"^T:\s+(.*)$", block, re.M)
        if tree:
            found[block.strip().partition("\n")[0]] = tree[1]
    return found


def order(known: dict[str, topics.Topic]) -> dict[str, int]:
    """Return {topic: 1 for those that need nothing, else one after what they need}."""
    turns: dict[str, int] = {}
    for name, topic in known.items():
        turns[name] = 1 + max((turns[need.topic] for need in topic.needs), default=0)
    return turns


def home(tree: pathlib.Path, branch: Branch) -> str:
    """Return the tree of the directory in which branch changes most, "" if it has none."""
    lines = [line.split("\t") for line in git(
        tree, "diff-tree", "-r", "--numstat", "--no-renames", branch.start,
        branch.end).splitlines()]
    changed: collections.Counter[str] = collections.Counter()
    code = [line for line in lines if not line[2].startswith("Documentation/")]
    for new, old, name in code or lines:
        changed[str(pathlib.PurePath(name).parent) + "/"] += int(new) + int(old)
    path = changed.most_common(1)[0][0]
    found = output("perl", "scripts/get_maintainer.pl", "--no-git", "--no-git-fallback", "--scm",
                   "-f", path, cwd=tree)
    trees = [line.removeprefix("git ") for line in found.splitlines()
             if line.startswith("git ") and not MAINLINE.search(line)]
    return trees[0] if trees else ""


def standing(known: dict[str, topics.Topic]) -> dict[str, list[object]]:
    """Return the first cells of each topic's line, with ROUTES as head."""
    turns = order(known)
    lines: dict[str, list[object]] = {}
    for name, topic in known.items():
        needs = [str(need) for need in topic.needs]
        lines[name] = [
            turns[name], name, len(topic.patches),
            ", ".join(needs[:3] + [f"{len(needs) - 3} more"] * (len(needs) > 3)) or "nothing"]
    return lines


def routes(composed: Composed, root: pathlib.Path = ROOT) -> list[list[object]]:
    """Return the lines of the table of topics, with ROUTES as head."""
    known = topics.read(root)
    tools.need("perl")
    trees = trees_of((composed.tree / "MAINTAINERS").read_text(errors="replace"))
    lines = standing(known)
    stage = Stage("ask get_maintainer.pl", len(known))
    with Commits(composed.base, root, composed.tree) as commits:
        for name in known:
            stage.step(name)
            branch = commits.make(topics.alone(known, name))[-1]
            where = home(composed.tree, branch)
            to: list[str] = []
            acks: list[str] = []
            for each in recipients(composed.tree, branch):
                if not each.decides or each.roles.keys() <= EVERYWHERE:
                    continue
                mine = any(trees.get(section, "").removeprefix("git ") == where
                           for section in each.roles)
                (to if mine else acks).append(short(each.name))
            lines[name] += [re.sub(r".*/(?=[^/]+/[^/]+$)", "", where) or "?", ", ".join(to),
                            ", ".join(acks) or "nobody"]
    stage.done()
    return list(lines.values())


def short(person: str) -> str:
    """Return the name of person, a mail address."""
    return re.sub(r'"|\s*\(.*?\)|\s*<.*', "", person)
