"""Scenarios whose OOM reports take many forms. They also name what the killed did when it was killed."""
from scenario import scenario

LEAF = "group /lab max=64M swap.max=0\n"


def report(name, about, text, **told):
    scenario("report-" + name, about, text, sets="reports", oom=told.pop("oom", True), **told)


report("own-limit", "The group's own limit.", LEAF + """\
process web in /lab
web: anon 50M
web: anon 20M
""", limit="/lab", victims=["web"])

report("ancestor", "An ancestor's limit, cache and tmpfs in other groups.", """\
group /machine.slice max=64M swap.max=0
group /machine.slice/db.service max=200M
group /machine.slice/web.service max=200M
file /data/a 20M
process db in /machine.slice/db.service
process web in /machine.slice/web.service
web: read /data/a 20M x2
db: write /tmp/x 30M
web: anon 30M
web: anon 20M
""", limit="/machine.slice")

report("oom-group", "All of a group.", """\
group /lab max=64M swap.max=0 oom.group=1
process one in /lab
process two in /lab
process three in /lab adj=-1000
two: anon 4M
one: anon 50M
one: anon 20M
""", limit="/lab")

report("oom-group-parent", "All of a tree.", """\
group /p max=64M swap.max=0 oom.group=1
group /p/a
group /p/b
process a in /p/a
process b in /p/b
b: anon 4M
a: anon 50M
a: anon 20M
""", limit="/p", victims=["a", "b"])

report("adj", "oom_score_adj chooses.", LEAF + """\
process large in /lab adj=-500
process small in /lab adj=800
small: anon 4M
large: anon 50M
large: anon 12M
""", first="small")

report("many-tasks", "A table of many tasks.", LEAF + """\
process p in /lab
p: anon 20M
p: fork 60
p: anon 60M
""")

report("tmpfs", "All in tmpfs: nobody's RSS shows it.", LEAF + """\
process writer in /lab
process reader in /lab
writer: write /tmp/x 40M
reader: map-write /tmp/y 4M
writer: write /tmp/z 40M
""")

report("swap-full", "Swap of the group used up.", "swap 64M\ngroup /lab max=48M swap.max=16M\n" + """\
process p in /lab
p: anon 40M
p: anon 40M
""", victims=["p"])

report("kernel-memory", "Pipes and forks: the charge that fails is the kernel's own.", LEAF + """\
process p in /lab
p: anon 30M
p: pipes 40M
""")

report("unkillable", "Nobody may be killed.", LEAF + """\
process p in /lab adj=-1000
p: anon 50M
p: anon 20M
""", oom=False)

report("set-lower", "Lowering the limit kills.", LEAF + """\
process p in /lab
process q in /lab
q: anon 10M
p: anon 30M
set /lab max=20M
""", first="p")

report("twice", "Two kills one after the other.", LEAF + """\
process first in /lab
process second in /lab
process third in /lab
first: anon 30M
second: anon 20M
third: anon 30M
third: anon 30M
""", limit="/lab")

report("at-once-exiting", "A process with many children is killed while it grows locked memory.", LEAF + """\
process p in /lab
process q in /lab adj=500
q: fork 20
q: lock-anon 20M
p: lock-anon 50M
""")

report("huge-pages", "Huge pages and locked files in the statistics.", LEAF + """\
file /data/a 20M
process p in /lab
p: lock /data/a 20M
p: anon-thp 20M
p: anon-thp 40M
""", limit="/lab", victims=["p"])

report("global", "The machine itself runs out of memory.", """\
group /a
group /b max=80M
file /data/a 40M
process a in /a
process b in /b
b: anon 40M
a: read /data/a 40M
a: anon 300M
a: anon 300M
""", limit="global", victims=["a"])

report("global-tmpfs", "The machine runs out because of tmpfs.", """\
group /a
group /b
process a in /a
process b in /b adj=200
b: anon 60M
a: write /tmp/x 300M
a: anon 200M
""", limit="global")
