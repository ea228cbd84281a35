"""The rules of judgement as pure code: no Kafka, no Faust, no clock, no I/O.

Theory of operation
===================

A batch of records goes into a `Partition`; verdicts, states and script calls come out as data. Time is an argument: it
is the stream time of the log, so the same log gives the same verdicts whenever it is judged.

    records ──▶ partition.py ──▶ driver.py ──▶ run_in_batch.py, for each run:
                                                 time passes   run/timers.py, run/window.py
                                                 event comes   run/intake.py, definitions/
                                                 it is judged  rules/judging.py, or rules/fast_path.py
                                                 it is decided rules/owed.py, rules/causes.py, rules/verdicts.py
    effects ◀── partition.py ◀── driver.py ◀── run/codec.py encodes the run

What is stored: the events that a run accepted, what they teach, the answers of scripts, deadlines with the instant at
which each was set, outages, permanent causes, and the last verdict (`run/codec.py` has the form).

What is read from it: everything else. Which event fails and why, what is owed, when the window closes and what falls
due next is computed from the stored run at an instant, and never set as a flag or an alarm (docs/decisions/0001). So a
run that is decoded is judged as it was, and nothing is missed while a worker is down.

Who may change a run: these commands and nobody else. All other functions read a run and are named for what they return.

    run_in_batch.py        advance
    run/run.py             set_causes, mark
    run/entries.py         set_base, count, discount
    run/intake.py          receive, apply_lessons
    run/codec.py           decode_run
    rules/judging.py       judge_dirty, call_script (adds a call), take (an answer)
    rules/invalidation.py  set_standing
    rules/lateness.py      set_lateness
    rules/owed.py          refresh_deadlines, refresh_timeouts
    rules/verdicts.py      set_last_verdict
    rules/fast_path.py     take_on_fast_path, restore_on_fast_path

Run status
==========

A run is undecided until its first verdict; then its status is that of its last verdict, which stands while the run is
undecided again (R12, R15). Each line is a kind of revision.

    undecided   → failed       a cause is certain
    undecided   → passed       nothing is owed or pending
    undecided   → incomplete   the window closes over an owed node
    passed      → failed       an event that came later has a cause
    passed      → incomplete   an event that came later makes a node owed, which does not come
    failed      → failed       the set of causes changes
    failed      → passed       the last cause is gone and nothing is owed or pending
    failed      → incomplete   the last cause is gone and the window closes over an owed node
    incomplete  → failed       an event that came later has a cause
    incomplete  → passed       what was absent came
    incomplete  → incomplete   other nodes are absent when the window closes again

Forgetting ends a run in any status (R21). Its window is open, then closed; an event opens it again, until `max_open_ms`
after the run opened (R11).

Node status
===========

Computed for each verdict (`rules/verdicts.py`): the first line that holds. Events and instants that come later lead to
the statuses on the right, each only by way of what its own line says.

    failed      a cause names the node                          → any
    waiting     an event of it waits for dependencies (R7)      → failed, passed, excluded
    passed      a counted event                                 → failed, waiting, excluded
    pending     owed, window open                               → any
    missing     owed, window closed, dependencies satisfied     → any
    unreached   owed, window closed, dependencies unsatisfied   → any
    excluded    not owed, its filter left only excluded events  → any
    skipped     not owed, no event                              → any

Rule → file
===========

Where each rule (docs/concepts.md) is decided; `agents/` is outside of the engine.

    R1  identity             agents/events/decoder.py (key), partition.py (state per flow and run)
    R2  once                 run/intake.py, run/entries.py
    R3  any order            rules/invalidation.py, run/run.py (lessons)
    R4  filter               rules/judging.py, run/entries.py
    R5  context              rules/script_context.py
    R6  validator            rules/judging.py, script_calls.py
    R7  dependencies         rules/dependencies.py, rules/judging.py
    R8  order                rules/dependencies.py, rules/judging.py
    R9  late                 rules/lateness.py
    R10 absence, deadline    rules/owed.py
    R11 absence, window      run/window.py, rules/owed.py
    R12 status               rules/verdicts.py
    R13 stream time          run_in_batch.py, partition.py, run/timers.py
    R14 learned flows        run/intake.py, definitions/history.py, definitions/registry.py
    R15 revision             rules/verdicts.py, rules/causes.py, driver.py (order of verdicts)
    R16 verdict identity     rules/verdicts.py
    R17 versions             definitions/registry.py, definitions/history.py, definitions/kept_versions.py
    R18 bad definitions      definitions/checks.py, definitions/layers.py (learned), rules/judging.py
    R19 unknown node         run/intake.py
    R20 limits               run/intake.py, run/run.py
    R21 forgetting           run/window.py, run_in_batch.py
    R22 skew                 run/intake.py, run/timers.py
    R23 branches             rules/owed.py, rules/causes.py, definitions/definition.py
    R24 triggers             rules/owed.py, definitions/node.py
    R25 stamped late         run/timers.py, rules/dependencies.py, rules/lateness.py, rules/owed.py
    R26 end                  rules/owed.py, definitions/definition.py
    R27 outage               run/timers.py, run_in_batch.py
"""
