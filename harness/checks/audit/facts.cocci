// SPDX-License-Identifier: GPL-2.0
//
// What harness/audit.py wants to know of every driver: its domain ops, what they
// do with the gather, and their page table.  One fact a line, words separated by
// tabs; a place is line:column.
//
// Options: --no-includes --include-headers

@initialize:python@
@@
def fact(kind, p, *words):
    print("FACT", kind, p[0].file, *words, sep="\t", flush=True)

def at(p):
    return f"{p[0].line}:{p[0].column}"

@ops@
identifier v;
initializer list members;
position o;
@@
(
 struct iommu_domain_ops v@o = { members };
|
 (struct iommu_domain_ops)@o { members }
)

@script:python@
members << ops.members;
o << ops.o;
@@
for member in members.elements:
    fact("member", o, at(o), o[0].current_element, " ".join(member.split()))

// alloc_io_pgtable_ops()'s formats, and what is called for a range
@table@
identifier f = {ARM_32_LPAE_S1, ARM_32_LPAE_S2, ARM_64_LPAE_S1, ARM_64_LPAE_S2, ARM_MALI_LPAE,
	ARM_V7S, APPLE_DART, APPLE_DART2};
position p;
@@
 f@p

@script:python@
f << table.f;
p << table.p;
@@
fact("format", p, f)

@range@
identifier v;
expression e;
position p;
@@
 struct iommu_flush_ops v = { .tlb_add_range@p = e, };

@script:python@
e << range.e;
p << range.p;
@@
fact("range", p, e)

@call@
identifier f;
position p;
@@
 f@p(...)

@script:python@
f << call.f;
p << call.p;
@@
fact("call", p, p[0].current_element, f)

// The gather: who has one, what is read of it, and to whom it is passed
@gather@
identifier f, g;
parameter list[n] before;
position p;
@@
 f(before, struct iommu_iotlb_gather *g@p, ...) { ... }

@script:python@
f << gather.f;
g << gather.g;
n << gather.n;
p << gather.p;
@@
fact("gather", p, f, n, g)

@used@
identifier gather.g;
position p;
@@
 g@p

@script:python@
g << gather.g;
p << used.p;
@@
fact("used", p, p[0].current_element, g, at(p))

@read@
identifier gather.g, m;
position p;
@@
 g@p->m

@script:python@
g << gather.g;
m << read.m;
p << read.p;
@@
fact("read", p, p[0].current_element, g, at(p), m)

@passed@
identifier gather.g, to;
expression list[n] before;
position p;
@@
 to(before, g@p, ...)

@script:python@
g << gather.g;
to << passed.to;
n << passed.n;
p << passed.p;
@@
fact("passed", p, p[0].current_element, g, at(p), to, n)
