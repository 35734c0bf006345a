"""`flask sandbox run` as a person uses it: a phone, a clock, and a loan that comes due, passes and is paid."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.running_sandbox import CHROMIUM, PATIENCE_MS, RunningSandbox, a_browser, running


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """One sandbox for this file; the last test ends it."""
    with running(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


def children_of(pid: int) -> list[int]:
    """Processes below `pid`, all levels."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
    found, level = [], {pid}
    while level := {child for child, parent in parents.items() if parent in level}:
        found += sorted(level)
    return found


def left_of(pids: list[int]) -> list[int]:
    """Which of these processes are there still after a while: the system takes a moment to forget one that has ended."""
    for _ in range(600):
        if not [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
            break
        signal.sigtimedwait([], 0.1)
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="no browser here")
def test_a_loan_comes_due_passes_and_is_paid(sandbox: RunningSandbox) -> None:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = a_browser(playwright)
        page = browser.new_page(viewport={"width": 1240, "height": 900}, locale="en-GB")
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        moved = page.locator(".clock:not(.is-moving)")

        # The code arrives on the phone, and the app signs in with it.
        page.goto(f"{sandbox.url}/sandbox#DEMO-CN")
        page.get_by_role("button", name="打开应用").click()
        page.get_by_role("button", name="获取验证码").click()
        page.get_by_role("button", name="来自短信").click()
        page.get_by_role("button", name="登录").click()
        expect(page.locator(".due.upcoming")).to_have_count(3)
        page.get_by_role("button", name="锁屏").click()

        # Two instalments fall due on one day: the phone gets one message a day about both.
        page.get_by_role("button", name="Next due date").click()
        expect(moved).to_be_visible()
        expect(page.locator(".decisions li", has_text="on the due date")).to_have_count(2)
        expect(page.locator(".decisions .badge.CONSOLIDATED").first).to_be_visible()
        expect(page.locator("#deliveries tr[data-channel=push]").first).to_be_visible()
        for state in (
            "queued",
            "sending",
            "stale",
        ):  # the engine's other ticks may have one in hand when the clock has come there
            expect(page.locator(f"#deliveries tr[data-channel=push][data-state={state}]")).to_have_count(0)
        on_time = page.locator(".notice[data-channel=push]").count()
        assert on_time >= 1
        notice = page.locator(".notice[data-channel=push]").first
        expect(notice).to_contain_text("您有一条新消息")
        assert "¥" not in notice.inner_text()

        # The day passes unpaid.
        page.get_by_role("button", name="+1 day").click()
        expect(moved).to_be_visible()
        expect(page.locator(".notice[data-channel=push]")).to_have_count(on_time + 1)
        page.locator(".notice[data-channel=push]").first.click()
        expect(page.locator(".letter.unread")).to_have_count(on_time + 1)
        page.locator("[data-act=due]").click()
        expect(page.locator(".due.overdue")).to_have_count(2)

        # Both are paid: nothing is overdue, and every reminder is settled.
        for left in (1, 0):
            page.locator(".due.overdue .pay").first.click()
            expect(page.locator(".due.overdue")).to_have_count(left)
        page.locator("[data-act=inbox]").click()
        expect(page.locator(".letter.settled")).to_have_count(on_time + 1)

        # A week later nothing more was said about them.
        page.get_by_role("button", name="+1 week").click()
        expect(moved).to_be_visible()
        expect(page.locator(".letter")).to_have_count(on_time + 1)

        page.get_by_role("button", name="中文").click()
        expect(page.get_by_role("heading", name="看一笔贷款到期、逾期、还清")).to_be_visible()
        browser.close()
    assert problems == []


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="no browser here")
def test_a_tap_counts_though_the_page_is_drawn_anew_under_it_and_taps_are_obeyed_in_their_order(
    sandbox: RunningSandbox,
) -> None:
    from playwright.sync_api import Route, expect, sync_playwright

    def late(route: Route) -> None:
        page.wait_for_timeout(1500)
        route.continue_()

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = a_browser(playwright)
        page = browser.new_page(viewport={"width": 1240, "height": 900}, locale="en-GB")
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{sandbox.url}/sandbox#DEMO-GB")
        rows = page.locator("#deliveries tr[data-channel=sms]")
        expect(rows).to_have_count(0)

        page.locator("[data-sample=sms]").hover()
        page.mouse.down()
        page.evaluate("document.querySelector('#samples').append(' ')")  # so that the next look shows it anew
        for _ in range(2):
            page.wait_for_event("response", lambda response: "/sandbox/phones/" in response.url)
        page.mouse.up()
        expect(rows).to_have_count(1)
        expect(rows).to_have_attribute("data-state", "delivered")

        page.route("**/sandbox/addresses", late)
        page.locator("#addresses [data-channel=sms]").select_option("invalid")
        page.locator("[data-sample=sms]").click()
        expect(rows.first).to_have_attribute("data-state", "failed")
        browser.close()


def test_ctrl_c_ends_every_process_and_says_so(sandbox: RunningSandbox) -> None:
    below = children_of(sandbox.process.pid)
    assert len(below) >= 5  # stand-in, web with two workers, engine

    sandbox.process.send_signal(signal.SIGINT)
    status = sandbox.process.wait(timeout=120)

    assert status == 0
    assert left_of(below) == []


@pytest.mark.nightly
def test_the_children_of_a_killed_sandbox_end_too(tmp_path: Path) -> None:
    with running(tmp_path) as sandbox:
        below = children_of(sandbox.process.pid)

        sandbox.process.kill()
        sandbox.process.wait()

        assert left_of(below) == []
