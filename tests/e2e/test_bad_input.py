# SPDX-License-Identifier: BSD-2-Clause
"""What jitscope is given by mistake or in bad faith: one clear line, or a counted loss."""
import json
import os
import random
import signal
import struct
import subprocess
import sys
import unicodedata

from harness import (JITSCOPE, LIBJITHOOKS, TIMEOUT, check_totals, embed, finish, for_others,
                     has_bpf, is_root, jitscope, map_dump, need, need_bpf, nonzero, program,
                     read_line, run, start, tempdir, wait_for, watch)

ATTACHED = ("compile", "abort", "free", "flush", "update", "runs")  # by run


def targeted():
    """The commands that take -p and -f; those that need BPF fail of that first, without it."""
    yield from (("snapshot", "--no-bpf"), ("list",))
    if is_root() and has_bpf():
        yield from (("trace",), ("snapshot",))


def refused(*arguments, status=1, about=(), **more):
    """Fails with one line on stderr that names what it is about, and nothing on stdout."""
    result = jitscope(*arguments, status=status, timeout=30, stdin=subprocess.DEVNULL, **more)
    assert result.out == "", result
    lines = result.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("jitscope"), result
    for word in about:
        assert word in lines[0], result
    return lines[0]


def clean(text, json_lines=False):
    """Nothing in it can steer a terminal; with json_lines, each line is an object."""
    if json_lines:  # and Python refuses control characters in it
        return [json.loads(line) for line in text.split("\n") if line]
    for c in text:
        assert c == "\n" or not unicodedata.category(c).startswith("C"), (repr(c), text[:2000])
    assert "\ufffd" not in text, text[:2000]
    return None


# ---- Processes and commands ------------------------------------------------------------


def test_no_such_process():
    ended = start(["true"])
    finish(ended)
    for command in targeted():
        refused(*command, "-p", ended.pid, about=("no process", str(ended.pid)))


def test_a_process_without_the_provider():
    process = start(["sleep", "600"])
    wait_for(lambda: os.readlink(f"/proc/{process.pid}/exe").endswith(("sleep", "coreutils")),
             "sleep")
    for command in targeted():
        if command[0] != "list":
            refused(*command, "-p", process.pid,
                    about=(str(process.pid), "provider", "jitscope run"))
    listed = jitscope("list", "-p", process.pid, status=None)
    assert listed.out == "" and str(process.pid) in listed.err, listed


def test_commands_that_cannot_be_run():
    plain = os.path.join(tempdir(), "plain")
    with open(plain, "w") as f:
        f.write("not a program\n")
    ways = [("run", "--no-bpf")] + [("run",), ("trace",)] * (is_root() and has_bpf())
    for how in ways:
        refused(*how, "--", "no-such-command-here", status=127, about=("no-such-command-here",),
                env={"PATH": "/usr/bin:/bin"})
        refused(*how, "--", "/no/such/file", status=127, about=("/no/such/file",))
        refused(*how, "--", plain, status=126, about=(plain,))
        refused(*how, "--", os.path.dirname(plain), status=126)


def test_bad_options():
    for arguments in (
            ("run",), ("run", "--"), ("run", "-p", "1", "--", "true"), ("trace",), ("snapshot",),
            ("snapshot", "-p", "x"), ("snapshot", "-p", "0"), ("snapshot", "-p", "-1"),
            ("snapshot", "-p", "99999999999999999999"), ("snapshot", "-p", "1 "),
            ("snapshot", "-p"), ("snapshot", "-p", "1", "-a"), ("snapshot", "-p", "1", "-p", "2"),
            ("snapshot", "-a", *["-f", "/bin/sh"] * 65), ("snapshot", "-a", "-f", "/bin/sh"),
            ("snapshot", "-a", "-i", "0"), ("snapshot", "-a", "-i", "-1"),
            ("snapshot", "-a", "-i", "nan"), ("snapshot", "-a", "-d", "1x"),
            ("snapshot", "-a", "-d", ""), ("snapshot", "-a", "-n", "0"),
            ("snapshot", "-a", "--top", "many"), ("snapshot", "-a", "--max-loops", "0"),
            ("snapshot", "-a", "--max-loops", "4294967296"), ("snapshot", "-a", "--pin=relative"),
            ("snapshot", "-a", "--no-bpf", "--pin"), ("snapshot", "-a", "--", "true"),
            ("snapshot", "-a", "--json=1"), ("snapshot", "-a", "-o", ""), ("check", "-p", "1"),
            ("list", "--pin"), ("trace", "-a", "--nonsense"), ("trace", "-a", "-X"),
            ("nonsense",), ("--nonsense",), ("",), ("run", "--\033[31m", "true"), ("help", "me")):
        line = refused(*arguments, status=2)
        assert "\033" not in line, repr(line)
    nothing = jitscope(status=2)
    assert nothing.out == "" and "Usage" in nothing.err, nothing


def test_a_kernel_without_btf():
    """The region is read instead; what only BPF can do says what is missing."""
    need_bpf()
    need("unshare", "mount")
    hidden = ["unshare", "--mount", "sh", "-c",
              f'mount --bind {tempdir()} /sys/kernel/btf && exec "$@"', "sh", JITSCOPE]
    report = os.path.join(tempdir(), "report.json")
    result = run([*hidden, "run", "--json", "-o", report, "--", *embed()])
    (line,) = result.err.splitlines()
    assert "no BTF" in line and "region" in line and "root" not in line, line
    with open(report) as f:
        snap = json.load(f)
    assert snap["source"] == "region", snap["source"]
    check_totals(snap, json.loads(result.out))
    result = run([*hidden, "trace", "--", "true"], status=1)
    assert result.out == "" and len(result.err.splitlines()) == 1 and "no BTF" in result.err, result
    result = run([*hidden, "check"], status=1)
    assert "/sys/kernel/btf" in result.out and "run and snapshot work" in result.out, result


# ---- Files ---------------------------------------------------------------------------------


def test_files_that_are_no_programs():
    folder = tempdir()
    fifo, empty, text = (os.path.join(folder, name) for name in ("fifo", "empty", "text"))
    os.mkfifo(fifo)
    with open(empty, "w"), open(text, "w") as f:
        f.write("plain text\n" * 1000)
    for path in (fifo, empty, text, folder, "/dev/null", "/dev/zero", "/no/such/file",
                 "/proc/self/mem", "/proc/kmsg"):
        for command in targeted():
            refused(*command, "-f", path, about=(path,))
    for command in targeted():
        refused(*command, "-f", "/bin/sh", about=("/bin/sh", "no probe"))


class Elf:
    """Just enough of a 64-bit ELF file to damage it."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = bytearray(f.read())
        offset, = struct.unpack_from("<Q", self.data, 0x28)
        size, count, names = struct.unpack_from("<HHH", self.data, 0x3a)
        self.headers = [offset + i * size for i in range(count)]
        strings, = struct.unpack_from("<Q", self.data, self.headers[names] + 0x18)
        self.sections = {}
        for header in self.headers:
            at = strings + struct.unpack_from("<I", self.data, header)[0]
            name = bytes(self.data[at:self.data.index(0, at)]).decode()
            self.sections[name] = (header, *struct.unpack_from("<QQ", self.data, header + 0x18))

    def notes(self, section=".note.stapsdt"):
        """Offsets of the descriptors of a note section, and of the notes' headers."""
        _, at, size = self.sections[section]
        end = at + size
        while at < end:
            name, desc, _ = struct.unpack_from("<III", self.data, at)
            yield at, at + 12 + (name + 3) // 4 * 4
            at += 12 + (name + 3) // 4 * 4 + (desc + 3) // 4 * 4


def write(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, 0o755)
    return path


def probes_of(path):
    """What `list` sees in a file: a list of probes, or None if it refuses it."""
    result = jitscope("list", "--json", "-f", path, status=None, timeout=30)
    assert result.status in (0, 1), result
    if result.status:
        assert result.out == "" and len(result.err.splitlines()) == 1 and path in result.err, result
        return None
    (row,) = json.loads(result.out)["files"]
    return row["probes"]


def test_truncated_files():
    folder, elf = tempdir(), Elf(LIBJITHOOKS)
    whole = probes_of(LIBJITHOOKS)
    assert len(whole) == 9, whole
    size = len(elf.data)
    _, notes, notes_size = elf.sections[".note.stapsdt"]
    for cut in (0, 1, 4, 16, 63, 64, 65, 1000, notes, notes + 1, notes + notes_size // 2,
                notes + notes_size - 1, size // 2, elf.headers[0], elf.headers[3], size - 1):
        assert probes_of(write(folder, "cut", elf.data[:cut])) is None, cut


def test_damaged_notes():
    """Sizes that cannot be, addresses from nowhere: left out, or the file is refused."""
    folder, elf = tempdir(), Elf(LIBJITHOOKS)
    whole = probes_of(LIBJITHOOKS)
    (first, body), *rest = elf.notes()
    for value in (0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff4):
        for field in (0, 4):  # of the name, of the descriptor
            data = bytearray(elf.data)
            struct.pack_into("<I", data, first + field, value)
            assert probes_of(write(folder, "huge", data)) is None, (field, hex(value))
    for address in (0xffffffffffffffff, 0x7fffffffffff, 1 << 40, 1 << 63):
        data = bytearray(elf.data)
        struct.pack_into("<Q", data, body, address)
        assert probes_of(write(folder, "nowhere", data)) == whole[1:], hex(address)
        for _, desc in [(first, body), *rest]:
            struct.pack_into("<Q", data, desc, address)
        left = probes_of(write(folder, "nowhere", data))
        assert left == [], (hex(address), left)  # the region is still there
    data = bytearray(elf.data)
    for header, _ in [(first, body), *rest]:
        struct.pack_into("<I", data, header + 8, 99)  # the type of the note
    assert probes_of(write(folder, "others", data)) == []
    for section in (".note.stapsdt", ".note.jithooks"):
        header, *_ = elf.sections[section]
        for field, value in ((0x18, 1 << 62), (0x20, 1 << 62), (0x20, 1 << 24), (0x18, 2**64 - 8)):
            data = bytearray(elf.data)
            struct.pack_into("<Q", data, header + field, value)
            assert probes_of(write(folder, "section", data)) is None, (section, field, hex(value))


def test_flipped_bytes():
    folder, elf = tempdir(), Elf(LIBJITHOOKS)
    chance = random.Random(20261122)
    whole = probes_of(LIBJITHOOKS)
    places = [range(64)]
    for section in (".note.stapsdt", ".note.jithooks"):
        header, offset, size = elf.sections[section]
        places += [range(header, header + 64), range(offset, offset + size)]
    seen = set()
    for _ in range(150):
        data = bytearray(elf.data)
        for _ in range(chance.randint(1, 4)):
            data[chance.choice(chance.choice(places))] = chance.randrange(256)
        probes = probes_of(write(folder, "flipped", data))
        assert probes is None or set(probes) <= set(whole), probes
        seen.add(None if probes is None else len(probes))
    assert len(seen) > 2, seen


def test_a_program_with_damaged_notes_runs_on():
    need_bpf()
    folder, elf = for_others(), Elf(program("embed"))
    chance = random.Random(4711)
    _, offset, size = elf.sections[".note.stapsdt"]
    for _ in range(12):
        data = bytearray(elf.data)
        for _ in range(6):
            data[offset + chance.randrange(size)] ^= 1 << chance.randrange(8)
        path = write(folder, "embed", data)
        snap, result = watch([path, "--quiet", "--json"])
        assert json.loads(result.out)["live_loops"] == 2, result
        assert snap["schema"] == "jitscope.snapshot/1"
        os.unlink(path)


# ---- A hostile process ---------------------------------------------------------------------


MODES = subprocess.run([program("hostile"), "--mode", "list"], stdout=subprocess.PIPE, text=True,
                       check=True).stdout.split()
LOST_AS = {
    **dict.fromkeys(("event_null", "event_unmapped", "event_at_edge", "event_kernel",
                     "event_non_canonical"), "read_fault"),
    **dict.fromkeys(("event_magic", "event_version", "event_size_zero", "event_size_huge",
                     "event_probe", "event_numbers"), "bad_event"),
}


def test_every_lie_under_run():
    need_bpf()
    assert len(MODES) > 30 and set(LOST_AS) < set(MODES), MODES
    for mode in MODES:
        if mode.startswith("event_many_") or mode == "exit_while_firing":
            continue  # they have tests of their own
        snap, result = watch([program("hostile"), "--mode", mode, "--count", "3"])
        told, stats = json.loads(result.out), snap["stats"]
        fired = sum(told[p] for p in ATTACHED)
        assert stats["hits"] - stats["foreign"] == fired > 0, (mode, stats, told)
        for loss in ("bad_event", "read_fault"):
            if mode in LOST_AS:
                assert stats[loss] == (fired if LOST_AS[mode] == loss else 0), (mode, stats)
        if mode in LOST_AS:
            assert snap["complete"] is False and snap["loops"] == snap["aborts"] == [], (mode, snap)
        if mode == "honest":
            assert snap["complete"] is True and len(snap["aborts"]) == 1, snap


def test_lies_in_text():
    need_bpf()
    for mode in ("event_strings", "event_random", "event_instance"):
        result = jitscope("run", "--", program("hostile"), "--mode", mode)
        clean(result.err)
        result = jitscope("trace", "--", program("hostile"), "--mode", mode)
        clean(result.out)
        clean(result.err)


def test_strings_without_an_end_stop_where_their_room_does():
    need_bpf()
    command = [program("hostile"), "--mode", "event_strings"]
    path = os.path.join(tempdir(), "events")
    jitscope("trace", "--json", "-o", path, "--", *command)
    with open(path, encoding="utf-8") as f:
        events = clean(f.read(), json_lines=True)
    snap, _ = watch(command)
    (abort,) = [e for e in events if e["event"] == "abort"]
    (flush,) = [e for e in events if e["event"] == "flush"]
    for what in (abort, snap["aborts"][0]):
        assert (what["greenkey"], what["reason"]) == ('"' * 127, "\x1b" * 79), what
    for what in (flush, snap["flushes"][0]):
        assert what["cause"] == "\n" * 79, what
    for what in (abort, flush, snap):
        assert what["jitdriver"] == "\\" * 15, what


def test_all_lies_under_trace():
    need_bpf()
    path = os.path.join(tempdir(), "events")
    for mode in MODES:
        if mode.startswith("event_many_"):
            continue
        jitscope("trace", "--json", "-o", path, "--", program("hostile"), "--mode", mode)
        with open(path, encoding="utf-8") as f:
            events = clean(f.read(), json_lines=True)
        if mode in LOST_AS:
            lost = [e for e in events if e["event"] == "lost"]
            assert lost and all(e[LOST_AS[mode]] == e["lost"] > 0 for e in lost), (mode, events)


def test_more_than_a_map_holds():
    need_bpf()
    snap, result = watch([program("hostile"), "--mode", "event_many_loops"])
    told = json.loads(result.out)
    stats = snap["stats"]
    assert len(snap["aborts"]) + stats["map_full"] == told["abort"] == 200000, stats
    assert snap["complete"] is False and stats["hits"] - stats["foreign"] == 6 * 200000, stats


class Rounds:
    """A session that takes a snapshot of all processes of a file again and again, for later."""

    def __init__(self, *options):
        self.path = os.path.join(tempdir(), "rounds")
        start([JITSCOPE, "snapshot", "--json", "-i", "0.2", "-o", self.path, *map(str, options)])
        wait_for(lambda: self.lines(), "the first round")

    def lines(self):
        if not os.path.exists(self.path):
            return []
        with open(self.path) as f:
            return f.read().split("\n")[:-1]

    def settled(self, process, **figures):
        """
        The last snapshot of a process, when its figures and stats are (at least) these: they
        were in the one before, since the totals of a snapshot are newer than its rows.
        """
        def last():
            snaps = [x for x in self.lines() if f'"pid":{process.pid},' in x[:60]]
            before, snap = map(json.loads, snaps[-2:] if len(snaps) > 1 else ("{}", "{}"))
            known = before and {**before["counters"], **before["stats"]}
            return known and all(known[k] >= n for k, n in figures.items()) and snap

        return wait_for(last, f"{figures} of {process.pid}", timeout=TIMEOUT)


def test_one_process_cannot_fill_the_maps_for_all():
    """In a session that watches strangers each has its share of a map, and no more."""
    need_bpf()
    folder = for_others(program("embed"), program("hostile"))
    honest, liar = (os.path.join(folder, name) for name in ("embed", "hostile"))
    for witness in ([honest, "--quiet", "--json", "--hold", "600"],
                    [liar, "--mode", "honest", "--hold"]):
        read_line(start(witness), r"^\{")
    rounds = Rounds("-a", "--max-loops", 3000)  # both files are attached

    greedy = start([liar, "--mode", "event_many_rows", "--hold"])
    told = json.loads(read_line(greedy, r"^\{.*", timeout=TIMEOUT).group())
    assert told["compile"] == told["abort"] == told["flush"] == 100000, told
    snap = rounds.settled(greedy, hits=300000)
    # While a sweep counts what there is, some more may come in.
    shares = {"loops": 3000, "aborts": 16384, "flushes": 2048}
    for table, share in shares.items():
        assert share <= len(snap[table]) <= 2 * share, (table, len(snap[table]))
    rows = sum(len(snap[table]) for table in shares)
    assert rows + snap["stats"]["lost_rows"] == 300000, (rows, snap["stats"])
    assert snap["stats"]["over_share"] == snap["stats"]["lost_rows"], snap["stats"]
    assert snap["stats"]["map_full"] == 0 and snap["complete"] is False, snap["stats"]

    working = start([honest, "--loops", "500", "--bridges", "20", "--aborts", "9", "--flushes", "3",
                     "--sleep-us", "200", "--quiet", "--json", "--hold", "600"])
    told = json.loads(read_line(working, r"^\{.*", timeout=TIMEOUT).group())
    snap = rounds.settled(working, **told["counters"])
    assert snap["stats"]["lost_rows"] == 0, snap["stats"]
    check_totals(snap, told)  # and it is complete


def test_shares_hold_for_what_is_seeded_as_well():
    need_bpf()
    path = os.path.join(for_others(program("embed")), "embed")
    many, few = (start([path, "--loops", n, "--bridges", "0", "--flushes", "0", "--frees", "0",
                        "--quiet", "--json", "--hold", "600"]) for n in ("500", "90"))
    for process in (many, few):
        read_line(process, r"^\{")
    result = jitscope("snapshot", "--json", "-f", path, "--max-loops", 100)
    snaps = {s["pid"]: s for s in clean(result.out, json_lines=True)}
    assert len(snaps[many.pid]["loops"]) == 100 and len(snaps[few.pid]["loops"]) == 90, result.err
    assert snaps[many.pid]["stats"]["map_full"] == 400, snaps[many.pid]["stats"]
    assert f"400 loops of process {many.pid} of user 0 are missing" in result.err and "--max-loops" in result.err, result.err


def test_a_share_is_room_for_new_code_again_and_again():
    """What is freed and flushed makes room within the share, too."""
    need_bpf()
    path = os.path.join(for_others(program("embed")), "embed")
    read_line(start([path, "--quiet", "--json", "--hold", "600"]), r"^\{")
    rounds = Rounds("-f", path, "--max-loops", 2400)
    process = start([path, "--loops", "600", "--bridges", "60", "--frees", "100", "--flushes", "12",
                     "--sleep-us", "300", "--quiet", "--json", "--hold", "600"])
    told = json.loads(read_line(process, r"^\{.*", timeout=TIMEOUT).group())
    assert told["counters"]["TOTAL_COMPILED_LOOPS"] > 4800, told
    snap = rounds.settled(process, **told["counters"])
    assert snap["stats"]["over_share"] == 0, snap["stats"]
    check_totals(snap, told)
    need("bpftool")
    wait_for(lambda: len(map_dump("loops", process.pid)) == len(snap["loops"]),
             "a map without what was flushed")


def test_an_end_while_probes_fire():
    need_bpf()
    for _ in range(5):
        snap, result = watch([program("hostile"), "--mode", "exit_while_firing"])
        assert snap["run"]["exit_status"] == 0 and snap["alive"] is False, snap
        events = jitscope("trace", "--json", "--", program("hostile"), "--mode",
                          "exit_while_firing").out
        assert events.count('"event":"exit"') == 1, "its five threads end at once, it ends once"


def test_lying_regions():
    """Read without BPF, and seeded with it; the snapshot is right or refused."""
    need_bpf()
    for mode in MODES:
        if mode.startswith("event_many_") or mode == "exit_while_firing":
            continue
        process = start([program("hostile"), "--mode", mode, "--hold"])
        read_line(process, r"^\{")
        for way in ("--no-bpf", "-v"):
            result = jitscope("snapshot", "--json", "-p", process.pid, way, status=None, timeout=30)
            assert result.status in (0, 1), (mode, way, result)
            snaps = clean(result.out, json_lines=True)
            assert len(snaps) == (result.status == 0), (mode, way, result)
            clean(result.err)
            assert result.status == 0 or result.err, (mode, way, result)
            for snap in snaps:
                assert len(snap["loops"]) <= 64 and len(snap["aborts"]) <= 64, (mode, way, snap)
            if mode == "honest":
                assert result.status == 0 and len(snaps[0]["loops"]) == 32, (way, result)
            if mode.startswith("area_") and way == "--no-bpf":
                assert result.status == 1 and "makes no sense" in result.err, (mode, result)
            if mode == "rows_torn" and way == "--no-bpf":
                (snap,) = snaps
                assert snap["loops"] == snap["aborts"] == [] and snap["complete"] is False, snap
                assert snap["stats"]["lost_rows"] == 64, snap["stats"]
        assert process.poll() is None, "the process is unharmed"
        os.kill(process.pid, signal.SIGKILL)


def test_an_honest_process_beside_a_liar():
    """In one session: what one says is never held against the other."""
    need_bpf()
    folder = for_others(program("embed"), program("hostile"))
    honest, liar = (os.path.join(folder, name) for name in ("embed", "hostile"))
    for witness in ([honest, "--quiet", "--json", "--hold", "600"],
                    [liar, "--mode", "honest", "--hold"]):
        read_line(start(witness), r"^\{")
    watcher = start([JITSCOPE, "snapshot", "-a", "--json", "-i", "0.2"])
    json.loads(read_line(watcher, r"^\{.*").group())  # both files are attached
    lying = start([liar, "--mode", "all", "--count", "2"], stdout=subprocess.DEVNULL)
    working = start([honest, "--loops", "300", "--bridges", "20", "--aborts", "9", "--flushes", "3",
                     "--sleep-us", "300", "--quiet", "--json", "--hold", "600"])
    told = json.loads(read_line(working, r"^\{.*").group())
    assert finish(lying, timeout=TIMEOUT).status == 0

    rounds = []

    def seen():
        snap = clean(read_line(watcher, r"^\{.*", timeout=TIMEOUT).group(), json_lines=True)[0]
        if snap["pid"] != working.pid or nonzero(snap["counters"]) != nonzero(told["counters"]):
            return False
        rounds.append(snap)
        if len(rounds) < 2:
            return False  # its totals are newer than its rows
        assert snap["stats"]["bad_event"] and snap["stats"]["read_fault"], snap["stats"]
        snap["complete"] = True  # the losses are of the session
        check_totals(snap, told)
        return True

    wait_for(seen, "the honest process", timeout=TIMEOUT)
    lone, result = watch(embed("--loops", 30))
    check_totals(lone, json.loads(result.out))


def test_what_is_freed_gives_its_room_back_at_once():
    """Without a flush there is no sweep for ten seconds."""
    need_bpf()
    path = os.path.join(for_others(program("emit")), "emit")
    read_line(start([path, "--json", "--hold"], stdin=subprocess.DEVNULL), r"^\{")
    rounds = Rounds("-f", path, "--max-loops", 50)
    process = start([path, "--kind", "free", "--events", "2000", "--json", "--hold"],
                    stdin=subprocess.DEVNULL)
    told = json.loads(read_line(process, r"^\{.*").group())
    assert told["free"] == told["compile"] == 2000, told
    snap = rounds.settled(process, hits=4000)
    assert snap["stats"]["over_share"] == snap["stats"]["map_full"] == 0, snap["stats"]
    assert snap["loops"] == [] and snap["complete"] is True, snap


def test_a_liar_keeps_nobody_from_watching_the_others():
    """Its region makes no sense: one line says so, and the honest one is shown."""
    folder = for_others(program("hostile"))
    path = os.path.join(folder, "hostile")
    honest, liar = (start([path, "--mode", mode, "--hold"]) for mode in ("honest", "area_offset"))
    for process in (honest, liar):
        read_line(process, r"^\{")
    for how in (("-f", path), ("-a",)):
        for way in ((), ("--no-bpf",)):
            if not way and not (is_root() and has_bpf()):
                continue
            result = jitscope("snapshot", "--json", *how, *way)
            (snap,) = [s for s in clean(result.out, json_lines=True) if s["pid"] == honest.pid]
            assert len(snap["loops"]) == len(snap["aborts"]) == 32, snap
            assert len(result.err.splitlines()) == 1, result
            (line,) = result.err.splitlines()
            if way:
                assert "could not be read" in line, line
            else:
                assert f"the region of process {liar.pid} makes no sense" in line, line
                assert snap["stats"]["read_fault"] == 1 and snap["complete"] is True, snap
    need_bpf()
    traced = jitscope("trace", "-f", path, "-d", "0.2")
    assert f"process {liar.pid} makes no sense" in traced.err, traced


PEAK = """
import os, resource, sys
pid = os.fork() or os.execv(sys.argv[1], sys.argv[1:])
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def lying_elf(change):
    """The header of a real library with some fields changed, and 600 MB of hole behind it."""
    path = os.path.join(tempdir(), "lying.so")
    with open(LIBJITHOOKS, "rb") as f:
        data = bytearray(f.read())
    change(data)
    with open(path, "wb") as f:
        f.write(data)
        f.truncate(600 << 20)
    return path


def test_a_file_that_claims_millions_of_sections_takes_no_memory():
    def no_count(data):
        """e_shnum 0 says that the first section's size is their number."""
        first = struct.unpack_from("<Q", data, 40)[0]
        struct.pack_into("<H", data, 60, 0)
        struct.pack_into("<Q", data, first + 32, 9_000_000)

    def huge_names(data):
        table, = struct.unpack_from("<Q", data, 40)
        names, = struct.unpack_from("<H", data, 62)
        struct.pack_into("<QQ", data, table + names * 64 + 24, 4096, 590 << 20)

    for change in (no_count, huge_names):
        # A program begins with the peak of who started it: start it from a small one.
        result = run([sys.executable, "-S", "-c", PEAK, JITSCOPE, "list", "-f", lying_elf(change)],
                     status=1)
        assert "damaged" in result.err and result.err.count("\n") == 1, result
        assert 0 < int(result.out) < 100 << 10, f"{result.out} KiB"
