/* The witness: reads the groups, the processes and the kernel's log into the container of results.
 *
 * The container is a row of entries "NAME LENGTH\n" and LENGTH bytes; names are SCENARIO/STEP/PATH. */
#include "guest.h"

#include <dirent.h>

#define ROOM (64 * MEGA)
#define LOG_ROOM (96 * 1024UL) /* what is kept of one step's records: the last of them, as a ring buffer does */

static char *storage;
size_t results_length;
char *results(void)
{
    if (!storage)
        storage = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return storage;
}

void put(const char *name, const void *data, size_t length)
{
    char head[512];
    int size = snprintf(head, sizeof head, "%s %zu\n", name, length);
    if (size >= (int)sizeof head || results_length + size + length > ROOM) {
        say("full", name);
        return;
    }
    memcpy(results() + results_length, head, size);
    memcpy(storage + results_length + size, data, length);
    results_length += size + length;
}

size_t read_file(const char *path, char *into, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    if (fd < 0)
        return 0;
    for (ssize_t got = 1; got > 0 && length < room; length += got > 0 ? got : 0)
        got = read(fd, into + length, room - length);
    close(fd);
    return length;
}

static void put_file(const struct place *place, const char *path)
{
    static char text[256 * 1024];
    char name[512];
    size_t length = read_file(path, text, sizeof text);
    snprintf(name, sizeof name, "%s/%d%s", place->name, place->step, path);
    if (length > 0 || access(path, F_OK) == 0)
        put(name, text, length);
}

static int kernel_log(void)
{
    static int fd = -1;
    if (fd < 0)
        fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return fd;
}

void skip_kernel_log(void)
{
    lseek(kernel_log(), 0, SEEK_END);
}

/* Records since the last look, raw; of more than LOG_ROOM the last. */
void put_kernel_log(const struct place *place)
{
    static char text[2 * LOG_ROOM];
    char name[128];
    size_t length = 0;
    for (long lost = 0; lost < 100000;) {
        if (length > 2 * LOG_ROOM - 16 * 1024) {
            size_t cut = length - LOG_ROOM / 2;
            while (cut < length && !(text[cut - 1] == '\n' && text[cut] != ' '))
                cut++;
            memmove(text, text + cut, length - cut);
            length -= cut;
        }
        ssize_t got = read(kernel_log(), text + length, 16 * 1024);
        if (got > 0)
            length += got;
        else if (got < 0 && errno == EPIPE)
            lost++; /* the ring went round; go on with the oldest that is there */
        else
            break;
    }
    snprintf(name, sizeof name, "%s/%d/kmsg", place->name, place->step);
    put(name, text, length);
}

static int wanted(const char *name)
{
    static const char *const core[] = {"cgroup.stat", "cgroup.procs", "cgroup.controllers", "cgroup.subtree_control",
                                       "cgroup.events", "cgroup.type"};
    if (strncmp(name, "memory.", 7) == 0)
        return strcmp(name, "memory.reclaim") != 0;
    for (size_t at = 0; at < sizeof core / sizeof core[0]; at++)
        if (strcmp(name, core[at]) == 0)
            return 1;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void look_at_group(const struct place *place, const char *group)
{
    static char names[128][64];
    char path[512];
    int count = 0;
    snprintf(path, sizeof path, CGROUPS "%s", group);
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) && count < 128;)
        if (entry->d_type == DT_REG && wanted(entry->d_name) && strlen(entry->d_name) < sizeof names[0])
            strcpy(names[count++], entry->d_name);
    closedir(folder);
    qsort(names, count, sizeof names[0], by_name);
    for (int at = 0; at < count; at++) {
        snprintf(path, sizeof path, CGROUPS "%s/%s", group, names[at]);
        put_file(place, path);
    }
}

static void look_at_process(const struct place *place, int pid, const char *const *files)
{
    char path[64];
    for (; *files; files++) {
        snprintf(path, sizeof path, "/proc/%d/%s", pid, *files);
        put_file(place, path);
    }
}

static void look_at_descriptors(const struct place *place, int pid)
{
    static char text[16 * 1024];
    char path[512], target[256], name[128];
    size_t length = 0;
    for (int fd = 0; fd < 1024 && length < sizeof text - 512; fd++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
        ssize_t size = readlink(path, target, sizeof target - 1);
        if (size < 0)
            continue;
        target[size] = 0;
        length += snprintf(text + length, sizeof text - length, "%d -> %s\n", fd, target);
    }
    snprintf(name, sizeof name, "%s/%d/proc/%d/fd.txt", place->name, place->step, pid);
    put(name, text, length);
}

/* The processes of a group that are no actors: children of a fork step. */
static void look_at_children(const struct place *place, const char *group)
{
    static const char *const few[] = {"status", NULL};
    static char text[64 * 1024];
    char path[256];
    int seen = 0;
    snprintf(path, sizeof path, CGROUPS "%s/cgroup.procs", group);
    size_t length = read_file(path, text, sizeof text - 1);
    text[length] = 0;
    for (char *line = strtok(text, "\n"); line && seen < 100; line = strtok(NULL, "\n")) {
        int pid = atoi(line), known = 0;
        for (int at = 0; at < actor_count; at++)
            known |= actors[at].pid == pid;
        if (pid > 1 && !known) {
            look_at_process(place, pid, few);
            seen++;
        }
    }
}

/* Brings memory.stat up to date. Before 5.13 nothing can (counts of less than 32 pages per CPU stay out); until 6.15
 * reading cpu.stat flushes the statistics of all controllers of a subtree (cgroup_rstat_flush); since 6.16 each
 * controller has its own tree, and only the flush of every two seconds is sure (flush_memcg_stats_dwork). */
static void flush(void)
{
    char path[256], ignored[4096];
    for (int at = 0; at < group_count; at++) {
        snprintf(path, sizeof path, CGROUPS "%s/cpu.stat", groups[at]);
        read_file(path, ignored, sizeof ignored);
    }
    nap(flush_seconds * 1000 + (flush_seconds ? 150 : 0));
}

void look(const struct place *place)
{
    static const char *const all[] = {"status", "smaps_rollup", "maps", "oom_score", "oom_score_adj", "cgroup", NULL};
    static const char *const few[] = {"status", "oom_score", "oom_score_adj", "cgroup", NULL};
    static const char *const host[] = {"/proc/meminfo", "/proc/swaps", "/proc/mounts", "/proc/version",
                                       "/proc/uptime", CGROUPS "/memory.stat", CGROUPS "/cgroup.stat",
                                       CGROUPS "/cgroup.controllers", CGROUPS "/cgroup.subtree_control",
                                       "/sys/kernel/mm/lru_gen/enabled", "/sys/devices/system/cpu/online",
                                       "/sys/kernel/mm/transparent_hugepage/enabled", NULL};
    flush();
    for (int at = 0; at < group_count; at++)
        look_at_group(place, groups[at]);
    for (int at = 0; at < actor_count; at++) {
        if (!actors[at].alive)
            continue;
        /* A stuck actor may hold its mmap lock, on which smaps_rollup and maps would wait. */
        look_at_process(place, actors[at].pid, actors[at].stuck ? few : all);
        look_at_descriptors(place, actors[at].pid);
    }
    for (int at = 0; at < group_count; at++)
        look_at_children(place, groups[at]);
    for (const char *const *path = host; *path; path++)
        put_file(place, *path);
}
