/* The guest of the laboratory: one static program that is the first process, the actors, and their witness. */
#ifndef GUEST_H
#define GUEST_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define MEGA (1024UL * 1024UL)
#define CGROUPS "/sys/fs/cgroup"
#define MOST_GROUPS 16
#define MOST_ACTORS 16

/* What the first process and an actor share: a page of a memfd that the first process filled, so that it is charged
 * to the root group. Words go through it and eventfds wake; neither allocates anything in the actor's group. */
struct control {
    char command[1024];
    int result; /* 0 or an errno */
};

struct actor {
    char name[32];
    pid_t pid;
    int alive;
    int status; /* as waitpid tells it, once it is dead */
    int stuck; /* a step of it did not return in time and has not returned since */
    int pidfd, order, answer;
    struct control *control;
};

struct place {
    char name[48]; /* of the scenario */
    int step;
};

extern struct actor actors[MOST_ACTORS];
extern int actor_count;
extern char groups[MOST_GROUPS][128]; /* below the mount, parents first: "/lab/a" */
extern int group_count;
extern int step_seconds;  /* how long a step may take */
extern int flush_seconds; /* how long to wait until memory.stat has been flushed by itself; 0: reading cpu.stat does */
extern const char *swap_device;

/* actor.c: the program of an actor; never returns. */
void actor_main(const char *name) __attribute__((noreturn));

/* look.c: the container of results, and what is read. */
char *results(void); /* made at the first call, so that actors do not have it */
extern size_t results_length;
void put(const char *name, const void *data, size_t length);
void put_kernel_log(const struct place *place);
void skip_kernel_log(void);
void look(const struct place *place);
size_t read_file(const char *path, char *into, size_t room);

/* play.c: plays one scenario. */
void play(const char *name, const char *text, size_t length);

/* clean.c */
int remove_group(const char *group);
int dying_groups(void); /* removed groups that charges still hold */
void clean(void);

/* Small things. */
int write_text(const char *path, const char *text);
uint64_t size_of(const char *text);
void nap(int milliseconds);
long now_ms(void);
void say(const char *word, const char *what);

#endif
