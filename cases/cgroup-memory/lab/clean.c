/* Leaves the machine as it was before a scenario. */
#include "guest.h"

#include <dirent.h>
#include <sys/swap.h>

int remove_group(const char *group)
{
    char path[256];
    snprintf(path, sizeof path, CGROUPS "%s", group);
    for (int tries = 0; tries < 50; tries++) {
        if (rmdir(path) == 0)
            return 0;
        if (errno != EBUSY)
            return errno;
        nap(20);
    }
    return errno;
}

static void remove_files(const char *folder)
{
    char path[512];
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_type == DT_REG)
            unlink(path);
    }
    if (entries)
        closedir(entries);
}

int dying_groups(void)
{
    char text[1024], *at;
    text[read_file(CGROUPS "/cgroup.stat", text, sizeof text - 1)] = 0;
    at = strstr(text, "nr_dying_descendants ");
    return at ? atoi(at + 21) : 0;
}

static void kill_group(const char *group)
{
    static char text[64 * 1024];
    char path[256];
    snprintf(path, sizeof path, CGROUPS "%s/cgroup.procs", group);
    for (int round = 0; round < 250; round++) {
        size_t length = read_file(path, text, sizeof text - 1);
        text[length] = 0;
        if (length == 0)
            return;
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
            if (atoi(line) > 1)
                kill(atoi(line), SIGKILL);
        nap(20);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
}

/* Leaves the machine as it was before: no actors, groups, files, swap, cache, nor remains of groups. */
void clean(void)
{
    for (int at = 0; at < actor_count; at++) {
        if (actors[at].alive)
            kill(actors[at].pid, SIGKILL);
        close(actors[at].pidfd), close(actors[at].order), close(actors[at].answer);
        munmap(actors[at].control, PAGE);
    }
    for (int at = 0; at < group_count; at++)
        kill_group(groups[at]);
    actor_count = 0;
    for (int at = group_count - 1; at >= 0; at--)
        remove_group(groups[at]);
    group_count = 0;
    static const char *const folders[] = {"/data", "/tmp", "/tmp/16m", "/tmp/32m"};
    for (size_t at = 0; at < sizeof folders / sizeof folders[0]; at++)
        remove_files(folders[at]);
    swapoff(swap_device);
    sync();
    for (int round = 0; round < 20; round++) {
        write_text("/proc/sys/vm/drop_caches", "3");
        if (dying_groups() == 0)
            break;
        nap(50);
    }
}
