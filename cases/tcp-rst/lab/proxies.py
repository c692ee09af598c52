"""Scenarios of a proxy: haproxy and nginx of the distribution. A proxy is the TCP peer of both legs."""
import glob
import os
import subprocess

from peers import ask
from scenario import scenario, timer
from spaces import CannotRun, tool
from stage import BEHIND

B1, PROXY = BEHIND["b1"], BEHIND["proxy"]
HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Type: text/plain\r\n\r\nk"
GET = b"GET / HTTP/1.1\r\nHost: app\r\n\r\n"

HAPROXY = """global
    log stdout format raw local0
    maxconn 64

defaults
    log global
    mode %s
    option %slog
    timeout connect 1s
%s
frontend in
    bind %s:80
    default_backend app

backend app
    server b1 %s:80
"""


def haproxy(stage, settings, mode="tcp"):
    tool("haproxy")
    stage.build(behind=("b1", "proxy"))
    stage.serve(reply=HTTP if mode == "http" else b"k")
    lines = "".join("    %s\n" % line for line in settings)
    stage.write("haproxy.cfg", HAPROXY % (mode, mode, lines, PROXY, B1))
    stage.child("proxy", ["haproxy", "-db", "-f", "haproxy.cfg"], "haproxy.log")
    stage.wait_for_port("proxy", 80)


def idle_then_ask(stage, first=b"a", again=b"b", gap=6):
    sock = stage.connect(PROXY, first=first)
    stage.idle(gap)
    return {"client": ask(sock, again)}


@scenario("haproxy-timeout-client", """haproxy, mode tcp, `timeout client 4s`: FIN to both ends after 4 s of silence;
          the client does not look and writes at 6 s.""", "proxy", "stateless", "proxy-idle-close", True,
          timer("haproxy timeout client", 4), judged="client")
def haproxy_client(stage):
    haproxy(stage, ["timeout client 4s", "timeout server 60s"])
    return idle_then_ask(stage)


@scenario("haproxy-timeout-server", """haproxy, mode tcp, only `timeout server 4s` is short: the client gets FIN at 4
          s, but its own direction stays open. What it writes at 6 s is delivered to the server and answered, and the
          answer never comes back. No RST.""", "none", "none", "proxy-half-close", True,
          timer("haproxy timeout server", 4), judged="client")
def haproxy_server(stage):
    haproxy(stage, ["timeout client 60s", "timeout server 4s"])
    return idle_then_ask(stage)


@scenario("haproxy-timeout-both", """haproxy, mode tcp, `timeout client 4s` and `timeout server 4s`: both run out
          together.""",
          "proxy", "stateless", "proxy-idle-close", True, timer("haproxy timeout client", 4), judged="client")
def haproxy_both(stage):
    haproxy(stage, ["timeout client 4s", "timeout server 4s"])
    return idle_then_ask(stage)


@scenario("haproxy-http-keep-alive", "haproxy, mode http, `timeout http-keep-alive 4s` between two requests.",
          "proxy", "stateless", "proxy-idle-close", True, timer("haproxy timeout http-keep-alive", 4), judged="client")
def haproxy_http(stage):
    haproxy(stage, ["timeout client 60s", "timeout server 60s", "timeout http-keep-alive 4s"], "http")
    return idle_then_ask(stage, GET, GET)


@scenario("haproxy-tunnel", """haproxy, mode tcp, client and server 2 s but `timeout tunnel 5s`: a silence of 3.5 s
          survives, 7 s do not.""", "proxy", "stateless", "proxy-idle-close", True,
          timer("haproxy timeout tunnel", 5), seconds=15, judged="client")
def haproxy_tunnel(stage):
    haproxy(stage, ["timeout client 2s", "timeout server 2s", "timeout tunnel 5s"])
    sock = stage.connect(PROXY)
    stage.idle(3.5)
    first = ask(sock)
    stage.idle(7, snapshot=False)
    return {"client": ask(sock), "first_question": first,
            "faults": [] if first == "answer" else ["3.5 s of silence must survive, it was: " + first]}


@scenario("haproxy-nolinger", """haproxy with `option nolinger`: at the timeout both legs get a RST from haproxy's own
          sockets, no trigger needed.""", "proxy", "stateful", "proxy-idle-reset", True,
          timer("haproxy timeout client", 4), judged="client")
def haproxy_nolinger(stage):
    haproxy(stage, ["timeout client 4s", "timeout server 60s", "option nolinger"])
    return idle_then_ask(stage)


NGINX_HTTP = """worker_processes 1;
pid nginx.pid;

events {
    worker_connections 64;
}

http {
    access_log off;
    keepalive_timeout 4s;

    server {
        listen %s:80;
        location / {
            return 200 "k";
        }
    }
}
"""

NGINX_STREAM = """worker_processes 1;
pid nginx.pid;
%s
events {
    worker_connections 64;
}

stream {
    server {
        listen %s:80;
        proxy_pass %s:80;
        proxy_timeout 4s;
    }
}
"""


def build_flags():
    return subprocess.run([tool("nginx"), "-V"], capture_output=True, text=True).stderr + " "


def nginx(stage, text):
    tool("nginx")
    stage.build(behind=("b1", "proxy"))
    stage.serve()
    stage.write("nginx.conf", text)
    stage.child("proxy", ["nginx", "-p", stage.out, "-e", "stderr", "-c", "nginx.conf", "-g", "daemon off;"],
                "nginx.log")
    stage.wait_for_port("proxy", 80)
    os.unlink(os.path.join(stage.out, "nginx.pid"))


@scenario("nginx-keepalive-timeout", "nginx, http, `keepalive_timeout 4s`: FIN at 4 s, the client writes at 6 s.",
          "proxy", "stateless", "proxy-idle-close", True, timer("nginx keepalive_timeout", 4), judged="client")
def nginx_http(stage):
    nginx(stage, NGINX_HTTP % PROXY)
    return idle_then_ask(stage, GET, GET)


@scenario("nginx-stream-proxy-timeout", "nginx, stream, `proxy_timeout 4s`: FIN to both ends at 4 s.",
          "proxy", "stateless", "proxy-idle-close", True, timer("nginx proxy_timeout", 4), judged="client")
def nginx_stream(stage):
    tool("nginx")
    modules = [path for folder in ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules")
               for path in glob.glob(os.path.join(folder, "ngx_stream_module.so"))]
    built_in = "--with-stream " in build_flags()
    if not modules and not built_in:
        raise CannotRun("nginx has no stream module (package libnginx-mod-stream)")
    nginx(stage, NGINX_STREAM % ("" if built_in else "load_module %s;\n" % modules[0], PROXY, B1))
    return idle_then_ask(stage)
