"""The receiver tells news from repetitions."""

from __future__ import annotations

from typing import Any

import httpx

from tests.e2e.webhook import Receiver, webhook


def tell(receiver: Receiver, *alerts: tuple[str, str], group: str = "g", to: str = "page") -> None:
    """Notify of alerts, by fingerprint and status, as Alertmanager does."""
    described: list[dict[str, Any]] = [
        {"fingerprint": fingerprint, "status": status, "labels": {"alertname": fingerprint}, "annotations": {}}
        for fingerprint, status in alerts
    ]
    body = {"receiver": to, "groupKey": group, "alerts": described}
    httpx.post(f"{receiver.url}/webhook/{to}", json=body, trust_env=False).raise_for_status()


def test_news_is_each_change_of_each_alert() -> None:
    with webhook() as receiver:
        tell(receiver, ("a", "firing"))
        tell(receiver, ("a", "firing"), ("b", "firing"))
        tell(receiver, ("a", "resolved"), ("b", "firing"))
        tell(receiver, ("b", "resolved"))
        tell(receiver, ("a", "firing"))
        found = [(news.labels["alertname"], news.status) for news in receiver.news()]
        assert found == [("a", "firing"), ("b", "firing"), ("a", "resolved"), ("b", "resolved"), ("a", "firing")]
        assert receiver.repetitions() == []


def test_a_notification_without_news_is_a_repetition() -> None:
    with webhook() as receiver:
        tell(receiver, ("a", "firing"))
        tell(receiver, ("a", "firing"), to="webhook")
        tell(receiver, ("a", "firing"), group="h")
        tell(receiver, ("a", "firing"))
        assert [delivery.body["groupKey"] for delivery in receiver.repetitions()] == ["g"]
        assert len(receiver.news()) == 3


def test_other_posts_are_recorded_by_their_path_and_are_no_news() -> None:
    with webhook() as receiver:
        httpx.post(f"{receiver.url}/slack/page", json={"text": "a"}, trust_env=False).raise_for_status()
        (delivery,) = receiver.deliveries("/slack/")
        assert (delivery.path, delivery.body) == ("/slack/page", {"text": "a"})
        assert receiver.deliveries("/webhook/") == []
        assert receiver.news() == []
        assert receiver.repetitions() == []
