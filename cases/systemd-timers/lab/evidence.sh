#!/bin/sh
# What `casebook collect` takes from a machine. evidence.sh FOLDER UNIT...
# Every command may fail; what it said stays, so that a reader sees what was not to be had.
out=$1
shift
mkdir -p "$out"
cd "$out" || exit 1

keep() { file=$1; shift; timeout 60 "$@" >"$file" 2>&1; }

keep systemctl-show.txt systemctl show --no-pager "$@"
keep systemctl-show-timers.txt systemctl show --no-pager '*.timer'
keep systemctl-show-us-utc.txt systemctl show --no-pager --timestamp=us+utc "$@"
keep systemctl-show-manager.txt systemctl show --no-pager
keep systemctl-cat.txt systemctl cat --no-pager "$@"
keep list-timers.json systemctl list-timers --all --output=json
keep list-timers.txt systemctl list-timers --all --no-pager --full
keep status.txt systemctl status --no-pager --full "$@"
keep timedatectl-show.txt timedatectl show
keep timedatectl.txt timedatectl
keep list-boots.txt journalctl --list-boots --no-pager
sleep 1
keep journal.export journalctl -o export --no-pager
keep journal.json journalctl -o json --no-pager
keep journal.txt journalctl -o short-iso-precise --no-pager
mkdir -p journal
cp -p /var/log/journal/*/* journal/
find /var/lib/systemd/timers /var/lib/systemd/timesync /usr/lib/clock-epoch -type f -printf '%p %T@\n' >stamps.txt 2>/dev/null
find /var/lib/systemd/timers /var/lib/systemd/timesync /usr/lib/clock-epoch -type f -exec stat {} + >stamps-stat.txt 2>/dev/null
keep version.txt systemctl --version
keep uname.txt uname -a
keep cmdline.txt cat /proc/cmdline
keep zone.txt readlink /etc/localtime
keep dates.txt sh -c 'date +%s.%N; cat /proc/uptime; date -u; date'
for file in /etc/adjtime /etc/machine-id /etc/localtime /etc/timezone; do
    [ -e $file ] && cp -L $file .
done
for file in name date time since_epoch hctosys wakealarm; do
    [ -e /sys/class/rtc/rtc0/$file ] && echo "$file $(cat /sys/class/rtc/rtc0/$file)"
done >rtc.txt 2>&1
keep adjtimex.txt python3 -B -c '
import ctypes
names = "modes offset freq maxerror esterror status constant precision tolerance sec usec tick".split()
class Timex(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int if name in ("modes", "status") else ctypes.c_long) for name in names] + [("rest", ctypes.c_long * 17)]
request = Timex()
state = ctypes.CDLL("libc.so.6").adjtimex(ctypes.byref(request))
print("state:", state)
for name in names[1:]:
    print("%s: %d" % (name, getattr(request, name)))
'
for unit; do
    systemctl show -P FragmentPath -P DropInPaths "$unit" | tr ' ' '\n' | while read -r path; do
        [ -n "$path" ] && [ -f "$path" ] && mkdir -p ".$(dirname "$path")" && cp -p "$path" ".$path"
    done
    for path in /etc/systemd/system/"$unit" /etc/systemd/system/*.wants/"$unit"; do
        [ -L "$path" ] && mkdir -p ".$(dirname "$path")" && cp -dp "$path" ".$path"
    done
done
ls -l --time-style=full-iso /var/lib/systemd/timers >stamps-ls.txt 2>&1
exit 0
