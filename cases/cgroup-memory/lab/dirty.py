"""Cache that is dirty or under writeback, where little else is left to reclaim: whether it is waited for or somebody is
killed depends on kernel, lists, disk, and chance. So nothing is said here of what must happen."""
from scenario import scenario

KINDS = {"anon": "p: anon 20M\n", "tmpfs": "p: write /tmp/x 20M\n"}

for kind, first in KINDS.items():
    for name, limit in (("tight", 32), ("tighter", 26)):
        for slow in (False, True):
            scenario("dirty-%s-%s%s" % (kind, name, "-slow" if slow else ""),
                     "A new file is written under a limit of %dM that 20M of %s leave little of%s." % (
                         limit, kind, ", to a disk that writes 2 MB/s" if slow else ""),
                     "group /lab max=%dM swap.max=0\nprocess p in /lab\n%sp: write /data/new %s\np: fsync /data/new\n"
                     "p: anon 1M\n" % (limit, first, "24M" if slow else "60M"),
                     sets="dirty", slow=slow, kernels="x86.*" if slow else ".*")

scenario("dirty-other-writes", "One writes the file, another needs memory in the same group.", """
group /lab max=40M swap.max=0
process w in /lab adj=-500
process p in /lab
p: anon 12M
w: write /data/new 60M
p: anon 12M
p: anon 8M
""", sets="dirty")
scenario("dirty-other-writes-slow", "The same on the slow disk.", """
group /lab max=40M swap.max=0
process w in /lab adj=-500
process p in /lab
p: anon 12M
w: write /data/new 16M
p: anon 12M
p: anon 8M
""", sets="dirty", slow=True, kernels="x86.*")
for slow in (False, True):
    scenario("dirty-story" + ("-slow" if slow else ""), "The post's story; the file side is being written%s." % (
        ", to a disk that writes 2 MB/s" if slow else ""), """
group /lab max=64M swap.max=0
process p in /lab
p: anon 27M
p: write /data/new 36M
p: anon 4M
p: retouch
""", sets="dirty", slow=slow, kernels="x86.*" if slow else ".*")
    scenario("dirty-story-high" + ("-slow" if slow else ""), "The same with memory.high.", """
group /lab max=64M high=52M swap.max=0
process p in /lab
p: anon 27M
p: write /data/new 36M
p: anon 4M
p: retouch
""", sets="dirty", slow=slow, kernels="x86.*" if slow else ".*")
