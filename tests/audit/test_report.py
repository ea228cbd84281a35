"""Reports of the audit, as a table and as JSON."""

from __future__ import annotations

from streams.audit.findings import MAX_EXAMPLES, Fault, Findings, PartitionFindings
from streams.audit.report import as_object, as_table

LOST = Fault("lost", "verdicts, partition 1", "f/a revision 1", "passed, by event")
WRONG = LOST._replace(kind="wrong")


def _findings(*faults: Fault) -> Findings:
    findings = Findings("flow-events.v1")
    findings.add(PartitionFindings(0, events=10, implied=3, records=3), [])
    found = PartitionFindings(1, events=20, implied=5, records=6, copies=1, dead_letters=2)
    findings.add(found, list(faults))
    return findings


def test_a_sound_log_says_so():
    findings = _findings()
    assert findings.sound
    lines = as_table(findings).splitlines()
    assert lines[-2].split() == ["all", "30", "8", "9", "1", "0", "0", "0", "0", "0", "0"]
    assert lines[-1].startswith("sound: every verdict is the one that the log implies")
    assert "all 2 dead letters" in lines[-1]


def test_faults_are_counted_by_kind_and_shown():
    findings = _findings(LOST, WRONG, LOST)
    assert not findings.sound
    assert findings.faults == {"lost": 2, "wrong": 1}
    text = as_table(findings)
    assert "lost: f/a revision 1: passed, by event (verdicts, partition 1)" in text
    assert text.endswith("not sound: 2 implied by the log, never written; 1 not as the log implies")


def test_many_faults_of_one_kind_do_not_hide_another():
    findings = _findings(*[LOST] * 1_000, WRONG)
    assert findings.faults["lost"] == 1_000
    assert [fault.kind for fault in findings.examples] == ["lost"] * MAX_EXAMPLES + ["wrong"]


def test_a_program_reads_the_same():
    found = as_object(_findings(LOST))
    assert found["sound"] is False
    assert found["faults"]["lost"] == 1
    assert found["copies"] == 1
    assert [partition["implied"] for partition in found["partitions"]] == [3, 5]


def test_what_was_not_compared_is_said():
    findings = Findings("flow-events.v1")
    findings.add(PartitionFindings(0, limited=3, beyond=4), [])
    text = as_table(findings)
    assert "note: 3 verdicts are of runs that met a limit of the sandbox: not compared" in text
    assert "note: 4 verdicts are of runs that began before the log does" in text
