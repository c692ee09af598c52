/* The first process: mounts, loads modules, plays the scenarios of the second disk, writes what was seen to the third.
 *
 * The archive of scenarios and the results are containers as look.c says. Options come from the command line of the
 * kernel: lab.step=SECONDS lab.flush=SECONDS lab.lru=0|7. */
#include "guest.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <time.h>

int step_seconds = 10;
int flush_seconds;
const char *swap_device;

int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int why = write(fd, text, strlen(text)) < 0 ? errno : 0;
    close(fd);
    return why;
}

uint64_t size_of(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    return *end == 'G' ? value << 30 : *end == 'M' ? value << 20 : *end == 'K' ? value << 10 : value;
}

void nap(int milliseconds)
{
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    while (milliseconds > 0 && nanosleep(&left, &left) != 0)
        ;
}

long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void say(const char *word, const char *what)
{
    char line[256];
    int length = snprintf(line, sizeof line, "lab: %s %s\n", word, what);
    int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || write(fd, line, length) < 0)
        return;
    close(fd);
}

static void stop(void)
{
    sync();
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

static void must_mount(const char *from, const char *to, const char *type, const char *options)
{
    mkdir(to, 0755);
    if (mount(from, to, type, 0, options) != 0 && errno != EBUSY)
        say("cannot mount", to);
}

/* Modules are in the order in which they must be loaded. */
static void load_modules(void)
{
    static char list[4096];
    list[read_file("/modules", list, sizeof list - 1)] = 0;
    for (char *path = strtok(list, "\n"); path; path = strtok(NULL, "\n")) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if ((fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0) && errno != EEXIST)
            say("cannot load", path);
        close(fd);
    }
}

static void options(void)
{
    static char line[4096];
    const char *at;
    line[read_file("/proc/cmdline", line, sizeof line - 1)] = 0;
    if ((at = strstr(line, "lab.step=")))
        step_seconds = atoi(at + 9);
    if ((at = strstr(line, "lab.flush=")))
        flush_seconds = atoi(at + 10);
    if ((at = strstr(line, "lab.lru=")))
        write_text("/sys/kernel/mm/lru_gen/enabled", at[8] == '0' ? "0" : "7");
}

static void loopback_up(void)
{
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0)
        say("no", "loopback");
    close(fd);
}

static const char *disk(int index)
{
    static char names[4][16];
    for (int tries = 0; tries < 100; tries++) {
        snprintf(names[index], sizeof names[0], "/dev/ubd%c", 'a' + index);
        if (access(names[index], F_OK) == 0)
            return names[index];
        snprintf(names[index], sizeof names[0], "/dev/vd%c", 'a' + index);
        if (access(names[index], F_OK) == 0)
            return names[index];
        nap(50);
    }
    say("no disk", names[index]);
    stop();
    return NULL;
}

/* Appends the results to the disk, so that they are there whatever happens next. */
static void save(int fd)
{
    static off_t written;
    for (size_t done = 0; done < results_length;) {
        ssize_t put = write(fd, results() + done, results_length - done);
        if (put <= 0) {
            say("cannot write", strerror(errno));
            return;
        }
        done += put;
    }
    fsync(fd);
    posix_fadvise(fd, written, results_length, POSIX_FADV_DONTNEED);
    written += results_length;
    madvise(results(), results_length & ~(PAGE - 1), MADV_DONTNEED);
}

static void play_all(const char *archive, const char *out)
{
    FILE *file = fopen(archive, "re");
    int fd = open(out, O_WRONLY | O_CLOEXEC);
    char name[48];
    size_t length;
    if (!file || fd < 0) {
        say("cannot open", file ? out : archive);
        return;
    }
    while (fscanf(file, "%47s %zu", name, &length) == 2 && fgetc(file) == '\n' && length < MEGA) {
        char *text = malloc(length + 1);
        if (!text || fread(text, 1, length, file) != length)
            break;
        say("begin", name);
        play(name, text, length);
        save(fd);
        say("end", name);
        free(text);
    }
}

int main(int count, char **argument)
{
    if (strcmp(argument[0], "actor") == 0 && count > 1)
        actor_main(argument[1]);
    must_mount("proc", "/proc", "proc", NULL);
    must_mount("sysfs", "/sys", "sysfs", NULL);
    must_mount("dev", "/dev", "devtmpfs", NULL);
    must_mount("devpts", "/dev/pts", "devpts", NULL);
    say("up", "");
    load_modules();
    must_mount("cgroup2", CGROUPS, "cgroup2", NULL);
    must_mount("tmpfs", "/tmp", "tmpfs", "size=90%");
    must_mount("tmpfs", "/tmp/16m", "tmpfs", "size=16m");
    must_mount("tmpfs", "/tmp/32m", "tmpfs", "size=32m");
    must_mount(disk(0), "/data", "ext4", NULL);
    swap_device = disk(3);
    options();
    loopback_up();
    signal(SIGPIPE, SIG_IGN);
    if (write_text(CGROUPS "/cgroup.subtree_control", "+memory") != 0)
        say("cannot enable", "memory");
    /* A machine with less than 512 MB starts with them off (hugepage_init), whatever its configuration says. */
    write_text("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
    write_text("/proc/sys/kernel/panic_on_oops", "1");
    write_text("/proc/sys/vm/drop_caches", "4"); /* from now on without a word in the kernel's log */
    play_all(disk(1), disk(2));
    say("done", "");
    stop();
}
