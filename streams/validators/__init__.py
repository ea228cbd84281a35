"""Runs filters and validators, which come over the wire, where they can neither escape nor stall.

`sandbox` is the door; `rounds` shares out time among the calls of a script and `bench` keeps those
away that waste it; an engine (`python`, …) compiles scripts and runs their calls, in processes
that may die. Import direction: engines know nothing of the sandbox.
"""

from streams.validators.limits import Limits
from streams.validators.sandbox import Sandbox, create_sandbox

__all__ = ["Limits", "Sandbox", "create_sandbox"]
