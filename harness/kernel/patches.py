# SPDX-License-Identifier: GPL-2.0
"""One patch: as a file of this repository, as a mail for `git am`, as a commit.

A file is what `git format-patch --zero-commit --no-signature -N --no-stat --notes`
writes, without `index` lines, which hold ids of whole files, and without the new
kernel files that the commit brings: these stand in this repository at the path they
have in the kernel.  What topics share and edit (SHARED) is in the patches from its
first line on.  Patches of the project itself are PROJECT's in the file, and the
composer's in a tree.
"""

from __future__ import annotations

import email.header
import email.parser
import email.utils
import os
import pathlib
import re
import tempfile
from dataclasses import dataclass

from ..common.report import Problem
from ..common.run import ROOT, git, raw
from . import topics

# A name and an address.
Who = tuple[str, str]

# Nobody's settings shape the commits and patches.
PLAIN = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
         "GIT_LITERAL_PATHSPECS": "1"}
FORMAT = ("format-patch", "-q", "--zero-commit", "--no-signature", "-N", "--no-stat", "--notes",
          "--no-renames", "--no-ext-diff", "--no-textconv", "--diff-algorithm=myers", "-U3",
          "--src-prefix=a/", "--dst-prefix=b/", "--no-base", "--no-signoff", "--no-from")

# Whose patches have no other author.
PROJECT = ("iotlb-sync", "iotlb-sync@localhost")

# New files that several commits edit.
SHARED = re.compile(r"(.*/)?(Kconfig|Makefile|Kbuild|MAINTAINERS|index\.rst|[^/]*\.kunitconfig)")

NOTES = "Notes:\n"


@dataclass
class Person:
    """An author, and whether the message has his sign-off."""
    name: str
    address: str
    signed: bool


@dataclass
class Patch:
    """A patch file: the header and the message, what is below `---`, the diff."""
    head: bytes
    notes: str
    diff: bytes

    @property
    def subject(self) -> str:
        """The message's first line."""
        header = email.parser.BytesHeaderParser().parsebytes(self.head)
        subject = str(email.header.make_header(email.header.decode_header(header["Subject"])))
        return re.sub(r"^\[PATCH\] ", "", re.sub(r"\s*\n\s*", " ", subject))

    @property
    def author(self) -> Person:
        """Whose it is, by the From line."""
        header = email.parser.BytesHeaderParser().parsebytes(self.head)["From"]
        name, address = email.utils.parseaddr(re.sub(r"\s*\n\s*", " ", str(header)))
        name = str(email.header.make_header(email.header.decode_header(name)))
        return Person(name, address, signed(self.head.decode(errors="replace"), address))


def signed(message: str, address: str) -> bool:
    """Return whether message has a sign-off with address."""
    return bool(re.search(rf"^Signed-off-by: .*<{re.escape(address)}>$", message, re.M))


def split(text: bytes, name: object) -> Patch:
    """Return what text, the content of the patch file called name, consists of."""
    head, mark, rest = text.partition(b"\n---\n")
    if not mark or not re.match(rb"From [0-9a-f]{40} .*\nFrom: (?s:.*)^Subject: ", head, re.M):
        raise Problem(f"{name} is not what `git format-patch` writes: it has no From, Subject "
                      "and line `---`")
    start = re.search(rb"^diff --git ", rest, re.M)
    words, diff = (rest[:start.start()], rest[start.start():]) if start else (rest, b"")
    notes = words.decode(errors="replace").strip("\n")
    if (notes + "\n").startswith(NOTES):
        notes = re.sub(r"^    ", "", notes.removeprefix(NOTES), flags=re.M)
    return Patch(head + b"\n", notes, diff)


def read(path: pathlib.Path) -> Patch:
    """Return what the patch file path consists of."""
    return split(path.read_bytes(), path)


def touched(root: pathlib.Path = ROOT) -> set[str]:
    """Return all kernel files that the patches change, bring or remove."""
    return set(topics.new_files(root)).union(*(
        map(os.fsdecode, re.findall(rb"^diff --git a/(.*) b/\1$",
                                    read(topics.path_of(topic.name, patch, root)).diff, re.M))
        for topic in topics.read(root).values() for patch in topic.patches))


def mail(path: pathlib.Path, files: list[str], who: Who, root: pathlib.Path = ROOT) -> bytes:
    """Return the whole of the patch file path, with the new files it brings.

    who: the composer, who stands in for PROJECT.
    """
    parts = read(path)
    head = parts.head
    if parts.author.address == PROJECT[1]:
        head = author_line(head, *who)
    return head + b"---\n" + parts.diff + b"".join(new_file(root, name) for name in files)


def author_line(head: bytes, name: str, address: str) -> bytes:
    """Return head with another author."""
    line = b"From: " + email.utils.formataddr((name, address), "utf-8").encode() + b"\n"
    return re.sub(rb"^From: .*\n(?:[ \t].*\n)*", lambda _: line, head, count=1, flags=re.M)


def new_file(root: pathlib.Path, name: str) -> bytes:
    """Return the diff that brings the file called name of root."""
    data, mode = (root / name).read_bytes(), (root / name).stat().st_mode
    lines = data.splitlines(keepends=True) if b"\r" not in data else \
        re.findall(rb"[^\n]*\n|[^\n]+$", data)
    text = (f"diff --git a/{name} b/{name}\nnew file mode "
            f"{'100755' if mode & 0o100 else '100644'}\n")
    if lines:
        text += f"--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{len(lines)} @@\n"
    else:
        text += f"index {'0' * 40}..e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\n"
    end = b"" if not lines or lines[-1].endswith(b"\n") else b"\n\\ No newline at end of file\n"
    return os.fsencode(text) + b"".join(b"+" + line for line in lines) + end


def written(tree: pathlib.Path, commit: str, new: list[str]) -> bytes:
    """Return the file of commit in tree, which brings the files new."""
    text = raw("git", "-C", tree, *FORMAT, "--stdout", "-1", commit, env=PLAIN)
    message, _, diff = text.partition(b"\ndiff --git ")
    if not diff:
        raise Problem(f"{commit[:12]} in {tree} changes nothing: drop it")
    if re.search(rb"^(GIT binary patch|Binary files .*)$", diff, re.M):
        raise Problem(f"{commit[:12]} in {tree} changes a binary file: patches hold text only")
    address = git(tree, "log", "-1", "--format=%ae", commit).strip()
    composer = git(tree, "config", "user.email").strip()
    if address in (composer, PROJECT[1]) and not signed(message.decode(errors="replace"), address):
        message = author_line(message + b"\n", *PROJECT).removesuffix(b"\n")
    if b"\n---\n" not in message + b"\n":
        message = message.rstrip(b"\n") + b"\n---"
    sections = re.split(rb"^(?=diff --git )", b"diff --git " + diff if diff else b"", flags=re.M)
    kept = [section for section in sections if section and not any(
        section.startswith(os.fsencode(f"diff --git a/{name} b/{name}\n")) for name in new)]
    body = re.sub(rb"^index [0-9a-f]+\.\.[0-9a-f]+.*\n", b"", b"".join(kept), flags=re.M)
    _message_survives(tree, commit, message + b"\n" + text[text.find(b"diff --git "):])
    return message + b"\n" + body.rstrip(b"\n") + b"\n" * bool(body)


def _message_survives(tree: pathlib.Path, commit: str, mail: bytes) -> None:
    """Raise Problem unless `git am` would take the message of commit from mail as it is."""
    def plain(message: str) -> str:
        return re.sub(r"\s*\n\s*\n", "\n\n", re.sub(r"[ \t]+$", "", message, flags=re.M)).strip()

    with tempfile.TemporaryDirectory() as name:
        mails = int(git(tree, "mailsplit", "--keep-cr", f"-o{name}", stdin=mail.decode(
            errors="surrogateescape")))
        info = raw("git", "-C", tree, "mailinfo", f"{name}/message", f"{name}/diff", stdin=mail,
                   env=PLAIN).decode(errors="replace")
        subject = re.search(r"^Subject: (.*)$", info, re.M)
        body = pathlib.Path(name, "message").read_text(errors="replace")
    kept = f"{subject[1] if subject else ''}\n\n{body}"
    if mails != 1 or plain(kept) != plain(git(tree, "log", "-1", "--format=%s%n%n%b", commit)):
        raise Problem(f"`git am` would not keep the message of {commit[:12]} in {tree}: a line is "
                      "`---`, or begins with `From <id>`, `--- `, `diff `, `Index: ` or, before "
                      "the text, like a header, or the subject with a word in brackets; reword it")
    author = split(mail + b"\n---\n" * (b"\n---\n" not in mail), commit).author
    if [f"Author: {author.name}", f"Email: {author.address}"] != info.splitlines()[:2]:
        raise Problem(f"`git am` would not keep the author of {commit[:12]} in {tree}, "
                      f"{author.name} <{author.address}>: shorten it")


def slug(tree: pathlib.Path, commit: str, number: int) -> str:
    """Return what the file of commit is called, the topic's number-th."""
    words = git(tree, "log", "-1", "--format=%f", commit).strip()
    words = words if len(words) < 100 else words[:100].rpartition("-")[0]
    return f"{number:02d}-{words}.patch"


def write(path: pathlib.Path, data: bytes, executable: bool = False) -> None:
    """Give path the content data at once, or leave it as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.chmod(0o755 if executable else 0o644)
    part.replace(path)
