"""The definition is there under another name, or the compiler did not make it."""
from scenario import scenario

MAIN_CC = """\
    #include "part.h"

    int main() {
        return part(1) != 2;
    }
    """

scenario("name-cxx-calls-c",
         """C++ declares a function of C without extern "C", and asks for its mangled name.""",
         {"main.cc": MAIN_CC, "part.h": "int part(int);\n", "part.c": "int part(int x) { return x + 1; }\n"},
         ["g++ -g -c main.cc", "gcc -g -c part.c"],
         "{g++} main.o part.o -o app",
         fails="all",
         cause="c-linkage-missing",
         where={"_Z4parti": "part.o:part"},
         fix={
             "what": 'declare it extern "C"', "edits": {"part.h": [("int part", 'extern "C" int part')]},
             "commands": ["g++ -g -c main.cc", "{g++} main.o part.o -o app"]
         })

scenario("name-c-calls-cxx",
         """C calls a function that C++ defines without extern "C".""", {
             "main.c": "int part(int);\nint main(void) { return part(1) != 2; }\n",
             "part.cc": "int part(int x) { return x + 1; }\n"
         }, ["gcc -g -c main.c", "g++ -g -c part.cc"],
         "{g++} main.o part.o -o app",
         fails="all",
         cause="c-linkage-missing",
         where={"part": "part.o:_Z4parti"},
         fix={
             "what": 'define it extern "C"', "edits": {"part.cc": [("int part", 'extern "C" int part')]},
             "commands": ["g++ -g -c part.cc", "{g++} main.o part.o -o app"]
         })

scenario(
    "name-abi-cxx11",
    """A library was compiled with _GLIBCXX_USE_CXX11_ABI=0, its user without: std::string is another
type.""", {
        "main.cc": '#include "part.h"\nint main() { return name(std::string("a")).size() != 2; }\n',
        "part.h": "#include <string>\nstd::string name(const std::string &);\n",
        "part.cc": '#include "part.h"\nstd::string name(const std::string &s) { return s + "b"; }\n'
    }, ["g++ -g -c main.cc", "g++ -g -D_GLIBCXX_USE_CXX11_ABI=0 -c part.cc", "ar rcs libpart.a part.o", "rm part.o"],
    "{g++} main.o libpart.a -o app",
    fails="all",
    cause="abi-cxx11",
    where={"_Z4nameRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE": "libpart.a(part.o):_Z4nameRKSs"},
    fix={
        "what": "compile both with the same ABI",
        "commands": ["g++ -g -c part.cc", "rm libpart.a", "ar rcs libpart.a part.o", "{g++} main.o libpart.a -o app"]
    })

scenario(
    "name-abi-tag",
    """The mismatch shows in the name of a function alone: it takes nothing and returns std::string.""", {
        "main.cc": '#include "part.h"\nint main() { return name().size() != 1; }\n',
        "part.h": "#include <string>\nstd::string name();\n",
        "part.cc": '#include "part.h"\nstd::string name() { return "a"; }\n'
    }, ["g++ -g -D_GLIBCXX_USE_CXX11_ABI=0 -c main.cc", "g++ -g -fPIC -shared part.cc -o libpart.so"],
    "{g++} main.o libpart.so -o app",
    fails="all",
    cause="abi-cxx11",
    where={"_Z4namev": "libpart.so:_Z4nameB5cxx11v"},
    fix={"what": "compile both with the same ABI", "commands": ["g++ -g -c main.cc", "{g++} main.o libpart.so -o app"]})

scenario("name-const",
         """Declared for `const char *`, defined for `char *`.""", {
             "main.cc": 'int part(const char *);\nint main() { return part("a") != 97; }\n',
             "part.cc": "int part(char *s) { return s[0]; }\n"
         }, ["g++ -g -c main.cc", "g++ -g -c part.cc"],
         "{g++} main.o part.o -o app",
         fails="all",
         cause="signature",
         where={"_Z4partPKc": "part.o:_Z4partPc"},
         fix={
             "what": "define it as it is declared", "edits": {"part.cc": [("char *s", "const char *s")]},
             "commands": ["g++ -g -c part.cc", "{g++} main.o part.o -o app"]
         })

scenario("name-signature",
         """Declared with `long`, defined with `int`.""", {
             "main.cc": "int part(long);\nint main() { return part(1) != 2; }\n",
             "part.cc": "int part(int x) { return x + 1; }\n"
         }, ["g++ -g -c main.cc", "g++ -g -c part.cc"],
         "{g++} main.o part.o -o app",
         fails="all",
         cause="signature",
         where={"_Z4partl": "part.o:_Z4parti"},
         fix={
             "what": "declare it as it is defined", "edits": {"main.cc": [("part(long)", "part(int)")]},
             "commands": ["g++ -g -c main.cc", "{g++} main.o part.o -o app"]
         })

scenario("name-namespace",
         """Declared in a namespace, defined outside of it.""", {
             "main.cc": "namespace util { int part(int); }\nint main() { return util::part(1) != 2; }\n",
             "part.cc": "namespace util { int part(int); }\nint part(int x) { return x + 1; }\n"
         }, ["g++ -g -c main.cc", "g++ -g -c part.cc"],
         "{g++} main.o part.o -o app",
         fails="all",
         cause="signature",
         where={"_ZN4util4partEi": "part.o:_Z4parti"},
         fix={
             "what": "define it in the namespace", "edits": {"part.cc": [("int part(int x)", "int util::part(int x)")]},
             "commands": ["g++ -g -c part.cc", "{g++} main.o part.o -o app"]
         })

scenario("name-fortran-underscore",
         """C calls a Fortran procedure by its name; gfortran adds an underscore.""", {
             "main.c": "int part(int *);\nint main(void) { int x = 1; return part(&x) != 2; }\n",
             "part.f90": "integer function part(x)\n  integer :: x\n  part = x + 1\nend function\n"
         }, ["gcc -g -c main.c", "gfortran -g -c part.f90"],
         "{gfortran} main.o part.o -o app",
         fails="all",
         cause="fortran-underscore",
         where={"part": "part.o:part_"},
         needs=["gfortran"],
         fix={
             "what": "call it part_", "edits": {"main.c": [("part(", "part_(")]},
             "commands": ["gcc -g -c main.c", "{gfortran} main.o part.o -o app"]
         })

scenario("name-vtable",
         """The first virtual function of a class that is not inline is never defined: the compiler puts the
vtable where that one is, which is nowhere.""", {
             "shape.h": """\
        struct Shape {
            virtual double area() const;
            virtual ~Shape() {}
        };
        """, "main.cc": """\
        #include "shape.h"

        int main() {
            Shape shape;
            return sizeof shape == 0;
        }
        """, "shape.cc": '#include "shape.h"\n'
         }, ["g++ -g -c main.cc", "g++ -g -c shape.cc"],
         "{g++} main.o shape.o -o app",
         fails="all",
         cause="key-function",
         where={"_ZTV5Shape": None},
         quiet="wild",
         fix={
             "what": "define Shape::area",
             "edits": {"shape.cc": [('"shape.h"\n', '"shape.h"\ndouble Shape::area() const '
                                     '{ return 0; }\n')]},
             "commands": ["g++ -g -c shape.cc", "{g++} main.o shape.o -o app"]
         })

scenario("name-static",
         """The function is there, and static.""", {
             "main.c": "int part(int);\nint main(void) { return part(1) != 2; }\n",
             "part.c": "static int part(int x) { return x + 1; }\nint other(int x) { return part(x); }\n"
         }, ["gcc -g -c main.c", "gcc -g -c part.c"],
         "{gcc} main.o part.o -o app",
         fails="all",
         cause="static",
         where={"part": "part.o"},
         fix={
             "what": "define it without static", "edits": {"part.c": [("static int", "int")]},
             "commands": ["gcc -g -c part.c", "{gcc} main.o part.o -o app"]
         })

LIBRARY = {
    "main.c": "int inner(int);\nint api(int);\nint main(void) { return inner(1) + api(1) != 4; }\n", "part.c": """\
    #define API __attribute__((visibility("default")))
    int inner(int x) { return x + 1; }
    API int api(int x) { return inner(x); }
    """
}

scenario(
    "name-hidden-visibility",
    """A library is compiled with -fvisibility=hidden; a function that its user needs is not marked
for export.""",
    LIBRARY,
    ["gcc -g -c main.c", "gcc -g -fPIC -fvisibility=hidden -c part.c", "gcc -shared part.o -o libpart.so", "rm part.o"],
    "{gcc} main.o libpart.so -o app",
    fails="all",
    cause="hidden",
    where={"inner": "libpart.so"},
    fix={
        "what": "mark it for export", "edits": {"part.c": [("int inner(int x) {", "API int inner(int x) {")]},
        "commands": [
            "gcc -g -fPIC -fvisibility=hidden -c part.c", "gcc -shared part.o -o libpart.so",
            "{gcc} main.o libpart.so -o app"
        ]
    })

scenario("name-hidden-version-script",
         """A version script makes everything local that it does not list.""",
         dict(LIBRARY, **{"part.map": "{\n    global: api;\n    local: *;\n};\n"}), [
             "gcc -g -c main.c", "gcc -g -fPIC -c part.c",
             "gcc -shared part.o -Wl,--version-script=part.map -o libpart.so", "rm part.o"
         ],
         "{gcc} main.o libpart.so -o app",
         fails="all",
         cause="version-script-local",
         where={"inner": "libpart.so"},
         fix={
             "what": "list it in the version script", "edits": {"part.map": [("api;", "api; inner;")]}, "commands": [
                 "gcc -g -fPIC -c part.c", "gcc -shared part.o -Wl,--version-script=part.map -o libpart.so",
                 "{gcc} main.o libpart.so -o app"
             ]
         })

scenario("name-exclude-libs",
         """A shared object was linked from an archive with --exclude-libs: what came from the archive is
hidden.""",
         LIBRARY, [
             "gcc -g -c main.c", "gcc -g -fPIC -c part.c", "ar rcs libinner.a part.o",
             "gcc -shared -Wl,--whole-archive libinner.a -Wl,--no-whole-archive -Wl,--exclude-libs,ALL -o libpart.so",
             "rm part.o"
         ],
         "{gcc} main.o libpart.so -o app",
         fails="all",
         cause="hidden",
         where={"inner": "libpart.so", "api": "libpart.so"},
         quiet="wild",
         fix={
             "what": "link it without --exclude-libs", "commands": [
                 "gcc -shared -Wl,--whole-archive libinner.a -Wl,--no-whole-archive -o libpart.so",
                 "{gcc} main.o libpart.so -o app"
             ]
         })

scenario("name-template",
         """A template is declared in a header and defined in a source file that instantiates it for nobody.""", {
             "main.cc": "template <class T> T part(T);\nint main() { return part(1) != 2; }\n",
             "part.cc": "template <class T> T part(T x) { return x + 1; }\n"
         }, ["g++ -g -c main.cc", "g++ -g -c part.cc"],
         "{g++} main.o part.o -o app",
         fails="all",
         cause="not-instantiated",
         where={"_Z4partIiET_S0_": None},
         fix={
             "what": "instantiate it", "edits": {"part.cc": [("+ 1; }", "+ 1; }\ntemplate int part(int);")]},
             "commands": ["g++ -g -c part.cc", "{g++} main.o part.o -o app"]
         })

scenario("name-inline-c99",
         """`inline` in C since C99: the definition may be used where it is seen, and no other is made of it.
Without optimisation it is called.""", {
             "part.h": "inline int part(int x) { return x + 1; }\n",
             "main.c": '#include "part.h"\nint main(void) { return part(1) != 2; }\n', "other.c": '#include "part.h"\n'
         }, ["gcc -g -c main.c", "gcc -g -c other.c"],
         "{gcc} main.o other.o -o app",
         fails="all",
         cause="inline-c99",
         where={"part": None},
         fix={
             "what": "one file declares it extern",
             "edits": {"other.c": [('"part.h"\n', '"part.h"\nextern int part(int);\n')]},
             "commands": ["gcc -g -c other.c", "{gcc} main.o other.o -o app"]
         })

scenario("name-static-member",
         """A static member of a class is declared in the class, and defined nowhere; its address is needed.""", {
             "main.cc": """\
        struct Limits {
            static int most;
        };

        int main() {
            return Limits::most != 0;
        }
        """
         }, ["g++ -g -std=c++14 -c main.cc"],
         "{g++} main.o -o app",
         fails="all",
         cause="nowhere",
         where={"_ZN6Limits4mostE": None},
         fix={
             "what": "define it", "edits": {"main.cc": [("int main", "int Limits::most;\n\nint main")]},
             "commands": ["g++ -g -std=c++14 -c main.cc", "{g++} main.o -o app"]
         })

scenario("name-no-main",
         """A program without main: crt1.o calls it.""", {"part.c": "int part(void) { return 0; }\n"},
         ["gcc -g -c part.c"],
         "{gcc} part.o -o app",
         fails="all",
         cause="no-main",
         where={"main": None},
         fix={
             "what": "write main", "edits": {"part.c": [("int part(void)", "int main(void)")]},
             "commands": ["gcc -g -c part.c", "{gcc} part.o -o app"]
         })

scenario("name-no-start",
         """Without the start files nothing defines _start. Linkers warn and take the beginning of the code.""",
         {"main.c": "int main(void) { return 0; }\n"}, ["gcc -g -c main.c"],
         "{gcc} -nostartfiles main.o -o app",
         fails="",
         cause="no-start",
         kind="warning",
         where={"_start": None},
         fix={"what": "link with the start files", "commands": ["{gcc} main.o -o app"]})

scenario("name-wrap",
         """--wrap sends every call of a function to __wrap_ of it, which nobody wrote.""", {
             "main.c": "int part(int);\nint main(void) { return part(1) != 2; }\n",
             "part.c": "int part(int x) { return x + 1; }\n",
             "wrap.c": "int __real_part(int);\nint __wrap_part(int x) { return __real_part(x); }\n"
         }, ["gcc -g -c main.c", "gcc -g -c part.c"],
         "{gcc} -Wl,--wrap=part main.o part.o -o app",
         fails="all but wild",
         cause="wrap",
         where={"__wrap_part": None},
         fix={
             "what": "add the wrapper",
             "commands": ["gcc -g -c wrap.c", "{gcc} -Wl,--wrap=part main.o part.o wrap.o -o app"]
         })

scenario("name-typo",
         """A name is written differently where it is declared.""", {
             "main.c": "int part_colour(int);\nint main(void) { return part_colour(1) != 2; }\n",
             "part.c": "int part_color(int x) { return x + 1; }\n"
         }, ["gcc -g -c main.c", "gcc -g -c part.c"],
         "{gcc} main.o part.o -o app",
         fails="all",
         cause="spelling",
         where={"part_colour": "part.o:part_color"},
         fix={
             "what": "spell it alike", "edits": {"main.c": [("colour", "color")]},
             "commands": ["gcc -g -c main.c", "{gcc} main.o part.o -o app"]
         })

scenario("name-many-callers",
         """One symbol that is needed in many places: linkers leave places out after a few.""", {
             "main.c": "int part(int);\n" + "".join("int f%d(void) { return part(%d) + part(%d); }\n" % (n, n, n)
                                                    for n in range(12)) + "int main(void) { return 0; }\n"
         }, ["gcc -g -c main.c"],
         "{gcc} main.o -o app",
         fails="all",
         cause="nowhere",
         where={"part": None})
