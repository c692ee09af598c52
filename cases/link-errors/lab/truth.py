"""What really happened in one scenario with one linker. Nothing here comes from casebook."""
import os
import re
import shutil

from scenario import of, applies
from toolchain import run, said_by


def names(path, dynamic=False, folder="/"):
    """Symbols of a file: (member or None, letter of nm, name)."""
    found = []
    for line in said_by("nm -A %s '%s' 2>/dev/null || true" % ("-D" if dynamic else "", path), folder).splitlines():
        match = re.match(r"(.*?):(?:(\S+?):)?(?:[0-9a-f]{16}| {16}) (\w) (.*)$", line)
        if match:
            found.append((match.group(2), match.group(3), match.group(4)))
    return found


def library(place, folder):
    """The file that `-lm`, `-l:libm.a` or `libf.so` is."""
    if not place.startswith("-l"):
        return place
    names_ = [place[3:]] if place.startswith("-l:") else ["lib%s.%s" % (place[2:], ending) for ending in ("so", "a")]
    for name in names_:
        found = said_by("gcc -print-file-name=" + name, folder)
        if "/" not in found:
            continue
        found = os.path.normpath(found)
        with open(found, "rb") as file:
            head = file.read(4096)
        # A linker script names the real one.
        real = re.search(rb"(?:GROUP|INPUT) *\( *(\S+)", head) if head[:4] != b"\x7fELF" else None
        return real.group(1).decode() if real and not head.startswith(b"!<") else os.path.realpath(found)
    return place


def definition(symbol, place, folder):
    """Where a symbol is defined, checked with nm; an error in words when it is not there."""
    if place is None:
        return {"symbol": symbol, "nowhere": True}, None
    found = re.fullmatch(r"(-l:)?([^:]*)(?::(.*))?", place)
    place, other = (found.group(1) or "") + found.group(2), found.group(3)
    file, _, member = place.rstrip(")").partition("(")
    path = library(file, folder)
    name = other or symbol
    wanted = name.partition("@")[0]
    for dynamic in (True, False):
        for owner, letter, found in names(path, dynamic, folder):
            if letter in "Uwv" or member and owner != member:
                continue
            if found.partition("@")[0] == wanted or re.fullmatch(wanted, found):
                entry = {"symbol": symbol, "file": path, "member": owner, "nm": letter, "dynamic": dynamic}
                if found != symbol:
                    entry["name"] = found
                return entry, None
    return None, "%s does not define %s" % (place, name)


def symbols(scenario, folder):
    """The symbols a scenario is about; patterns are looked up in the file they name."""
    found = []
    for symbol in scenario["symbols"]:
        if not symbol.startswith("~"):
            found.append(symbol)
            continue
        pattern, _, path = symbol[1:].rpartition("@")
        found += sorted({name for _, _, name in names(path, folder=folder) if re.fullmatch(pattern, name)})
    return found


def prints(output, folder):
    """What a program that was linked says when it runs; None when it cannot be run."""
    if not os.path.exists(os.path.join(folder, output)) or output.endswith((".so", ".o")):
        return None, 0
    folders = [folder] + [entry.path for entry in os.scandir(folder) if entry.is_dir()]
    status, said = run("./" + output, folder, timeout=20, LD_LIBRARY_PATH=":".join(folders))
    return said.decode(errors="replace").strip(), status


def needed(output, folder):
    """DT_NEEDED of what was linked, without the C library."""
    said = said_by("readelf -d -W '%s' 2>/dev/null || true" % output, folder)
    found = re.findall(r"\(NEEDED\).*\[(.*?)\]", said)
    return [name for name in found if not re.match(r"lib(c|gcc_s|stdc\+\+)\.so", name)]


def named(symbol, log):
    """Whether a log has a symbol, as it is or in readable form."""
    plain = symbol.partition("@")[0]
    readable = said_by("c++filt '%s'" % plain)
    forms = [form.replace("> >", ">>") for form in (readable, readable.replace("[abi:cxx11]", ""))]
    return plain in log or any(form in log.replace("> >", ">>") for form in forms)


def mend(scenario, linker, folder):
    """Plays the fix in a copy of the folder. It has to link, and what it makes has to run."""
    fix = scenario["fix"]
    copy = os.path.join(os.path.dirname(folder), ".fix-" + linker.name)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy, symlinks=True)
    edits, faults = [], []
    for path, changes in fix.get("edits", {}).items():
        with open(os.path.join(copy, path)) as file:
            text = file.read()
        for before, after in changes:
            if before not in text:
                faults.append("the fix finds no `%s` in %s" % (before, path))
            text = text.replace(before, after)
            edits.append({"file": path, "before": before, "after": after})
        with open(os.path.join(copy, path), "w") as file:
            file.write(text)
    commands = [linker.typed(command) for command in fix["commands"]]
    status, said = 0, b""
    for command in commands:
        status, said = run(command, copy)
        if status:
            faults.append("the fix does not link: %s: %s" % (command, said.decode(errors="replace").strip()[-300:]))
            break
    says, ends = prints(scenario["output"], copy) if not status else (None, 0)
    if ends:
        faults.append("what the fix links ends with status %d: %s" % (ends, says))
    shutil.rmtree(copy)
    return {"what": fix["what"], "edits": edits, "commands": commands, "linked": status == 0, "says": says}, faults


def write(scenario, linker, folder, versions):
    """Links once, keeps what was said, plays the fix; returns the truth."""
    typed = linker.typed(scenario["link"])
    with open(os.path.join(folder, "link.txt"), "w") as file:
        file.write(typed + "\n")
    shown, asks = None, None
    if re.match(r"\S*(gcc|g\+\+|clang|gfortran)", typed):
        asks = typed + " -###"
    elif typed.startswith("rustc"):
        asks = typed + " --print link-args"
    status, said = run(typed, folder)
    with open(os.path.join(folder, "ld.log"), "wb") as file:
        file.write(said)
    with open(os.path.join(folder, "linker.txt"), "w") as file:
        file.write(linker.says + "\n")
    if asks:
        # The driver tells what it would run, and runs nothing; rustc tells what it runs.
        shown = run(asks, folder)[1]
        with open(os.path.join(folder, "driver.txt"), "wb") as file:
            file.write(shown)
    log = said.decode(errors="replace")
    linked, faults = status == 0, []
    if linked == applies(scenario["fails"] or "all but bfd gold lld mold wild", linker.family, linker.major):
        faults.append("links" if linked else "does not link: " + log.strip()[-200:])
    about = symbols(scenario, folder)
    where = []
    for symbol, place in scenario["where"].items():
        for one in about if symbol.startswith("~") else [symbol]:
            entry, fault = definition(one, place, folder)
            where.append(entry) if entry else faults.append(fault)
    unnamed = [symbol for symbol in about if not linked and not named(symbol, log)]
    if unnamed and not (scenario["quiet"] and applies(scenario["quiet"], linker.family, linker.major)):
        faults.append("the message does not name " + " ".join(unnamed))
    says, ends = prints(scenario["output"], folder) if linked else (None, 0)
    found = {
        "scenario": scenario["name"], "about": scenario["about"], "linker": linker.family, "linker_name": linker.name,
        "version": linker.version, "says_of_itself": linker.says, "compilers": versions, "command": typed,
        "linked": linked, "exit": status, "kind": scenario["kind"],
        "cause": of(scenario["cause"], linker) if not linked or scenario["kind"] == "warning" else None,
        "symbols": about, "unnamed": unnamed, "definitions": where,
    }
    if linked:
        found.update(needed=needed(scenario["output"], folder), says=says, ends=ends)
    for key, value in (of(scenario["told"], linker) or {}).items():
        if found.get(key) != value:
            faults.append("%s is %s, not %s" % (key, found.get(key), value))
    output = os.path.join(folder, scenario["output"])
    if os.path.exists(output):
        os.remove(output)
    found["fix"] = None
    if scenario["fix"] and (not linked or scenario["kind"] == "warning"):
        found["fix"], more = mend(scenario, linker, folder)
        faults += more
    found.update(as_told=not faults, differences=faults)
    return found
