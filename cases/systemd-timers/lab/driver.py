"""Plays one boot of a scenario inside the machine and writes the truth log: /lab/boot.json says what to do when."""
import ctypes
import json
import os
import select
import subprocess
import time
import traceback

import bus

STATE, WAKE, BOOT = "/var/lib/lab", "/run/lab-wake", "/lab/boot.json"
ADJ_FREQUENCY, ADJ_SETOFFSET, ADJ_NANO, ADJ_TICK = 0x2, 0x100, 0x2000, 0x4000
UNIT = ("LoadState", "UnitFileState", "ActiveState", "SubState", "NeedDaemonReload", "ConditionResult",
        "StateChangeTimestamp", "StateChangeTimestampMonotonic", "InactiveExitTimestamp",
        "InactiveExitTimestampMonotonic", "ActiveEnterTimestamp", "ActiveEnterTimestampMonotonic",
        "ActiveExitTimestamp", "ActiveExitTimestampMonotonic", "InactiveEnterTimestamp",
        "InactiveEnterTimestampMonotonic")
SERVICE = ("Type", "Result", "ExecMainStatus", "ExecMainStartTimestamp", "ExecMainStartTimestampMonotonic",
           "ExecMainExitTimestamp", "ExecMainExitTimestampMonotonic", "NRestarts")
MANAGER = ("Version", "KernelTimestamp", "KernelTimestampMonotonic", "UserspaceTimestamp",
           "UserspaceTimestampMonotonic", "FinishTimestamp", "FinishTimestampMonotonic", "Tainted")


class Timex(ctypes.Structure):
    _fields_ = [("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
                ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
                ("constant", ctypes.c_long), ("precision", ctypes.c_long), ("tolerance", ctypes.c_long),
                ("sec", ctypes.c_long), ("usec", ctypes.c_long), ("tick", ctypes.c_long), ("rest", ctypes.c_long * 17)]


def adjtimex(**values):
    libc, request = ctypes.CDLL("libc.so.6", use_errno=True), Timex()
    for name, value in values.items():
        setattr(request, name, value)
    if libc.adjtimex(ctypes.byref(request)) < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")


def read_text(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return None


class Driver:
    def __init__(self):
        with open(BOOT) as file:
            self.boot = json.load(file)
        os.makedirs(STATE, exist_ok=True)
        self.log = os.open(STATE + "/truth.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.mkfifo(WAKE)
        self.wake = os.open(WAKE, os.O_RDWR | os.O_NONBLOCK)
        self.poll = select.poll()
        self.poll.register(self.wake, select.POLLIN)
        self.boot_id = read_text("/proc/sys/kernel/random/boot_id")

    def clocks(self):
        now = {name: time.clock_gettime_ns(number) for name, number in
               (("realtime_ns", 0), ("monotonic_ns", 1), ("raw_ns", 4), ("boottime_ns", 7))}
        now["true_ns"] = self.boot["true_ns"] + now["raw_ns"] + now["boottime_ns"] - now["monotonic_ns"]
        return now

    def write(self, record):
        os.write(self.log, (json.dumps(record) + "\n").encode())

    def told(self):
        """Seconds of true time since the first boot."""
        return (self.clocks()["true_ns"] - self.boot["first_true_ns"]) / 1e9

    def snapshot(self, why):
        record = {"kind": "snapshot", "why": why, "boot_id": self.boot_id, "clocks": self.clocks(), "units": {}}
        try:
            manager = bus.Bus()
            record["manager"] = self.pick(manager.properties("/org/freedesktop/systemd1", "Manager"), MANAGER)
            for name in self.boot["watch"]:
                path = bus.unit_path(name)
                found = self.pick(manager.properties(path, "Unit"), UNIT)
                if name.endswith(".timer"):
                    found.update(manager.properties(path, "Timer"))
                else:
                    found.update(self.pick(manager.properties(path, "Service"), SERVICE))
                record["units"][name] = found
            manager.close()
        except (OSError, bus.Refused) as error:
            record["error"] = str(error)
        self.write(record)

    @staticmethod
    def pick(found, names):
        return {name: found[name] for name in names if name in found}

    def wait(self, until):
        """Sleeps until this moment of true time; a run that begins or ends in between gets its snapshot."""
        while True:
            left = until - self.told()
            if left <= 0:
                return
            if self.poll.poll(min(left, 86400) * 1000 + 1):
                # As long as systemd needs to see the process end, and no longer than to the next action.
                time.sleep(max(0.0, min(0.3, until - self.told())))
                self.drain()
                self.snapshot("run")

    def drain(self):
        try:
            os.read(self.wake, 4096)
        except BlockingIOError:
            pass

    def play(self):
        self.write({"kind": "boot", "boot": self.boot["boot"], "boot_id": self.boot_id, "clocks": self.clocks(),
                    "kernel": os.uname().release, "rtc": read_text("/sys/class/rtc/rtc0/since_epoch")})
        self.snapshot("boot")
        for action in self.boot["actions"]:
            self.wait(action["at"])
            record = {"kind": "action", "index": action["index"], "do": action["do"], "boot_id": self.boot_id,
                      "before": self.clocks()}
            try:
                record["output"] = getattr(self, "do_" + action["do"].replace("-", "_"))(**{
                    name: value for name, value in action.items() if name not in ("at", "do", "index", "may_fail")})
            except (OSError, subprocess.SubprocessError) as error:
                record["error"] = str(error)
            record["after"] = self.clocks()
            self.write(record)
            if action["do"] not in ("reboot", "end"):
                time.sleep(0.5)
                self.drain()
                self.snapshot("action %d" % action["index"])

    # The actions.

    def do_step(self, seconds):
        """As a time daemon does it."""
        whole = int(seconds // 1)
        adjtimex(modes=ADJ_SETOFFSET | ADJ_NANO, sec=whole, usec=int(round((seconds - whole) * 1e9)))

    def do_set(self, seconds=0.0):
        """As `date -s` does it: to now plus so many seconds, without the fraction."""
        time.clock_settime(time.CLOCK_REALTIME, float(int(time.time() + seconds)))

    def do_correct(self, error=0.0):
        """Steps the clock to the true time plus this error."""
        now = self.clocks()
        self.do_step((now["true_ns"] - now["realtime_ns"]) / 1e9 + error)

    def do_slew(self, ppm):
        tick = int(round(ppm / 100.0)) if abs(ppm) > 500 else 0
        adjtimex(modes=ADJ_TICK | ADJ_FREQUENCY, tick=10000 + tick, freq=int((ppm - tick * 100) * 65536))

    def do_zone(self, name):
        os.symlink("../usr/share/zoneinfo/" + name, "/etc/localtime.new")
        os.rename("/etc/localtime.new", "/etc/localtime")
        with open("/etc/timezone", "w") as file:
            file.write(name + "\n")

    def do_systemctl(self, args):
        done = subprocess.run(["systemctl"] + args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=7200)
        return {"status": done.returncode, "text": done.stdout.decode(errors="replace")}

    def do_control(self, unit, **what):
        with open(STATE + "/control-" + unit, "w") as file:
            json.dump(what, file)

    def do_write(self, path, text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    def do_remove(self, path):
        os.unlink(path)

    def do_touch(self, path, seconds):
        """Gives the file the time of now plus so many seconds, creating it if it is not there."""
        when = time.time() + seconds
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))
        os.utime(path, (when, when))

    def do_suspend(self, seconds, state="mem"):
        """As rtcwake does it: the alarm, then sleep."""
        alarm = "/sys/class/rtc/rtc0/wakealarm"
        with open(alarm, "w") as file:
            file.write("0")
        with open(alarm, "w") as file:
            file.write("%d" % (int(read_text("/sys/class/rtc/rtc0/since_epoch")) + seconds))
        with open("/sys/power/state", "w") as file:
            file.write(state)

    def do_snapshot(self):
        pass

    def do_collect(self, name):
        self.collect("evidence-" + name)

    def collect(self, name):
        subprocess.run(["/bin/sh", "/lab/evidence.sh", "/lab/out/" + name] + self.boot["watch"], timeout=7200,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def do_end(self):
        self.snapshot("end")
        self.collect("evidence")

    def do_reboot(self, **_):
        self.snapshot("reboot")

    def hand_over(self):
        """Everything the host is to keep goes to the third disk, as a tar."""
        os.makedirs("/lab/out", exist_ok=True)
        subprocess.run(["cp", "-p", STATE + "/truth.jsonl", "/lab/out/"])
        subprocess.run(["tar", "-S", "-cf", "/dev/ubdc", "-C", "/lab/out", "."])
        os.sync()


def main():
    driver = Driver()
    print("LAB up", flush=True)
    try:
        driver.play()
    except Exception:
        # Nobody would end this machine otherwise.
        traceback.print_exc()
        driver.boot["power"] = "cut"
    else:
        print("LAB done", flush=True)
    driver.hand_over()
    if driver.boot["power"] == "cut":
        subprocess.run(["systemctl", "poweroff", "-f", "-f"])
    else:
        subprocess.run(["systemctl", "--no-block", "start", "poweroff.target", "--job-mode=replace-irreversibly"])
        time.sleep(60)


main()
