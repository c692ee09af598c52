#!/usr/bin/env python3
"""Writes a link of any size that fails, for timing: objects, archives, and the line in `link.txt` (with `cc`) and
`ld.rsp` (what a linker takes behind `@`).

    line.py FOLDER [--objects 2000] [--archives 200] [--members 20] [--functions 12]
            [--kib 40] [--hole] [--thin] [--fail order|nowhere]

Objects have functions in sections of their own, four inline functions in groups that many objects share, calls to
other objects, and KIB of debug information, with --hole of zeros that take no room on the disk (members: 40 KiB at most).
Each archive is used by objects and by the archive before it. `--fail order`: a member of the last archive but one needs a member of an archive at
the middle that nobody else needs, so that ld.bfd and gold have passed it; lld, mold and wild link the line.
`--fail nowhere`: it needs what no file has, and all fail.
"""

import argparse
import os
import random
import struct

SHARED = 600


def mangled(file, function):
    """The name of a function of a file, as C++ has it: `file::function()`."""
    return f"_ZN{len(file)}{file}{len(function)}{function}Ev".encode()


def own(file, number):
    return mangled(file, f"function_{number:02}")


def inline(number):
    return mangled("common_header", f"inline_{number:03}")


class Strings:
    def __init__(self):
        self.bytes = bytearray(b"\0")
        self.known = {b"": 0}

    def add(self, name):
        at = self.known.get(name)
        if at is None:
            at = self.known[name] = len(self.bytes)
            self.bytes += name + b"\0"
        return at


def elf(defined, inlines, calls, debug):
    """An object for x86-64: functions, inline functions in groups, and calls of the functions, spread over them."""
    names, strings = Strings(), Strings()
    sections = [(0, 0, 0, b"", 0, 0, 0, 0)]  # name, type, flags, bytes, link, info, alignment, size of an entry
    symbols = [(0, 0, 0, 0, 0)]  # name, info, section, value, size
    code, groups = {}, []

    def section(name, kind, flags, data, link=0, info=0, align=1, entry=0):
        sections.append((names.add(name), kind, flags, data, link, info, align, entry))
        return len(sections) - 1

    body = b"\x55\x48\x89\xe5" + b"\xe8\0\0\0\0" * 8 + b"\x5d\xc3"
    for name in inlines:
        groups.append((name, section(b".group", 17, 0, b"", align=4, entry=4)))
    for name in defined:
        code[name] = section(b".text." + name, 1, 6, body, align=16)
    for name in inlines:
        code[name] = section(b".text." + name, 1, 6 | 0x200, body, align=16)
    if debug:
        section(b".debug_macro", 1, 0, debug)
    symbols += [(0, 3, index, 0, 0) for index in code.values()]
    local = len(symbols)
    index = {}
    for name in list(defined) + list(inlines):
        index[name] = len(symbols)
        symbols.append((strings.add(name), (2 if name in inlines else 1) << 4 | 2, code[name], 0, len(body)))
    for name in calls:
        if name not in index:
            index[name] = len(symbols)
            symbols.append((strings.add(name), 1 << 4, 0, 0, 0))
    table = len(sections) + len(code)
    relocations = {name: b"" for name in code}
    places = list(code)
    for number, name in enumerate(calls):
        place = places[number % len(places)]
        at = 5 + 5 * (len(relocations[place]) // 24 % 8)
        relocations[place] += struct.pack("<QQq", at, index[name] << 32 | 4, -4)
    for name in code:
        shared = 0x200 if name in inlines else 0
        section(b".rela.text." + name, 4, 0x40 | shared, relocations[name], table, code[name], 8, 24)
    for name, group in groups:
        members = struct.pack("<III", 1, code[name], code[name] + len(code) + bool(debug))
        sections[group] = sections[group][:3] + (members, table, index[name], 4, 4)
    packed = b"".join(struct.pack("<IBBHQQ", s[0], s[1], 0, s[2], s[3], s[4]) for s in symbols)
    assert section(b".symtab", 2, 0, packed, table + 1, local, 8, 24) == table
    section(b".strtab", 3, 0, bytes(strings.bytes))
    names.add(b".shstrtab")
    section(b".shstrtab", 3, 0, bytes(names.bytes))
    out, headers = bytearray(64), b""
    for name, kind, flags, data, link, info, align, entry in sections:
        out += b"\0" * (-len(out) % max(align, 1))
        headers += struct.pack("<IIQQQQIIQQ", name, kind, flags, 0, len(out), len(data), link, info, align, entry)
        out += data
    out += b"\0" * (-len(out) % 8)
    ident = b"\x7fELF\x02\x01\x01" + b"\0" * 9
    out[:64] = ident + struct.pack(
        "<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, len(out), 0, 64, 0, 0, 64, len(sections), len(sections) - 1
    )
    return bytes(out) + headers


def archive(path, members, thin):
    """An archive with GNU's symbol table; `members`: name, bytes, names it defines."""
    long = b"".join(name.encode() + b"/\n" for name, _, _ in members)
    where, at = {}, 0
    for name, _, _ in members:
        where[name] = at
        at += len(name) + 2
    defined = [(symbol, number) for number, (_, _, symbols) in enumerate(members) for symbol in symbols]
    index_size = 4 + 4 * len(defined) + sum(len(symbol) + 1 for symbol, _ in defined)

    def header(name, size):
        return f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{size:<10}`\n".encode()

    at = 8 + 60 + index_size + index_size % 2 + 60 + len(long) + len(long) % 2
    offsets, parts = [], []
    for name, data, _ in members:
        offsets.append(at)
        part = header(f"/{where[name]}", len(data))
        if not thin:
            part += data + b"\n" * (len(data) % 2)
        parts.append(part)
        at += len(part)
    index = struct.pack(">I", len(defined)) + b"".join(struct.pack(">I", offsets[number]) for _, number in defined)
    index += b"".join(symbol + b"\0" for symbol, _ in defined)
    with open(path, "wb") as file:
        file.write(b"!<thin>\n" if thin else b"!<arch>\n")
        file.write(header("/", len(index)) + index + b"\n" * (len(index) % 2))
        file.write(header("//", len(long)) + long + b"\n" * (len(long) % 2))
        file.write(b"".join(parts))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--archives", type=int, default=200)
    parser.add_argument("--members", type=int, default=20, help="of each archive")
    parser.add_argument("--functions", type=int, default=12, help="of each object and member")
    parser.add_argument("--kib", type=int, default=40, help="debug information of each object")
    parser.add_argument("--hole", action="store_true", help="debug information of objects is a hole in the file")
    parser.add_argument("--thin", action="store_true", help="members are files of their own")
    parser.add_argument("--fail", choices=["order", "nowhere"], default="order")
    given = parser.parse_args()
    draw = random.Random(1)
    hole = bytes(given.kib << 10)
    debug = draw.randbytes(min(given.kib, 40 if given.hole else given.kib) << 10)
    os.makedirs(f"{given.folder}/obj", exist_ok=True)
    os.makedirs(f"{given.folder}/lib", exist_ok=True)

    def object_name(number):
        return f"object_{number:05}"

    def member_name(library, member):
        return f"lib_{library:03}_member_{member:03}"

    # `order`: the middle archive has one member more, which only the last archive but one asks for.
    passed = given.archives // 2
    late = max(given.archives - 2, 0)
    hidden = "never_asked_for_in_time"
    wanted = own(hidden, 0) if given.fail == "order" else mangled("no_file", "has_it")

    def write(file, calls, path=None):
        inlines = [inline(number) for number in sorted(draw.sample(range(SHARED), 4))]
        defined = [own(file, number) for number in range(given.functions)]
        empty = given.hole and path is not None
        data = elf(defined, inlines, calls, hole if empty else debug)
        if path:
            with open(path, "wb") as out:
                if empty:
                    at = data.index(hole)
                    out.write(data[:at])
                    out.seek(at + len(hole))
                    data = data[at + len(hole) :]
                out.write(data)
        return data, defined + inlines

    def some(number, of):
        return [own(draw.choice(of), draw.randrange(given.functions)) for _ in range(number)]

    objects = [object_name(number) for number in range(given.objects)]
    line = []
    for number, file in enumerate(objects):
        calls = some(2 * given.functions, objects)
        if given.archives:
            library = number % given.archives
            used = [member_name(library, draw.randrange(given.members)) for _ in range(4)]
            calls += [own(member, draw.randrange(given.functions)) for member in used]
        path = f"obj/{file}.o"
        write(file, calls, f"{given.folder}/{path}")
        line.append(path)
    data = elf([b"main"], [], [own(objects[0], 0)], b"")
    with open(f"{given.folder}/main.o", "wb") as out:
        out.write(data)
    for library in range(given.archives):
        names = [member_name(library, member) for member in range(given.members)]
        members = []
        for number, file in enumerate(names):
            calls = some(given.functions, names)
            if library + 1 < given.archives:
                calls += some(given.functions // 2, [member_name(library + 1, member) for member in range(given.members)])
            if library == late and number == 0:
                calls.append(wanted)
            path = f"{given.folder}/lib/{file}.o" if given.thin else None
            members.append((f"{file}.o",) + write(file, calls, path))
        if library == passed and given.fail == "order":
            path = f"{given.folder}/lib/{hidden}.o" if given.thin else None
            members.append((f"{hidden}.o",) + write(hidden, some(given.functions, names), path))
        path = f"lib/liblayer_{library:03}.a"
        archive(f"{given.folder}/{path}", members, given.thin)
        line.append(path)
    words = ["main.o"] + line
    with open(f"{given.folder}/link.txt", "w") as out:
        out.write("cc -o app " + " ".join(words) + "\n")
    with open(f"{given.folder}/ld.rsp", "w") as out:
        out.write("-e main -o app\n" + "\n".join(words) + "\n")


main()
