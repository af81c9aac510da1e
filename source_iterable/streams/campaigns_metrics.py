"""The metrics of campaigns since start_date: asked for while they may change, and once a week afterwards."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timezone
from typing import Any

import msgspec

from source_iterable.api.clock import iso_time
from source_iterable.reading.fingerprints import Time, state_as
from source_iterable.reading.stream import Checkpoint, Fields, Reading, State, Stream, StreamContext
from source_iterable.streams.campaigns import CAMPAIGNS
from source_iterable.streams.metrics import campaign_rows, read_reports, was_sent
from source_iterable.streams.moving import moving_of

COUNTED_AT = "countedAt"
# Days after which each campaign is asked for again.
_WEEK = 7


class CampaignsMetrics(Stream):
    """`GET campaigns/metrics`: one record per campaign, with its nonempty columns, since start_date.

    Requests: 1 per 100 sent campaigns, roughly (10 a minute); later syncs: for those that went on or had ended in the 30
    days before, and each of the others once a week.
    """

    name = "campaigns_metrics"
    primary_key = ("id",)
    cursor_field = COUNTED_AT
    # Ten a minute at most.
    every_state = True
    lists = CAMPAIGNS.lists

    def _read(self, context: StreamContext, state: State) -> Reading:
        config, is_full = context.config, self.name in context.full
        sent = sorted((moving_of(item) for item in CAMPAIGNS.items(context) if was_sent(item)), reverse=True)
        now = context.client.now()
        today = datetime.fromtimestamp(now, timezone.utc).toordinal()
        given = None if is_full else state_as(_State, state)
        if given is None or given.start_date != config.start_date:
            # Other numbers than those of another period.
            given = _State(datetime.fromtimestamp(now, timezone.utc), config.start_date, replaces=given is not None)
        since = min(given.countedAt.toordinal(), today)
        newer = [each.id for each in sent if each.last >= since]
        older = [each.id for each in sent if each.last < since]
        if is_full:
            minutes = math.ceil(len(sent) / 100) / 10 / config.rate_limit_factor
            what = f"a full refresh reads all {len(sent):,} campaigns that were sent, without a limit"
            context.logger.info(f"{self.name}: {what}: about {minutes:,.0f} minutes.")
        turns = _Turns(given, today)
        begun: State = {COUNTED_AT: iso_time(now), "start_date": config.start_date}
        for _, rows in self._rows(context, newer, iso_time(now), given.replaces):
            yield rows
        yield Checkpoint({**begun, **turns.state})
        began, until = time.monotonic(), math.inf if is_full else config.metrics_backfill_minutes * 60.0
        while (due := turns.due(older)) is not None:
            for asked, rows in self._rows(context, due, iso_time(now), given.replaces):
                yield rows
                turns.after = asked[-1]
                yield Checkpoint({**begun, **turns.state})
                if time.monotonic() - began >= until and asked[-1] != due[-1]:
                    context.logger.info(
                        f"{self.name}: {config.metrics_backfill_minutes} minutes (metrics_backfill_minutes) were spent on "
                        f"campaigns that ended long ago: those down to {turns.after} are read. The next sync continues."
                    )
                    return
            turns.done()
        yield Checkpoint({**begun, **turns.state})

    def to_record(self, item: Fields) -> Fields:
        return item

    @staticmethod
    def _rows(
        context: StreamContext, campaign_ids: Iterable[int], counted_at: str, replaces: bool
    ) -> Iterator[tuple[list[int], list[Fields]]]:
        for batch, rows in read_reports(context, "campaigns/metrics", campaign_ids, campaign_rows):
            # A report may leave out campaigns without numbers, and they may have a record of another period.
            without = sorted({*batch}.difference(row["id"] for row in rows)) if replaces else []
            items = [*rows, *({"id": each} for each in without)]
            yield batch, [{"id": item["id"], COUNTED_AT: counted_at, "data": item} for item in items]


class _Turn(msgspec.Struct):
    day: date
    after: int | None = None


class _State(msgspec.Struct):
    """When the numbers were last counted, from which start_date on; the day up to which the others had their turns, the turn
    that has begun, and whether there may still be records of another start_date.
    """

    countedAt: Time
    start_date: str
    turned: date | None = None
    turn: _Turn | None = None
    replaces: bool = False


class _Turns:
    """Whose turn it is of those whose numbers no longer change: at first everyone's, then each one's on a day of the week.

    Ids descend: the newest come first. `after` is the last one that was asked in the turn that has begun.
    """

    def __init__(self, given: _State, today: int) -> None:
        self._turned = given.turned.toordinal() if given.turned else None
        self._today = today
        self._day = given.turn.day.toordinal() if given.turn else today
        self.after = given.turn.after if given.turn else None
        self._replaces = given.replaces

    def due(self, ids: list[int]) -> list[int] | None:
        """Those of these ids, which descend, that are left to be asked; None if all had their turns up to today."""
        if self._turned == self._today:
            return None
        left = [each for each in ids if self.after is None or each < self.after]
        if self._turned is None or self._day - self._turned >= _WEEK:
            return left
        days = {day % _WEEK for day in range(self._turned + 1, self._day + 1)}
        return [each for each in left if each % _WEEK in days]

    def done(self) -> None:
        """Note that all that were due were asked."""
        self._turned, self._day, self.after = self._day, self._today, None

    @property
    def state(self) -> dict[str, Any]:
        """What to continue from."""
        replaces = {"replaces": True} if self._replaces else {}
        turned = replaces if self._turned is None else {"turned": str(date.fromordinal(self._turned))}
        begun = {"day": str(date.fromordinal(self._day)), "after": self.after}
        return {**turned, **({} if self.after is None else {"turn": begun})}
