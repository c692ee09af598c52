"""Random rulesets, as plain text for the model and as instrumented text for the kernel.

Both texts come from one structure. In the instrumented text every rule adds the packet's tag to a set of its own just
before its verdict, and every verdict of a verdict map goes through a helper chain that does the same: `accept` becomes
`goto w` with `w { add @hit; accept }`, `jump c` becomes `jump w` with `w { add @hit; jump c }`, and so on. No rule is
added to a chain of the plain text, so indices are the same in both.
"""

import ipaddress
import random
import re

import matches
from kernel import TAG
from packets import Pool, Wanted

HOOKS = ["prerouting", "input", "forward", "output", "postrouting"]
GROUPS = ["l3", "l4", "flags", "meta", "marks", "ct", "sets", "maps", "concat", "jumps", "priorities", "nat", "raw",
          "extension", "mutate", "placement"]
NEEDS_CONNTRACK = re.compile(r"\bct\b|(?<!type )(?<!!= )(?<!== )(?<![{,] )\b(snat|dnat|masquerade|redirect)\b")
PROTOCOL = re.compile(r"\b(tcp|udp|icmp|icmpv6|sctp|udplite|dccp|esp|ah)(?= (?!option)[a-z])")
ADDRESSES = re.compile(r"\b(ip|ip6|icmp|icmpv6|frag|hbh|dst)(?= [a-z])")
REJECTS = ["reject", "reject", "reject with tcp reset", "reject with icmpx admin-prohibited",
           "reject with icmp host-unreachable", "reject with icmpv6 no-route"]


def conflicting(parts, words=""):
    """Whether nft would refuse the parts in one rule, because they need two protocols at once."""
    text = re.sub(r"\{[^}]*\}|ct original ip6? ", "", " ".join([*parts, words]))
    protocols = set(PROTOCOL.findall(text))
    families = {"ip6" if word in ("ip6", "icmpv6", "frag", "hbh", "dst") else "ip" for word in ADDRESSES.findall(text)}
    return len(protocols) > 1 or len(families) > 1


def header(part):
    """The header a match reads, or None."""
    word = part.split()[0]
    if word in ("tcp", "udp", "th", "icmp", "icmpv6", "sctp", "udplite", "dccp", "esp", "ah") or word.startswith("@th"):
        return "transport"
    return "network" if word in ("ip", "ip6") or word.startswith("@nh") else None


def merged(parts, match):
    """Whether nft may turn two `!=` into one comparison of both fields, as nft 1.0.6 wrongly does."""
    return "!=" in match and any("!=" in part and header(part) and header(part) == header(match) for part in parts)


class Rule:
    """One rule. `parts` run before the verdict; `vmap` is (expression, type, named, interval, pairs)."""

    def __init__(self, number, chain, parts, verdict, vmap, placement):
        self.number, self.chain, self.parts = number, chain, parts
        self.verdict, self.vmap, self.placement = verdict, vmap, placement
        self.comment = ""

    def plain(self):
        """The rule as the model reads it."""
        words = self.parts + [self._vmap(None) if self.vmap else self.verdict] + [self.comment]
        return " ".join(word for word in words if word)

    def instrumented(self):
        """The rule that tells the kernel's set who finished it."""
        hit = [] if self.vmap else [f"add @hit{self.number} {{ {TAG} }}"]
        front, back = self._guard()
        words = front + self.parts + back + hit + [self._vmap(self.number) if self.vmap else self.verdict]
        return " ".join(word for word in words + [f'comment "r{self.number}"'] if word)

    def _guard(self):
        """What the verdict itself demands of the packet, said before the hit is recorded: (in front, behind).

        nft adds the dependency of a reject at the front of the rule when nothing in it settles the protocol, and the
        lookup of a translation right in front of the statement.
        """
        inet = self.chain.table.family == "inet"
        text = " ".join(self.parts)
        guard, settled = None, r"(?!)"
        if self.verdict.startswith("reject with tcp"):
            guard, settled = "meta l4proto tcp", r"\btcp (?!option)[a-z]|(l4proto|protocol|nexthdr) (== |\{ )?(tcp|6)\b"
        elif inet and self.verdict.startswith("reject with icmp "):
            guard, settled = "meta nfproto ipv4", r"\b(ip|icmp|ip6|icmpv6|frag|hbh|dst) [a-z]|nfproto (== |\{ )?ipv4|protocol (== |\{ )?ip\b"
        elif inet and self.verdict.startswith("reject with icmpv6 "):
            guard, settled = "meta nfproto ipv6", r"\b(ip|icmp|ip6|icmpv6|frag|hbh|dst) [a-z]|nfproto (== |\{ )?ipv6|protocol (== |\{ )?ip6"
        if guard:
            return ([], [guard]) if re.search(settled, text) else ([guard], [])
        lookup = re.search(r"to (\w+ dport) map \{ (\d+) :", self.verdict)
        return [], [f"{lookup[1]} {lookup[2]}"] if lookup else []

    def _vmap(self, number):
        expression, _, named, _, _ = self.vmap
        if named:
            return f"{expression} vmap @vm{self.number}"
        return f"{expression} vmap {{ {self.vmap_elements(number)} }}"

    def vmap_elements(self, number):
        """The elements of the verdict map; with a number, through the helper chains."""
        pairs = self.vmap[4]
        if number is None:
            return ", ".join(f"{key} : {verdict}" for key, verdict in pairs)
        return ", ".join(f"{key} : {'jump' if verdict.split()[0] in ('jump', 'continue') else 'goto'} w{number}_{place}"
                         for place, (key, verdict) in enumerate(pairs))

    def helpers(self):
        """(name, text) of the helper chains of the verdict map."""
        for place, (_, verdict) in enumerate(self.vmap[4] if self.vmap else ()):
            yield f"w{self.number}_{place}", f"add @hit{self.number} {{ {TAG} }} {verdict}"


class Chain:
    """A chain; `hook` is (type, hook, priority, policy) or None."""

    def __init__(self, table, name, hook):
        self.table, self.name, self.hook, self.rules = table, name, hook, []

    def head(self):
        """The line that makes it a base chain."""
        kind, hook, priority, policy = self.hook
        return f"type {kind} hook {hook} priority {priority};" + (f" policy {policy};" if policy else "")


class Table:
    """A table with its declarations: (owner rule, plain line, instrumented line)."""

    def __init__(self, family, name):
        self.family, self.name, self.chains, self.declarations = family, name, [], []


class Scope:
    """What a rule may use while it is being written."""

    def __init__(self, ruleset, table, number):
        self.ruleset, self.table, self.number = ruleset, table, number
        self.rng, self.pool, self.groups = ruleset.rng, ruleset.pool, ruleset.groups
        self.family, self.conntrack_allowed, self.without = table.family, ruleset.conntrack, ruleset.without

    def near(self, value, top):
        """A value or, now and then, its neighbour."""
        return min(top, max(0, value + self.rng.choice((0,) * 8 + (-1, 1))))

    def mask(self, value):
        """(mask, value) of an address test that is not a prefix."""
        number = int(ipaddress.ip_address(value))
        if ":" in value:
            return "::ffff", str(ipaddress.IPv6Address(number & 0xFFFF))
        mask = self.rng.choice((0x000000FF, 0xFF0000FF, 0x00FF0000))
        return str(ipaddress.IPv4Address(mask)), str(ipaddress.IPv4Address(number & mask))

    def named(self, text):
        """`text`, or the name of a definition that stands for it."""
        if self.rng.random() > self.ruleset.define_share or text.startswith('"'):
            return text
        name = f"v{len(self.ruleset.defines)}"
        self.ruleset.defines.append((self.number, f"define {name} = {text}"))
        return f"${name}"

    def named_set(self, values):
        """A named set of `values`, declared in the table."""
        interval = values.top is not None and self.rng.random() < 0.5
        elements = sorted({values.element(self, interval) for _ in range(self.rng.randint(0, 4))})
        return self.declare_set(f"type {values.set_type}", interval, elements, interval and self.rng.random() < 0.6)

    def declare_set(self, kind, interval, elements, merge):
        """Declares a set and gives its name."""
        name = f"s{len(self.table.declarations)}_{self.number}"
        line = f"set {name} {{ {kind}; "
        line += "flags interval; " if interval else ""
        line += "auto-merge; " if merge else ""
        line += f"elements = {{ {', '.join(elements)} }}; " if elements else ""
        self.table.declarations.append((self.number, line + "}", line + "}"))
        return name

    def declare_map(self, kind, interval, pairs):
        """Declares a data map and gives its name."""
        name = f"m{len(self.table.declarations)}_{self.number}"
        line = f"map {name} {{ {kind}; " + ("flags interval; " if interval else "")
        line += f"elements = {{ {', '.join(f'{key} : {data}' for key, data in pairs)} }}; }}"
        self.table.declarations.append((self.number, line, line))
        return name


class Ruleset:
    """A random ruleset of one seed, concentrated on `group` if one is given.

    `merging` allows rules in which nft 1.0.6 merges comparisons and thereby changes what the rule means.
    """

    def __init__(self, seed, group=None, merging=False):
        rng = self.rng = random.Random(seed)
        self.pool, self.group, self.removed = Pool(rng), group, set()
        self.merging = merging
        self.conntrack = group in ("ct", "nat") or rng.random() < 0.5
        self.groups = {name for name in GROUPS if rng.random() < 0.75} | {group, "l3", "l4"}
        if group != "mutate" and rng.random() < 0.5:
            self.groups.discard("mutate")
        self.without = set(GROUPS) - self.groups
        self.define_share = rng.choice((0, 0, 0.15))
        self.style = rng.choice(("block", "block", "block", "commands"))
        self.tables, self.defines, self.rules = [], [], []
        self.world = None
        if self.conntrack and (group == "nat" or "nat" in self.groups and rng.random() < 0.4):
            self.world = rng.choice(("forward", "input"))
            # translation writes the ports conntrack saw over those a rule has written
            self.groups.discard("mutate")
        self._build()

    def _build(self):
        rng = self.rng
        for number in range(rng.choice((1, 1, 1, 2, 2, 3))):
            self.tables.append(Table(rng.choice(("ip", "ip6", "inet", "inet", "inet")), f"t{number}"))
        if rng.random() < 0.1:
            self.tables.append(Table("ip6" if self.tables[0].family != "ip6" else "ip", self.tables[0].name))
        hooks = rng.sample(HOOKS, rng.randint(1, 3 if self.group == "priorities" else 5))
        self._priorities = rng.sample((-450, -300, -250, -150, -100, -50, 0, 0, 10, 50, 100, 250), rng.randint(1, 4))
        for table in self.tables:
            for place in range(rng.choice((1, 1, 2, 2, 3, 4 if self.group == "priorities" else 2))):
                table.chains.append(Chain(table, f"b{place}", self._base(rng.choice(hooks))))
            if self.world and rng.random() < 0.85:
                for place in range(rng.choice((1, 1, 2))):
                    table.chains.append(Chain(table, f"n{place}", self._nat_base()))
            if "jumps" in self.groups:
                for place in range(rng.choice((0, 1, 2, 3, 5 if self.group == "jumps" else 3))):
                    table.chains.append(Chain(table, f"c{place}", None))
        chains = [chain for table in self.tables for chain in table.chains]
        for _ in range(rng.randint(2, 25)):
            self._rule(rng.choice(chains))
        rng.shuffle(self.tables)

    def _base(self, hook):
        rng = self.rng
        kind = "route" if hook == "output" and rng.random() < 0.2 else "filter"
        priority = rng.choice(self._priorities)
        names = {-300: "raw", -150: "mangle", 0: "filter", 50: "security"}
        if hook == "prerouting":
            names[-100] = "dstnat"
        if hook == "postrouting":
            names[100] = "srcnat"
        text = str(priority)
        if priority in names and rng.random() < 0.5:
            text = names[priority]
        elif rng.random() < 0.2:
            base = rng.choice(sorted(names))
            if priority != base:
                text = f"{names[base]} {'+' if priority > base else '-'} {abs(priority - base)}"
        return kind, hook, text, rng.choice((None, "accept", "accept", "accept", "drop"))

    def _nat_base(self):
        rng = self.rng
        hook = rng.choice(("prerouting", "prerouting", "postrouting", "postrouting", "output", "input"))
        priority = rng.choice((-150, -120, -100, -50, 0, 50, 100, 120))
        return "nat", hook, priority, rng.choice((None, None, "accept", "drop"))

    def _match(self, scope):
        rng, weighted = self.rng, []
        for group, entries in matches.MATCHES.items():
            if group not in self.groups:
                continue
            for weight, need, function in entries:
                allowed = need in ("", scope.family) or need == "ct" and self.conntrack
                if allowed or scope.family == "inet" and need in ("ip", "ip6"):
                    weighted.append((weight * (8 if group == self.group else 1), function))
        return rng.choices([f for _, f in weighted], [w for w, _ in weighted])[0](scope)

    def _targets(self, chain):
        """Chains that may be called from `chain`: only later ones, so that there is no loop."""
        own = chain.table.chains
        return [other.name for other in own[own.index(chain) + 1:] if other.hook is None]

    def _verdict(self, chain):
        rng, targets = self.rng, self._targets(chain)
        options = ["accept"] * 5 + ["drop"] * 5 + ["return", "continue"] + [""] * 4
        if rng.random() < 0.2 and not (chain.hook and chain.hook[1] == "postrouting"):
            options += REJECTS
        share = 12 if self.group == "jumps" else 5
        for target in targets:
            options += [f"jump {target}"] * share + [f"goto {target}"] * (share // 2)
        return rng.choice(options)

    def _vmap(self, scope, chain):
        rng = self.rng
        targets = self._targets(chain)

        def verdict():
            options = ["accept", "accept", "drop", "drop", "return", "continue"]
            options += [f"{word} {target}" for target in targets for word in ("jump", "goto")]
            return rng.choice(options)

        if self.conntrack and rng.random() < 0.25:
            states = rng.sample(matches.STATES, rng.randint(1, 3))
            return "ct state", "ct_state", False, False, [(state, verdict()) for state in states]
        expression, values = matches.map_key(scope)
        interval = rng.random() < 0.5
        pairs = matches.map_elements(scope, values, verdict, interval)
        return expression, values.set_type, rng.random() < 0.4, interval, pairs

    def _rule(self, chain):
        rng, number = self.rng, len(self.rules)
        scope = Scope(self, chain.table, number)
        parts, verdict, vmap = [], "", None
        for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3))):
            match = self._match(scope)
            if not self.merging and merged(parts, match):
                continue
            if not conflicting(parts, match) or rng.random() < 0.02:
                parts.append(match)
        if rng.random() < (0.6 if self.group in ("marks", "mutate") else 0.35):
            effect = matches.effects(scope)
            at = rng.randint(0, len(parts))
            # nft 1.0.6 merges comparisons of one header and so moves them across a statement between them
            across = {header(part) for part in parts[:at]} & {header(part) for part in parts[at:]} - {None}
            if across and not self.merging:
                at = rng.choice((0, len(parts)))
            if not conflicting(parts, effect):
                parts.insert(at, effect)
        in_nat = chain.name.startswith("n")
        if in_nat and rng.random() < 0.6:
            extra, verdict = self._translation(scope, chain)
            parts = extra if conflicting(parts + extra, verdict) else parts + extra
        elif "maps" in self.groups and rng.random() < (0.5 if self.group == "maps" else 0.12):
            vmap = self._vmap(scope, chain)
            parts = [] if conflicting(parts, vmap[0]) else parts
        else:
            verdict = self._verdict(chain)
        if chain.hook and chain.hook[1] in ("prerouting", "output") and rng.random() < (0.08 if self.conntrack else 0.01):
            parts.append("notrack")
        placement = "block"
        if "placement" in self.groups and rng.random() < (0.6 if self.group == "placement" else 0.15):
            at = rng.randint(0, 3)
            placement = rng.choice(("add rule", "insert rule", f"add rule {at}", f"insert rule {at}"))
        elif rng.random() < 0.05:
            placement = "reopened"
        rule = Rule(number, chain, parts, verdict, vmap, placement)
        if not parts and not verdict and not vmap:
            rule.parts = ["counter"]
        if rng.random() < 0.1:
            rule.comment = 'comment "a # rule; really"'
        if vmap and vmap[2]:
            flags = "flags interval; " if vmap[3] else ""
            lines = [f"map vm{number} {{ type {vmap[1]} : verdict; {flags}elements = {{ {elements} }}; }}"
                     for elements in (rule.vmap_elements(None), rule.vmap_elements(number))]
            chain.table.declarations.append((number, *lines))
        self.rules.append(rule)
        chain.rules.append(rule)

    def _translation(self, scope, chain):
        """(matches, statement) of an address translation that keeps the packet on its path."""
        rng, hook = self.rng, chain.hook[1]
        six = scope.family == "ip6" or scope.family == "inet" and rng.random() < 0.4
        pool, port = self.pool, rng.choice(self.pool.ports)
        word = {"ip": "", "ip6": "", "inet": " ip6" if six else " ip"}[scope.family]
        local = self.world == "input" and hook == "prerouting"
        targets = ((pool.local_6 if six else pool.local_4) if local else (pool.remote_6 if six else pool.remote_4))
        target = rng.choice(targets)
        full = f"[{target}]:{port}" if six else f"{target}:{port}"
        proto = rng.choice(("tcp", "udp"))
        any_port = rng.choice((f"{proto} dport {rng.choice(pool.ports)}", f"{proto} dport 1-65535",
                               "meta l4proto { tcp, udp }"))
        if hook in ("prerouting", "output"):
            if local and rng.random() < 0.5:
                return rng.choice((([], "redirect"), ([any_port], f"redirect to :{port}")))
            table = f"{{ {rng.choice(pool.ports)} : {target} }}"
            return rng.choice((([], f"dnat{word} to {target}"), ([any_port], f"dnat{word} to {full}"),
                               ([f"{proto} dport {port}"], f"dnat{word} to {full}"),
                               ([any_port], f"dnat{word} to {proto} dport map {table}")))
        source = "fd00:2::9" if six else "198.51.100.9"
        if hook == "postrouting" and rng.random() < 0.4:
            return [], "masquerade"
        return [], f"snat{word} to {source}"

    # -- reading the result ------------------------------------------------------------------------------------------

    def alive(self):
        """The rules that have not been removed."""
        return [rule for rule in self.rules if rule.number not in self.removed]

    def tracked(self):
        """The families for which some rule switches conntrack on."""
        families = set()
        for rule in self.alive():
            if NEEDS_CONNTRACK.search(re.sub(r'"[^"]*"', "", rule.plain())):
                families |= {"inet": {"ip", "ip6"}}.get(rule.chain.table.family, {rule.chain.table.family})
        return frozenset(families)

    def wanted(self):
        """What packets suit this ruleset."""
        paths = {"forward": ("forward", "forward", "output"), "input": ("input", "input", "output")}
        return Wanted(paths=paths.get(self.world, ("input", "forward", "forward", "output")), conntrack=self.tracked(),
                      flows=0.4 if self.group == "ct" else 0.25)

    def plain(self):
        """The text for the model."""
        return "\n".join(line for line, _ in self._lines(False)) + "\n"

    def alone(self, number):
        """The text for the model with one rule only."""
        before, self.removed = self.removed, {rule.number for rule in self.rules} - {number}
        text = self.plain()
        self.removed = before
        return text

    def instrumented(self):
        """(text, owner of each line) for the kernel; an owner is a rule number or None."""
        lines = []
        for table in self.tables:
            lines.append((f"table {table.family} {table.name} {{", None))
            for chain in table.chains:
                if chain.hook is None:
                    lines.append((f" chain {chain.name} {{ }}", None))
            for rule in self._of(table):
                lines.append((f" set hit{rule.number} {{ typeof {TAG}; size 65535; flags dynamic; }}", rule.number))
                lines += [(f" chain {name} {{ }}", rule.number) for name, _ in rule.helpers()]
            lines.append(("}", None))
        lines += self._lines(True)
        for table in self.tables:
            lines.append((f"table {table.family} {table.name} {{", None))
            for rule in self._of(table):
                for name, text in rule.helpers():
                    lines += [(f" chain {name} {{", None), (f"  {text}", rule.number), (" }", None)]
            lines.append(("}", None))
        return "\n".join(line for line, _ in lines) + "\n", [owner for _, owner in lines]

    def _of(self, table):
        return [rule for rule in self.alive() if rule.chain.table is table]

    def _lines(self, instrumented):
        lines = [(text, owner) for owner, text in self.defines if owner not in self.removed]
        for table in self.tables:
            lines += self._commands(table, instrumented) if self.style == "commands" else self._block(table, instrumented)
        for rule in self.alive():
            if rule.placement not in ("block", "reopened"):
                lines.append((self._command(rule, instrumented), rule.number))
        return lines

    @staticmethod
    def _text(rule, instrumented):
        return rule.instrumented() if instrumented else rule.plain()

    def _command(self, rule, instrumented):
        words = rule.placement.split()
        table = rule.chain.table
        place = f"{table.family} {table.name} {rule.chain.name}"
        if len(words) == 3:
            place += f" index {words[2]}"
        return f"{words[0]} rule {place} {self._text(rule, instrumented)}"

    def _declared(self, table, instrumented):
        return [(texts[instrumented], owner) for owner, *texts in table.declarations if owner not in self.removed]

    def _block(self, table, instrumented):
        lines = [(f"table {table.family} {table.name} {{", None)]
        lines += [(f"\t{text}", owner) for text, owner in self._declared(table, instrumented)]
        reopened = []
        for chain in table.chains:
            lines.append((f"\tchain {chain.name} {{", None))
            lines += [(f"\t\t{chain.head()}", None)] if chain.hook else []
            for rule in chain.rules:
                if rule.number in self.removed:
                    continue
                if rule.placement == "block":
                    lines.append((f"\t\t{self._text(rule, instrumented)}", rule.number))
                elif rule.placement == "reopened":
                    reopened += [(f"\tchain {chain.name} {{", None),
                                 (f"\t\t{self._text(rule, instrumented)}", rule.number), ("\t}", None)]
            lines.append(("\t}", None))
        lines.append(("}", None))
        if reopened:
            lines += [(f"table {table.family} {table.name} {{", None)] + reopened + [("}", None)]
        return lines

    def _commands(self, table, instrumented):
        place = f"{table.family} {table.name}"
        lines = [(f"add table {place}", None)]
        for text, owner in self._declared(table, instrumented):
            word, name, body = text.split(" ", 2)
            lines.append((f"add {word} {place} {name} {body}", owner))
        for chain in table.chains:
            lines.append((f"add chain {place} {chain.name}" + (f" {{ {chain.head()} }}" if chain.hook else ""), None))
        for chain in table.chains:
            for rule in chain.rules:
                if rule.number not in self.removed and rule.placement in ("block", "reopened"):
                    lines.append((f"add rule {place} {chain.name} {self._text(rule, instrumented)}", rule.number))
        return lines
