"""What the stand-in has taken, in order, with how often each message came for each target."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import orjson

from app.sandbox.stand_in.answers import Taken


class Received:
    """The messages taken. With a file, each is also appended there and read back at the next start."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._items: list[bytes] = []
        self._by_target: dict[str, list[int]] = defaultdict(list)
        self._copies: Counter[tuple[str, str, str]] = Counter()
        self._labels: Counter[str] = Counter()
        if file is not None and file.exists():
            for line in file.read_bytes().splitlines():
                self._keep(orjson.loads(line), line)
        self._out = file.open("ab", buffering=0) if file is not None else None

    def take(self, taken: Taken, at: str) -> None:
        """Remember a message. Unbuffered: what was acknowledged survives a kill of this process."""
        copy = self._copies[taken.channel, taken.message_id, taken.target] + 1
        item = {
            "n": len(self._items) + 1,
            "channel": taken.channel,
            "at": at,
            "message_id": taken.message_id,
            "target": taken.target,
            "label": taken.label,
            "copy": copy,
            "content": orjson.Fragment(taken.content),
        }
        line = orjson.dumps(item)
        self._keep(item, line)
        if self._out is not None:
            self._out.write(line + b"\n")

    def _keep(self, item: dict[str, Any], line: bytes) -> None:
        self._items.append(line)
        self._by_target[item["target"]].append(len(self._items))
        self._copies[item["channel"], item["message_id"], item["target"]] += 1
        self._labels[f"{item['channel']}:{item['label']}"] += 1

    def page(self, *, since: int, limit: int, targets: list[str] | None) -> dict[str, Any]:
        """Return up to `limit` items numbered above `since`, oldest first, and `next` to ask on from."""
        if targets is not None:
            numbers = sorted(n for target in targets for n in self._by_target.get(target, ()) if n > since)[:limit]
        else:
            numbers = list(range(since + 1, min(len(self._items), since + limit) + 1))
        items = [orjson.Fragment(self._items[n - 1]) for n in numbers]
        return {"items": items, "next": numbers[-1] if numbers else since, "total": len(self._items)}

    def find(self, number: object) -> dict[str, Any] | None:
        """Return one item by its number, or None."""
        if not isinstance(number, int) or not 1 <= number <= len(self._items):
            return None
        item: dict[str, Any] = orjson.loads(self._items[number - 1])
        return item

    def counts(self) -> dict[str, Any]:
        """Return totals per channel and label, and every (message, target) that came more than once."""
        totals: Counter[str] = Counter()
        distinct: Counter[str] = Counter()
        for (channel, _message_id, _target), count in self._copies.items():
            totals[channel] += count
            distinct[channel] += 1
        return {
            "push": totals["push"],
            "sms": totals["sms"],
            "distinct_push": distinct["push"],
            "distinct_sms": distinct["sms"],
            "by_channel": dict(totals),
            "distinct_by_channel": dict(distinct),
            "by_label": dict(self._labels),
            "duplicates": [
                {"channel": channel, "message_id": message_id, "target": target, "count": count}
                for (channel, message_id, target), count in self._copies.items()
                if count > 1
            ],
        }

    def clear(self) -> None:
        """Forget everything, also in the file."""
        self._items.clear()
        self._by_target.clear()
        self._copies.clear()
        self._labels.clear()
        if self._out is not None:
            self._out.truncate(0)
