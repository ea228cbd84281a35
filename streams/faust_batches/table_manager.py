"""Table manager that starts at once. Its seam to Faust is pinned by tests/faust_batches/test_seams.py."""

from __future__ import annotations

from faust.tables import TableManager

from streams.log import faust_logger


class PromptTableManager(TableManager):
    """Subscribes to what the tables need as soon as it starts.

    Faust's sleeps for a second first, for apps whose agents and tables are still being imported.
    Ours are there when the app is; after a kill that second was a third of the silence.
    """

    logger = faust_logger

    async def on_start(self) -> None:
        """See the base class."""
        await self._update_channels()
        await self.recovery.start()
