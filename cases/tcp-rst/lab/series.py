"""Scenarios of a week in a minute: a client that reconnects again and again, and logs it.

Three causes with the same RST in the log: a silent idle expiry (the period is the traffic's), a lifetime (the period is
the lifetime and the delay of the reconnect), a job on the wall clock (all clients die together, no drift).
"""
import os
import time

from paths import ONE
from peers import LifetimeProxy, ask
from scenario import conntrack, scenario, timer
from spaces import thread
from stage import BEHIND, VIP

B1, PROXY = BEHIND["b1"], BEHIND["proxy"]


class Client:
    """Asks every `period` seconds over one connection; when it dies, logs that and opens the next."""

    def __init__(self, stage, host, period, delay=0.0, name=""):
        self.stage, self.host, self.period, self.delay, self.name = stage, host, period, delay, name
        self.ends, self.times = [], []
        self.log = open(os.path.join(stage.out, "reconnects%s.log" % name), "w")

    def live(self, events, limit):
        end = time.monotonic() + limit
        sock = self.stage.connect(self.host)
        while len(self.ends) < events and time.monotonic() < end:
            if not self.ends and not self.name:
                self.stage.idle(self.period)
            else:
                time.sleep(self.period)
            heard = ask(sock, wait=1)
            if heard == "answer":
                continue
            now = time.time()
            self.ends.append(heard)
            self.times.append(round(now, 3))
            self.log.write("%s reconnect to %s:80: %s\n" % (
                time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)), self.host,
                {"reset": "connection reset by peer"}.get(heard, heard)))
            self.log.flush()
            time.sleep(self.delay)
            sock = self.stage.connect(self.host)
        self.log.close()


def result(clients, events, extra):
    ends = [end for client in clients for end in client.ends]
    faults = ["%d reconnects, at least %d told" % (len(client.ends), events)
              for client in clients if len(client.ends) < events]
    series = {"reconnects%s.log" % client.name: {
        "times": client.times, "intervals": [round(b - a, 3) for a, b in zip(client.times, client.times[1:])],
        "traffic_period_s": client.period, "reconnect_delay_s": client.delay} for client in clients}
    return {"client": ends, "faults": faults, "truth": {"series": series, "generator": extra}}


@scenario("series-idle", """T = 2 s on the router, one question every 3 s: every connection dies at its second
          question. The period in the log is the traffic's, not the timer's.""",
          "router", "stateless", "expired-local-delivery", True, conntrack(2), seconds=45)
def series_idle(stage):
    stage.build(vip=True, rules=ONE, loose=0, established=2)
    stage.serve()
    client = Client(stage, VIP, 3)
    client.live(12, 60)
    return result([client], 12, {"kind": "idle", "timeout_s": 2, "gap_s": 3})


@scenario("series-lifetime", """A proxy that ends every connection 3 s after it began, with RST to both ends, whatever
          happens on it; a question every second, reconnect after 0.25 s.""",
          "proxy", "stateful", "lifetime", True, timer("proxy maximum lifetime", 3, "lifetime"), seconds=56,
          judged="client")
def series_lifetime(stage):
    stage.build(behind=("b1", "proxy"))
    stage.serve()
    LifetimeProxy(stage.proxy, 80, (B1, 80), 3)
    client = Client(stage, PROXY, 1, 0.25)
    client.live(12, 70)
    return result([client], 12, {"kind": "lifetime", "lifetime_s": 3})


@scenario("series-wall-clock", """A job on the router deletes all conntrack entries at every multiple of 4 s of the
          wall clock; two clients ask every 0.6 s and 0.7 s and die together.""",
          "router", "stateless", "entry-deleted", True, timer("job on the router every 4 s", 4, "wall-clock"),
          seconds=50)
def series_wall_clock(stage):
    stage.build(vip=True, rules=ONE, loose=0, established=1000)
    stage.serve()
    clients = [Client(stage, VIP, 0.6), Client(stage, VIP, 0.7, name="-2")]
    second = thread(clients[1].live, 11, 60)
    runs = []

    def job():
        while len(runs) < 30 and not (clients[0].log.closed and clients[1].log.closed):
            due = time.time() // 4 * 4 + 4
            while time.time() < due:
                time.sleep(max(0.0, due - time.time()))
            runs.append(round(time.time(), 3))
            stage.router.run("conntrack", "-F")
            with open(os.path.join(stage.out, "cron.log"), "a") as log:
                log.write("%s CMD (conntrack -F)\n" % time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()))
    thread(job)
    clients[0].live(11, 60)
    second.join(70)
    return result(clients, 11, {"kind": "wall-clock", "every_s": 4, "runs": runs})
