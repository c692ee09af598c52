"""Scenarios by chance: the same seed gives the same ones.

What cannot be reclaimed is drawn as a share of the tightest limit, well below it or well above it, and divided among
the steps; cache, which can be, is added freely. So most runs are decided by a margin, whatever the mix."""
import random

MOST = 180  # megabytes of all that stays, so that the machine itself (512M) is never short
# Groups by shape: (path, index of the parent or None, whether processes may be in it).
SHAPES = (
    (("/lab", None, True),),
    (("/a", None, True), ("/b", None, True)),
    (("/p", None, False), ("/p/a", 0, True)),
    (("/p", None, False), ("/p/a", 0, True), ("/p/b", 0, True)),
    (("/p", None, False), ("/p/a", 0, True), ("/p/b", 0, True), ("/q", None, True)),
)
STAYS = ("anon", "anon", "anon", "anon-thp", "tmpfs", "tmpfs", "map-write", "memfd", "shm-anon", "lock", "lock-anon",
         "pipes", "sockets", "fork")
CACHE = ("read", "read", "map", "write", "names")


class Draft:
    """One scenario while it is made."""

    def __init__(self, rng):
        self.rng = rng
        self.setup, self.steps = [], []
        self.files = 0
        self.of = {}  # process: what it has, as {"anon": MB, "tmpfs": [paths], "disk": [paths]}
        self.group = {}  # process: group

    def path(self, folder):
        self.files += 1
        return "/%s/f%d" % (folder, self.files)

    def disk_file(self, size):
        path = self.path("data")
        self.setup.append("file %s %dM" % (path, size))
        return path

    def stay(self, who, size):
        """A step after which `size` megabytes stay whatever the kernel reclaims."""
        kind, has = self.rng.choice(STAYS), self.of[who]
        if kind in ("pipes", "sockets") and size > 12:
            kind = "anon"
        if kind == "fork":
            count = min(100, size * 10)
            self.steps.append("%s: fork %d" % (who, max(5, count)))
            return
        if kind == "tmpfs":
            path = self.path("tmp")
            has["tmpfs"].append(path)
            self.steps.append("%s: write %s %dM" % (who, path, size))
        elif kind == "map-write":
            path = self.path("tmp")
            self.steps.append("%s: map-write %s %dM" % (who, path, size))
        elif kind == "lock":
            self.steps.append("%s: lock %s %dM" % (who, self.disk_file(size), size))
        else:
            if kind in ("anon", "anon-thp"):
                has["anon"] += size
            if kind == "anon-thp":
                size += size % 2
            self.steps.append("%s: %s %dM" % (who, kind, size))

    def cache(self, who):
        kind, size = self.rng.choice(CACHE), self.rng.randint(4, 100)
        if kind == "names":
            self.steps.append("%s: names /data %d" % (who, self.rng.choice((2000, 10000, 20000))))
        elif kind == "write":
            path = self.path("data")
            self.of[who]["disk"].append(path)
            self.steps.append("%s: write %s %dM" % (who, path, min(size, 60)))
        else:
            self.steps.append("%s: %s %s %dM x%d" % (who, kind, self.disk_file(size), size, self.rng.randint(1, 3)))

    def other(self, who, limits):
        has, elsewhere = self.of[who], sorted(set(self.group.values()) - {self.group[who]})
        kinds = ["retouch", "close", "wait", "sample"]
        kinds += ["free"] * 2 * (has["anon"] > 1) + ["unlink", "open-unlink"] * bool(has["tmpfs"])
        kinds += ["fsync"] * bool(has["disk"]) + ["move"] * bool(elsewhere) + ["higher"] * bool(limits)
        kinds += ["exit"] * (len(self.of) > 1)
        kind = self.rng.choice(kinds)
        if kind == "free":
            size = self.rng.randint(1, has["anon"])
            has["anon"] -= size
            self.steps.append("%s: free %dM" % (who, size))
        elif kind in ("unlink", "open-unlink"):
            self.steps.append("%s: %s %s" % (who, kind, has["tmpfs"].pop()))
        elif kind == "fsync":
            self.steps.append("%s: fsync %s" % (who, has["disk"][-1]))
        elif kind == "move":
            self.group[who] = self.rng.choice(elsewhere)
            self.steps.append("%s: move %s" % (who, self.group[who]))
        elif kind == "wait":
            self.steps.append("wait 1")
        elif kind == "sample":
            self.steps.append("sample")
        elif kind == "higher":
            group = self.rng.choice(sorted(limits))
            self.steps.append("set %s max=%dM" % (group, limits[group] + self.rng.randint(8, 40)))
        else:
            self.steps.append("%s: %s" % (who, kind))
            if kind == "exit":
                del self.of[who]


def knobs(rng, shape, swap):
    """Limits in megabytes by group, and the lines of all groups."""
    limits, lines = {}, []
    inner = [path for path, _, leaf in shape if not leaf]
    for path, parent, leaf in shape:
        keys = []
        if path in inner or rng.random() < (0.8 if parent is None else 0.5):
            limits[path] = rng.randint(24, 100)
            if parent is not None and rng.random() < 0.5:
                limits[path] = rng.randint(100, 200)  # never reached: the ancestor is tighter
            keys.append("max=%dM" % limits[path])
        if rng.random() < 0.12 and path in limits:
            keys.append("high=%dM" % int(limits[path] * rng.uniform(0.6, 0.95)))
        if swap and rng.random() < 0.6:
            keys.append("swap.max=%s" % rng.choice(("0", "8M", "16M", "64M")))
        if parent is not None and rng.random() < 0.15:
            keys.append("%s=%dM" % (rng.choice(("min", "low")), rng.randint(4, 24)))
        if rng.random() < 0.12:
            keys.append("oom.group=1")
        lines.append(" ".join(["group", path] + keys))
    return limits, lines


def one(rng):
    draft = Draft(rng)
    shape = rng.choice(SHAPES)
    swap = rng.choice((0, 0, 0, 16, 32, 64, 128))
    limits, lines = knobs(rng, shape, swap)
    head = (["swap %dM" % swap] if swap else []) + lines
    leaves = [path for path, _, leaf in shape if leaf]
    for index in range(rng.randint(1, 4)):
        name = "pqrs"[index]
        draft.group[name] = leaves[index % len(leaves)] if rng.random() < 0.7 else rng.choice(leaves)
        draft.of[name] = {"anon": 0, "tmpfs": [], "disk": []}
    processes = ["process %s in %s adj=%d" % (name, draft.group[name], rng.choice((0, 0, 0, 0, 200, 500, -300, 900)))
                 for name in draft.of]
    tight = min(limits.values(), default=80)
    share = rng.uniform(0.4, 0.93) if rng.random() < 0.5 else rng.uniform(1.1, 1.7)
    if swap and rng.random() < 0.5:
        share += swap / tight
    left = int(min(tight * share, MOST))
    many = rng.randint(2, 8)
    while len(draft.steps) < many:
        who = rng.choice(sorted(draft.of))
        chance, last = rng.random(), len(draft.steps) == many - 1
        if left > 0 and (chance < 0.55 or last):
            size = left if last or left < 4 else max(1, int(left * rng.uniform(0.1, 0.7)))
            left -= size
            draft.stay(who, size)
        elif chance < 0.8:
            draft.cache(who)
        else:
            draft.other(who, limits)
    return "\n".join(head + draft.setup + processes + draft.steps) + "\n"


def scenarios(count, seed):
    found = []
    for index in range(count):
        name = "r%d-%03d" % (seed, index)
        found.append({"name": name, "about": "By chance, seed %d, number %d." % (seed, index),
                      "text": one(random.Random("%d/%d" % (seed, index))), "sets": "random", "slow": False,
                      "kernels": ".*", "told": {}})
    return found
