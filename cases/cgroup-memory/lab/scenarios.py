"""The named scenarios: one mechanism each. The post's story is in story.py."""
from scenario import scenario

LEAF = "group /lab max=64M swap.max=0\n"
MB = 1 << 20

scenario("healthy", "A service far below its limit, with some cache and some tmpfs.", LEAF + """\
file /data/a 20M
process p in /lab
p: anon 12M
p: read /data/a 20M x2
p: write /tmp/x 4M
wait 2
p: retouch
""", oom=False)

scenario("clean-reread", "A file larger than the limit is read three times: the kernel drops clean cache.", LEAF + """\
file /data/a 150M
process p in /lab
p: anon 27M
p: read /data/a 150M x3
p: retouch
""", oom=False, below=65 * MB)

scenario("clean-fits", "A file smaller than the limit is read three times and stays in the cache, active.", LEAF + """\
file /data/a 40M
process p in /lab
p: read /data/a 40M x3
p: anon 40M
""", oom=False)

scenario("map-retouched", "A mapped file larger than what is left is touched again and again.", LEAF + """\
file /data/a 150M
process p in /lab
p: anon 27M
p: map /data/a 150M x2
p: retouch
""", oom=False, below=65 * MB)

scenario("dirtying", "A new file larger than the limit is written: writers wait for writeback.", LEAF + """\
process p in /lab
p: anon 27M
p: write /data/new 100M
p: fsync /data/new
p: anon 4M
""", oom=False)

scenario("dirtying-slow", "The same on a disk that writes 2 MB/s.", LEAF + """\
process p in /lab
p: anon 27M
p: write /data/new 48M
wait 2
p: anon 4M
""", slow=True, kernels="x86.*")

scenario("tmpfs", "Files on tmpfs are memory: writing more than the limit kills.", LEAF + """\
process p in /lab
p: write /tmp/x 40M
p: write /tmp/y 40M
""", oom=True, victims=["p"], limit="/lab")

scenario("tmpfs-removed", "The same, but the first file is removed before the second is written.", LEAF + """\
process p in /lab
p: write /tmp/x 40M
p: unlink /tmp/x
p: write /tmp/y 40M
""", oom=False)

scenario("tmpfs-unlinked-open", "The same, but the first file is still open when its name goes.", LEAF + """\
process p in /lab
p: write /tmp/x 40M
p: open-unlink /tmp/x
p: write /tmp/y 40M
""", oom=True, victims=["p"], limit="/lab")

scenario("tmpfs-unlinked-closed", "The same, and then it is closed.", LEAF + """\
process p in /lab
p: write /tmp/x 40M
p: open-unlink /tmp/x
p: close
p: write /tmp/y 40M
""", oom=False)

scenario("tmpfs-mapped", "tmpfs through a mapping.", LEAF + """\
process p in /lab
p: map-write /tmp/x 40M
p: map-write /tmp/y 40M
""", oom=True, victims=["p"], limit="/lab")

scenario("tmpfs-sized", "tmpfs whose size is limited: an error where the others die.", LEAF + """\
process p in /lab
p: write /tmp/32m/x 40M
p: anon 20M
""", oom=False, outcomes=["errno ENOSPC", "done"])

scenario("memfd", "A memfd that is filled and not mapped: no process shows it.", LEAF + """\
process p in /lab
p: memfd 48M
p: anon 8M
p: anon 8M
""", oom=True, victims=["p"], limit="/lab")

scenario("memfd-closed", "The same, closed in time.", LEAF + """\
process p in /lab
p: memfd 48M
p: close
p: anon 40M
""", oom=False)

scenario("shm-anon", "Shared anonymous memory.", LEAF + """\
process p in /lab
p: shm-anon 40M
p: anon 30M
""", oom=True, victims=["p"], limit="/lab")

scenario("anon", "Plain growth of private memory.", LEAF + """\
process p in /lab
p: anon 40M
p: anon 20M
p: anon 10M
""", oom=True, victims=["p"], limit="/lab", outcomes=["done", "done", "killed"])

scenario("anon-freed", "Memory given back in time.", LEAF + """\
process p in /lab
p: anon 50M
p: free 30M
p: anon 30M
""", oom=False)

scenario("anon-huge", "Memory in huge pages, close to the limit.", LEAF + """\
process p in /lab
p: anon-thp 40M
p: anon-thp 16M
p: anon-thp 16M
""", oom=True, victims=["p"], limit="/lab")

scenario("mlock-file", "A locked file cannot be reclaimed.", LEAF + """\
file /data/a 40M
process p in /lab
p: lock /data/a 40M
p: anon 30M
""", oom=True, victims=["p"], limit="/lab")

scenario("mlock-anon", "Locked private memory.", LEAF + """\
process p in /lab
p: lock-anon 40M
p: anon 30M
""", oom=True, victims=["p"], limit="/lab")

scenario("dead-sibling", """A sibling that is gone left tmpfs on the parent: the survivor is killed far below its own
         limit.""", """\
group /p max=64M swap.max=0
group /p/dead max=200M swap.max=0
group /p/own max=200M swap.max=0
process d in /p/dead
process p in /p/own
d: write /tmp/left 56M
d: exit
rmdir /p/dead
p: anon 4M
p: anon 12M
""", oom=True, victims=["p"], limit="/p")

scenario("dead-sibling-cleaned", "The same, but the files are removed.", """\
group /p max=64M swap.max=0
group /p/dead max=200M swap.max=0
group /p/own max=200M swap.max=0
process d in /p/dead
process p in /p/own
d: write /tmp/left 56M
d: unlink /tmp/left
d: exit
rmdir /p/dead
p: anon 4M
p: anon 12M
""", oom=False)

scenario("tight-ancestor", "Two groups far below their own limits; the parent's is what is hit.", """\
group /p max=64M swap.max=0
group /p/a max=200M swap.max=0
group /p/b max=200M swap.max=0
process a in /p/a
process b in /p/b
a: anon 40M
b: anon 16M
b: anon 16M
""", oom=True, first="a", limit="/p")

scenario("tight-grandparent", "The limit is two levels up.", """\
group /g max=64M swap.max=0
group /g/p max=100M swap.max=0
group /g/p/a max=200M swap.max=0
group /g/b
process a in /g/p/a
process b in /g/b
b: anon 20M
a: anon 30M
a: anon 20M
""", oom=True, first="a", limit="/g")

scenario("first-toucher", "A shared file is charged to who reads it first, and nothing to the other.", """\
group /a max=64M swap.max=0
group /b max=64M swap.max=0
file /data/a 40M
process a in /a
process b in /b
a: read /data/a 40M x2
b: map /data/a 40M x2
b: anon 50M
a: anon 50M
""", oom=False)

scenario("first-toucher-tmpfs", "A tmpfs file is charged to who writes it; the reader pays nothing.", """\
group /a max=64M swap.max=0
group /b max=64M swap.max=0
process a in /a
process b in /b
a: write /tmp/x 40M
b: read /tmp/x 40M
b: anon 50M
a: anon 30M
""", oom=True, victims=["a"], limit="/a")

scenario("moved", "A process that moves leaves its memory behind.", """\
group /a max=64M swap.max=0
group /b max=64M swap.max=0
process p in /a
p: anon 40M
p: move /b
p: anon 40M
""", oom=False)

scenario("sockets", "Bytes sent and not read.", LEAF + """\
process p in /lab
p: anon 20M
p: sockets 8M
p: anon 20M
""")

scenario("pipes", "Pipes full of bytes are kernel memory, no process's.", LEAF + """\
process p in /lab
p: pipes 24M
p: anon 30M
p: anon 20M
""", oom=True, victims=["p"], limit="/lab")

scenario("negative-names", "Names that do not exist fill the dentry cache, which the kernel drops.", LEAF + """\
process p in /lab
p: names /data 100000
p: anon 50M
p: names /data 100000
p: retouch
""", oom=False)

scenario("fork-storm", "Many small processes: page tables and stacks.", LEAF + """\
process p in /lab
p: anon 10M
p: fork 200
p: anon 10M
""")

scenario("high-throttles", "Above memory.high a process gets slower and is never killed for it.",
         "group /lab max=64M high=40M swap.max=0\n" + """\
process p in /lab
p: anon 36M
p: anon 20M
p: anon 4M
""", oom=False)

scenario("high-and-tmpfs", "memory.high does not hold tmpfs back either: it only gets slow.",
         "group /lab max=64M high=40M swap.max=0\n" + """\
process p in /lab
p: write /tmp/x 36M
p: write /tmp/y 20M
p: anon 2M
""", oom=False)

scenario("high-with-cache", "memory.high with clean cache above it: reclaimed, no throttling to speak of.",
         "group /lab max=64M high=40M swap.max=0\n" + """\
file /data/a 100M
process p in /lab
p: anon 20M
p: read /data/a 100M x2
p: anon 4M
""", oom=False)

scenario("swap", "With swap the same tmpfs goes out.", "swap 128M\ngroup /lab max=64M\n" + """\
process p in /lab
p: write /tmp/x 40M
p: write /tmp/y 40M
p: anon 20M
""", oom=False)

scenario("swap-none-for-group", "Swap on the machine, memory.swap.max=0 for the group.",
         "swap 128M\ngroup /lab max=64M swap.max=0\n" + """\
process p in /lab
p: write /tmp/x 40M
p: write /tmp/y 40M
""", oom=True, victims=["p"], limit="/lab")

scenario("swap-some-for-group", "The group's swap is used up first.",
         "swap 128M\ngroup /lab max=64M swap.max=16M\n" + """\
process p in /lab
p: anon 50M
p: anon 20M
p: anon 20M
""", oom=True, victims=["p"], limit="/lab")

scenario("swap-small", "The machine's swap is used up first.", "swap 16M\ngroup /lab max=64M\n" + """\
process p in /lab
p: anon 50M
p: anon 20M
p: anon 20M
""", oom=True, victims=["p"], limit="/lab")

scenario("oom-group-leaf", "memory.oom.group: all die.", "group /lab max=64M swap.max=0 oom.group=1\n" + """\
process p in /lab
process q in /lab
q: anon 4M
p: anon 40M
p: anon 30M
""", oom=True, victims=["p", "q"], limit="/lab")

scenario("oom-group-parent", "memory.oom.group at the parent, whose limit is hit.", """\
group /p max=64M swap.max=0 oom.group=1
group /p/a
group /p/b
process a in /p/a
process b in /p/b
b: anon 4M
a: anon 40M
a: anon 30M
""", oom=True, victims=["a", "b"], limit="/p")

scenario("oom-group-not-reached", "memory.oom.group at the parent, but the child's own limit is hit.", """\
group /p max=100M swap.max=0 oom.group=1
group /p/a max=48M
group /p/b
process a in /p/a
process b in /p/b
b: anon 4M
a: anon 40M
a: anon 30M
""", oom=True, victims=["a"], limit="/p/a")

scenario("adj-chooses", "The small process with a high oom_score_adj dies for the large one.", LEAF + """\
process big in /lab
process small in /lab adj=900
small: anon 4M
big: anon 50M
big: anon 10M
big: anon 4M
""", oom=True, limit="/lab")

scenario("adj-protects", "The large one with a negative oom_score_adj lives as long as another can die.", LEAF + """\
process big in /lab adj=-900
process small in /lab
small: anon 8M
big: anon 50M
big: anon 6M
""", oom=True, first="small", limit="/lab")

# Before 5.10.82 and 5.16 a charge that finds nobody to kill goes over the limit (try_charge: OOM_FAILED, force).
scenario("adj-never", "Nobody may be killed: the process hangs in its page fault.", LEAF + """\
process p in /lab adj=-1000
p: anon 50M
p: anon 20M
""", oom=False, outcomes={"um-5.10": ["done", "done"], ".*": ["done", "timeout"]})

scenario("adj-never-but-other", "The one that may not be killed takes the memory of the other.", LEAF + """\
process p in /lab adj=-1000
process q in /lab
q: anon 20M
p: anon 36M
p: anon 20M
""", oom=True, victims=["q"], limit="/lab")

scenario("min-protects", "memory.min of a sibling turns the parent's limit on the other.", """\
group /p max=64M swap.max=0
group /p/a min=40M
group /p/b
file /data/a 40M
process a in /p/a
process b in /p/b
a: read /data/a 36M x2
b: anon 24M
b: anon 8M
""", oom=True, limit="/p", first="b")

scenario("low-protects-not", "memory.low is given up when nothing else is left.", """\
group /p max=64M swap.max=0
group /p/a low=40M
group /p/b
file /data/a 40M
process a in /p/a
process b in /p/b
a: read /data/a 36M x2
b: anon 24M
b: anon 8M
""", oom=False)

# On one CPU 5.10 hangs: memory_max_write loops until the victim is gone and never lets it run.
scenario("set-lower", "The limit is lowered below what is there.", LEAF + """\
file /data/a 30M
process p in /lab
p: anon 20M
p: read /data/a 30M
set /lab max=40M
set /lab max=10M
""", kernels=r"(?!um-5\.10$).*", oom=True, victims=["p"], limit="/lab")

scenario("set-higher", "The limit is raised in time.", LEAF + """\
process p in /lab
p: anon 50M
set /lab max=100M
p: anon 30M
""", oom=False)
