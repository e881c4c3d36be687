"""What the front shows of the exporter's metrics: the last that was handed over."""

from exporter.metrics.answer import Answer, answer_with
from exporter.metrics.formats import Chosen
from exporter.metrics.rendered import Rendered


class Board:
    """Answers plain scrapes; safe to use from several threads."""

    def __init__(self) -> None:
        self._shown: Rendered | None = None

    def take(self, news: Rendered) -> None:
        """Show this from now on; numbers that are not given stay."""
        before = self._shown
        # One assignment: a scrape sees all of it or nothing.
        self._shown = (
            Rendered(before.texts, news.live) if before is not None and not news.texts else news
        )

    def answer(self, chosen: Chosen, *, gzip: bool) -> Answer | None:
        """Return the answer to a scrape, None if it is for the exporter itself to give."""
        shown, wanted = self._shown, chosen.format
        if shown is None or wanted is None:
            return None
        return answer_with(
            chosen.content_type, shown.texts[wanted.name], shown.live[wanted.name], gzip=gzip
        )
