"""Sandbox for filters, validators and run id extractors: runs untrusted scripts under strict limits.

`sandbox` is the way in. `scheduling`, `passes` and `call_at_fault` run the calls of a script,
`thread_pools` and `budgets` share out time among scripts, `circuit_breaker` suspends those that
waste it, and `engine_health` waits for an engine that does not work. `languages` has one module a
language: `python` runs Monty on programs made in `python_source`; `cel` and `javascript` run in
processes of ours: `process_client` is the worker's end, `sandbox_process` runs inside and must stay
quick to start. So nothing is imported here.
"""
