"""Libraries that are missing, in the wrong place, twice, or another than is thought."""
from scenario import scenario

MAIN = {
    "main.c": "int part(int);\nint main(void) { return part(1) != 2; }\n",
    "part.c": "int part(int x) { return x + 1; }\n"
}
SHARED = "gcc -g -shared -fPIC"

scenario("library-m",
         """A program uses libm and is linked without it.""",
         {"main.c": "#include <math.h>\nint main(int argc, char **argv) { return cbrt(argc) > 2; }\n"},
         ["gcc -g -c main.c"],
         "{gcc} main.o -o app",
         fails="all",
         cause="missing-library",
         where={"cbrt": "-lm"},
         fix={"what": "add `-lm`", "commands": ["{gcc} main.o -lm -o app"]})

scenario("library-z",
         """A program uses zlib and is linked without it.""",
         {"main.c": "#include <zlib.h>\nint main(void) { return crc32(0, 0, 0) != 0; }\n"}, ["gcc -g -c main.c"],
         "{gcc} main.o -o app",
         fails="all",
         cause="missing-library",
         where={"crc32": "-lz"},
         needs=["-lz"],
         fix={"what": "add `-lz`", "commands": ["{gcc} main.o -lz -o app"]})

scenario("library-atomic",
         """An atomic operation of 16 bytes is a call into libatomic.""", {
             "main.c": """\
        struct pair { long a, b; } value;

        int main(void) {
            struct pair one = {1, 2};
            __atomic_store(&value, &one, 0);
            return value.a != 1;
        }
        """
         }, ["gcc -g -c main.c"],
         "{gcc} main.o -o app",
         fails="all",
         cause="missing-library",
         where={"__atomic_store_16": "-latomic"},
         needs=["-latomic"],
         fix={"what": "add `-latomic`", "commands": ["{gcc} main.o -latomic -o app"]})

scenario("library-crypt",
         """crypt(3) is in a library of its own.""",
         {"main.c": '#include <crypt.h>\nint main(void) { return crypt("a", "$5$ab") == 0; }\n'}, ["gcc -g -c main.c"],
         "{gcc} main.o -o app",
         fails="all",
         cause="missing-library",
         where={"crypt": "-lcrypt"},
         needs=["-lcrypt"],
         fix={"what": "add `-lcrypt`", "commands": ["{gcc} main.o -lcrypt -o app"]})

scenario("library-stdcxx",
         """C++ is linked with gcc instead of g++, which adds libstdc++.""",
         {"main.cc": '#include <iostream>\nint main() { std::cout << "a"; return 0; }\n'}, ["g++ -g -c main.cc"],
         "{gcc} main.o -o app",
         fails="all",
         cause="missing-library",
         where={"_ZSt4cout": "-lstdc++"},
         quiet="wild",
         fix={"what": "link with g++", "commands": ["{g++} main.o -o app"]})

scenario("library-not-found",
         """`-lpart`, and there is no such library in any folder that is searched.""",
         {"main.c": MAIN["main.c"], "part.c": MAIN["part.c"]},
         ["gcc -g -c main.c", "gcc -g -c part.c", "mkdir lib", "ar rcs lib/libpart.a part.o", "rm part.o"],
         "{gcc} main.o -lpart -o app",
         fails="all",
         cause="library-path",
         kind="missing-file",
         symbols=["part"],
         where={"part": "lib/libpart.a(part.o)"},
         fix={"what": "add `-Llib`", "commands": ["{gcc} main.o -Llib -lpart -o app"]})

scenario("library-unversioned",
         """libpart.so.1 is installed, the name libpart.so without a version, which -lpart looks for, is
not: the development package is missing.""",
         MAIN, ["gcc -g -c main.c", SHARED + " part.c -Wl,-soname,libpart.so.1 -o libpart.so.1"],
         "{gcc} main.o -L. -lpart -o app",
         fails="all",
         cause="library-unversioned",
         kind="missing-file",
         symbols=["part"],
         where={"part": "libpart.so.1"},
         fix={"what": "name the file", "commands": ["{gcc} main.o -L. -l:libpart.so.1 -o app"]})

scenario("library-object-missing",
         """An object on the line was not built.""",
         MAIN, ["gcc -g -c main.c"],
         "{gcc} main.o part.o -o app",
         fails="all",
         cause="input-missing",
         kind="missing-file",
         symbols=["part"],
         where={"part": None},
         fix={"what": "build it", "commands": ["gcc -g -c part.c", "{gcc} main.o part.o -o app"]})

scenario("library-script",
         """libpart.so is a linker script that names a library which is not there.""",
         dict(MAIN, **{"libpart.so": "/* GNU ld script */\nINPUT(-lpart-1)\n"}),
         ["gcc -g -c main.c", "gcc -g -c part.c", "mkdir lib", "ar rcs lib/libpart-1.a part.o", "rm part.o"],
         "{gcc} main.o -L. -lpart -o app",
         fails="all",
         cause="library-path",
         kind="missing-file",
         symbols=["part"],
         where={"part": "lib/libpart-1.a(part.o)"},
         fix={"what": "add `-Llib`", "commands": ["{gcc} main.o -L. -Llib -lpart -o app"]})

scenario("library-twice",
         """The same code in two archives: each has to be taken for something else.""", {
             "main.c": "int one(void);\nint two(void);\nint main(void) { return one() + two() != 3; }\n",
             "common.c": "int common(int x) { return x; }\n",
             "one.c": "int common(int);\nint one(void) { return common(1); }\n",
             "old.c": "int common(int x) { return x; }\nint two(void) { return common(2); }\n"
         }, [
             "gcc -g -c main.c", "gcc -g -c common.c", "gcc -g -c one.c", "gcc -g -c old.c",
             "ar rcs libone.a one.o common.o", "ar rcs libold.a old.o", "rm one.o common.o old.o"
         ],
         "{gcc} main.o libone.a libold.a -o app",
         fails="all",
         cause="duplicate-library",
         kind="duplicate",
         where={"common": "libold.a(old.o)"},
         fix={
             "what": "allow it, or take one of the two out",
             "commands": ["{gcc} -Wl,--allow-multiple-definition main.o libone.a libold.a -o app"]
         })

scenario("library-whole-twice",
         """One archive under two names, both with --whole-archive.""",
         MAIN,
         ["gcc -g -c main.c", "gcc -g -c part.c", "ar rcs libpart.a part.o", "cp libpart.a libpart_pic.a", "rm part.o"],
         "{gcc} main.o -Wl,--whole-archive libpart.a libpart_pic.a -Wl,--no-whole-archive -o app",
         fails="all",
         cause="duplicate-library",
         kind="duplicate",
         where={"part": "libpart.a(part.o)"},
         fix={
             "what": "leave one out",
             "commands": ["{gcc} main.o -Wl,--whole-archive libpart.a -Wl,--no-whole-archive -o app"]
         })

scenario("library-object-twice",
         """An object stands twice on the line.""",
         MAIN, ["gcc -g -c main.c", "gcc -g -c part.c"],
         "{gcc} main.o part.o part.o -o app",
         fails="all but wild",
         cause="object-twice",
         kind="duplicate",
         where={"part": "part.o"},
         fix={"what": "leave one out", "commands": ["{gcc} main.o part.o -o app"]})

scenario("library-header-function",
         """A header defines a function, and two files include it.""", {
             "part.h": "int part(int x) { return x + 1; }\n",
             "main.c": '#include "part.h"\nint main(void) { return part(1) != 2; }\n', "other.c": '#include "part.h"\n'
         }, ["gcc -g -c main.c", "gcc -g -c other.c"],
         "{gcc} main.o other.o -o app",
         fails="all",
         cause="header-function",
         kind="duplicate",
         where={"part": "main.o"},
         fix={
             "what": "make it static inline", "edits": {"part.h": [("int part", "static inline int part")]},
             "commands": ["gcc -g -c main.c", "gcc -g -c other.c", "{gcc} main.o other.o -o app"]
         })

scenario("library-two-mains",
         """Two files of one link have a main.""",
         {"main.c": "int main(void) { return 0; }\n", "test.c": "int main(void) { return 1; }\n"},
         ["gcc -g -c main.c", "gcc -g -c test.c"],
         "{gcc} main.o test.o -o app",
         fails="all",
         cause="two-mains",
         kind="duplicate",
         where={"main": "main.o"},
         fix={"what": "leave one out", "commands": ["{gcc} main.o -o app"]})

scenario("library-dso-missing",
         """main.o calls part itself, and only libdeep.so, which libtop.so needs, has it.""", {
             "main.c": "int part(int);\nint top(int);\nint main(void) { return part(1) + top(1) != 4; }\n",
             "part.c": MAIN["part.c"], "top.c": "int part(int);\nint top(int x) { return part(x); }\n"
         }, ["gcc -g -c main.c", SHARED + " part.c -o libdeep.so", SHARED + " top.c -o libtop.so -L. -ldeep"],
         "{gcc} main.o -L. -ltop -Wl,-rpath-link,. -o app",
         fails="all",
         cause="transitive-only",
         where={"part": "libdeep.so"},
         fix={"what": "add `-ldeep`", "commands": ["{gcc} main.o -L. -ltop -ldeep -Wl,-rpath-link,. -o app"]})

scenario("library-needed-not-found",
         """libtop.so needs libdeep.so, which lies where nobody looks. ld.bfd warns and then misses what
libtop.so needs of it; the others leave it to the loader.""", {
             "main.c": "int top(int);\nint main(void) { return top(1) != 2; }\n", "part.c": MAIN["part.c"],
             "top.c": "int part(int);\nint top(int x) { return part(x); }\n"
         }, [
             "gcc -g -c main.c", "mkdir deep", SHARED + " part.c -o deep/libdeep.so",
             SHARED + " top.c -o libtop.so -Ldeep -ldeep"
         ],
         "{gcc} main.o -L. -ltop -o app",
         fails="bfd",
         cause="needed-not-found",
         where={"part": "deep/libdeep.so"},
         fix={"what": "say where it is", "commands": ["{gcc} main.o -L. -ltop -Wl,-rpath-link,deep -o app"]})

scenario("library-version-missing",
         """libtop.so was linked against a libdeep.so that had part@V2; the one at hand has V1.""", {
             "main.c": "int top(int);\nint main(void) { return top(1) != 2; }\n", "part.c": MAIN["part.c"],
             "top.c": "int part(int);\nint top(int x) { return part(x); }\n", "v1.map": "V1 { global: part; };\n",
             "v2.map": "V2 { global: part; };\n"
         }, [
             "gcc -g -c main.c", "mkdir new", SHARED + " part.c -Wl,--version-script=v2.map -o new/libdeep.so",
             SHARED + " part.c -Wl,--version-script=v1.map -o libdeep.so", SHARED + " top.c -o libtop.so -Lnew -ldeep"
         ],
         "{gcc} main.o -L. -ltop -ldeep -o app",
         fails="bfd gold lld",
         cause="version-missing",
         symbols=["part@V2"],
         where={"part@V2": "new/libdeep.so"},
         fix={
             "what": "put the newer one in its place",
             "commands": ["cp --remove-destination new/libdeep.so .", "{gcc} main.o -L. -ltop -ldeep -o app"]
         })

scenario("library-version-asked",
         """An object asks for a version of a symbol that the library does not have.""", {
             "main.c": '__asm__(".symver part,part@V2");\nint part(int);\nint main(void) { return part(1) != 2; }\n',
             "part.c": MAIN["part.c"], "v1.map": "V1 { global: part; };\n"
         }, ["gcc -g -c main.c", SHARED + " part.c -Wl,--version-script=v1.map -o libpart.so"],
         "{gcc} main.o libpart.so -o app",
         fails="all",
         cause="version-missing",
         symbols=["part@V2"],
         where={"part@V2": "libpart.so:part"},
         quiet="wild mold",
         fix={
             "what": "ask for no version", "edits": {"main.c": [('__asm__(".symver part,part@V2");\n', "")]},
             "commands": ["gcc -g -c main.c", "{gcc} main.o libpart.so -o app"]
         })

scenario("library-version-undefined",
         """A version script names a symbol that nothing defines.""",
         {"part.c": MAIN["part.c"], "part.map": "V1 { global: part; gone; };\n"}, ["gcc -g -fPIC -c part.c"],
         "{gcc} -shared part.o -Wl,--version-script=part.map -Wl,--no-undefined-version -o libpart.so",
         fails="bfd gold lld",
         cause="version-script-undefined",
         kind="version",
         symbols=["gone"],
         where={"gone": None},
         output="libpart.so",
         fix={
             "what": "take it out of the version script", "edits": {"part.map": [(" gone;", "")]}, "commands": [
                 "{gcc} -shared part.o -Wl,--version-script=part.map -Wl,--no-undefined-version -o libpart.so"
             ]
         })

scenario("library-no-index",
         """An archive was made without a symbol table (`ar rcS`): ld.bfd and gold want one.""",
         MAIN, ["gcc -g -c main.c", "gcc -g -c part.c", "ar rcS libpart.a part.o", "rm part.o"],
         "{gcc} main.o libpart.a -o app",
         fails="bfd gold",
         cause="no-index",
         kind="bad-file",
         symbols=["part"],
         where={"part": "libpart.a(part.o)"},
         quiet="gold bfd",
         fix={"what": "run ranlib", "commands": ["ranlib libpart.a", "{gcc} main.o libpart.a -o app"]})

scenario("library-thin-gone",
         """A thin archive only names its members, and one is gone.""",
         MAIN, ["gcc -g -c main.c", "gcc -g -c part.c", "ar rcsT libpart.a part.o", "rm part.o"],
         "{gcc} main.o libpart.a -o app",
         fails="all",
         cause="thin-member-missing",
         kind="missing-file",
         symbols=["part"],
         where={"part": None},
         quiet="all",
         fix={"what": "build the member", "commands": ["gcc -g -c part.c", "{gcc} main.o libpart.a -o app"]})
