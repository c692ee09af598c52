"""One boot of a machine: files in as a tar, user-mode Linux, files out as a tar."""
import io
import os
import shutil
import signal
import subprocess
import tarfile
import time

OUT_SIZE = 96 << 20


class Dead(Exception):
    """The machine did not come up or did not finish; the message ends with its last words."""


def pack(path, files):
    """Writes a tar of {absolute path: text, bytes, ("link", target) or (text, mtime in nanoseconds)}."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(files.items()):
            info = tarfile.TarInfo(name.lstrip("/"))
            info.mode = 0o644
            mtime = None
            if isinstance(content, tuple) and content[0] == "link":
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, content[1], 0o777
                tar.addfile(info)
                continue
            if isinstance(content, tuple):
                content, mtime = content
            data = content.encode() if isinstance(content, str) else content
            info.size = len(data)
            if mtime is not None:
                info.mtime = mtime // 10**9
                info.pax_headers = {"mtime": "%d.%09d" % (mtime // 10**9, mtime % 10**9)}
            tar.addfile(info, io.BytesIO(data))


RUNNING = {}  # machines that are on: their process and folder
STOPPING = []


def stop_all():
    """For a program that is told to end: nothing stays behind."""
    STOPPING.append(True)
    machines = list(RUNNING.items())
    for child, _ in machines:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    time.sleep(0.3)
    for _, folder in machines:
        shutil.rmtree(folder, ignore_errors=True)


class Machine:
    """A disk that remembers (copy on write) and a folder in memory; use as a context."""

    def __init__(self, kernel, image, folder):
        self.kernel, self.image, self.folder = kernel, image, folder
        self.cow = os.path.join(folder, "cow")
        self.consoles = []

    def __enter__(self):
        if STOPPING:
            raise Dead("told to end")
        os.makedirs(self.folder)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def boot(self, files, arguments, out, seconds=240, tries=2):
        """Boots once, unpacks what the machine hands over into `out`. A boot that dies is played again."""
        before = self.cow + ".before"
        if os.path.exists(self.cow):
            subprocess.run(["cp", "--sparse=always", self.cow, before], check=True)
        for left in range(tries - 1, -1, -1):
            try:
                return self.once(files, arguments, out, seconds)
            except Dead:
                if not left or STOPPING:
                    raise
                if os.path.exists(self.cow):
                    os.unlink(self.cow)
                if os.path.exists(before):
                    subprocess.run(["cp", "--sparse=always", before, self.cow], check=True)
        return None

    def once(self, files, arguments, out, seconds):
        if STOPPING:
            raise Dead("told to end")
        into, back = os.path.join(self.folder, "in.tar"), os.path.join(self.folder, "out.tar")
        pack(into, files)
        with open(back, "wb") as file:
            file.truncate(OUT_SIZE)
        command = [self.kernel, "mem=320M", "ubd0t=%s,%s" % (self.cow, self.image), "ubd1r=" + into, "ubd2=" + back,
                   "root=/dev/ubda", "rw", "con=null", "con0=fd:0,fd:1", "uml_dir=" + self.folder, "init=/lab/init",
                   "quiet", "systemd.show_status=0"] + arguments
        console = os.path.join(self.folder, "console")
        with open(console, "wb") as file:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                                     env=dict(os.environ, TMPDIR=self.folder), start_new_session=True)
        RUNNING[child] = self.folder
        try:
            child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            with open(console, "ab") as file:
                file.write(b"\ndid not end within %d s\n" % seconds)
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
            del RUNNING[child]
        with open(console, errors="replace") as file:
            text = file.read()
        self.consoles.append(text)
        if "LAB done" not in text:
            raise Dead("the machine said last: " + " | ".join(text.strip().splitlines()[-3:]))
        with tarfile.open(back) as tar:
            for member in tar.getmembers():
                if not (member.name.startswith("/") or ".." in member.name.split("/")):
                    tar.extract(member, out)
        return text
