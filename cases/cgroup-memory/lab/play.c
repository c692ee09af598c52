/* Plays one scenario: makes groups, files and actors, gives the steps one after the other, looks after each. */
#include "guest.h"

#include <sys/eventfd.h>
#include <sys/swap.h>

struct actor actors[MOST_ACTORS];
int actor_count;
char groups[MOST_GROUPS][128];
int group_count;

static char failure[256]; /* the first thing that could not be set up */

static void failed(const char *what)
{
    if (failure[0] == 0)
        snprintf(failure, sizeof failure, "%s: %s", what, strerror(errno));
}

/* Writes max=, high= … of a group; returns errno. */
static int knob(const char *group, char *pair)
{
    char path[256], *value = strchr(pair, '=');
    if (!value)
        return EINVAL;
    *value++ = 0;
    snprintf(path, sizeof path, CGROUPS "%s/memory.%s", group, pair);
    return write_text(path, value);
}

static void make_group(char **word, int count)
{
    char path[256], parent[128];
    snprintf(parent, sizeof parent, "%s", word[1]);
    *strrchr(parent, '/') = 0;
    snprintf(path, sizeof path, CGROUPS "%s/cgroup.subtree_control", parent);
    write_text(path, "+memory");
    snprintf(path, sizeof path, CGROUPS "%s", word[1]);
    if (group_count == MOST_GROUPS || mkdir(path, 0755) != 0) {
        failed(word[1]);
        return;
    }
    snprintf(groups[group_count++], sizeof groups[0], "%s", word[1]);
    for (int at = 2; at < count; at++)
        if ((errno = knob(word[1], word[at])) != 0)
            failed(word[at]);
}

static void make_file(const char *path, size_t length)
{
    static char bytes[128 * 1024];
    memset(bytes, 'd', sizeof bytes);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    for (size_t done = 0; fd >= 0 && done < length;) {
        ssize_t put = write(fd, bytes, length - done < sizeof bytes ? length - done : sizeof bytes);
        if (put < 0)
            break;
        done += put;
        if (done == length && fsync(fd) == 0)
            return (void)close(fd);
    }
    failed(path);
}

/* A swap area of this size on the swap disk: the header of mkswap(8), version 1. */
static void make_swap(size_t length)
{
    char page[PAGE] = {0};
    uint32_t info[3] = {1, length / PAGE - 1, 0};
    memcpy(page + 1024, info, sizeof info);
    memcpy(page + PAGE - 10, "SWAPSPACE2", 10);
    int fd = open(swap_device, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || pwrite(fd, page, PAGE, 0) != PAGE || fsync(fd) != 0 || close(fd) != 0 || swapon(swap_device, 0) != 0)
        failed("swap");
}

/* Waits for the answer of an actor or its end; returns 1, 0 at its end, -1 when neither came in time. */
static int answer(struct actor *actor, int milliseconds)
{
    struct pollfd fds[2] = {{actor->answer, POLLIN, 0}, {actor->pidfd, POLLIN, 0}};
    uint64_t count;
    poll(fds, 2, milliseconds);
    if (fds[0].revents && read(actor->answer, &count, sizeof count) == sizeof count)
        return 1;
    return fds[1].revents ? 0 : -1;
}

static void start_actor(char **word, int count)
{
    if (actor_count == MOST_ACTORS)
        return failed(word[1]);
    struct actor *actor = &actors[actor_count++];
    *actor = (struct actor){.alive = 1};
    snprintf(actor->name, sizeof actor->name, "%s", word[1]);
    int shared = memfd_create("control", MFD_CLOEXEC);
    actor->order = eventfd(0, EFD_CLOEXEC);
    actor->answer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (shared < 0 || ftruncate(shared, PAGE) != 0)
        return failed("memfd");
    actor->control = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
    memset(actor->control, 0, PAGE);
    actor->pid = fork();
    if (actor->pid == 0) {
        char path[256];
        dup2(shared, 103), dup2(actor->order, 104), dup2(actor->answer, 105);
        dup2(103, 3), dup2(104, 4), dup2(105, 5);
        syscall(SYS_close_range, 6, ~0U, 0);
        snprintf(path, sizeof path, CGROUPS "%s/cgroup.procs", count > 3 ? word[3] : "");
        if (write_text(path, "0") != 0)
            _exit(7);
        if (count > 4 && strncmp(word[4], "adj=", 4) == 0)
            write_text("/proc/self/oom_score_adj", word[4] + 4);
        execl("/init", "actor", actor->name, NULL);
        _exit(6);
    }
    close(shared);
    actor->pidfd = syscall(SYS_pidfd_open, actor->pid, 0);
    if (answer(actor, 60000) != 1)
        failed(actor->name);
}

static struct actor *find(const char *name, size_t length)
{
    for (int at = 0; at < actor_count; at++)
        if (strlen(actors[at].name) == length && memcmp(actors[at].name, name, length) == 0)
            return &actors[at];
    return NULL;
}

/* Whether a process has been sent SIGKILL and has not ended yet. */
static int dying(int pid)
{
    char path[64], text[4096], *at;
    unsigned long pending = 0, shared = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    text[read_file(path, text, sizeof text - 1)] = 0;
    if ((at = strstr(text, "SigPnd:")))
        pending = strtoul(at + 7, NULL, 16);
    if ((at = strstr(text, "ShdPnd:")))
        shared = strtoul(at + 7, NULL, 16);
    return ((pending | shared) >> (SIGKILL - 1)) & 1;
}

/* Buries the dead. Waits for those that are dying, three seconds at most. Names of the killed and of those
 * that ended otherwise are appended. */
static void bury(char *killed, char *ended)
{
    for (int round = 0; round < 150; round++) {
        int status, waiting = 0;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
            for (int at = 0; at < actor_count; at++) {
                if (actors[at].pid == pid && actors[at].alive) {
                    char *list = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? killed : ended;
                    actors[at].alive = 0;
                    actors[at].status = status;
                    sprintf(list + strlen(list), " %s", actors[at].name);
                }
            }
        }
        for (int at = 0; at < actor_count; at++)
            waiting += actors[at].alive && dying(actors[at].pid);
        if (!waiting)
            return;
        nap(20);
    }
}

static void order(struct actor *actor, const char *text, char *outcome, size_t room)
{
    uint64_t count = 1;
    if (actor->stuck && actor->alive && answer(actor, 0) == 1)
        actor->stuck = 0;
    if (!actor->alive || actor->stuck) {
        snprintf(outcome, room, "skipped");
        return;
    }
    snprintf(actor->control->command, sizeof actor->control->command, "%s", text);
    if (write(actor->order, &count, sizeof count) != sizeof count)
        return failed("order");
    switch (answer(actor, step_seconds * 1000)) {
    case 1:
        if (actor->control->result == 0)
            snprintf(outcome, room, "done");
        else
            snprintf(outcome, room, "errno %s", strerrorname_np(actor->control->result));
        break;
    case 0:
        waitpid(actor->pid, &actor->status, 0);
        actor->alive = 0;
        if (!WIFSIGNALED(actor->status))
            snprintf(outcome, room, "done"); /* it was told to exit */
        else if (WTERMSIG(actor->status) == SIGKILL)
            snprintf(outcome, room, "killed");
        else
            snprintf(outcome, room, "signal %s", sigabbrev_np(WTERMSIG(actor->status)));
        break;
    default:
        actor->stuck = 1;
        snprintf(outcome, room, "timeout");
    }
}

static void result(int why, char *outcome, size_t room)
{
    if (why == 0)
        snprintf(outcome, room, "done");
    else
        snprintf(outcome, room, "errno %s", strerrorname_np(why));
}

static void one_step(char *text, char *outcome, size_t room)
{
    char line[512], *word[12] = {0};
    int count = 0;
    snprintf(line, sizeof line, "%s", text);
    for (char *part = strtok(line, " "); part && count < 12; part = strtok(NULL, " "))
        word[count++] = part;
    char *colon = strchr(text, ':');
    if (word[0][strlen(word[0]) - 1] == ':' && colon) {
        struct actor *actor = find(text, colon - text);
        if (actor)
            order(actor, colon + 1 + strspn(colon + 1, " "), outcome, room);
        else
            snprintf(outcome, room, "errno ESRCH");
    } else if (strcmp(word[0], "set") == 0 && count > 2) {
        int why = 0;
        for (int at = 2; at < count && why == 0; at++)
            why = knob(word[1], word[at]);
        result(why, outcome, room);
    } else if (strcmp(word[0], "rmdir") == 0 && count > 1) {
        result(remove_group(word[1]), outcome, room);
    } else if (strcmp(word[0], "wait") == 0 && count > 1) {
        nap(atoi(word[1]) * 1000);
        result(0, outcome, room);
    } else {
        result(strcmp(word[0], "sample") == 0 ? 0 : ENOSYS, outcome, room);
    }
}

static void report(const struct place *place, int line, const char *text, const char *outcome, const char *killed,
                   const char *ended, long took)
{
    char name[128], meta[4096];
    int length = snprintf(meta, sizeof meta,
                          "line=%d\ntext=%s\noutcome=%s\nkilled=%s\nended=%s\nmilliseconds=%ld\nalive=", line,
                          text, outcome, killed, ended, took);
    for (int at = 0; at < actor_count; at++)
        if (actors[at].alive)
            length += snprintf(meta + length, sizeof meta - length, " %s", actors[at].name);
    length += snprintf(meta + length, sizeof meta - length, "\npids=");
    for (int at = 0; at < actor_count; at++)
        length += snprintf(meta + length, sizeof meta - length, " %s:%d", actors[at].name, (int)actors[at].pid);
    length += snprintf(meta + length, sizeof meta - length, "\n");
    snprintf(name, sizeof name, "%s/%d/step", place->name, place->step);
    put(name, meta, length);
}

static int is_setup(const char *word)
{
    static const char *const words[] = {"swap", "cpus", "group", "file"};
    for (size_t at = 0; at < sizeof words / sizeof words[0]; at++)
        if (strcmp(word, words[at]) == 0)
            return 1;
    return strcmp(word, "process") == 0 ? 2 : 0;
}

static void set_up(char **word, int count)
{
    if (strcmp(word[0], "swap") == 0)
        make_swap(size_of(word[1]));
    else if (strcmp(word[0], "cpus") == 0)
        write_text("/sys/devices/system/cpu/cpu1/online", atoi(word[1]) > 1 ? "1" : "0");
    else if (strcmp(word[0], "group") == 0)
        make_group(word, count);
    else if (strcmp(word[0], "file") == 0)
        make_file(word[1], count > 2 ? size_of(word[2]) : 0);
    else
        start_actor(word, count);
}

/* Calls for each line of one kind: 1 what is there before the actors, 2 the actors, 0 the steps. */
static void each(struct place *place, const char *text, size_t length, int kind)
{
    int number = 0;
    for (const char *at = text; at < text + length;) {
        const char *end = memchr(at, '\n', text + length - at);
        char line[512], copy[512], *word[16] = {0};
        int count = 0;
        if (!end)
            end = text + length;
        snprintf(line, sizeof line, "%.*s", (int)(end - at), at);
        at = end + 1;
        number++;
        line[strcspn(line, "#")] = 0;
        for (size_t last = strlen(line); last > 0 && line[last - 1] == ' ';)
            line[--last] = 0;
        strcpy(copy, line);
        for (char *part = strtok(copy, " "); part && count < 16; part = strtok(NULL, " "))
            word[count++] = part;
        if (count == 0 || is_setup(word[0]) != kind)
            continue;
        if (kind != 0) {
            set_up(word, count);
            continue;
        }
        char outcome[64] = "", killed[512] = "", ended[512] = "";
        long began = now_ms();
        place->step++;
        one_step(line, outcome, sizeof outcome);
        long took = now_ms() - began;
        nap(50); /* for what is freed a little later: stacks, inodes */
        if (strcmp(outcome, "killed") == 0)
            sprintf(killed, " %.*s", (int)strcspn(line, ":"), line);
        bury(killed, ended);
        report(place, number, line, outcome, killed, ended, took);
        look(place);
        put_kernel_log(place);
    }
}

void play(const char *name, const char *text, size_t length)
{
    struct place place = {"", 0};
    char killed[512] = "", ended[512] = "", entry[128], before[64];
    snprintf(place.name, sizeof place.name, "%s", name);
    failure[0] = 0;
    results_length = 0;
    write_text("/sys/devices/system/cpu/cpu1/online", "1");
    snprintf(before, sizeof before, "%d\n", dying_groups());
    skip_kernel_log();
    each(&place, text, length, 1);
    sync();
    write_text("/proc/sys/vm/drop_caches", "3");
    each(&place, text, length, 2);
    bury(killed, ended);
    report(&place, 0, "start", failure[0] ? failure : "done", killed, ended, 0);
    look(&place);
    put_kernel_log(&place);
    each(&place, text, length, 0);
    long began = now_ms();
    clean();
    snprintf(before + strlen(before), sizeof before - strlen(before), "%d %ld\n", dying_groups(), now_ms() - began);
    snprintf(entry, sizeof entry, "%s/dying", name);
    put(entry, before, strlen(before));
    snprintf(entry, sizeof entry, "%s/end", name);
    put(entry, "", 0);
}
