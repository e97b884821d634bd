# SPDX-License-Identifier: BSD-2-Clause
"""Unmodified programs that have LuaJIT inside, and programs that have no LuaJIT.

nginx's Lua module needs OpenResty's LuaJIT, whose package conflicts with that
of the ordinary one: its packages are downloaded once, into the build tree, and
unpacked into a folder of the test; nothing is installed.
"""
import collections
import glob
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request

from harness import (BUILD, JITSCOPE, Skip, aborts_of, finish, jitscope, need, need_bpf, run, snapshot,
                     start, tempdir, wait_for, watch)
from test_luajit import Verbose, abort_table, adapter_env, compiled

PACKAGES = ("libnginx-mod-http-lua", "libnginx-mod-http-ndk", "lua-resty-core", "lua-resty-lrucache",
            "libluajit2-5.1-2", "libluajit2-5.1-common")

# Loops with and without branches, strings, and a loop that cannot be compiled.
HOT = """
local function work()
	local sum, parts = 0, {}
	for i = 1, 2000 do
		sum = sum + i % 7
	end
	for i = 1, 60 do
		parts[i] = string.format("%d:%s", i, ("x"):rep(i % 5))
	end
	for i = 1, 60 do
		local function add(x) return x + i end
		sum = add(sum)
	end
	return sum .. "-" .. #table.concat(parts, ",")
end
"""
SUM = sum(i % 7 for i in range(1, 2001)) + sum(range(1, 61))
ANSWER = f"{SUM}-{len(','.join(f'{i}:' + 'x' * (i % 5) for i in range(1, 61)))}"


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def of_file(snap, name):
    """What a snapshot has about one script: live traces and aborts, by place."""
    loops = collections.Counter((row["vm_no"], row["greenkey"]) for row in snap["loops"]
                                if row["greenkey"].startswith(name + ":"))
    aborts = {key: n for key, n in abort_table(snap).items() if key[1].startswith(name + ":")}
    return loops, aborts


def same_as_jv(verbose, snap, name):
    """Of the script; what the host's own Lua did before its report was on is ours alone."""
    loops, aborts = of_file(snap, name)
    theirs = collections.Counter((s.number, s.place) for v in verbose for s in v.stops
                                 if s.place.startswith(name + ":"))
    assert loops == theirs, (loops - theirs, theirs - loops)
    counted = sum((v.aborts for v in verbose), collections.Counter())
    assert aborts == {key: n for key, n in counted.items() if key[1].startswith(name + ":")}, (
        aborts, counted)
    assert len(loops) >= 3 and sum(aborts.values()) >= 3, (loops, aborts)


def consistent(snap):
    """Every trace that was started was compiled or given up."""
    counters = snap["counters"]
    assert snap["jitdriver"] == "luajit" and snap["complete"] is True, snap["stats"]
    assert counters["TRACING"] == compiled(snap) + aborts_of(snap), counters
    assert sum(a["count"] for a in snap["aborts"]) == aborts_of(snap), (snap["aborts"], counters)
    freed = counters["TOTAL_FREED_LOOPS"] + counters["TOTAL_FREED_BRIDGES"]
    dropped = sum(f["total_dropped"] for f in snap["flushes"])
    assert len(snap["loops"]) == compiled(snap) - max(freed, dropped), (counters, snap["flushes"])


def with_luajit(snap):
    return [s for s in [snap, *snap["children"]] if s["jitdriver"] == "luajit"]


def test_nvim_scripts_are_watched():
    need("nvim")
    for options in ([], ["--no-bpf"]):
        folder = tempdir()
        log = os.path.join(folder, "verbose")
        script = write(folder, "script.lua", f"require('jit.v').on('{log}') collectgarbage('stop')"
                       + HOT + """
local lines = {}
for n = 1, 100 do
	lines[n] = work()
end
vim.api.nvim_buf_set_lines(0, 0, -1, false, lines)
local bytes = 0
for _, line in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
	bytes = bytes + #line
end
io.write(lines[1], " ", bytes, "\\n")
""")
        snap, result = watch(["nvim", "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c",
                              "luafile " + script, "-c", "q!"], *options, stdin=subprocess.DEVNULL)
        assert result.out.split() == [ANSWER, str(100 * len(ANSWER))], result
        assert snap["comm"] == "nvim", snap["comm"]
        consistent(snap)
        same_as_jv([Verbose(log)], snap, "script.lua")


class Server(http.server.ThreadingHTTPServer):
    """Answers every request on a port of its own, and keeps what was asked for."""
    daemon_threads = True

    def __init__(self):
        self.paths = collections.Counter()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_error(self, request, client_address):
        pass  # wrk leaves in the middle of a request


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.paths[self.path] += 1
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments):
        pass


def test_wrk_scripts_are_watched():
    need("wrk")
    folder = tempdir()
    # Each of wrk's threads has a state, and so has its main program; all read the script.
    script = write(folder, "load.lua", f"""
require("jit.v").on("{folder}/verbose-" .. tostring({{}}):match("0x(%x+)"))
collectgarbage("stop")
{HOT}
request = function()
	return wrk.format("GET", "/" .. work())
end
done = function(summary)
	io.write("requests ", summary.requests, " errors ", summary.errors.status, "\\n")
end
""")
    server = Server()
    try:
        snap, result = watch(["wrk", "-t2", "-c4", "-d1", "-s", script, server.url])
    finally:
        server.shutdown()
        server.server_close()
    requests, errors = re.search(r"requests (\d+) errors (\d+)", result.out).groups()
    assert int(requests) > 0 and errors == "0", result
    assert set(server.paths) == {"/" + ANSWER}, server.paths
    assert sum(server.paths.values()) >= int(requests), (server.paths, result)
    consistent(snap)
    assert len({row["vm"] for row in snap["loops"]}) == 2, "the threads' states"
    verbose = [Verbose(path) for path in glob.glob(folder + "/verbose-*")]
    assert len(verbose) == 3, verbose
    same_as_jv(verbose, snap, "load.lua")


# ---- nginx -------------------------------------------------------------------

def downloaded():
    """The packages, in the build tree; another run finds them there."""
    need("apt-get", "dpkg")
    folder = os.path.join(BUILD, "downloads")
    os.makedirs(folder, exist_ok=True)

    def found():
        return [glob.glob(os.path.join(folder, name + "_*.deb")) for name in PACKAGES]

    if not all(found()):
        got = run(["apt-get", "download", *PACKAGES], cwd=folder, status=None)
        if got.status:
            run(["apt-get", "update", "-q"], status=None)
            got = run(["apt-get", "download", *PACKAGES], cwd=folder, status=None)
        if not all(found()):
            raise Skip(f"needs the packages of nginx's Lua module: {got.err.strip()[-200:]}")
    return [paths[0] for paths in found()]


def unpacked():
    folder = tempdir()
    os.chmod(folder, 0o755)  # the workers are no root
    for package in downloaded():
        run(["dpkg", "-x", package, folder])
    return folder


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nginx:
    """nginx with its Lua module: how it is started, and what it answers."""

    def __init__(self):
        need("nginx", "wrk")
        root = unpacked()
        (libraries,) = {os.path.dirname(p)
                        for p in glob.glob(root + "/usr/lib/*/libluajit-5.1.so.2")}
        folder = tempdir()
        os.chmod(folder, 0o755)
        self.port = free_port()
        self.pid_file = os.path.join(folder, "nginx.pid")
        self.log = os.path.join(folder, "error.log")
        temporary = " ".join(f"{name}_temp_path {folder}/{name};" for name in
                             ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = write(folder, "nginx.conf", f"""
load_module {root}/usr/lib/nginx/modules/ndk_http_module.so;
load_module {root}/usr/lib/nginx/modules/ngx_http_lua_module.so;
worker_processes 2;
pid {self.pid_file};
error_log {self.log} notice;
events {{ worker_connections 64; }}
http {{
	access_log off;
	{temporary}
	lua_package_path "{root}/usr/share/lua/5.1/?.lua;{root}/usr/share/luajit-2.1.0-beta3/?.lua;;";
	init_by_lua_block {{
		local sum = 0
		for i = 1, 1000 do
			sum = sum + i
		end
	}}
	server {{
		listen 127.0.0.1:{self.port};
		location / {{
			content_by_lua_block {{
				{HOT}
				ngx.header["X-Worker"] = ngx.worker.pid()
				return ngx.say(work()) -- by a tail call, as is usual
			}}
		}}
	}}
}}
""")
        self.command = ["nginx", "-p", folder, "-c", config, "-g", "daemon off;"]
        self.env = {"LD_LIBRARY_PATH": libraries}

    def get(self):
        """The answer, and the worker that gave it; None while nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=20) as answer:
                return answer.read().decode().strip(), int(answer.headers["X-Worker"])
        except (urllib.error.URLError, ConnectionError):
            return None

    def load(self, process, seconds):
        """Waits until it answers, and keeps it busy; the pids of its workers."""
        wait_for(lambda: self.get() or process.poll() is not None, "nginx to answer")
        assert process.poll() is None, finish(process)
        result = run(["wrk", "-t2", "-c8", f"-d{seconds}", f"http://127.0.0.1:{self.port}/"])
        assert "Non-2xx" not in result.out and "Socket errors" not in result.out, result
        assert int(re.search(r"(\d+) requests in", result.out).group(1)) > 100, result
        answer, worker = self.get()
        assert answer == ANSWER, answer
        with open(f"/proc/{self.master()}/task/{self.master()}/children") as f:
            workers = {int(pid) for pid in f.read().split()}
        assert worker in workers and len(workers) == 2, (worker, workers)
        return workers

    def master(self):
        with open(self.pid_file) as f:
            return int(f.read())

    def end(self, process):
        os.kill(self.master(), signal.SIGQUIT)
        return finish(process)

    def no_crash(self):
        with open(self.log) as f:
            text = f.read()
        assert not re.search(r"\[(alert|emerg|crit|error)\]", text), text


BLOCK = re.compile(r"content_by_lua\(nginx\.conf:\d+\):\d+$")


def check_worker(snap):
    """The hot loops of the configuration's block, and what keeps one from being compiled."""
    consistent(snap)
    counters = snap["counters"]
    assert counters["TOTAL_COMPILED_LOOPS"] >= 3 and counters["TOTAL_COMPILED_BRIDGES"] >= 1, counters
    block = [row for row in snap["loops"] if BLOCK.match(row["greenkey"])]
    assert sum(row["type"] == "loop" for row in block) >= 2, snap["loops"]
    lines = {row["greenkey"].rpartition(":")[2] for row in block}
    assert len(lines) >= 2, lines
    assert all(row["asmaddr"] and row["asmlen"] for row in block), block
    closures = [a for a in snap["aborts"] if a["reason"] == "NYI: bytecode 51"]
    assert closures and all(BLOCK.match(a["greenkey"]) for a in closures), snap["aborts"]


def served(snap, workers):
    """The workers that did the work: the kernel may give all of it to one of them."""
    busy = [s for s in snap if s["pid"] in workers and len(s["loops"]) > 1]
    assert busy, snap
    return busy


def test_nginx_with_its_lua_module_is_watched_under_load():
    need_bpf()
    nginx = Nginx()
    report = os.path.join(tempdir(), "report.json")
    process = start([JITSCOPE, "run", "--json", "-o", report, "--", *nginx.command], env=nginx.env)
    workers = nginx.load(process, 2)
    master = nginx.master()
    result = nginx.end(process)
    assert result.status == 0, result
    nginx.no_crash()
    with open(report) as f:
        snap = json.load(f)
    assert snap["pid"] == master and snap["jitdriver"] == "luajit", (snap["pid"], snap["jitdriver"])
    # The master has run the init block only; the workers have that by fork.
    assert [row["greenkey"].partition("(")[0] for row in snap["loops"]] == ["init_by_lua"], snap["loops"]
    consistent(snap)
    assert snap["counters"]["TRACING"] == 1, snap["counters"]
    assert {s["pid"] for s in with_luajit(snap)} <= workers | {master}, snap["children"]
    for worker in served(snap["children"], workers):
        check_worker(worker)


def test_nginx_with_the_adapter_preloaded_is_seen_while_it_runs():
    need_bpf()
    nginx = Nginx()
    environment = adapter_env()
    process = start(nginx.command, env={**nginx.env, "LD_PRELOAD": environment["LD_PRELOAD"]})
    workers = nginx.load(process, 1)
    snaps = [snapshot(pid) for pid in workers]
    for snap in served(snaps, workers):
        assert snap["source"] == "kernel", snap["source"]
        check_worker(snap)
        region = snapshot(snap["pid"], "--no-bpf")
        assert region["source"] == "region", region["source"]
        check_worker(region)

    every = [json.loads(line) for line in jitscope("snapshot", "--json", "-a").out.splitlines()]
    ours = {s["pid"]: s for s in every if s["pid"] in workers | {nginx.master()}}
    assert set(ours) == workers | {nginx.master()}, (set(ours), workers)
    for worker in served(list(ours.values()), workers):
        check_worker(worker)

    # Watched in the middle of the load, and the answers stay right.
    watcher = start([JITSCOPE, "snapshot", "--json", "-a", "-i", "0.2", "-n", "4"])
    nginx.load(process, 1)
    rounds = finish(watcher)
    assert rounds.status == 0, rounds
    seen = collections.Counter(json.loads(line)["pid"] for line in rounds.out.splitlines())
    assert all(seen[pid] == 4 for pid in workers), (seen, workers)
    assert nginx.end(process).status == 0
    nginx.no_crash()


# ---- Others --------------------------------------------------------------------

def test_programs_without_a_jit_are_left_alone():
    need("lua5.1", "sh", "python3")
    init = {"LUA_INIT": "greeting = 'hello'"}
    for command in (["lua5.1", "-e", "print(greeting, _VERSION, package.loaded.jithooks)"],
                    ["lua5.1", "-e", "error('on purpose')"],
                    ["lua5.1", "no-such-file.lua"],
                    ["sh", "-c", "echo one; echo two >&2; exit 5"],
                    ["sh", "-c", "kill -TERM $$"],
                    ["python3", "-c", "import sys; print(sys.argv, sys.path[0]); sys.exit(6)", "x"]):
        alone = run(command, env=init, status=None)
        for options in ([], ["--no-bpf"]):
            snap, result = watch(command, *options, env=init, status=None)
            status = alone.status if alone.status >= 0 else 128 - alone.status
            ours = [line for line in result.err.splitlines() if line.startswith("jitscope: ")]
            theirs = [line for line in result.err.splitlines() if not line.startswith("jitscope: ")]
            assert (result.status, result.out, theirs) == (
                status, alone.out, alone.err.splitlines()), (result, alone)
            clear = [line for line in ours if f"no trace of '{command[0]}' was seen" in line]
            assert len(clear) == 1, result
            assert not any(snap["counters"].values()) and snap["jitdriver"] == "", snap
