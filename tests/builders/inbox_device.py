"""An app as docs/inbox.md asks for one: it holds what it was told, and drops what is older than that."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient

Answer = dict[str, Any]


@dataclass
class Device:
    """One phone. `synced`: the state up to which it has everything; `counts` are those of `counted`."""

    client: FlaskClient
    headers: dict[str, str]
    limit: int = 50
    synced: int = 0
    counted: int = -1
    counts: Answer = field(default_factory=dict)
    items: dict[str, Answer] = field(default_factory=dict)
    get_page: Callable[[str], Any] | None = None
    """In place of the client's own GET, to do something between two pages."""

    def load(self) -> None:
        """Load the three lists page by page, then what has changed since the first page."""
        loading = False
        for which in ("", "&archived=true", "&snoozed=true"):
            cursor = ""
            while True:
                page = self.get(f"/v1/me/inbox?limit={self.limit}{which}{cursor}").json
                if not loading:  # from the first page on; an answer that comes late in between is older than it
                    loading, self.synced = True, page["state"]
                    self.items.clear()
                for item in page["items"]:
                    self.keep(item)
                self.take_counts(page)
                if page["next_cursor"] is None:
                    break
                cursor = f"&cursor={page['next_cursor']}"
        self.sync()

    def sync(self) -> None:
        """Take all changes since `synced`."""
        cursor = ""
        while True:
            answer = self.get(f"/v1/me/inbox/changes?since={self.synced}&limit={self.limit}{cursor}")
            if answer.status_code == 409:
                assert answer.json["code"] == "state-too-old"
                self.load()
                return
            page = answer.json
            for item in [*page["created"], *page["updated"]]:
                self.keep(item)
            for message_id in page["destroyed"]:
                self.items.pop(message_id, None)
            self.take_counts(page)
            assert page["has_more"] == (page["next_cursor"] is not None)
            if page["next_cursor"] is None:
                assert page["state"] >= self.synced
                self.synced = page["state"]
                return
            cursor = f"&cursor={page['next_cursor']}"

    def get(self, path: str) -> Any:
        return self.get_page(path) if self.get_page else self.client.get(path, headers=self.headers)

    def mark(self, message_id: str, how: str, **body: Any) -> Any:
        """Mark a message and return the answer, not taken in yet."""
        given = {"json": body} if body else {}
        return self.client.post(f"/v1/me/inbox/{message_id}/{how}", headers=self.headers, **given)

    def mark_many(self, **body: Any) -> Any:
        return self.client.post("/v1/me/inbox/mark", json=body, headers=self.headers)

    def take(self, answer: Answer) -> None:
        """Take in the answer of a mark, however late it comes: what it says is known already up to `synced`."""
        if "item" in answer and answer["item"]["state"] > self.synced:
            self.keep(answer["item"])
        self.take_counts(answer)

    def keep(self, item: Answer) -> None:
        held = self.items.get(item["id"])
        if held is None or item["state"] >= held["state"]:
            self.items[item["id"]] = item

    def take_counts(self, answer: Answer) -> None:
        if answer["state"] >= self.counted:
            assert answer["state"] > self.counted or answer["counts"] == self.counts, "two counts of one state"
            self.counted, self.counts = answer["state"], answer["counts"]

    @property
    def listed(self) -> list[str]:
        """Ids of what it shows in its list."""
        return sorted(
            key for key, item in self.items.items() if item["archived_at"] is None and item["snoozed_until"] is None
        )
