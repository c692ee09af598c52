"""The four failures of the post."""
from scenario import scenario

ROOT = {
    "main.c": """\
    #include <math.h>

    int main(int argc, char **argv) {
        (void)argv;
        return sqrt(argc) > 2.0;
    }
    """
}

scenario("story-libm-first",
         """`-lm` stands before main.o. Debian's gcc passes --as-needed: nobody needs libm yet, ld.bfd
drops it.""",
         ROOT, ["gcc -g -c main.c"],
         "{gcc} -lm main.o -o app",
         fails="bfd",
         cause="order-as-needed",
         where={"sqrt": "-lm"},
         sets="story",
         told={"gold lld mold wild": {"needed": ["libm.so.6"]}},
         fix={"what": "move `-lm` behind main.o", "commands": ["{gcc} main.o -lm -o app"]})

scenario("story-libm-first-clang",
         """The same typed with clang, which passes no --as-needed: it links, in the order that
fails with gcc.""",
         ROOT, ["{clang} -g -c main.c"],
         "{clang} -lm main.o -o app",
         fails="",
         cause="order-as-needed",
         where={"sqrt": "-lm"},
         needs=["clang"],
         sets="story",
         told={"all": {"needed": ["libm.so.6"]}})

scenario("story-libm-first-static",
         """`-lm` stands before main.o in a static link: the archive is passed while nobody needs
anything of it.""",
         ROOT, ["gcc -g -c main.c"],
         "{gcc} -static -lm main.o -o app",
         fails="bfd gold",
         cause="order-archive",
         where={"sqrt": "-l:libm.a(w_sqrt.o)"},
         sets="story",
         fix={"what": "move `-lm` behind main.o", "commands": ["{gcc} -static main.o -lm -o app"]})

scenario("story-as-needed-later",
         """libstats.so stands between main.o and report.o, and only report.o needs it: with
--as-needed ld.bfd drops it before it has read report.o.""", {
             "main.c": """\
        void report(void);

        int main(void) {
            report();
            return 0;
        }
        """, "report.c": """\
        #include <stdio.h>
        double stats_mean(const double *values, int count);

        void report(void) {
            double values[] = {1, 2, 3};
            printf("%.1f\\n", stats_mean(values, 3));
        }
        """, "stats.c": """\
        double stats_mean(const double *values, int count) {
            double sum = 0;
            for (int i = 0; i < count; i++)
                sum += values[i];
            return sum / count;
        }
        """
         }, [
             "gcc -g -c main.c", "gcc -g -c report.c", "gcc -g -fPIC -c stats.c", "gcc -shared stats.o -o libstats.so",
             "rm stats.o"
         ],
         "{gcc} -L. -Wl,--as-needed main.o -lstats report.o -o app",
         fails="bfd",
         cause="order-as-needed",
         where={"stats_mean": "libstats.so"},
         sets="story",
         told={"gold lld mold wild": {"needed": ["libstats.so"], "says": "2.0"}},
         fix={
             "what": "move `-lstats` behind report.o",
             "commands": ["{gcc} -L. -Wl,--as-needed main.o report.o -lstats -o app"]
         })

scenario("story-no-undefined",
         """A plugin is linked with --no-undefined, and the library its code calls is not on the
line. Without the option it links, and fails when it is loaded.""", {
             "plugin.c": """\
        int store_open(const char *name);

        int plugin_init(void) {
            return store_open("index");
        }
        """, "store.c": """\
        int store_open(const char *name) {
            return name[0] == 'i';
        }
        """
         }, ["gcc -g -fPIC -c plugin.c", "gcc -g -fPIC -c store.c", "gcc -shared store.o -o libstore.so", "rm store.o"],
         "{gcc} -shared -Wl,--no-undefined plugin.o -o libplugin.so",
         fails="all",
         cause="missing-library",
         where={"store_open": "libstore.so"},
         output="libplugin.so",
         sets="story",
         fix={
             "what": "add `-L. -lstore` behind plugin.o",
             "commands": ["{gcc} -shared -Wl,--no-undefined plugin.o -L. -lstore -o libplugin.so"]
         })

HEADER = {
    "config.h": """\
        #ifndef CONFIG_H
        #define CONFIG_H
        int verbose;
        void configure(void);
        #endif
        """, "main.c": """\
        #include "config.h"

        int main(void) {
            configure();
            return verbose != 3;
        }
        """, "config.c": """\
        #include "config.h"

        void configure(void) {
            verbose = 3;
        }
        """
}

scenario("story-header-variable",
         """A header defines `int verbose;` and two files include it. Until GCC 10 it was a common
symbol in each and they were merged; since then -fno-common is the default and each defines it.""",
         HEADER, ["gcc -g -c main.c", "gcc -g -c config.c"],
         "{gcc} main.o config.o -o app",
         fails="all",
         cause="header-variable",
         kind="duplicate",
         where={"verbose": "main.o"},
         sets="story",
         fix={
             "what": "declare it `extern` in the header, define it in config.c", "edits": {
                 "config.h": [("int verbose;", "extern int verbose;")],
                 "config.c": [("void configure", "int verbose;\n\nvoid configure")]
             }, "commands": ["gcc -g -c main.c", "gcc -g -c config.c", "{gcc} main.o config.o -o app"]
         })

scenario("story-header-variable-common",
         """The same header, compiled as GCC 9 did by default: it links.""",
         HEADER, ["gcc -g -fcommon -c main.c", "gcc -g -fcommon -c config.c"],
         "{gcc} main.o config.o -o app",
         fails="",
         cause="header-variable",
         kind="duplicate",
         where={"verbose": "main.o"},
         sets="story")
