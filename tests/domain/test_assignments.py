"""Who is given a thread: rules, and what holds for any desk."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.assignments import Candidate, Need, choose

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DAY = timedelta(hours=12)


def somebody(name: str, load: int = 0, **changes: object) -> Candidate:
    given_: dict[str, object] = {"languages": ("en",), "seen_at": NOW, **changes}
    return Candidate(name, load=load, **given_)  # type: ignore[arg-type]


def pick(need: Need, *candidates: Candidate, most_open: int = 30) -> str | None:
    return choose(need, candidates, now=NOW, on_duty=DAY, most_open=most_open)


def test_the_least_loaded_who_speaks_the_language_is_given_it() -> None:
    need = Need("zh-CN")

    assert pick(need, somebody("a", 0), somebody("b", 2, languages=("zh",)), somebody("c", 1, languages=("zh-CN",))) == "c"
    assert pick(need, somebody("a", 0)) is None


def test_who_had_it_is_given_it_again_unless_they_cannot_take_it() -> None:
    need = Need("en", had_by="b")

    assert pick(need, somebody("a", 0), somebody("b", 99)) == "b"
    assert pick(need, somebody("a", 0), somebody("b", 99, is_away=True)) == "a"
    assert pick(need, somebody("a", 0)) == "a"


def test_a_team_is_asked_for_and_who_is_in_none_is_in_all() -> None:
    need = Need("en", team="disputes")

    assert pick(need, somebody("a", 0, teams=("sales",)), somebody("b", 5, teams=("disputes", "x"))) == "b"
    assert pick(need, somebody("a", 0, teams=("sales",)), somebody("c", 5)) == "c"


def test_nobody_is_given_more_than_their_fill_and_nobody_who_is_not_there() -> None:
    assert pick(Need("en"), somebody("a", 3), most_open=3) is None
    assert pick(Need("en"), somebody("a", seen_at=None)) is None
    assert pick(Need("en"), somebody("a", seen_at=NOW - DAY - timedelta(seconds=1))) is None
    assert pick(Need("en"), somebody("a", seen_at=NOW - DAY)) == "a"


_candidates = st.lists(
    st.builds(
        Candidate,
        name=st.sampled_from("abcdefgh"),
        languages=st.sets(st.sampled_from(["en", "zh-CN", "zh", "de"])).map(tuple),
        load=st.integers(0, 5),
        seen_at=st.none() | st.integers(0, 20).map(lambda hours: NOW - timedelta(hours=hours)),
        teams=st.sets(st.sampled_from(["x", "y"])).map(tuple),
        is_away=st.booleans(),
    ),
    unique_by=lambda each: each.name,
)
_needs = st.builds(
    Need, st.sampled_from(["en", "zh-CN"]), st.none() | st.sampled_from(["x", "y"]), st.none() | st.sampled_from("abc")
)


@given(need=_needs, candidates=_candidates, data=st.data())
def test_the_choice_is_able_least_loaded_and_does_not_hang_on_the_order(
    need: Need, candidates: list[Candidate], data: st.DataObject
) -> None:
    chosen = pick(need, *candidates, most_open=4)

    assert pick(need, *data.draw(st.permutations(candidates)), most_open=4) == chosen
    able = [each for each in candidates if pick(Need(need.language, need.team), each, most_open=99) is not None]
    if chosen is None:
        assert all(each.load >= 4 for each in able)
        return
    (found,) = [each for each in able if each.name == chosen]
    assert not found.is_away
    assert chosen == need.had_by or found.load == min(each.load for each in able)


@given(need=_needs, candidates=_candidates)
def test_one_more_thread_never_goes_to_who_already_has_more(need: Need, candidates: list[Candidate]) -> None:
    need = Need(need.language, need.team)
    loads = {each.name: each.load for each in candidates}
    for _ in range(6):
        now_loaded = [
            Candidate(each.name, each.languages, loads[each.name], each.seen_at, each.teams, each.is_away)
            for each in candidates
        ]
        chosen = pick(need, *now_loaded, most_open=99)
        if chosen is None:
            return
        able = [each for each in now_loaded if pick(need, each, most_open=99) is not None]
        assert loads[chosen] == min(each.load for each in able)
        loads[chosen] += 1
