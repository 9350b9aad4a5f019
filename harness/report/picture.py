# SPDX-License-Identifier: GPL-2.0
"""SVG pictures in the midst of a page: without what only a file needs, in the page's colours."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from .html import Html

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
FILE_ONLY = ("metadata", "style", "title")
INK = {"#000000": "currentColor", "#ffffff": "none"}


def inline(svg: str, name: str, shows: str, colours: dict[str, str]) -> Html:
    """Return svg to stand in a page, where name tells its ids from others'.

    shows: what it shows; colours: what to put in place of which, black and white apart.
    """
    root = ElementTree.fromstring(svg)
    for parent in root.iter():
        for child in list(parent):
            if child.tag.partition("}")[2] in FILE_ONLY:
                parent.remove(child)
    for each in root.iter():
        each.tag = each.tag.partition("}")[2] or each.tag
        attributes = dict(each.attrib)
        each.attrib.clear()
        for key, value in attributes.items():
            if key == "id":
                value = f"{name}-{value}"
            elif key in ("href", f"{{{XLINK}}}href"):
                key, value = "href", f"#{name}-{value.removeprefix('#')}"
            value = re.sub(r"url\(#", f"url(#{name}-", value)
            if key == "style":
                value = re.sub(r"#[0-9a-f]{6}", lambda found: {**INK, **colours}.get(
                    found[0], found[0]), value)
                value = re.sub(r"'DejaVu Sans'[^;]*", "sans-serif", value)
            each.set(key, value)
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.set("role", "img")
    root.set("aria-label", shows)
    return Html(ElementTree.tostring(root, encoding="unicode", short_empty_elements=False))
