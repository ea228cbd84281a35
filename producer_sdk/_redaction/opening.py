"""From what a service says to what does it: loaded only where something is redacted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer_sdk._errors import UsageError

if TYPE_CHECKING:
    from producer_sdk._redaction import Redaction
    from producer_sdk._redaction.redactor import Redactor
    from producer_sdk._wire import OnTexts


def open_redactor(redaction: Redaction | None, on_texts: OnTexts) -> Redactor | None:
    """Return what redacts events, None if nothing is to be redacted.

    Raises:
        UsageError: the redaction cannot be used as it is.
    """
    if redaction is None:
        return None
    # Compiles some thirty patterns, which a service that redacts nothing does not pay for.
    from producer_sdk._redaction.redactor import Redactor  # noqa: PLC0415 -- see above

    try:
        return Redactor(redaction, on_texts)
    except UsageError:
        raise
    except Exception as error:
        message = f"redact cannot be used: it raised {type(error).__name__} when it was read"
        raise UsageError("redact", message) from error
