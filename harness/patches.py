# SPDX-License-Identifier: GPL-2.0
"""The patches of this repository as files, and kernel commits written as such.

patches/series lists the topics, their commits and the new files each commit
brings.  NN-slug.patch is the commit message, a line `---`, and the diff against
files that are there before the commit.  A new file is kept whole, at the path
it has in the kernel tree.
"""

import contextlib
import dataclasses
import os
import re

from . import source
from .report import Problem
from .run import BUILD, ROOT, git, raw

TREE = BUILD / "linux"
HEAD_OF_SERIES = """\
# Topics in the order they apply; their commits; the new files each commit brings.
# Written by `make export`.
"""
# Nobody's settings shape the commits and patches.
PLAIN = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
         "GIT_LITERAL_PATHSPECS": "1"}
DIFF = ("diff-tree", "-r", "--no-renames", "--no-ext-diff", "--no-textconv",
        "--no-color", "--diff-algorithm=myers", "--src-prefix=a/", "--dst-prefix=b/")


@dataclasses.dataclass
class Topic:
    """A branch (name): its commits (ids, oldest first) lead from start to end."""
    name: str
    start: str
    end: str
    commits: list


def read_series(root=ROOT):
    """-> (version the series was made for, {topic: {patch name: [new file]}})."""
    path = root / "patches/series"
    version, topics = None, {}
    try:
        lines = path.read_text().splitlines()
    except OSError:
        raise Problem(f"{path} is missing: restore it with git, or `make export`")
    patches = files = None
    for number, line in enumerate(lines, 1):
        word = line.strip()
        depth = len(line) - len(line.lstrip("\t"))
        if not word or word.startswith("#"):
            continue
        if depth == 0 and word.startswith("base "):
            version = word.split()[1]
        elif depth == 0:
            patches, files = topics.setdefault(word, {}), None
        elif depth == 1 and patches is not None:
            files = patches.setdefault(word, [])
        elif depth == 2 and files is not None:
            files.append(word)
        else:
            raise Problem(f"{path}:{number}: `{word}` belongs to no topic or patch")
    return version, topics


def needed(only=None, root=ROOT):
    """-> {topic: {patch name: [new file]}}: all topics, or those up to only (str)."""
    topics = read_series(root)[1]
    if not only:
        return topics
    must_be_in(only, topics)
    names = list(topics)
    return {name: topics[name] for name in names[:names.index(only) + 1]}


def must_be_in(only, names):
    """Raise Problem if only (str) is not one of the topics' names."""
    if only not in names:
        raise Problem(f"there is no topic {only}; there are {', '.join(names)}")


def new_files(root=ROOT):
    """-> new kernel files (list of str) the series brings; none without a series."""
    if not (root / "patches/series").exists():
        return []
    return [path for patches in read_series(root)[1].values()
            for files in patches.values() for path in files]


def read_patch(path):
    """-> (message, diff), both bytes."""
    message, mark, diff = path.read_bytes().partition(b"\n---\n")
    if not mark:
        raise Problem(f"{path} has no line `---` between message and diff")
    return message + b"\n", diff


def touched(root=ROOT):
    """-> set of str, all kernel files the series changes, brings or removes."""
    return set(new_files(root)).union(*(
        map(os.fsdecode, re.findall(rb"^diff --git a/(.*) b/\1$",
                                    read_patch(root / "patches" / topic / patch)[1], re.M))
        for topic, patches in read_series(root)[1].items() for patch in patches))


def branches(tree):
    """-> {branch: commit}."""
    lines = git(tree, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)",
                "refs/heads")
    return dict(line.split() for line in lines.splitlines())


def keep(tree):
    """-> str, how to keep what was committed in tree."""
    if source.ours(release(tree)):
        return "`make export`"
    return "fetch them from there"


def release(tree):
    """-> str like 7.3.4, the version of the branch `base` of tree."""
    return source.version(git(tree, "show", "base:Makefile"))


def settled(tree):
    """Raise Problem if tree has work on no branch: uncommitted, or in a rebase."""
    if (tree / ".git/rebase-merge").exists() or (tree / ".git/rebase-apply").exists():
        raise Problem(f"a rebase is going on in {tree}: finish or abort it there")
    if git(tree, "status", "--porcelain", "--untracked-files=no", env=PLAIN):
        raise Problem(f"{tree} has uncommitted changes: commit them there and "
                      f"{keep(tree)}, or undo them")
    if not git(tree, "for-each-ref", "--contains=HEAD", "refs/heads"):
        raise Problem(f"HEAD of {tree} is on no branch: put its commits on a topic's "
                      "branch there, or check one out")


def stack(tree, root=ROOT):
    """-> the branches of tree on base (list of Topic), in the order they apply."""
    ends = branches(tree)
    start = ends.pop("base", None)
    if not start:
        raise Problem(f"{tree} has no branch `base`: make it again at the commit "
                      f"before the first topic, or delete {tree}")
    known = list(read_series(root)[1]) if (root / "patches/series").exists() else []
    order = []
    for name, id in ends.items():
        count = int(git(tree, "rev-list", "--count", f"{start}..{id}"))
        order.append((count, known.index(name) if name in known else len(known), name))
    topics = []
    for _, _, name in sorted(order):
        end = ends[name]
        commits = git(tree, "rev-list", "--reverse", f"{start}..{end}").split()
        line = git(tree, "rev-list", "--reverse", "--first-parent", "--ancestry-path",
                   f"{start}..{end}").split()
        if start != end and (not line or line != commits):
            raise Problem(f"branch {name} of {tree} does not stand in one line on "
                          "the branch before it (`git rebase` it, or delete it)")
        topics.append(Topic(name, start, end, commits))
        start = end
    return topics


def render(tree=TREE, root=ROOT):
    """-> {path in this repository: (content, executable)} the commits of tree make."""
    series, files, brought = HEAD_OF_SERIES + f"base {release(tree)}\n", {}, set()
    for topic in stack(tree, root):
        series += f"\n{topic.name}\n"
        for number, commit in enumerate(topic.commits, 1):
            slug = git(tree, "log", "-1", "--format=%f", commit).strip()
            slug = slug if len(slug) < 100 else slug[:100].rpartition("-")[0]
            name = f"{number:02d}-{slug}.patch"
            series += f"\t{name}\n"
            changed, new = [], []
            fields = git(tree, *DIFF, "--raw", "-z", commit + "^", commit, env=PLAIN)
            fields = fields.split("\0")
            for meta, path in zip(fields[::2], fields[1::2]):
                _, mode, _, id, kind = meta.split()
                if kind == "A" and mode.startswith("100") and path not in brought:
                    files[path] = (raw("git", "-C", tree, "cat-file", "blob", id),
                                   mode == "100755")
                    new.append(path)
                else:
                    changed.append(path)
            brought.update(new)
            series += "".join(f"\t\t{path}\n" for path in new)
            message = raw("git", "-C", tree, "cat-file", "commit", commit)
            message = message.partition(b"\n\n")[2].rstrip(b"\n") + b"\n"
            if b"\n---\n" in message:
                raise Problem(f"the message of {commit[:12]} in {tree} has a line "
                              "`---`, which ends a message in a mail: reword it")
            if changed:
                message += b"---\n" + diff(tree, commit + "^", commit, changed)
            else:
                message += b"---\n"
            files[f"patches/{topic.name}/{name}"] = (message, False)
    files["patches/series"] = (series.encode(), False)
    return files


def diff(tree, old, new, paths=()):
    """-> bytes, the diff without `index` lines, which hold ids of whole files."""
    text = raw("git", "-C", tree, *DIFF, "-U3", old, new, "--", *paths, env=PLAIN)
    if re.search(rb"^Binary files ", text, re.M):
        raise Problem(f"{new} in {tree} changes a binary file: patches hold text only")
    return re.sub(rb"^index [0-9a-f]+\.\.[0-9a-f]+.*\n", b"", text, flags=re.M)


def differences(files, root=ROOT, positions=True):
    """files: as render() -> list of str, paths that differ from the repository's.

    positions: bool, whether `base` and the places of hunks count.
    """
    def plain(data):
        if positions:
            return data
        return re.sub(rb"^(base .*|@@ -\S+ \+\S+ @@.*)$", b"@@", data, flags=re.M)

    differ = []
    for path, (data, executable) in files.items():
        here = root / path
        if not here.is_file() or plain(here.read_bytes()) != plain(data) or \
                bool(here.stat().st_mode & 0o100) != executable:
            differ.append(path)
    return sorted(differ + stale(files, root))


def stale(files, root):
    """-> patches and new kernel files (list of str) of the repository not in files."""
    here = {str(path.relative_to(root)) for path in root.glob("patches/*/*.patch")}
    here.update(path for path in new_files(root) if (root / path).exists())
    return sorted(here - files.keys())


def write(path, data, executable):
    """Give path the content data (bytes) at once, or leave it as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.chmod(0o755 if executable else 0o644)
    part.replace(path)


def export(root=ROOT, tree=TREE):
    """Write the commits of tree to the repository; print what changed."""
    if not (tree / ".git").exists():
        raise Problem(f"there is no {tree} to export: `make tree` makes it")
    settled(tree)
    if not source.ours(release(tree)):
        raise Problem(f"{tree} stands on Linux {release(tree)}, the patches are for "
                      f"{source.SERIES}.y: rebase its topics and its branch `base` to that")
    files = render(tree, root)
    changed, gone = differences(files, root), stale(files, root)
    ours = {"patches/series", *new_files(root)}
    for path in changed:
        if (root / path).exists() and path not in ours and path[-6:] != ".patch":
            raise Problem(f"{path} is a file of this repository, a commit in {tree} "
                          "brings a new kernel file of that name: rename it there")
    for path in changed:
        if path in files:
            write(root / path, *files[path])
    for path in gone:
        (root / path).unlink()
        with contextlib.suppress(OSError):
            (root / path).parent.rmdir()
    for path in changed:
        print(("removed " if path in gone else "wrote   ") + path)
    print(f"{len(changed)} files changed")
