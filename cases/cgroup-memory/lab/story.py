"""The post's story at 1/64: limit 64M, 27M of private memory that grows to 31M, 36M of `file`, of each kind it can be.

Each kind that kills is played again with what may be proposed against it."""
from scenario import scenario

KINDS = {
    "clean": ("file /data/a 36M\n", "p: read /data/a 36M x2\n", False),
    "map": ("file /data/a 36M\n", "p: map /data/a 36M x2\n", False),
    "dirty": ("", "p: write /data/new 36M\n", False),
    "tmpfs": ("", "p: write /tmp/x 36M\n", True),
    "tmpfs-map": ("", "p: map-write /tmp/x 36M\n", True),
    "memfd": ("", "p: memfd 36M\n", True),
    "shm": ("", "p: shm-anon 36M\n", True),
    "mlock": ("file /data/a 36M\n", "p: lock /data/a 36M\n", True),
}


def text(limits, files, side, before="", after=""):
    return "%sgroup /lab %s\n%sprocess p in /lab\np: anon 27M\n%s%sp: anon 4M\np: retouch\n" % (
        before, limits, files, side, after)


for kind, (files, side, kills) in KINDS.items():
    scenario("story-" + kind, "The story; the file side is %s." % kind, text("max=64M swap.max=0", files, side),
             oom=kills, **({"limit": "/lab", "victims": ["p"]} if kills else {}))
    if kills:
        scenario("story-%s-raised" % kind, "The limit raised above what cannot be reclaimed.",
                 text("max=80M swap.max=0", files, side), oom=False)
        scenario("story-%s-high" % kind, "memory.high added, which moves nothing that cannot be reclaimed.",
                 text("max=64M high=56M swap.max=0", files, side))
        if kind != "mlock":
            scenario("story-%s-swap" % kind, "Swap allowed.", text("max=64M", files, side, "swap 64M\n"), oom=False)

scenario("story-tmpfs-sized", "tmpfs limited to 32M: the writer gets an error and may do something about it.",
         text("max=64M swap.max=0", "", "p: write /tmp/32m/x 36M\n"), oom=False,
         outcomes=["done", "errno ENOSPC", "done", "done"])
scenario("story-tmpfs-removed", "The file is removed before the growth.",
         text("max=64M swap.max=0", "", "p: write /tmp/x 36M\n", after="p: unlink /tmp/x\n"), oom=False)
scenario("story-tmpfs-on-disk", "The same file on a disk.",
         text("max=64M swap.max=0", "", "p: write /data/x 36M\n"), oom=False)
