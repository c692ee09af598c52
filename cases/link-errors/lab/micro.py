"""What linkers differ in: one small link each, and what becomes of it with every linker."""
from scenario import scenario

CALLS_F = """\
    #include <stdio.h>
    int f(void);

    int main(void) {
        printf("%d\\n", f());
        return 0;
    }
    """
F = "int f(void) { return 1; }\n"
SHARED = "gcc -g -shared -fPIC"

scenario("micro-archive-before-user",
         """An archive stands before the object that needs it. lld, mold and wild look for what is
missing in all archives.""", {"main.c": CALLS_F, "f.c": F},
         ["gcc -g -c main.c", "gcc -g -c f.c", "ar rcs libf.a f.o", "rm f.o"],
         "{gcc} libf.a main.o -o app",
         fails="bfd gold",
         cause="order-archive",
         where={"f": "libf.a(f.o)"},
         sets="micro",
         told={"lld mold wild": {"says": "1"}},
         fix={"what": "move libf.a behind main.o", "commands": ["{gcc} main.o libf.a -o app"]})

scenario("micro-archive-cycle",
         """Two archives need each other, and each is on the line once.""", {
             "main.c": CALLS_F.replace("int f", "int a1").replace(
                 "f()", "a1()"), "a1.c": "int b1(void);\nint a1(void) { return b1(); }\n",
             "a2.c": "int a2(void) { return 2; }\n", "b1.c": "int a2(void);\nint b1(void) { return a2(); }\n"
         }, [
             "gcc -g -c main.c", "gcc -g -c a1.c", "gcc -g -c a2.c", "gcc -g -c b1.c", "ar rcs liba.a a1.o a2.o",
             "ar rcs libb.a b1.o", "rm a1.o a2.o b1.o"
         ],
         "{gcc} main.o liba.a libb.a -o app",
         fails="bfd gold",
         cause="order-cycle",
         where={"a2": "liba.a(a2.o)"},
         sets="micro",
         told={"lld mold wild": {"says": "2"}},
         fix={
             "what": "put both in a group",
             "commands": ["{gcc} main.o -Wl,--start-group liba.a libb.a -Wl,--end-group -o app"]
         })

scenario("micro-as-needed-before-user",
         """A shared object under --as-needed stands before its user. Only ld.bfd has decided by
then.""", {"main.c": CALLS_F, "f.c": F}, ["gcc -g -c main.c", SHARED + " f.c -o libf.so"],
         "{gcc} -Wl,--as-needed libf.so main.o -o app",
         fails="bfd",
         cause="order-as-needed",
         where={"f": "libf.so"},
         sets="micro",
         told={"gold lld mold wild": {"needed": ["libf.so"], "says": "1"}},
         fix={"what": "move libf.so behind main.o", "commands": ["{gcc} -Wl,--as-needed main.o libf.so -o app"]})

scenario("micro-archive-before-dso-user",
         """An archive stands before the shared object that needs it.""", {
             "main.c": CALLS_F.replace("int f", "int d").replace("f()", "d()"),
             "d.c": "int f(void);\nint d(void) { return f(); }\n", "f.c": F
         }, ["gcc -g -c main.c", SHARED + " d.c -o libd.so", "gcc -g -c f.c", "ar rcs libf.a f.o", "rm f.o"],
         "{gcc} main.o libf.a libd.so -o app",
         fails="bfd gold",
         cause="order-archive",
         where={"f": "libf.a(f.o)"},
         sets="micro",
         told={"lld mold wild": {"says": "1"}},
         fix={"what": "move libf.a behind libd.so", "commands": ["{gcc} main.o libd.so libf.a -o app"]})

scenario("micro-dso-undefined",
         """A shared object needs a symbol that nobody has. mold 1.10 takes no offence; the program ends
when it is loaded or first calls it.""", {
             "main.c": CALLS_F.replace("int f", "int d").replace("f()", "d()"),
             "d.c": "int f(void);\nint d(void) { return f(); }\n", "f.c": F
         }, ["gcc -g -c main.c", SHARED + " d.c -o libd.so", SHARED + " f.c -o libf.so"],
         "{gcc} main.o libd.so -o app",
         fails="bfd gold lld wild",
         cause="dso-undefined",
         where={"f": "libf.so"},
         sets="micro",
         fix={
             "what": "add libf.so, under --no-as-needed: no object needs it",
             "commands": ["{gcc} main.o libd.so -Wl,--no-as-needed libf.so -o app"]
         })

scenario("micro-unneeded-dso-undefined",
         """A shared object that is not needed, under --as-needed, has an undefined symbol.
gold and lld look at it nevertheless.""",
         {"main.c": "int main(void) { return 0; }\n", "d.c": "int f(void);\nint d(void) { return f(); }\n"},
         ["gcc -g -c main.c", SHARED + " d.c -o libd.so"],
         "{gcc} main.o -Wl,--as-needed libd.so -o app",
         fails="gold lld",
         cause="dso-undefined",
         where={"f": None},
         sets="micro",
         told={"bfd mold wild": {"needed": []}},
         fix={"what": "leave libd.so out: nothing needs it", "commands": ["{gcc} main.o -o app"]})

scenario("micro-transitive",
         """main.o calls f itself; only a library of its library has it. ld.bfd finds it and says `DSO
missing from command line`, the others do not look.""", {
             "main.c": CALLS_F.replace("int f(void);", "int f(void);\n    int d(void);").replace("f()", "f() + d()"),
             "d.c": "int f(void);\nint d(void) { return f(); }\n", "f.c": F
         }, ["gcc -g -c main.c", SHARED + " f.c -o libf.so", SHARED + " d.c -o libd.so -L. -lf -Wl,-rpath,'$ORIGIN'"],
         "{gcc} main.o libd.so -o app",
         fails="all",
         cause="transitive-only",
         where={"f": "libf.so"},
         sets="micro",
         fix={"what": "add libf.so", "commands": ["{gcc} main.o libd.so libf.so -o app"]})

scenario("micro-dso-for-dso",
         """A shared object that only another shared object needs, which does not name it: under
--as-needed only ld.bfd keeps it.""", {
             "main.c": CALLS_F.replace("int f", "int d").replace("f()", "d()"),
             "d.c": "int f(void);\nint d(void) { return f(); }\n", "f.c": F
         }, ["gcc -g -c main.c", SHARED + " d.c -o libd.so", SHARED + " f.c -o libf.so"],
         "{gcc} -Wl,--as-needed main.o libd.so libf.so -o app",
         fails="",
         cause="as-needed-drops",
         where={"f": "libf.so"},
         sets="micro",
         told={"bfd": {"needed": ["libd.so", "libf.so"], "says": "1"}, "gold lld mold wild": {"needed": ["libd.so"]}})

scenario("micro-stale-needed",
         """A library under --as-needed is needed when it is read; an object behind it overrides what it
was needed for.""", {"main.c": CALLS_F, "f.c": F, "later.c": "int f(void) { return 2; }\n"},
         ["gcc -g -c main.c", SHARED + " f.c -o libf.so", "gcc -g -c later.c"],
         "{gcc} -Wl,--as-needed main.o libf.so later.o -o app",
         fails="",
         cause="stale-needed",
         where={"f": "later.o"},
         sets="micro",
         told={"bfd gold wild": {"needed": ["libf.so"], "says": "2"}, "lld mold": {"needed": [], "says": "2"}})

scenario("micro-as-needed-twice",
         """The same library, unneeded, under --as-needed and then under --no-as-needed: for mold 1.10
and wild the first mention counts.""", {"main.c": "int main(void) { return 0; }\n", "f.c": F},
         ["gcc -g -c main.c", SHARED + " f.c -o libf.so"],
         "{gcc} main.o -L. -Wl,--as-needed -lf -Wl,--no-as-needed -lf -o app",
         fails="",
         cause="as-needed-drops",
         where={"f": "libf.so"},
         sets="micro",
         told={"bfd gold lld": {"needed": ["libf.so"]}, "mold<2 wild": {"needed": []}})

scenario("micro-weak-dso-first",
         """Two shared objects define f, the first weakly. At run time the first is taken; mold 1.10
resolves to the second.""", {
             "main.c": CALLS_F, "weak.c": "__attribute__((weak)) int f(void) { return 1; }\n",
             "strong.c": "int f(void) { return 2; }\n"
         }, ["gcc -g -c main.c", SHARED + " weak.c -o libweak.so", SHARED + " strong.c -o libstrong.so"],
         "{gcc} -Wl,--as-needed main.o libweak.so libstrong.so -o app",
         fails="",
         cause="weak-dso",
         where={"f": "libweak.so"},
         sets="micro",
         told={
             "bfd gold lld wild": {"needed": ["libweak.so"], "says": "1"},
             "mold": {"needed": ["libstrong.so"], "says": "2"}
         })

COMMON = {
    "main.c": """\
    #include <stdio.h>
    int shared_value;

    int main(void) {
        printf("%d\\n", shared_value);
        return 0;
    }
    """, "value.c": "int shared_value = 7;\n"
}

scenario("micro-common-archive",
         """A common symbol of an object, and a member of an archive that defines it as data.""",
         COMMON, ["gcc -g -fcommon -c main.c", "gcc -g -c value.c", "ar rcs libvalue.a value.o", "rm value.o"],
         "{gcc} main.o libvalue.a -o app",
         fails="",
         cause="common-archive",
         where={"shared_value": "libvalue.a(value.o)"},
         sets="micro",
         told={"bfd mold lld<16": {"says": "7"}, "gold wild lld>=16": {"says": "0"}})

scenario("micro-common-dso",
         """A common symbol of an object, and a shared object that defines it as data.""",
         COMMON, ["gcc -g -fcommon -c main.c", SHARED + " value.c -o libvalue.so"],
         "{gcc} -no-pie main.o libvalue.so -o app",
         fails="",
         cause="common-dso",
         where={"shared_value": "libvalue.so"},
         sets="micro",
         told={"bfd mold": {"needed": ["libvalue.so"], "says": "7"}, "gold lld wild": {"needed": [], "says": "0"}})

scenario("micro-dead-section",
         """An undefined symbol in a function that nobody calls, in a section of its own, without
--gc-sections: wild collects by default.""", {
             "main.c": """\
    int nobody_has(void);

    int unused(void) {
        return nobody_has();
    }

    int main(void) {
        return 0;
    }
    """
         }, ["gcc -g -ffunction-sections -c main.c"],
         "{gcc} main.o -o app",
         fails="bfd gold lld mold",
         cause="dead-section",
         where={"nobody_has": None},
         sets="micro",
         fix={"what": "collect unused sections", "commands": ["{gcc} -Wl,--gc-sections main.o -o app"]})
