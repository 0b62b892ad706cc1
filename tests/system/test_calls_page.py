"""The Calls page of a real Airflow in a real Chromium."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
import requests
from playwright.sync_api import expect

from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.lists.row_values import NewRow
from airflow_provider_voiceinfra.store.models import OUTCOMES, Source
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from tests.benchmarks.receiver.webhooks import sign
from tests.support.list_samples import row as list_row
from tests.support.store_samples import CALLER, claim, delivery, queued, unknown
from tests.system.conftest import SECRET
from tests.system.web import (
    chromium,
    frame_in_airflow,
    go_to,
    keep_screenshot,
    layout_faults,
    serious_findings,
    sign_in,
    web_of,
)

# A busy machine is no failure.
expect.set_options(timeout=60_000)
PHONE = {"width": 390, "height": 800}
TALK = (
    "Agent: Hello Sarah, does your appointment tomorrow at ten still suit you?\n"
    "Caller: Half past eleven would be better.\nAgent: It is moved to half past eleven. See you tomorrow!"
)
# The best contrast of a tenth of an image's pixels with what is behind it, as WCAG defines it.
ICON_CONTRAST = """async (image) => {
  await image.decode();
  let behind = image;
  while (getComputedStyle(behind).backgroundColor.endsWith(", 0)")) behind = behind.parentElement;
  const canvas = new OffscreenCanvas(40, 40).getContext("2d");
  canvas.fillStyle = getComputedStyle(behind).backgroundColor;
  canvas.fillRect(0, 0, 40, 40);
  const luminance = ([r, g, b]) => [[r, .2126], [g, .7152], [b, .0722]].reduce((sum, [value, weight]) =>
    sum + weight * (value <= 10 ? value / 255 / 12.92 : ((value / 255 + .055) / 1.055) ** 2.4), .05);
  const ground = luminance(canvas.getImageData(0, 0, 1, 1).data);
  canvas.drawImage(image, 0, 0, 40, 40);
  const { data } = canvas.getImageData(0, 0, 40, 40);
  const contrasts = Array.from({ length: 1600 }, (_, pixel) => {
    const found = luminance(data.subarray(pixel * 4, pixel * 4 + 3));
    return Math.max(found, ground) / Math.min(found, ground);
  });
  return contrasts.sort((a, b) => b - a)[160];
}"""
EVIL = "<img src=x onerror=\"window.pwned='img'\"><script>window.pwned='script'</script>{{ 7*7 }}"


@pytest.fixture(scope="module")
def web(airflow, tmp_path_factory):
    """The URL of an API server where people sign in."""
    with web_of(airflow, tmp_path_factory.mktemp("web")) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def cookies(web, browser):
    """The sessions of the users, by name."""
    found = {}
    for name in ("eve", "ada"):
        context = browser.new_context()
        sign_in(context.new_page(), web, name)
        found[name] = context.cookies()
        context.close()
    return found


@pytest.fixture
def visit(web, browser, cookies):
    """Open the page as somebody who is signed in; whatever goes wrong in it fails the test."""
    contexts, wrong = [], []

    def as_user(name="eve", path="/", **options):
        context = browser.new_context(**options)
        context.add_cookies(cookies[name])
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
        page.goto(f"{web}/voiceinfra/calls{path}")
        return page

    yield as_user
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def place(call_store, request):
    """Place a call of this test's own DAG, and let its webhook come."""
    dag_id = f"calls_page_{request.node.name.split('[')[0][-40:]}"
    own = Source(dag_id, "run", "run", "call")

    def in_dag(number, *, call_id=None, source=own, **changes):
        call_id = call_id or f"{dag_id}_{number[-4:]}"
        return queued(call_store, call_id, source=source, to_number=number, **changes).ref, call_id

    in_dag.dag_id = dag_id
    return in_dag


@pytest.fixture
def complete(airflow):
    def deliver(call_id, number, **said):
        body = {"event": "call.completed", "call_id": call_id, "call_outcome": "answered", "duration_seconds": 61}
        content = json.dumps(body | {"to_number": number, "from_number": CALLER, "agent_id": "agent"} | said).encode()
        headers = {"X-VoiceInfra-Signature": sign(content, SECRET)}
        answer = requests.post(f"{airflow.url}/voiceinfra/webhook", data=content, headers=headers, timeout=120)
        assert answer.status_code == 200

    return deliver


def test_who_is_signed_in_finds_calls_in_airflows_navigation(web, browser, visit, place):
    place("+13105550101")
    page = browser.new_context().new_page()
    assert page.goto(f"{web}/voiceinfra/calls/").status == 401
    page.get_by_role("link", name="Sign in to Airflow").click()
    page.wait_for_url(re.compile("/auth/login"))
    page.context.close()
    page = visit(viewport={"width": 1280, "height": 860})
    page.goto(web)
    page.get_by_role("link", name="Calls", exact=True).click()
    frame = page.frame_locator("iframe")
    expect(frame.locator("tr", has_text=place.dag_id)).to_contain_text("queued")
    keep_screenshot(page, "in_airflow")
    # Out of the frame, to the task in Airflow itself.
    frame.locator("tr", has_text=place.dag_id).get_by_role("link", name="call", exact=True).click()
    page.wait_for_url(re.compile(f"/dags/{place.dag_id}/runs/run/tasks/call"))


def test_calls_are_found_by_what_is_known_of_them(visit, place, complete):
    answered, call_id = place("+13105550201")
    waiting, _ = place("+13105550202")
    complete(call_id, "+13105550201")
    page = visit(viewport={"width": 1280, "height": 860})
    page.get_by_label("DAG").fill(place.dag_id)
    page.get_by_label("DAG").press("Enter")
    rows = page.locator("#rows tbody tr")
    expect(rows).to_have_count(2)
    keep_screenshot(page, "list")
    page.get_by_label("State").select_option("completed")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("+13105550201")
    page.get_by_role("link", name="Clear").click()
    expect(page.get_by_label("DAG")).to_have_value("")
    page.get_by_label("Search", exact=True).fill("5550202")
    page.get_by_label("Search", exact=True).press("Enter")
    expect(page.locator(f"#{waiting}")).to_be_visible()
    expect(page.locator(f"#{answered}")).to_have_count(0)


def test_calls_are_found_before_scripts_have_come(visit, place):
    found, _ = place("+13105550301")
    other, _ = place("+13105550302")
    page = visit(java_script_enabled=False)
    page.get_by_label("Search", exact=True).fill("5550301")
    page.get_by_label("Search", exact=True).press("Enter")
    expect(page.locator(f"#{found}")).to_be_visible()
    expect(page.locator(f"#{other}")).to_have_count(0)
    assert "5550301" not in page.url


def test_a_completion_appears_by_itself_and_takes_nobody_from_their_place(visit, place, complete):
    refs = [place(f"+1310555{3000 + number}") for number in range(40)]
    page = visit(path=f"/?dag={place.dag_id}", viewport={"width": 1280, "height": 500})
    ref, call_id = refs[5]
    row = page.locator(f"#{ref}")
    row.scroll_into_view_if_needed()
    row.get_by_role("link", name=ref).focus()
    before = row.bounding_box()["y"]
    complete(call_id, "+13105553005", call_outcome="voicemail")
    new, _ = place("+13105553999")
    expect(row).to_contain_text("voicemail")
    expect(page.locator(f"#{new}")).to_have_count(1)
    assert abs(row.bounding_box()["y"] - before) < 2
    expect(row.get_by_role("link", name=ref)).to_be_focused()


def test_a_call_is_told_from_its_claim_to_its_last_webhook(visit, place, complete):
    # Its picture is in the documentation: `make screenshot`.
    ref, call_id = place(
        "+13105550401",
        call_id="call_8f14",
        source=Source("remind_sarah", "manual__2026-12-01", "run", "call"),
        request={"first_message": "Hello Sarah"},
    )
    page = visit(path=f"/{ref}", viewport={"width": 1100, "height": 700})
    for _ in range(2):
        complete(
            call_id,
            "+13105550401",
            transcript=TALK,
            summary="It is moved to half past eleven.",
            extracted_data={"new_time": "11:30"},
            recording_url="https://recordings.voiceinfra.example/one.mp3",
        )
    expect(page.locator("#timeline")).to_contain_text("delivered 2 times")
    expect(page.locator("#timeline")).to_contain_text(re.compile("claimed.*queued.*completed", re.DOTALL))
    expect(page.locator("#transcript li")).to_have_count(3)
    expect(page.locator("#transcript li.callee")).to_have_text(re.compile("Callee.*Half past eleven would be better"))
    expect(page.locator("#summary")).to_have_text("It is moved to half past eleven.")
    expect(page.locator("#extracted")).to_contain_text("11:30")
    expect(page.locator("#recording")).to_have_attribute("src", "https://recordings.voiceinfra.example/one.mp3")
    expect(page.locator("#recording")).to_have_attribute("preload", "none")
    expect(page.locator("#main")).to_contain_text("Hello Sarah")
    keep_screenshot(page, "call")


@pytest.mark.parametrize("url", ["javascript:window.pwned='url'", "data:text/html,<script>window.pwned=1</script>"])
def test_markup_and_script_in_what_was_said_do_nothing(visit, place, complete, url):
    number = f"+1310555050{len(url) % 10}"
    ref, call_id = place(number)
    complete(
        call_id,
        number,
        call_outcome=EVIL[:60],
        transcript=f"Agent: {EVIL}\nCaller: {EVIL}\n{EVIL}",
        summary=EVIL,
        extracted_data={EVIL: EVIL, "items": [EVIL]},
        recording_url=url,
    )
    for path in (f"/{ref}", f"/?dag={place.dag_id}", "/overview"):
        page = visit(path=path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.pwned") is None
        assert page.locator("main script, main img, main audio, main [onerror], main a[href^=javascript]").count() == 0
    page = visit(path=f"/{ref}")
    for part in ("#summary", "#transcript", "#extracted"):
        expect(page.locator(part)).to_contain_text(EVIL)


def test_an_admin_pauses_what_the_form_offers(visit, place, call_store):
    place("+13105550651")
    page = visit(path="/pauses")
    page.get_by_role("button", name="Pause calls…").click()
    page.get_by_label("What").select_option("dag")
    name = page.get_by_label("Which one")
    expect(name).to_be_visible()
    expect(page.locator(f'#names option[value="{place.dag_id}"]')).to_be_attached()
    name.fill(place.dag_id)
    page.get_by_label("Reason, shown with each call that waits").fill("the wrong list")
    page.get_by_role("button", name="Pause calls", exact=True).click()
    expect(page.locator("#pauses")).to_contain_text(place.dag_id)
    call_store.pauses.resume(Scope.DAG, place.dag_id, actor="ada")


def test_an_admin_puts_a_number_on_the_do_not_call_list_and_takes_it_off(visit, call_store):
    number = "+13105550661"
    page = visit(path="/do-not-call")
    page.get_by_label("Number, with its country code").fill(number)
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#found")).to_contain_text("is not on the do-not-call list")
    page.get_by_label("Reason").fill("asked by e-mail")
    page.get_by_role("button", name="Do not call").click()
    expect(page.locator("#listed")).to_contain_text("asked by e-mail")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#found")).to_contain_text("added by eve")
    keep_screenshot(page, "do_not_call")
    page.get_by_label("Reason").fill("a mistake")
    page.get_by_role("button", name="Remove from the list").click()
    expect(page.locator("#toast")).to_contain_text("may be called again")
    assert [event.actor for event in call_store.do_not_call.history(number)] == ["eve", "eve"]


def test_an_admin_pauses_and_resumes_a_dag_by_keyboard_and_is_recorded(visit, place, call_store):
    ref, _ = place("+13105550601")
    page = visit(path=f"/{ref}")
    opener = page.get_by_role("button", name="Pause this DAG…")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text(place.dag_id)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Reason, shown with each call that waits")).to_be_focused()
    keep_screenshot(page, "pause")
    page.keyboard.type("it says the wrong date")
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text(f"DAG {place.dag_id} is paused")
    expect(page.locator(".pauses")).to_contain_text("is paused")
    [pause] = [each for each in call_store.pauses.in_force() if each.name == place.dag_id]
    assert (pause.scope, pause.paused_by, pause.reason) == (Scope.DAG, "eve", "it says the wrong date")
    page.locator(".pauses a").click()
    page.wait_for_url(re.compile("/pauses$"), wait_until="load")
    page.get_by_role("button", name=f"Resume DAG {place.dag_id}").click()
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.locator("#pauses")).not_to_contain_text(place.dag_id)
    assert place.dag_id not in {each.name for each in call_store.pauses.in_force()}


def test_an_unknown_call_is_resolved_and_a_person_called_no_more(visit, place, call_store):
    ours = claim(
        call_store, "calls-page-unknown", source=Source(place.dag_id, "run", "run", "call"), to_number="+13105550701"
    )
    call_store.claims.record_unknown(ours, "the connection was reset")
    page = visit(path=f"/{ours.ref}")
    expect(page.locator("#main")).to_contain_text("It is not known whether this call was placed")
    page.get_by_role("button", name="Resolve…").click()
    page.get_by_label("It was placed, with this call_id").check()
    page.get_by_role("button", name="Resolve", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Enter the call_id")
    page.get_by_label("It was not placed").check()
    page.get_by_role("button", name="Resolve", exact=True).click()
    expect(page.locator("#timeline")).to_contain_text("resolved by eve")
    assert call_store.calls.get(ours.ref).state == "not_placed"
    page.get_by_role("button", name="Do not call again…").click()
    page.get_by_role("button", name="Do not call again", exact=True).click()
    expect(page.locator("#toast")).to_contain_text("is on the do-not-call list")
    assert [event.actor for event in call_store.do_not_call.history("+13105550701")] == ["eve"]


def test_a_viewer_is_offered_no_act(visit, place):
    ref, _ = place("+13105550801")
    page = visit("ada", f"/{ref}")
    expect(page.locator("#timeline")).to_contain_text("queued")
    assert page.get_by_role("button").count() == 0


@pytest.fixture
def called_list(call_store, request):
    """A list with rows that are done, pending and set aside."""
    list_id = call_store.lists.open(Source("calls_page_lists", request.node.name[:60], "run", "call"))
    rows = [NewRow(number, f"visit-{number}", f"+1310556010{number}", {}, {}) for number in range(1, 7)]
    rows.append(NewRow(7, "visit-7", "", {}, {}, "no_country_code"))
    call_store.lists.add(list_id, rows, call_store.lists.begin_import(list_id))
    call_store.lists.finish_import(list_id, 1, 0)
    call_store.list_states.dialling(list_id)
    for row, outcome in zip(call_store.list_rows.due(list_id, datetime.now(UTC), 3), OUTCOMES, strict=True):
        call_store.list_rows.done(row, outcome, "vc_1")
    call_store.list_progress.record(list_id)
    return list_id


def test_an_admin_sees_why_a_list_is_paused_resumes_it_and_finds_its_rows(visit, call_store, called_list):
    call_store.pauses.pause(Scope.LIST, called_list, reason="the last calls failed", actor="bob")
    page = visit(path="/lists", viewport={"width": 1280, "height": 860})
    expect(page.locator(f"#{called_list}")).to_contain_text("3 of 6")
    expect(page.locator(f"#{called_list} .list-state")).to_have_text("paused")
    page.get_by_role("main").get_by_role("link", name=called_list).click()
    expect(page.locator(".notice")).to_contain_text("the last calls failed")
    keep_screenshot(page, "list_paused")
    page.get_by_role("button", name="Resume…").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.locator(".notice")).to_have_count(0)
    page.get_by_role("link", name="no country code").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody")).to_contain_text("visit-7")
    page.get_by_label("Key or number").fill("+1 310 556 0104")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("tbody")).to_contain_text("visit-4")
    assert "0104" not in page.url
    for path in ("/lists", f"/lists/{called_list}", f"/lists/{called_list}/rows?state=done"):
        phone = visit(path=path, viewport=PHONE, color_scheme="dark")
        assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
    keep_screenshot(phone, "phone_list_rows")


def brightness(page):
    """How bright the page's ground is, from 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


def test_it_is_dark_where_the_reader_or_airflow_is(visit, place, complete):
    ref, call_id = place("+13105550901")
    complete(call_id, "+13105550901", transcript=TALK, summary="Moved.")
    assert brightness(visit(path="/overview", color_scheme="light")) > 200
    page = visit(path="/overview", color_scheme="dark")
    assert brightness(page) < 60
    page.wait_for_timeout(300)
    keep_screenshot(page, "overview_dark")
    page.goto(re.sub("/overview", f"/{ref}", page.url))
    keep_screenshot(page, "call_dark")
    page.evaluate("localStorage.setItem('theme', 'light')")
    page.reload()
    assert brightness(page) > 200


def test_a_phone_shows_it_without_scrolling_sideways(visit, place, complete):
    ref, call_id = place("+13105551001")
    complete(call_id, "+13105551001", transcript=TALK, summary="x" * 200, extracted_data={"k" * 90: "v" * 300})
    for name, path in {
        "list": "/",
        "lists": "/lists",
        "overview": "/overview",
        "pauses": "/pauses",
        "call": f"/{ref}",
    }.items():
        page = visit(path=path, viewport=PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
        keep_screenshot(page, f"phone_{name}")


@pytest.fixture
def pages(place, complete, call_store):
    """The path of every page, each with something to show."""
    source = Source(place.dag_id, "scheduled__2026-12-01T02:00:00+00:00", "run", "call_each_of_them")
    ref, call_id = place("+13105551051", request={"context": "x" * 300})
    complete(call_id, "+13105551051", transcript=TALK, summary="Moved. " + "y" * 200, extracted_data={"k" * 90: "v"})
    lost = unknown(call_store, f"{place.dag_id}_lost", source=source, to_number="+13105551052")
    list_id = call_store.lists.open(source)
    call_store.lists.add(list_id, [*map(list_row, range(5))], call_store.lists.begin_import(list_id))
    call_store.pauses.pause(Scope.DAG, place.dag_id, reason="it says the wrong date", actor="ada")
    yield {
        "calls": "/",
        "lists": "/lists",
        "list": f"/lists/{list_id}",
        "list_rows": f"/lists/{list_id}/rows",
        "overview": "/overview",
        "pauses": "/pauses",
        "webhooks": "/webhooks",
        "do_not_call": "/do-not-call",
        "call": f"/{ref}",
        "unknown": f"/{lost.ref}",
        "nowhere": "/vc_000000000000",
    }
    call_store.pauses.resume(Scope.DAG, place.dag_id, actor="ada")


def test_every_page_can_be_read_and_used_in_airflows_frame(web, visit, pages):
    faults = {}
    page = visit()
    frame = frame_in_airflow(page, web)
    for name, path in pages.items():
        go_to(frame, f"{web}/voiceinfra/calls{path}")
        for width in (320, 390, 420):
            page.set_viewport_size(PHONE | {"width": width})
            faults[name, width] = layout_faults(frame)
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            for width in (1280, 390):
                page.set_viewport_size(PHONE | {"width": width})
                faults[name, width, scheme] = serious_findings(frame)
            keep_screenshot(page, f"frame_{name}_{scheme}")
        for opener in ("Resolve…", "Pause calls…"):
            if frame.get_by_role("button", name=opener).count():
                frame.get_by_role("button", name=opener).click()
                expect(frame.get_by_role("dialog")).to_be_visible()
                faults[name, opener] = serious_findings(frame)
    assert {where: found for where, found in faults.items() if found} == {}


def test_an_unknown_ref_keeps_the_navigation_and_the_keyboard_skips_it(visit):
    page = visit(path="/vc_000000000000")
    expect(page.get_by_role("main")).to_contain_text("Not found")
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_count(5)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_icon_in_airflows_navigation_stands_out_from_its_ground(web, visit, theme):
    page = visit(color_scheme=theme)
    for path in ("/dags", "/plugin/calls"):
        page.goto(f"{web}{path}")
        icon = page.get_by_role("link", name="Calls", exact=True).locator("img")
        expect(icon).to_be_visible()
        assert icon.evaluate(ICON_CONTRAST) >= 3, path


def test_the_overview_shows_charts_and_the_same_as_tables(visit, place, complete):
    _, call_id = place("+13105551101")
    complete(call_id, "+13105551101")
    page = visit(path="/overview", viewport={"width": 1280, "height": 860})
    expect(page.locator("canvas")).to_have_count(3)
    assert page.evaluate("document.querySelector('canvas').toDataURL().length") > 2_000
    for canvas in page.locator("canvas").all():
        assert page.locator(f"#{canvas.get_attribute('aria-labelledby')}").inner_text()
    page.locator("summary").first.click()
    expect(page.locator("#outcomes-table")).to_contain_text("answered")
    keep_screenshot(page, "overview")


def test_an_admin_reads_a_webhook_in_quarantine_and_assigns_it_to_its_call(visit, place, call_store):
    ref, _ = place("+13105551111")
    call_store.deliveries.keep([delivery(f'{{"call_outcome": "voicemail", "summary": "{ref}"}}'.encode())])
    webhook_id = call_store.quarantine.newest()[0].id
    page = visit(path="/overview", viewport={"width": 1280, "height": 860})
    page.locator(".webhooks a[href$='#quarantine']").click()
    keep_screenshot(page, "webhooks")
    page.get_by_role("button", name=f"Read webhook {webhook_id}").click()
    expect(page.get_by_role("dialog")).to_contain_text(ref)
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name=f"Reprocess webhook {webhook_id}").click()
    page.get_by_label("Call: its ref or call_id").fill(ref)
    page.get_by_role("button", name="Reprocess", exact=True).click()
    expect(page.locator("#toast")).to_contain_text(f"is the completion of {ref}")
    expect(page.locator(f"#webhook-{webhook_id}")).to_have_count(0)
    page.goto(page.url.split("/webhooks")[0] + f"/{ref}")
    expect(page.locator("#timeline")).to_contain_text("reprocessed by eve")


def test_the_overview_is_filtered_and_shows_when_calls_are_answered(visit, place, complete):
    _, call_id = place("+13105551112")
    complete(call_id, "+13105551112")
    page = visit(path="/overview", viewport={"width": 1280, "height": 860})
    page.get_by_label("DAG").fill(place.dag_id)
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_label("DAG")).to_have_value(place.dag_id)
    expect(page.locator(".figures").nth(1)).to_contain_text("100% answered rate")
    expect(page.locator(".heat td", has_text="100%")).to_have_count(1)


def test_task_instances_lead_to_their_calls(airflow, sandbox, visit, call_store):
    number = "+13105551201"
    run_id = airflow.trigger_dag("fault_deferring", conf={"to_number": number})
    airflow.wait_for_run("fault_deferring", run_id, timeout=300)
    [call] = call_store.calls.iterate(CallFilter(digits=number))
    path = f"api/v2/dags/fault_deferring/dagRuns/{run_id}/taskInstances/call/links"
    links = airflow._api.call("GET", path)["extra_links"]
    assert links == {"Call": f"/voiceinfra/calls/{call.ref}"}
    page = visit(path=links["Call"].removeprefix("/voiceinfra/calls"))
    expect(page.locator("#timeline")).to_contain_text("completed")
    assert number[1:] not in str(links)
