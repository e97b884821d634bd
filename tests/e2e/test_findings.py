# SPDX-License-Identifier: BSD-2-Clause
"""What the findings say of real programs, and that their advice helps.

No time is asserted: of an advice that helps LuaJIT compiles less and flushes less.
"""
import glob
import re

from harness import Skip, aborts_of, jitscope, need, program, run, watch

SEVERE = ("warning", "problem")


def findings(snap):
    return {f["id"]: f for f in snap["findings"]}


def compiled(snap):
    return snap["counters"]["TOTAL_COMPILED_LOOPS"] + snap["counters"]["TOTAL_COMPILED_BRIDGES"]


def mended(command, *options, status=0):
    """Runs a program with a flush storm, and again as the finding advises; both snapshots."""
    storm, result = watch(["luajit", *command], *options, status=status)
    found = findings(storm).get("flush-storm")
    assert found and found["severity"] == "problem", storm["findings"]
    assert storm["findings"][0]["id"] == "flush-storm", storm["findings"]
    assert f"{storm['counters']['FLUSHES']} times" in found["what"], (found, storm["counters"])

    advised = re.findall(r"-O\w+=\d+", found["advice"])
    assert {"-Omaxmcode", "-Omaxtrace"} == {o.split("=")[0] for o in advised}, found
    # The parameter that was hit comes first, and the cause names it.
    assert advised[0].split("=")[0][2:] in found["what"], found

    calm, again = watch(["luajit", *advised, *command], *options, status=status)
    assert again.out == result.out, (result, again)
    assert "flush-storm" not in findings(calm), calm["findings"]
    assert calm["counters"]["FLUSHES"] <= 2, calm["counters"]
    assert storm["counters"]["FLUSHES"] >= 5 * max(calm["counters"]["FLUSHES"], 1), (
        storm["counters"], calm["counters"])
    assert compiled(calm) < compiled(storm) / 2, (compiled(calm), compiled(storm))
    return storm, calm


def test_a_flush_storm_names_the_parameters_that_mend_it():
    need("luajit")
    for options in ([], ["--no-bpf"]):
        storm, calm = mended([program("flush_storm.lua"), "8"], *options)
        assert compiled(calm) > 1500, "each function has a loop"


def test_the_flush_storm_of_luacheck_is_mended():
    need("luajit", "luacheck")
    files = "/usr/share/lua/5.1"
    if not glob.glob(files + "/luacheck/*.lua"):
        raise Skip("needs the files of luacheck in " + files)
    command = ["/usr/bin/luacheck", "-q", "--codes", "--no-color", files]
    # It has something to say about them: exit status 1, or 2, by what else is installed there.
    alone = run(["luajit", *command], status=None)
    assert alone.status in (1, 2), alone
    mended(command, status=alone.status)


def test_taking_the_advice_from_inside_the_program_works_as_well():
    need("luajit")
    storm, result = watch(["luajit", program("flush_storm.lua"), "8"])
    (call,) = re.findall(r"jit\.opt\.start\([^)]*\)", findings(storm)["flush-storm"]["advice"])
    calm, again = watch(["luajit", "-e", call, program("flush_storm.lua"), "8"])
    assert again.out == result.out and "flush-storm" not in findings(calm), calm["findings"]
    assert calm["counters"]["FLUSHES"] <= 2, calm["counters"]


def test_the_text_report_has_the_finding():
    need("luajit")
    report = jitscope("run", "--", "luajit", program("flush_storm.lua"), "8").err
    text = " ".join(report.split())
    assert re.search(r"Findings problem: flush storm: all compiled code was thrown away \d+ times "
                     r"\(last cause: trace table full \(maxtrace\)\)", text), report
    assert re.search(r"try: give it room for .* luajit -Omaxtrace=\d+ -Omaxmcode=\d+,", text), report


def test_a_program_that_aborts_all_the_time_gets_the_leading_reason_that_can_be_mended():
    need("luajit")
    for options in ([], ["--no-bpf"]):
        snap, result = watch(["luajit", program("aborts.lua")], *options)
        found = findings(snap)["abort-share"]
        assert found["severity"] == "warning", found
        assert found["what"].startswith(f"{aborts_of(snap)} of {snap['counters']['TRACING']} "), found
        reason, place, count = re.search(r'most often "(.*?)" at (\S+), (\d+) times',
                                         found["what"]).groups()
        rows = {(a["reason"], a["greenkey"]): a["count"] for a in snap["aborts"]}
        assert rows[reason, place] == int(count), (found, rows)
        assert reason not in ("inner loop in root trace", "leaving loop in root trace",
                              "down-recursion, restarting"), found
        harmless = sum(n for (why, _), n in rows.items() if why in
                       ("inner loop in root trace", "leaving loop in root trace",
                        "down-recursion, restarting", "retry recording", "trace too short"))
        assert harmless and f"{harmless} of these for harmless reasons" in found["what"], (found, rows)


def test_one_place_that_is_tried_again_and_again_is_named():
    need("luajit")
    snap, result = watch(["luajit", program("stubborn.lua")])
    found = findings(snap)
    assert "abort-share" not in found, snap["findings"]
    same = found["same-place"]
    (count,) = re.findall(r"stubborn\.lua:9, given up (\d+) times", same["what"])
    assert int(count) == snap["aborts"][0]["count"] >= 10, (same, snap["aborts"])
    assert "FNEW" in same["advice"] and "outside" in same["advice"], same
    # After some ten times it is given up for good.
    assert snap["counters"]["BLACKLISTED"] == 1, snap["counters"]
    assert found["blacklisted"]["severity"] == "warning", found["blacklisted"]

    # With fewer rounds it is not tried that often, and there is nothing to say.
    snap, result = watch(["luajit", program("stubborn.lua"), "400"])
    assert snap["counters"]["ABORT_OTHER"] >= 1, snap["counters"]
    assert not {"same-place", "blacklisted", "abort-share"} & set(findings(snap)), snap["findings"]


def test_a_handler_that_costs_much_is_named():
    need("luajit")
    slow = "jit.attach(function() local n = 0 for i = 1, 20000 do n = n + i end end, 'trace')"
    snap, result = watch(["luajit", "-e", slow, program("flush_storm.lua"), "1"])
    assert "jit.attach" in findings(snap)["hook-time"]["advice"], snap["findings"]


def test_a_healthy_program_hears_no_complaint():
    need("luajit")
    for command in ([program("words.lua"), "300000"], [program("orbits.lua"), "200000"],
                    [program("hot_loop.lua")], ["-e", "print(1)"], ["-joff", program("orbits.lua"), "9"]):
        for options in ([], ["--no-bpf"]):
            snap, result = watch(["luajit", *command], *options)
            severe = [f for f in snap["findings"] if f["severity"] in SEVERE]
            assert not severe, (command, severe)
