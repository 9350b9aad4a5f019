# SPDX-License-Identifier: GPL-2.0
"""How large the code is: objects, each place that iommu_iotlb_sync() is inlined, structures."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any, TypedDict

from ...common import tools
from ...common.report import Problem
from ...common.run import BUILD, logged, output
from ...boot import kunit
from .. import builds

INLINED = "iommu_iotlb_sync"
STRUCTS = "iommu_iotlb_gather,iommu_domain_ops,iommu_flush_ops"

# On top of allnoconfig: what kernels in use have, debug information, the drivers.
OPTIONS = """BUG PRINTK JUMP_LABEL EXPERT DEBUG_KERNEL DEBUG_INFO_DWARF5 PCI PCI_MSI
    IOMMU_SUPPORT IOMMUFD VFIO VFIO_GROUP VFIO_CONTAINER VIRTIO_MENU VIRTIO_PCI VIRTIO_IOMMU """
OBJECTS = ["iommu.o", "dma-iommu.o", "virtio-iommu.o", "iommufd/io_pagetable.o",
           "../vfio/vfio_iommu_type1.o"]
TARGETS: dict[str, dict[str, Any]] = {
    "arm64": {
        "options": OPTIONS + """ARM_SMMU ARM_SMMU_V3 IOMMU_IO_PGTABLE_LPAE
            IOMMU_IO_PGTABLE_ARMV7S IOMMU_IO_PGTABLE_DART""",
        "targets": OBJECTS + [
            "io-pgtable.o", "io-pgtable-arm.o", "io-pgtable-arm-v7s.o", "io-pgtable-dart.o",
            "arm/arm-smmu/arm-smmu.o", "arm/arm-smmu-v3/arm-smmu-v3.o"],
        "cross_compile": "aarch64-linux-gnu-", "tools": ["gcc-arm64"]},
    "x86_64": {
        "options": OPTIONS + "64BIT SMP ACPI X86_X2APIC IRQ_REMAP INTEL_IOMMU AMD_IOMMU",
        "targets": OBJECTS + [
            "intel/iommu.o", "amd/iommu.o", "generic_pt/fmt/iommu_amdv1.o",
            "generic_pt/fmt/iommu_vtdss.o", "generic_pt/fmt/iommu_x86_64.o"]}}


class Sizes(TypedDict):
    """What was measured, in bytes.

    text: code and constants of each object; sites: as of sites(), of each object;
    structs: as of structs().
    """
    text: dict[str, int]
    sites: dict[str, dict[str, list[int]]]
    structs: dict[str, dict[str, int]]


class Config(builds.Config):
    """A table of TARGETS, named for its build directory; targets: below drivers/iommu."""

    @property
    def out(self) -> pathlib.Path:
        """The build directory."""
        return BUILD / "cost" / "sizes" / self.name


def build(tree: pathlib.Path, config: Config) -> dict[str, pathlib.Path]:
    """Build config from tree; return its objects by name.

    Raises Problem if it does not build, or an option is not set in the end.
    """
    config.out.mkdir(parents=True, exist_ok=True)
    wanted = [f"CONFIG_{option}=y" for option in config.options.split()]
    (config.out / "wanted").write_text("\n".join(wanted) + "\n")
    names = [os.path.normpath(f"drivers/iommu/{name}") for name in config.targets]
    options, env = kunit.make_options(tree, config)
    for step, goals in (("config", ["allnoconfig"]), ("build", names)):
        logged(f"sizes-{config.name}-{step}.log", *kunit.make_line(config), *options, *goals,
               cwd=tree, env={**env, "KCONFIG_ALLCONFIG": str(config.out / "wanted")})
        got = (config.out / ".config").read_text().splitlines()
        if missing := [line for line in wanted if line not in got]:
            raise Problem(f"{config.name} is to have {', '.join(missing)}, but other "
                          "options do not allow it")
    return {name: config.out / name for name in names}


def texts(said: str) -> list[int]:
    """Return the bytes of code and constants of each object, as `size` said."""
    return [int(line.split()[0]) for line in said.splitlines()[1:]]


def structs(said: str) -> dict[str, dict[str, int]]:
    """Return size, holes and padding of each structure in bytes, as `pahole` said."""
    found = {}
    for name, body in re.findall(r"^struct (\w+) \{$(.*?)^\}", said, re.M | re.S):
        sizes = {"size": "size", "holes": "sum holes", "padding": "padding"}
        found[name] = {key: sum(map(int, re.findall(rf"(?:/\*|,) {word}: (\d+)", body)))
                       for key, word in sizes.items()}
    return found


def nested(die: Any) -> Iterator[Any]:
    """Yield die (a pyelftools DIE) and all below it."""
    yield die
    for child in die.iter_children():
        yield from nested(child)


def length(die: Any) -> int:
    """Return the bytes of code of die (a pyelftools DIE of GCC's DWARF 5), 0 if none."""
    if "DW_AT_ranges" in die.attributes:
        ranges = die.dwarfinfo.range_lists().get_range_list_at_offset(
            die.attributes["DW_AT_ranges"].value, die.cu)
        return sum(entry.end_offset - entry.begin_offset for entry in ranges
                   if hasattr(entry, "end_offset"))     # others give a base address
    return int(die.attributes["DW_AT_high_pc"].value) if "DW_AT_high_pc" in die.attributes else 0


def name_of(die: Any) -> str:
    """Return the name of die (a pyelftools DIE), or that of what it is an instance of."""
    while "DW_AT_abstract_origin" in die.attributes:
        die = die.get_DIE_from_attribute("DW_AT_abstract_origin")
    return str(die.attributes["DW_AT_name"].value.decode())


def sites(path: pathlib.Path, inlined: str = INLINED) -> dict[str, list[int]]:
    """Return where inlined is in the object path: {function: bytes of each place}.

    A copy that was not inlined is a place in the function of that name.
    """
    from elftools.elf.elffile import ELFFile    # not before tools.need()

    found: dict[str, list[int]] = {}
    with open(path, "rb") as file:
        for unit in ELFFile(file).get_dwarf_info().iter_CUs():
            for function in unit.get_top_DIE().iter_children():
                if function.tag != "DW_TAG_subprogram" or not length(function):
                    continue
                places = [length(die) for die in nested(function) if die.tag in
                          ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine") and
                          name_of(die) == inlined]
                if places:
                    found.setdefault(name_of(function), []).extend(places)
    return found


def measure(tree: pathlib.Path, arch: str, name: str) -> Sizes:
    """Build what TARGETS has for arch from tree, and measure it.

    name: of the build directory, which is kept.  Raises Problem.
    """
    config = Config(name=f"{arch}-{name}", arch=arch, **TARGETS[arch])
    tools.need(*tools.BUILD_KERNEL, *config.tools, "elftools", "pahole")
    objects = build(tree, config)
    said = output(f"{config.cross_compile}size", *objects.values())
    layout = {}
    for path in objects.values():
        layout.update(structs(output("pahole", "-C", STRUCTS, path)))
    places = {name: found for name, path in objects.items() if (found := sites(path))}
    if not places or "iommu_domain_ops" not in layout:
        raise Problem(f"{config.out} has no debug information of {INLINED}()")
    return {"text": dict(zip(objects, texts(said))), "structs": layout, "sites": places}


def rows(measured: list[Sizes]) -> list[list[str]]:
    """Return the lines of a table, of one architecture: what, and in each of measured."""
    lines: list[list[object]] = [[f"{name}: text", *(each["text"][name] for each in measured)]
                                 for name in measured[0]["text"]]
    places = [{(f"{name}: {INLINED}() in {function}()"): sizes
               for name, functions in each["sites"].items()
               for function, sizes in functions.items()} for each in measured]
    lines += [[what, *(" + ".join(map(str, each.get(what, [0]))) for each in places)]
              for what in {what: None for each in places for what in each}]
    lines += [[f"{INLINED}(), all places", *(sum(sum(sizes) for sizes in each.values())
                                                for each in places)]]
    lines += [[f"struct {name}: size, holes, padding",
               *(", ".join(map(str, each["structs"][name].values())) for each in measured)]
              for name in measured[0]["structs"]]
    return [list(map(str, line)) for line in lines]
