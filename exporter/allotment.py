"""How an account's lists share the requests that head polls leave over. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from exporter.models import SourceKey


class Allotment:
    """Grants pages to sweeps: all lists that have one running get the same, and nothing is left unused for long."""

    def __init__(self, requests_per_minute: int, intervals: Mapping[SourceKey, float]) -> None:
        """Share what head polls every ``intervals`` seconds leave over of ``requests_per_minute``; at least one."""
        heads = sum(60 / interval for interval in intervals.values())
        self._spare = max(1.0, requests_per_minute - heads)
        self._most = float(requests_per_minute)
        self._intervals = intervals
        self.resume_at = 0.0
        """Before this time of the monotonic clock the server has asked not to be asked again."""
        self._credit = dict.fromkeys(intervals, 0.0)
        self.reserve = 1 if len(intervals) > 1 else 0
        """Places in the budget that a sweep leaves free, so that another list's head poll need not wait."""
        self.longest_head = {
            source: max(1, int(requests_per_minute * min(interval, 60) / 120)) for source, interval in intervals.items()
        }
        """Pages that a head poll may read until it meets known rows: half of what its interval allows."""

    def grant(self, source: SourceKey, active: Collection[SourceKey]) -> int:
        """Pages that ``source`` may read beyond its head poll, while the lists in ``active`` have sweeps running."""
        share = self._spare * self._intervals[source] / 60 / max(1, len(set(active) | {source}))
        self._credit[source] = min(self._most, self._credit[source] + share)
        return int(self._credit[source])

    def spend(self, source: SourceKey, pages: int) -> None:
        """Take ``pages`` off what ``source`` was granted."""
        self._credit[source] -= pages
