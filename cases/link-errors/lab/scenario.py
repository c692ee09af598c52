"""How a scenario is declared: the sources, what is typed, and what must come of it with each linker."""
import operator
import re
import textwrap

ALL = {}
FAMILIES = ("bfd", "gold", "lld", "mold", "wild")
COMPARE = {"<": operator.lt, ">=": operator.ge}


def applies(words, family, major):
    """Whether `all but bfd lld<16` or the like speaks of a linker of this family and major version."""
    if words.startswith("all"):
        return not (words.startswith("all but ") and applies(words[len("all but "):], family, major))
    for word in words.split():
        name, compare, number = re.fullmatch(r"([a-z]+)(?:(<|>=)(\d+))?", word).groups()
        assert name in FAMILIES, word
        if name == family and (not compare or COMPARE[compare](major, int(number))):
            return True
    return False


def of(table, linker):
    """The value that a dictionary from words to values has for a linker, or None."""
    return next((value for words, value in table.items() if applies(words, linker.family, linker.major)), None)


def scenario(name, about, files, build, link, fails, cause, symbols=(), where=None, fix=None, kind="undefined",
             output="app", needs=(), told=None, quiet="", only="all", sets="named"):
    """Declares a scenario. What is said of linkers is in the words of applies().

    files    name to text: what is written before anything is built
    build    commands that make objects and libraries, with the machine's compilers and its usual linker
    link     what is typed. `{gcc}`, `{g++}`, `{clang}`, `{clang++}`, `{gfortran}`, `{rustc}` are the driver told to use
             the linker that is tried, `{ld}` is the linker itself
    fails    the linkers with which it fails
    cause    a stable word for why, see README.md; one for all, or a dictionary from linkers to words
    kind     what the linker refuses: undefined, duplicate, missing-file, bad-file, relocation, tls, version, hidden,
             warning
    symbols  what it is about, as the linker sees it; `~PATTERN@FILE` takes the names from the symbols of FILE
    where    symbol to who defines it: `libf.so`, `libf.a(f.o)`, `-lm` (as the driver finds it), each with `:NAME` where
             the name differs; None is nowhere
    fix      {"what": words, "edits": {file: [(before, after)]}, "commands": […]}; the last command links
    output   the file the link makes
    needs    commands and libraries (`-lz`) this needs beside gcc: the scenario is skipped without them
    told     linkers to {"needed": [DT_NEEDED …], "says": what the program prints}
    quiet    the linkers whose message does not name the symbol
    only     the linkers it is played with
    sets     "story", "micro" (the table of differences), "named" (the others)
    """
    assert name not in ALL and re.fullmatch(r"[a-z0-9-]{1,40}", name), name
    where = where or {}
    ALL[name] = {
        "name": name, "about": " ".join(about.split()), "sets": sets, "kind": kind, "link": link, "output": output,
        "files": {path: textwrap.dedent(text).lstrip("\n") for path, text in files.items()},
        "build": list(build), "fails": fails, "cause": cause if isinstance(cause, dict) else {"all": cause},
        "symbols": list(symbols) or list(where), "where": where, "fix": fix, "needs": list(needs),
        "told": told or {}, "quiet": quiet, "only": only,
    }
