from app.domain.breakers import LONGEST_SECONDS, PROBE_SECONDS, Breakers


def test_a_refused_platform_is_left_alone_and_the_others_go_on() -> None:
    breakers = Breakers()

    assert breakers.open("fcm", "ios", seconds=300, at=1000) is True

    assert not breakers.lets_pass("fcm", "ios", 1299)
    assert breakers.lets_pass("fcm", "android", 1000)
    assert breakers.lets_pass("fcm", None, 1000)
    assert breakers.lets_pass("other", "ios", 1000)
    assert breakers.open_ones(1100) == [("fcm", "ios", 200)]


def test_after_the_pause_one_is_let_through_and_the_others_wait_for_its_result() -> None:
    breakers = Breakers()
    breakers.open("fcm", "ios", seconds=300, at=1000)

    assert [breakers.lets_pass("fcm", "ios", 1300) for _ in range(3)] == [True, False, False]

    breakers.close("fcm", "ios")

    assert [breakers.lets_pass("fcm", "ios", 1301) for _ in range(3)] == [True] * 3
    assert breakers.open_ones(1301) == []


def test_a_probe_without_a_result_is_followed_by_another() -> None:
    breakers = Breakers()
    breakers.open("fcm", "ios", seconds=300, at=0)
    breakers.lets_pass("fcm", "ios", 300)

    assert not breakers.lets_pass("fcm", "ios", 300 + PROBE_SECONDS - 1)
    assert breakers.lets_pass("fcm", "ios", 300 + PROBE_SECONDS)


def test_refused_again_it_stays_open_twice_as_long_up_to_an_hour() -> None:
    breakers, at, waits = Breakers(), 0.0, []

    for _ in range(6):
        breakers.open("fcm", "ios", seconds=300, at=at)
        [(_, _, left)] = breakers.open_ones(at)
        waits.append(left)
        at += left
        assert breakers.lets_pass("fcm", "ios", at)

    assert waits == [300, 600, 1200, 2400, LONGEST_SECONDS, LONGEST_SECONDS]


def test_refusals_of_what_was_under_way_do_not_lengthen_it() -> None:
    breakers = Breakers()
    breakers.open("fcm", "ios", seconds=300, at=0)

    assert [breakers.open("fcm", "ios", seconds=300, at=at) for at in (1, 2, 3)] == [False] * 3
    assert breakers.open_ones(0) == [("fcm", "ios", 300)]


def test_what_was_under_way_and_accepted_closes_it() -> None:
    breakers = Breakers()
    breakers.open("fcm", "ios", seconds=300, at=0)
    breakers.close("fcm", None)
    breakers.close("fcm", "web")
    assert not breakers.lets_pass("fcm", "ios", 1)

    breakers.close("fcm", "ios")

    assert breakers.lets_pass("fcm", "ios", 1)
