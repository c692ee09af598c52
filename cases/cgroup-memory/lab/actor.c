/* An actor: does one step when it is told to, answers with 0 or errno, and keeps what the step made. */
#include "guest.h"

#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>

enum kind { ANON, FILE_READ, FILE_WRITE, SHARED };

struct piece {
    char *start;
    size_t length;
    enum kind kind;
};

static struct piece pieces[256];
static int piece_count;
static int kept[512]; /* file descriptors */
static int kept_count;
static char buffer[128 * 1024];
static unsigned long stamp; /* makes no two pages the same, and none of them zero */

static int keep(int fd)
{
    if (kept_count == (int)(sizeof kept / sizeof kept[0]))
        return EMFILE;
    kept[kept_count++] = fd;
    return 0;
}

static void touch(const struct piece *piece)
{
    for (size_t at = 0; at < piece->length; at += PAGE) {
        if (piece->kind == FILE_READ)
            (void)*(volatile char *)(piece->start + at);
        else
            *(volatile unsigned long *)(piece->start + at) = ++stamp;
    }
}

static int map_and_touch(size_t length, enum kind kind, int flags, int fd, int advice, int lock, int times)
{
    int write = kind != FILE_READ;
    char *start = mmap(NULL, length, PROT_READ | (write ? PROT_WRITE : 0), flags, fd, 0);
    if (start == MAP_FAILED)
        return errno;
    if (piece_count == (int)(sizeof pieces / sizeof pieces[0]))
        return EMFILE;
    struct piece *piece = &pieces[piece_count++];
    *piece = (struct piece){start, length, kind};
    if (advice >= 0)
        madvise(start, length, advice); /* fails where the kernel has no huge pages, which is as good */
    if (lock && mlock(start, length) != 0)
        return errno;
    for (int pass = 0; pass < times; pass++)
        touch(piece);
    return 0;
}

/* Huge pages need a start that is a multiple of 2 MiB: reserve more and use the aligned part. */
static int anon_huge(size_t length)
{
    char *start = mmap(NULL, length + 2 * MEGA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return errno;
    if (piece_count == (int)(sizeof pieces / sizeof pieces[0]))
        return EMFILE;
    start = (char *)(((uintptr_t)start + 2 * MEGA - 1) & ~(2 * MEGA - 1));
    pieces[piece_count] = (struct piece){start, length, ANON};
    madvise(start, length, MADV_HUGEPAGE);
    touch(&pieces[piece_count++]);
    return 0;
}

static int free_anon(size_t length)
{
    for (int at = piece_count - 1; at >= 0 && length > 0; at--) {
        struct piece *piece = &pieces[at];
        if (piece->kind != ANON)
            continue;
        size_t part = length < piece->length ? length : piece->length;
        if (madvise(piece->start + piece->length - part, part, MADV_DONTNEED) != 0)
            return errno;
        piece->length -= part;
        length -= part;
    }
    return length > 0 ? EINVAL : 0;
}

static int read_times(const char *path, size_t length, int times)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    for (int pass = 0; pass < times; pass++) {
        lseek(fd, 0, SEEK_SET);
        for (size_t done = 0; done < length;) {
            size_t want = length - done < sizeof buffer ? length - done : sizeof buffer;
            ssize_t got = read(fd, buffer, want);
            if (got <= 0) {
                int why = got < 0 ? errno : ENODATA;
                close(fd);
                return why;
            }
            done += got;
        }
    }
    close(fd);
    return 0;
}

static int write_all(int fd, size_t length)
{
    for (size_t done = 0; done < length;) {
        size_t want = length - done < sizeof buffer ? length - done : sizeof buffer;
        ssize_t put = write(fd, buffer, want);
        if (put < 0)
            return errno;
        done += put;
    }
    return 0;
}

static int write_file(const char *path, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno;
    int why = write_all(fd, length);
    close(fd);
    return why;
}

static int map_file(const char *path, size_t length, enum kind kind, int lock, int times)
{
    int write = kind != FILE_READ;
    int fd = open(path, (write ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno;
    int why = write && ftruncate(fd, length) != 0 ? errno : 0;
    if (why == 0)
        why = map_and_touch(length, kind, MAP_SHARED, fd, -1, lock, times);
    close(fd);
    return why;
}

static int memfd(size_t length)
{
    int fd = memfd_create("memfd", MFD_CLOEXEC);
    if (fd < 0)
        return errno;
    int why = keep(fd);
    if (why == 0 && ftruncate(fd, length) != 0)
        why = errno;
    if (why != 0)
        return why;
    struct piece piece = {mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), length, SHARED};
    if (piece.start == MAP_FAILED)
        return errno;
    touch(&piece);
    munmap(piece.start, length);
    return 0;
}

static int open_unlink(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    return unlink(path) != 0 ? errno : keep(fd);
}

static void close_all(void)
{
    while (kept_count > 0)
        close(kept[--kept_count]);
    int left = 0;
    for (int at = 0; at < piece_count; at++) {
        if (pieces[at].kind == FILE_READ || pieces[at].kind == FILE_WRITE)
            munmap(pieces[at].start, pieces[at].length);
        else
            pieces[left++] = pieces[at];
    }
    piece_count = left;
}

static int fork_children(int count)
{
    for (int at = 0; at < count; at++) {
        pid_t pid = fork();
        if (pid < 0)
            return errno;
        if (pid == 0)
            for (;;)
                pause();
    }
    return 0;
}

static int names(const char *folder, int count)
{
    char path[256];
    struct stat ignored;
    static int series;
    series++;
    for (int at = 0; at < count; at++) {
        snprintf(path, sizeof path, "%s/no-such-name-%d-%d-%08d", folder, (int)getpid(), series, at);
        if (stat(path, &ignored) == 0 || errno != ENOENT)
            return errno;
    }
    return 0;
}

/* One connected pair over TCP, filled until it takes no more or `left` bytes are in; returns how many went in. */
static size_t fill_pair(int listener, const struct sockaddr_in *address, size_t left, int *why)
{
    int size = 4 * MEGA;
    int from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(from, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    if (from < 0 || connect(from, (const struct sockaddr *)address, sizeof *address) != 0) {
        *why = errno;
        return 0;
    }
    int to = accept(listener, NULL, NULL);
    *why = to < 0 ? errno : keep(from) ? EMFILE : keep(to);
    size_t sent = 0;
    for (int idle = 0; *why == 0 && sent < left && idle < 5;) {
        size_t want = left - sent < sizeof buffer ? left - sent : sizeof buffer;
        ssize_t put = send(from, buffer, want, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put > 0) {
            sent += put;
            idle = 0;
        } else if (errno == EAGAIN) {
            idle++;
            nap(20);
        } else {
            *why = errno;
        }
    }
    return sent;
}

static int sockets(size_t length)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t room = sizeof address;
    int size = 4 * MEGA, why = 0;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &room) != 0)
        return errno;
    for (size_t done = 0; done < length && why == 0;) {
        size_t sent = fill_pair(listener, &address, length - done, &why);
        done += sent;
        if (why == 0 && sent == 0)
            why = ENOBUFS;
    }
    close(listener);
    return why;
}

static int pipes(size_t length)
{
    for (size_t done = 0; done < length;) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0)
            return errno;
        if (keep(ends[0]) || keep(ends[1]))
            return EMFILE;
        int room = fcntl(ends[1], F_SETPIPE_SZ, MEGA);
        if (room < 0)
            return errno;
        size_t want = length - done < (size_t)room ? length - done : (size_t)room;
        int why = write_all(ends[1], want);
        if (why != 0)
            return why;
        done += want;
    }
    return 0;
}

static int move(const char *group)
{
    char path[256];
    snprintf(path, sizeof path, CGROUPS "%s/cgroup.procs", group);
    return write_text(path, "0");
}

static int sync_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int why = fsync(fd) != 0 ? errno : 0;
    close(fd);
    return why;
}

static int step(char *line)
{
    char *word[8] = {0};
    int count = 0;
    for (char *part = strtok(line, " "); part && count < 8; part = strtok(NULL, " "))
        word[count++] = part;
    const char *verb = count > 0 ? word[0] : "", *one = count > 1 ? word[1] : "", *two = count > 2 ? word[2] : "0";
    int times = count > 3 && word[3][0] == 'x' ? atoi(word[3] + 1) : 1;
    const int anon = MAP_PRIVATE | MAP_ANONYMOUS;
#define IS(name) (strcmp(verb, name) == 0)
    if (IS("anon"))
        return map_and_touch(size_of(one), ANON, anon, -1, MADV_NOHUGEPAGE, 0, 1);
    if (IS("anon-thp"))
        return anon_huge(size_of(one));
    if (IS("lock-anon"))
        return map_and_touch(size_of(one), ANON, anon, -1, MADV_NOHUGEPAGE, 1, 1);
    if (IS("shm-anon"))
        return map_and_touch(size_of(one), SHARED, MAP_SHARED | MAP_ANONYMOUS, -1, -1, 0, 1);
    if (IS("free"))
        return free_anon(size_of(one));
    if (IS("read"))
        return read_times(one, size_of(two), times);
    if (IS("map"))
        return map_file(one, size_of(two), FILE_READ, 0, times);
    if (IS("lock"))
        return map_file(one, size_of(two), FILE_READ, 1, times);
    if (IS("map-write"))
        return map_file(one, size_of(two), FILE_WRITE, 0, times);
    if (IS("write"))
        return write_file(one, size_of(two));
    if (IS("fsync"))
        return sync_file(one);
    if (IS("memfd"))
        return memfd(size_of(one));
    if (IS("open-unlink"))
        return open_unlink(one);
    if (IS("unlink"))
        return unlink(one) != 0 ? errno : 0;
    if (IS("close"))
        return close_all(), 0;
    if (IS("fork"))
        return fork_children(atoi(one));
    if (IS("names"))
        return names(one, atoi(two));
    if (IS("sockets"))
        return sockets(size_of(one));
    if (IS("pipes"))
        return pipes(size_of(one));
    if (IS("move"))
        return move(one);
    if (IS("retouch")) {
        for (int at = 0; at < piece_count; at++)
            touch(&pieces[at]);
        return 0;
    }
    if (IS("exit"))
        _exit(0);
#undef IS
    return ENOSYS;
}

/* File descriptors: 3 the control page, 4 woken by an order, 5 wakes with the answer. */
void actor_main(const char *name)
{
    uint64_t count = 1;
    prctl(PR_SET_NAME, name);
    struct control *control = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
    if (control == MAP_FAILED)
        _exit(9);
    memset(buffer, 'x', sizeof buffer); /* so that the first step does not pay for it */
    for (int fd = 3; fd <= 5; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    control->result = 0;
    for (;;) {
        if (write(5, &count, sizeof count) != sizeof count || read(4, &count, sizeof count) != sizeof count)
            _exit(8);
        count = 1;
        char line[sizeof control->command];
        memcpy(line, control->command, sizeof line);
        control->result = step(line);
    }
}
