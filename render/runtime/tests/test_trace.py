"""A host's trace: every line that one of its calls writes says which it is."""

import textwrap

MODULE = textwrap.dedent("""
    import asyncio, logging, sys, traceback, warnings

    def speak(word):
        print(word)
        sys.stderr.write(word + "\\n")
        logging.getLogger("app").warning(word)
        warnings.warn(word)
        try:
            raise ValueError(word)
        except ValueError:
            traceback.print_exc()
            logging.exception(word)
        sys.stdout.write("half of " + word)

    async def murmur(word, pause):
        print("begin", word)
        await asyncio.sleep(pause)
        await asyncio.to_thread(print, "thread", word) if hasattr(asyncio, "to_thread") else 0
        logging.warning("end %s", word)

    tasks = []

    async def leave(word):
        async def later():
            await asyncio.sleep(0.05)
            print("late", word)
        tasks.append(asyncio.ensure_future(later()))

    async def wait():
        await asyncio.gather(*tasks)
""")


def parent(n):
    """Give the n-th host's traceparent."""
    return f"00-{n:032x}-00f067aa0ba902b7-01"


def test_each_line_of_a_call_bears_its_trace(start_daemon, tmp_path):
    (tmp_path / "traced.py").write_text(MODULE)
    worker = start_daemon(module="traced")
    calls = {}
    for n in range(1, 6):
        calls[n] = worker.call("speak", f"w{n}", meta={"traceparent": parent(n)})
    plain = worker.call("speak", "plain")
    for call in [*calls.values(), plain]:
        worker.answer(call)
    records = worker.records()
    for n, call in calls.items():
        mine = [r for r in records if r.get("call") == call]
        assert {r.get("trace") for r in mine} == {parent(n)}
        said = "\n".join(r["message"] for r in mine)
        assert said.count(f"ValueError: w{n}") == 2
        assert f"half of w{n}" in said
        assert f"UserWarning: w{n}" in said
    assert [r for r in records if "plain" in r.get("message", "")]
    assert not [r for r in records if r.get("call") == plain and "trace" in r]


def test_coroutines_that_overlap_and_what_they_leave_behind_keep_their_traces(
    start_daemon, tmp_path
):
    (tmp_path / "traced.py").write_text(MODULE)
    worker = start_daemon(module="traced")
    calls = {
        n: worker.call("murmur", f"w{n}", 0.02, loop=True, meta={"traceparent": parent(n)})
        for n in range(1, 6)
    }
    left = worker.call("leave", "left", loop=True, meta={"traceparent": parent(9)})
    for call in [*calls.values(), left]:
        worker.answer(call)
    worker.ask("wait", loop=True)
    records = worker.records()
    for n, call in calls.items():
        mine = [r for r in records if r.get("call") == call]
        assert {r.get("trace") for r in mine} == {parent(n)}
        assert {r["message"] for r in mine} >= {f"begin w{n}", f"end w{n}"}
    (late,) = (r for r in records if r.get("message") == "late left")
    assert late["trace"] == parent(9)


def test_what_is_no_string_or_no_object_is_no_trace(start_daemon, tmp_path):
    (tmp_path / "traced.py").write_text(MODULE)
    worker = start_daemon(module="traced")
    for meta in ({}, {"traceparent": 7}, {"traceparent": ""}, [1]):
        worker.answer(worker.call("speak", "x", meta=meta))
    assert not [r for r in worker.records() if "trace" in r]
