// SPDX-License-Identifier: GPL-2.0-only
///
/// Find what adds to an IOTLB gather a size that can be 0, which is no range: its
/// end is iova - 1, at IOVA 0 the end of the address space. An unmap that removed
/// nothing then invalidates everything, or all up to the range that is added next.
/// The size is what a call has removed, and nothing looked whether it is 0.
///
// The call is known by its name, which says that something is removed (REMOVES);
// what others return, such as a page's size, is not expected to be 0. Any use of
// the variable between the call and the gather but a sum is taken for a test.
// It cannot see: sizes that are parameters, members or sums; a test that is wrong.
//
// MODE=patch tests the variable, but not in a macro, whose lines end in backslashes.
// If nothing was removed, to return early may be better.
///
// Confidence: High
// Comments: Needs Coccinelle with Python.
// Requires: 1.1.1
// Options: --no-includes --include-headers

virtual patch
virtual context
virtual org
virtual report

@initialize:python@
@@
import re

REMOVES = re.compile(r"unmap|remove|clear|zap|invalid|delete|_del_|free|drop|release")

def is_of(text, size):
    """Whether the expression text is size, or size times something."""
    return bool(re.fullmatch(rf"{size}( (\*|<<) .*)?|\w+ \* {size}", text))

// The call's result itself, or nothing on purpose
@direct@
expression f : script:python() { bool(REMOVES.search(f)) };
expression domain, gather, iova, e;
position p;
@@
(
 iommu_iotlb_gather_add_range@p(gather, iova, \(0 \| f(...) \| f(...) * e \| f(...) << e\))
|
 iommu_iotlb_gather_add_page@p(domain, gather, iova, \(0 \| f(...) \| f(...) * e \| f(...) << e\))
|
 iommu_iotlb_gather_add_pages@p(domain, gather, iova, \(0 \| f(...) \| f(...) * e \| f(...) << e\), ...)
)

// A variable that holds it
@added@
expression domain, gather, iova, bytes;
position p;
@@
(
 iommu_iotlb_gather_add_range@p(gather, iova, bytes)
|
 iommu_iotlb_gather_add_page@p(domain, gather, iova, bytes)
|
 iommu_iotlb_gather_add_pages@p(domain, gather, iova, bytes, ...)
)

@variable exists@
expression added.bytes;
position added.p, found;
identifier size : script:python(bytes) { is_of(bytes, size) };
expression f : script:python() { bool(REMOVES.search(f)) };
expression sum;
identifier add;
type T;
@@
(
 size = f(...);
|
 T size = f(...);
)
 ... when != size
(
 add@p@found(..., bytes, ...);
|
 sum += size;
 ... when != size
 add@p@found(..., bytes, ...);
)

@script:python depends on report@
p << direct.p;
@@
coccilib.report.print_report(p[0], "adds to the gather what may be 0 bytes")

@script:python depends on report@
size << variable.size;
p << variable.found;
@@
coccilib.report.print_report(p[0], f"adds {size} to the gather, which may be 0 bytes")

@script:python depends on org@
p << direct.p;
@@
coccilib.org.print_todo(p[0], "adds to the gather what may be 0 bytes")

@script:python depends on org@
size << variable.size;
p << variable.found;
@@
coccilib.org.print_todo(p[0], f"adds {size} to the gather, which may be 0 bytes")

@depends on context@
identifier add;
position direct.p;
@@
*add@p(...)

@depends on context@
identifier add;
position variable.found;
@@
*add@found(...)

@depends on patch@
identifier variable.size, add;
expression list arguments;
position variable.found : script:python() { found[0].current_element != "something_else" };
@@
-add@found(arguments);
+if (size)
+	add(arguments);
