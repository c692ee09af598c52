"""Objects a linker cannot take as they are: for another machine, for an optimiser, not for what is made of them."""
from scenario import scenario

MAIN = {
    "main.c": "int part(int);\nint main(void) { return part(1) != 2; }\n",
    "part.c": "int part(int x) { return x + 1; }\n"
}

scenario("object-32-bit",
         """An object was compiled for 32 bits.""",
         MAIN, ["gcc -g -c main.c", "gcc -g -m32 -c part.c"],
         "{gcc} main.o part.o -o app",
         fails="all",
         cause="wrong-machine",
         kind="bad-file",
         symbols=["part"],
         where={"part": None},
         quiet="all",
         fix={"what": "compile it for 64 bits", "commands": ["gcc -g -c part.c", "{gcc} main.o part.o -o app"]})

scenario(
    "object-32-bit-library",
    """The first library that is found is of 32 bits: linkers pass it and find no other.""",
    MAIN, ["gcc -g -c main.c", "gcc -g -m32 -c part.c", "ar rcs libpart.a part.o", "rm part.o"],
    "{gcc} main.o -L. -lpart -o app",
    fails="all",
    cause="wrong-machine",
    kind="bad-file",
    symbols=["part"],
    where={"part": None},
    quiet="all",
    fix={
        "what": "compile it for 64 bits",
        "commands": ["gcc -g -c part.c", "rm libpart.a", "ar rcs libpart.a part.o", "{gcc} main.o -L. -lpart -o app"]
    })

scenario("object-aarch64",
         """An object was compiled for aarch64.""",
         MAIN, ["gcc -g -c main.c", "{clang} --target=aarch64-linux-gnu -g -c part.c"],
         "{gcc} main.o part.o -o app",
         fails="all",
         cause="wrong-machine",
         kind="bad-file",
         symbols=["part"],
         where={"part": None},
         quiet="all",
         needs=["clang"],
         fix={"what": "compile it for this machine", "commands": ["gcc -g -c part.c", "{gcc} main.o part.o -o app"]})

scenario("object-m32-link",
         """A program is linked for 32 bits on a machine without the 32-bit libraries.""",
         {"main.c": "int main(void) { return 0; }\n"}, ["gcc -g -m32 -c main.c"],
         "{gcc} -m32 main.o -o app",
         fails="all",
         # wild refuses -m elf_i386 before it looks for files.
         cause={"wild": "no-such-output", "all": "no-multilib"},
         kind="missing-file")

scenario("object-empty",
         """An object is empty: the compiler was interrupted, or the disk full.""",
         MAIN, ["gcc -g -c main.c", ": > part.o"],
         "{gcc} main.o part.o -o app",
         fails="all",
         cause="damaged",
         kind="bad-file",
         symbols=["part"],
         where={"part": None},
         quiet="all",
         fix={"what": "build it again", "commands": ["gcc -g -c part.c", "{gcc} main.o part.o -o app"]})

scenario("object-truncated",
         """An object ends in the middle.""",
         MAIN, ["gcc -g -c main.c", "gcc -g -c part.c", "truncate -s 300 part.o"],
         "{gcc} main.o part.o -o app",
         fails="all",
         cause="damaged",
         kind="bad-file",
         symbols=["part"],
         where={"part": None},
         quiet="all",
         fix={"what": "build it again", "commands": ["gcc -g -c part.c", "{gcc} main.o part.o -o app"]})

scenario("object-lto-slim",
         """An object holds only code for GCC's link-time optimiser, and the link has no plugin for it.""",
         MAIN, ["gcc -g -c main.c", "gcc -g -flto -c part.c"],
         "{gcc} -fno-lto main.o part.o -o app",
         fails="all",
         cause="lto-no-plugin",
         where={"part": None},
         fix={"what": "compile it without -flto", "commands": ["gcc -g -c part.c", "{gcc} main.o part.o -o app"]})

scenario("object-lto-clang",
         """An object is bitcode of clang -flto, and the linker does not know it.""",
         MAIN, ["gcc -g -c main.c", "{clang} -g -flto -c part.c"],
         "{gcc} main.o part.o -o app",
         fails="bfd gold mold wild lld<19",
         cause="lto-no-plugin",
         kind="bad-file",
         symbols=["part"],
         where={"part": None},
         needs=["clang"],
         quiet="all",
         fix={"what": "compile it without -flto", "commands": ["{clang} -g -c part.c", "{gcc} main.o part.o -o app"]})

scenario(
    "object-not-pic",
    """Code compiled without -fPIC goes into a shared object.""",
    {"part.c": "int value = 1;\nint part(int x) { return x + value; }\n"}, ["gcc -g -fno-pic -c part.c"],
    "{gcc} -shared part.o -o libpart.so",
    fails="all",
    cause="not-pic",
    kind="relocation",
    symbols=["value"],
    where={"value": "part.o"},
    quiet="wild",
    output="libpart.so",
    fix={"what": "compile it with -fPIC", "commands": ["gcc -g -fPIC -c part.c", "{gcc} -shared part.o -o libpart.so"]})

scenario("object-not-pie",
         """Code compiled without -fPIE goes into a position-independent program, which is what gcc makes by
default.""", {"main.c": "int value;\nint *place(void) { return &value; }\nint main(void) { return *place(); }\n"},
         ["gcc -g -fno-pic -c main.c"],
         "{gcc} main.o -o app",
         fails="bfd gold mold wild lld>=16",
         cause="not-pic",
         kind="relocation",
         symbols=["value"],
         where={"value": "main.o"},
         quiet="wild",
         fix={"what": "link with -no-pie", "commands": ["{gcc} -no-pie main.o -o app"]})

scenario(
    "object-tls",
    """A variable is thread-local where it is defined and plain where it is used.""",
    {"main.c": "extern int value;\nint main(void) { return value != 0; }\n", "part.c": "__thread int value = 0;\n"},
    ["gcc -g -c main.c", "gcc -g -c part.c"],
    "{gcc} main.o part.o -o app",
    fails="bfd gold lld",
    cause="tls-mismatch",
    kind="tls",
    where={"value": "part.o"},
    fix={
        "what": "declare it __thread", "edits": {"main.c": [("extern int", "extern __thread int")]},
        "commands": ["gcc -g -c main.c", "{gcc} main.o part.o -o app"]
    })

scenario("object-hidden-for-dso",
         """A shared object needs a function that the program defines hidden: it can not see it.""", {
             "main.c": """\
        int top(int);
        __attribute__((visibility("hidden"))) int part(int x) { return x + 1; }
        int main(void) { return top(1) != 2; }
        """, "top.c": "int part(int);\nint top(int x) { return part(x); }\n"
         }, ["gcc -g -c main.c", "gcc -g -shared -fPIC top.c -o libtop.so"],
         "{gcc} main.o libtop.so -o app",
         fails="bfd lld>=16",
         cause="hidden",
         kind="hidden",
         where={"part": "main.o"},
         fix={
             "what": "do not hide it", "edits": {"main.c": [('__attribute__((visibility("hidden"))) ', "")]},
             "commands": ["gcc -g -c main.c", "{gcc} main.o libtop.so -o app"]
         })

scenario(
    "object-hidden-reference",
    """The declaration says hidden, so the definition has to be in this very link; a shared object has
it.""", {
        "main.c": '__attribute__((visibility("hidden"))) int part(int);\nint main(void) { return part(1) != 2; }\n',
        "part.c": MAIN["part.c"]
    }, ["gcc -g -c main.c", "gcc -g -shared -fPIC part.c -o libpart.so"],
    "{gcc} main.o libpart.so -o app",
    fails="all",
    cause="hidden-reference",
    where={"part": "libpart.so"},
    fix={
        "what": "declare it without visibility", "edits": {"main.c": [('__attribute__((visibility("hidden"))) ', "")]},
        "commands": ["gcc -g -c main.c", "{gcc} main.o libpart.so -o app"]
    })

scenario("object-discarded",
         """Two objects have a section group of the same signature, and the second, which is discarded, has a
symbol that the first has not.""", {
             "main.s": """\
        .globl main
        .text
        main:
            call helper
            xor %eax, %eax
            ret
        .section .text.group,"axG",@progbits,group,comdat
        .globl group
        group:
            ret
        .section .note.GNU-stack,"",@progbits
        """, "part.s": """\
        .globl helper
        .text
        helper:
            call local_part
            ret
        .section .text.group,"axG",@progbits,group,comdat
        .globl group
        group:
            ret
        local_part:
            ret
        .section .note.GNU-stack,"",@progbits
        """
         }, ["gcc -c main.s", "gcc -c part.s"],
         "{gcc} main.o part.o -o app",
         fails="bfd gold lld",
         cause="discarded",
         where={"local_part": "part.o"},
         fix={"what": "put part.o first", "commands": ["{gcc} part.o main.o -o app"]})

scenario(
    "object-too-far",
    """Data of more than 2 GB lies out of reach of code compiled for the small model.""", {
        "main.c": "char many[3UL << 30];\nchar last = 1;\nint main(int c, char **v) { return many[c] + last != 1; }\n",
        "other.c": "char more[3UL << 30];\nchar other;\nchar get(int at) { return more[at] + other; }\n"
    }, ["gcc -g -c main.c", "gcc -g -c other.c"],
    "{gcc} main.o other.o -o app",
    fails="all",
    cause="out-of-range",
    kind="relocation",
    symbols=["more"],
    quiet="all",
    fix={
        "what": "make the data smaller, or compile all of it with -mcmodel=large",
        "edits": {name: [("3UL << 30", "3UL << 20")]
                  for name in ("main.c", "other.c")},
        "commands": ["gcc -g -c main.c", "gcc -g -c other.c", "{gcc} main.o other.o -o app"]
    })
