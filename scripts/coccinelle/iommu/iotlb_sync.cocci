// SPDX-License-Identifier: GPL-2.0-only
///
/// Find iommu_domain_ops that can leave a stale translation in the IOTLB: a
/// device then keeps access to memory that has been given to someone else.
/// iommu_iotlb_sync() calls ->iotlb_sync only if the gather holds a range, or
/// if the ops declare iotlb_sync_always. These do not fit together:
///
///  1. iotlb_sync ignores the gather, and the ops do not declare: a gather that
///     nobody reads nobody fills, so the callback is skipped.
///  2. The ops declare, but iotlb_sync reads the gather that unmap_pages fills:
///     it would be called with an empty gather, whose range is none.
///  3. The ops declare, and have no iotlb_sync.
///  4. unmap_pages leaves the gather alone in ops that do not declare; or the
///     ops have no iotlb_sync, and nothing in unmap_pages can reach hardware.
///
// A function ignores its gather if it only hands it to functions of the same
// file that ignore theirs. Whatever is defined elsewhere is taken to read it in
// 1 and 4, and not to in 2; in 4 it may reach hardware, unless HARMLESS matches.
//
// A gather that unmap_pages fills is empty only if nothing was unmapped. Then 1
// is not reported, and otherwise 2 is not: a callback that flushes everything may
// well look at a gather that is always empty. It is taken to be filled if
// unmap_pages does something with it, and something in this file adds to gathers;
// generic_pt always does. Nor is 2 reported if the callback asks whether it is
// empty, by iommu_iotlb_gather_empty().
//
// What it cannot see, and says nothing about: ops in arrays, inside another struct
// or in a macro; members that a macro sets, or that are set at run time; whether
// all paths through unmap_pages gather or flush; what is behind a function pointer,
// so that io-pgtable and its tlb callbacks are trusted. It is wrong in 4 about
// registers that are written by plain assignment and hardware without an IOTLB, and
// in 1 about a macro that reads the gather without being given it.
//
// MODE=patch declares in 1, and takes the declaration out in 2. In 3 and 4 one of
// two things is missing, and only the author knows which.
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
import collections
import re

HARMLESS = re.compile(r"(raw_)?(spin|read|write)_(un)?lock\w*|mutex_(un)?lock|"
    r"rcu_\w+|lockdep_\w+|dev_(err|warn|info|dbg)\w*|pr_\w+|trace_\w+|"
    r"(WARN|BUG)(_ON)?(_ONCE)?|(READ|WRITE)_ONCE|(un)?likely|mem(set|cpy)|"
    r"(dma_|smp_)?[rw]?mb|dma_(sync|unmap)_single\w*|atomic(64)?_\w+|"
    r"k(mem_cache_)?free|iommu_free_pages|assert_spin_locked|"
    r"container_of|virt_to_phys|phys_to_virt|[bl]e\d+_to_cpu|cpu_to_[bl]e\d+|"
    r"(min|max|clamp)(_t)?|IS_ALIGNED|ALIGN(_DOWN)?|round_?(up|down)|ARRAY_SIZE|"
    r"DIV_ROUND_UP|BIT(_ULL)?|GENMASK(_ULL)?|FIELD_(GET|PREP)|f[fl]s(64)?|"
    r"__f[fl]s|ilog2|(upper|lower)_32_bits|offsetof|sizeof|"
    r"iommu_iotlb_gather_\w+")

class Facts:
    """What the rules below found in the file that is looked at."""
    def __init__(self):
        self.ops = collections.defaultdict(dict)     # ops: {member: value}
        self.place = {}                              # (ops, member): position
        self.runtime = False                         # members are assigned to
        self.fills = False                           # something adds to gathers
        self.gather = collections.defaultdict(set)   # (function, index): names
        self.used = collections.defaultdict(set)     # (function, name): places
        self.passed = collections.defaultdict(dict)  # the same: {place: to whom}
        self.calls = collections.defaultdict(set)    # function or macro: callees
        self.text = {}                               # the same: source
        self.wrong = {}                              # place: (kind, text, position)

files = collections.defaultdict(Facts)

def at(p):
    return int(p[0].line), int(p[0].column)

def function_in(p):
    return p[0].current_element

def in_macro(p):
    """Whether p is in a #define; not all versions parse it, and MODE=patch would break it."""
    return function_in(p) == "something_else"

def source(p):
    first, last = int(p[0].current_element_line), int(p[0].current_element_line_end)
    with open(p[0].file, errors="replace") as file:
        return "".join(file.readlines()[first - 1:last])

def name(value):
    """What an initializer says: the function in fn, &fn or (cast)fn; None for NULL."""
    found = re.fullmatch(r"(?:\( [^()]*\) |& )*(\w+)", value or "NULL")
    function = found[1] if found else value
    return None if function in ("NULL", "0") else function

def reads(facts, function, index, unseen=True, above=()):
    """Whether function does anything with the gather that is its argument index."""
    key = function, index
    if key in above:
        return False
    if key not in facts.gather:
        return unseen
    for gather in facts.gather[key]:
        passed = facts.passed[function, gather]
        if facts.used[function, gather] - passed.keys() or any(
                reads(facts, *to, unseen, above + (key,)) for to in passed.values() if to):
            return True
    return False

def reached(facts, function):
    """All that function calls, by itself or through others of this file."""
    found, todo = set(), {function}
    while todo:
        found |= todo
        todo = set().union(*(facts.calls[caller] for caller in todo)) - found
    return found

def may_flush(facts, function):
    """Whether function calls something that is not seen, or hides it from us."""
    return any(not HARMLESS.fullmatch(callee) if callee not in facts.text else
               re.search(r"\basm\b|__asm__|^\s*(?!(?:break|continue|return)\b)\w+;",
                         facts.text[callee], re.M)
               for callee in reached(facts, function))

def unmaps(facts, function):
    """Whether function, which must be seen, ever returns something but 0."""
    return function in facts.text and any(
        value.strip() != "0" for value in re.findall(r"\breturn\b([^;]*);",
                                                     facts.text[function]))

def judge(facts, members):
    """(member that is wrong, kind, text), or None."""
    sync, unmap = name(members.get("iotlb_sync")), name(members.get("unmap_pages"))
    declared = members.get("iotlb_sync_always", "false") not in ("false", "0")
    fills = "generic_pt" in members or \
        facts.fills and unmap in facts.text and reads(facts, unmap, 4)

    if declared and not sync:
        return "iotlb_sync_always", 3, "declared without an iotlb_sync"
    if declared:
        if fills and reads(facts, sync, 1, unseen=False) and \
           "iommu_iotlb_gather_empty" not in reached(facts, sync):
            return "iotlb_sync_always", 2, f"declared, but {sync}() reads the gather"
    elif sync and not reads(facts, sync, 1):
        if not fills:
            where = "iotlb_sync_always" if "iotlb_sync_always" in members else "iotlb_sync"
            return where, 1, f"{sync}() ignores the gather: " \
                "without .iotlb_sync_always = true it is skipped"
    elif unmaps(facts, unmap):
        if sync and not reads(facts, unmap, 4):
            return "unmap_pages", 4, f"{unmap}() gathers nothing: {sync}() is skipped"
        if not sync and not may_flush(facts, unmap):
            return "unmap_pages", 4, f"{unmap}() does not flush, and no iotlb_sync does"

def wrong(p, *kinds):
    """Whether the member of ops at p is wrong in one of these ways."""
    return files[p[0].file].wrong.get(at(p), (0,))[0] in kinds

// The ops, and what could change them behind our back
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
if in_macro(o):
    files[o[0].file].ops[at(o)]["macro"] = None
for member in members.elements:
    found = re.fullmatch(r"\. (\w+) = (.*)", member, re.S)
    if found:
        files[o[0].file].ops[at(o)][found[1]] = found[2]
    else:
        generic_pt = member.startswith("IOMMU_PT_DOMAIN_OPS")
        files[o[0].file].ops[at(o)]["generic_pt" if generic_pt else "macro"] = member

@member depends on ops@
identifier v, m;
expression e;
position o, p;
@@
(
 struct iommu_domain_ops v@o = { .m@p = e, };
|
 (struct iommu_domain_ops)@o { .m@p = e, }
)

@script:python@
m << member.m;
o << member.o;
p << member.p;
@@
files[p[0].file].place[at(o), m] = p

@runtime depends on ops@
identifier m = {unmap_pages, iotlb_sync, iotlb_sync_always};
expression x, e;
position p;
@@
(
 x.m@p = e
|
 x->m@p = e
)

@script:python@
p << runtime.p;
@@
files[p[0].file].runtime = True

// Functions, and macros that are expressions, with what they call
@defined depends on ops@
identifier f;
position p;
@@
 f@p(...) { ... }

@script:python@
f << defined.f;
p << defined.p;
@@
files[p[0].file].text[f] = files[p[0].file].text.get(f, "") + source(p)

@call depends on ops@
expression f;
position p;
@@
 f@p(...)

@script:python@
f << call.f;
p << call.p;
@@
files[p[0].file].calls[function_in(p)].add(f)

@macro depends on ops@
identifier f;
expression e;
position p;
@@
#define f(...) e@p

@script:python@
f << macro.f;
e << macro.e;
p << macro.p;
@@
files[p[0].file].text[f] = e
files[p[0].file].calls[f].update(re.findall(r"([\w)\]]+) \(", e))

// What becomes of the gather
@gather depends on ops@
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
files[p[0].file].gather[f, int(n)].add(g)

@used@
identifier gather.g;
position p;
@@
 g@p

@script:python@
g << gather.g;
p << used.p;
@@
files[p[0].file].used[function_in(p), g].add(at(p))

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
files[p[0].file].passed[function_in(p), g][at(p)] = to, int(n)

// (void)gather; is how some say that they ignore it
@ignored@
identifier gather.g;
position p;
@@
 (void)g@p

@script:python@
g << gather.g;
p << ignored.p;
@@
files[p[0].file].passed[function_in(p), g][at(p)] = None

@fills depends on ops@
identifier fill = {iommu_iotlb_gather_add_range, iommu_iotlb_gather_add_page,
	iommu_iotlb_gather_add_pages};
position p;
@@
 fill@p

@script:python@
p << fills.p;
@@
files[p[0].file].fills = True

@script:python@
p << member.p;
@@
facts = files[p[0].file]
if not facts.wrong and not facts.runtime:
    for ops, members in facts.ops.items():
        found = "macro" not in members and judge(facts, members)
        if found:
            place = facts.place[ops, found[0]]
            facts.wrong[at(place)] = found[1:] + (place,)

@script:python depends on report@
p << member.p;
@@
if at(p) in files[p[0].file].wrong:
    coccilib.report.print_report(p[0], files[p[0].file].wrong[at(p)][1])

@script:python depends on org@
p << member.p;
@@
if at(p) in files[p[0].file].wrong:
    coccilib.org.print_todo(p[0], files[p[0].file].wrong[at(p)][1])

@depends on context@
position member.p;
identifier v;
identifier m : script:python(p) { wrong(p, 1, 2, 3, 4) };
expression e;
@@
(
 struct iommu_domain_ops v = {
*	.m@p = e,
 };
|
 (struct iommu_domain_ops) {
*	.m@p = e,
 }
)

@depends on patch@
position member.p;
identifier v;
expression undeclared : script:python(p) { wrong(p, 1) };
expression declared : script:python(p) { wrong(p, 2) };
@@
(
 struct iommu_domain_ops v = {
	.iotlb_sync@p = undeclared,
+	.iotlb_sync_always = true,
 };
|
 struct iommu_domain_ops v = {
	.iotlb_sync_always@p =
-	undeclared
+	true
	,
 };
|
 struct iommu_domain_ops v = {
-	.iotlb_sync_always@p = declared,
 };
|
 (struct iommu_domain_ops) {
	.iotlb_sync@p = undeclared,
+	.iotlb_sync_always = true,
 }
|
 (struct iommu_domain_ops) {
	.iotlb_sync_always@p =
-	undeclared
+	true
	,
 }
|
 (struct iommu_domain_ops) {
-	.iotlb_sync_always@p = declared,
 }
)
