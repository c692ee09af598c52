"""The kernels: user-mode Linux with virtual time, built once from Debian's linux-source; or Debian's own without."""
import glob
import os
import re
import shutil
import subprocess

from machine import CannotRun, command, package, run, say

SUITE, SOURCE = "trixie", "linux-source-6.12"
ENABLE = ("CGROUPS CGROUP_PIDS TMPFS TMPFS_XATTR TMPFS_POSIX_ACL DEVTMPFS DEVTMPFS_MOUNT EXT4_FS FHANDLE AUTOFS_FS "
          "NAMESPACES USER_NS PID_NS NET_NS SECCOMP INOTIFY_USER SIGNALFD TIMERFD EPOLL UNIX CRYPTO_USER_API_HASH "
          "BPF_SYSCALL UML_TIME_TRAVEL_SUPPORT RTC_CLASS UML_RTC PM PM_SLEEP SUSPEND").split()
DISABLE = "HOSTFS SOUND SLIP PPP WIRELESS DEBUG_INFO DEBUG_KERNEL".split()
NEEDS = {"gcc": "gcc", "make": "make", "flex": "flex", "bison": "bison", "bc": "bc", "xz": "xz-utils",
         "strip": "binutils"}

# The disk answers at once. Otherwise virtual time runs on while the host reads, and boots time out by chance.
DISK = ("arch/um/drivers/ubd_kern.c",
        (r"(?s)\tret = os_write_file\(thread_fd, &io_req, sizeof\(io_req\)\);.*?\n}\n",
         "\tfor (ret = 0; !io_req->error && ret < io_req->desc_cnt; ret++)\n"
         "\t\tdo_io(io_req, &io_req->io_desc[ret]);\n\tubd_end_request(io_req);\n\treturn 0;\n}\n"),
        (r"static int ubd_submit_request\(",
         "static void do_io(struct io_thread_req *req, struct io_desc *desc);\n\nstatic int ubd_submit_request("))
# The alarm of the RTC goes by the RTC, as in a real one, and not by a system clock that may be days away from it.
ALARM = ("arch/um/drivers/rtc_kern.c",
         (r"\tunsigned long long secs;\n\n\tif \(!enable &&",
          "\tunsigned long long secs;\n\tstruct timespec64 now;\n\n\tif (!enable &&"),
         (r"\tsecs = uml_rtc_alarm_time - ktime_get_real_seconds\(\);",
          "\tread_persistent_clock64(&now);\n\tsecs = uml_rtc_alarm_time - now.tv_sec;"))
# An idle machine sleeps for up to an hour, not for four seconds: a quiet day costs a fifth of a second.
IDLE = ("arch/um/kernel/time.c",
        (r"(?s)max_delta_ns\t\t= 0xffffffff,(\s+)\.max_delta_ticks\t= 0xffffffff,",
         "max_delta_ns\t\t= 3600000000000UL,\n\t.max_delta_ticks\t= 3600000000000UL,"))


def change(source, path, *changes):
    path = os.path.join(source, path)
    with open(path) as file:
        text = file.read()
    for pattern, new in changes:
        text, count = re.subn(pattern, lambda _: new, text, count=1)
        if count != 1:
            raise CannotRun("the kernel source is not as expected: %s" % path)
    with open(path, "w") as file:
        file.write(text)


def time_travel(cache):
    """Path of the kernel with virtual time."""
    done = os.path.join(cache, "kernel", "linux-time-travel")
    if os.path.exists(done):
        return done
    for name, where in NEEDS.items():
        command(name, where)
    say("building the kernel from %s (about eight minutes of one core)" % SOURCE)
    archive = glob.glob(os.path.join(package(cache, SUITE, SOURCE), "usr/src/linux-source-*.tar.xz"))[0]
    folder = os.path.join(cache, "kernel")
    source, log = os.path.join(folder, "source"), os.path.join(folder, "build.log")
    shutil.rmtree(source, ignore_errors=True)
    os.makedirs(source)
    run(log, "tar", "-C", source, "--strip-components=1", "-xf", archive)
    for one in (DISK, ALARM, IDLE):
        change(source, *one)
    run(log, "make", "ARCH=um", "defconfig", cwd=source)
    choices = [word for name in ENABLE for word in ("-e", name)] + [word for name in DISABLE for word in ("-d", name)]
    run(log, "./scripts/config", *choices, cwd=source)
    run(log, "make", "ARCH=um", "olddefconfig", cwd=source)
    with open(os.path.join(source, ".config")) as file:
        config = file.read()
    for name in ("UML_TIME_TRAVEL_SUPPORT", "UML_RTC"):
        if "CONFIG_%s=y\n" % name not in config:
            raise CannotRun("the kernel source refuses CONFIG_%s" % name)
    run(log, "nice", "-n", "10", "make", "ARCH=um", "-j%d" % max(1, (os.cpu_count() or 1) // 2), "linux", cwd=source)
    run(log, "strip", "-o", done + ".new", os.path.join(source, "linux"))
    os.rename(done + ".new", done)
    shutil.rmtree(source, ignore_errors=True)
    return done


def stock(cache):
    """Path of Debian 12's own user-mode Linux: no virtual time, so only what happens within seconds can be played."""
    path = os.path.join(package(cache, "bookworm", "user-mode-linux"), "usr/bin/linux.uml")
    told = subprocess.run([path, "--version"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if told.returncode != 0:
        raise CannotRun("the stock kernel does not start here: %s" % told.stderr.decode(errors="replace").strip())
    return path
