from __future__ import annotations

import contextlib
import math
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable

import pytest
from parts import Pipeline, until
from playwright.sync_api import Page, expect

import runwire

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("built")]


def _run(up: Pipeline, project: str, name: str, lr: float, loss: float) -> str:
    run = runwire.init(
        project, name, {"lr": lr, "batch": 32}, ["nightly"], id=f"{name}-{uuid.uuid4().hex[:6]}", dir=up.home
    )
    run.log({"loss": loss}, step=7)
    run.summary["final"] = loss
    run.finish()
    up.wait_for_run(run.id)
    return run.id


def test_the_table_shows_what_was_logged(up: Pipeline, open_page: Callable[..., Page]) -> None:
    """Two runs stand in the table with state, tags, the config that differs, and their summaries, NaN in red."""
    project = f"table-{uuid.uuid4().hex[:6]}"
    good, bad = _run(up, project, "good", 0.1, 0.25), _run(up, project, "hot", 3.0, math.nan)
    page = open_page(f"{up.server}/?q={project}")
    row = page.locator(f"#run-{good}")
    expect(row).to_contain_text("finished")
    for text in ("good", good, "nightly", "0.25", "0.1", project):
        expect(row).to_contain_text(text)
    expect(page.locator(f"#run-{bad} .bad")).to_have_text(["NaN", "NaN"])  # its last loss, and what it said
    expect(page.get_by_role("columnheader", name="lr")).to_be_visible()
    expect(page.get_by_role("columnheader", name="batch")).to_have_count(0)


def test_the_filter_and_the_selection_are_in_the_address(up: Pipeline, open_page: Callable[..., Page]) -> None:
    """A reload shows the same rows, selected as before, and back from the comparison leads to them again."""
    project = f"address-{uuid.uuid4().hex[:6]}"
    one, other = _run(up, project, "one", 0.1, 1.0), _run(up, project, "other", 0.2, 2.0)
    page = open_page(up.server)
    expect(page.locator(f"#run-{other}")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type(f"{project} finished")
    page.keyboard.press("Escape")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("Select one").check()
    page.get_by_label("Select other").check()
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_label("Select one")).to_be_checked()
    page.keyboard.press("c")
    expect(page).to_have_url(f"{up.server}/compare?runs={one},{other}")
    expect(page.locator('.plot[data-metric="loss"][data-ready=true]')).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Select other")).to_be_checked()


def test_runs_are_grouped_by_what_they_share(up: Pipeline, open_page: Callable[..., Page]) -> None:
    """A group tells how its runs ended and what their numbers come to; it opens, and is selected whole."""
    project = f"groups-{uuid.uuid4().hex[:6]}"
    small = [_run(up, project, f"small-{index}", 0.1, loss) for index, loss in enumerate((1.0, 2.0, math.nan))]
    large = _run(up, project, "large", 3.0, 8.0)
    page = open_page(f"{up.server}/?q={project}")
    expect(page.locator("tbody tr")).to_have_count(4)
    page.get_by_label("Group by").select_option("by lr")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    group = page.locator("tr.group", has_text="0.1")
    for text in ("3 runs", "3 ✓ finished", "1 not finite", "1.5 1 … 2"):
        expect(group).to_contain_text(text)
    group.get_by_role("button").click()
    expect(rows).to_have_count(5)
    page.reload()
    for run in small:
        expect(page.locator(f"#run-{run}")).to_be_visible()
    expect(page.locator(f"#run-{large}")).to_have_count(0)
    page.get_by_label("Select 0.1").check()
    expect(page.get_by_role("button", name="Compare 3")).to_be_visible()
    page.get_by_label("Select small-1").uncheck()
    expect(page.get_by_role("button", name="Compare 2")).to_be_visible()


def test_a_run_is_opened_by_keys_alone(up: Pipeline, open_page: Callable[..., Page]) -> None:
    """The keys j, Enter and u go down the table, into the run and back up; ? tells them all."""
    project = f"keys-{uuid.uuid4().hex[:6]}"
    run = _run(up, project, "only", 0.1, 1.0)
    page = open_page(f"{up.server}/?q={project}")
    expect(page.locator(f"#run-{run}")).to_contain_text("finished")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{up.server}/r/{run}")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("compare what is selected")
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()


def test_a_narrow_screen_scrolls_no_sideways(up: Pipeline, open_page: Callable[..., Page]) -> None:
    """At 360 pixels the pages are no wider than the screen; tables scroll within themselves."""
    run = _run(up, "narrow", "narrow", 0.1, 1.0)
    for path in ("/", f"/r/{run}", "/alerts"):
        page = open_page(up.server + path, viewport={"width": 360, "height": 700})
        expect(page.locator("main")).not_to_contain_text("Loading…")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_an_unknown_run_is_said_to_be_so(up: Pipeline, open_page: Callable[..., Page]) -> None:
    """The address of a run that does not exist says so and what to do."""
    page = open_page(f"{up.server}/r/nobody", offline=True)
    expect(page.locator("main")).to_contain_text("No run nobody")
    expect(page.locator("main")).to_contain_text("runwire runs")


def test_a_run_says_what_it_is_part_of_and_draws_what_is_hidden_only_if_looked_for(
    up: Pipeline, open_page: Callable[..., Page]
) -> None:
    """Entity, group, job type, notes; the summary holds what the definition says; a filter finds the hidden metric."""
    part = {"entity": "perception", "group": "fold-3", "job_type": "train", "notes": "warm start"}
    run = runwire.init("parts", "part", id=f"part-{uuid.uuid4().hex[:6]}", dir=up.home, **part)  # type: ignore[arg-type]
    run.define_metric("debug/*", hidden=True)
    run.define_metric("acc", summary="max")
    for acc in (0.25, 0.75, 0.5):
        run.log({"acc": acc, "debug/norm": 1.0})
    run.finish()
    up.wait_for_run(run.id)
    page = open_page(f"{up.server}/r/{run.id}")
    header = page.locator("header").last
    for text in part.values():
        expect(header).to_contain_text(text)
    expect(page.locator("aside")).to_contain_text("0.75")
    expect(page.locator(".plot")).to_have_count(1)
    page.goto(f"{up.server}/r/{run.id}?m=norm")
    expect(page.locator('.plot[data-metric="debug/norm"]')).to_be_visible()


def test_a_logged_table_is_shown_page_by_page(up: Pipeline, open_page: Callable[..., Page]) -> None:
    """Folded until it is opened; fifty rows at a time; each step's table can be chosen."""
    run = runwire.init("tables", "predicts", id=f"predicts-{uuid.uuid4().hex[:6]}", dir=up.home)
    for step, count in ((1, 3), (2, 120)):
        rows = [[f"input {number} of {step}", number, math.nan if number == 1 else 0.5] for number in range(count)]
        run.log({"predictions": runwire.Table(["input", "n", "score"], rows)}, step=step)
    run.finish()
    up.wait_for_run(run.id)
    page = open_page(f"{up.server}/r/{run.id}")
    table = page.locator(".logged", has_text="predictions")
    expect(table.locator("summary")).to_contain_text("predictions 120 rows, 3 columns")
    expect(table.locator("td")).to_have_count(0)
    table.locator("summary").click()
    expect(table.locator("tbody tr")).to_have_count(50)
    expect(table.locator("tbody tr").nth(1)).to_contain_text("NaN")
    table.get_by_role("button", name="Later").click()
    table.get_by_role("button", name="Later").click()
    expect(table.locator("tbody tr")).to_have_count(20)
    expect(table).to_contain_text("101 to 120 of 120")
    table.get_by_role("combobox").select_option("step 1, rank 0")
    expect(table.locator("tbody tr")).to_have_count(3)
    expect(table).to_contain_text("input 2 of 1")


def test_what_a_run_prints_is_shown_and_followed(up: Pipeline, open_page: Callable[..., Page]) -> None:
    """Folded until it is opened; lines come while the run goes on; a rank can be chosen, and lines looked for."""
    run = f"prints-{uuid.uuid4().hex[:6]}"
    program = (
        "import logging, os, runwire, sys\n"
        "logging.getLogger('runwire').setLevel('CRITICAL')\n"
        f"with runwire.init('console', id={run!r}, rank=int(sys.argv[1])) as run:\n"
        "    run.log({'loss': 1.0})\n"
        "    for i in range(1200): print('line', i)\n"
        "    print('before', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    print('<b>trouble</b>', file=sys.stderr, flush=True)\n"  # not before: which pipe is read first nobody says
        "    print('afterwards', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    processes = []
    with contextlib.ExitStack() as stack:
        for rank in ("0", "3"):
            process = subprocess.Popen(
                [sys.executable, "-c", program, rank],
                env={**os.environ, "RUNWIRE_HOME": str(up.home)},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,  # elsewhere, so that it is known what came by it
                text=True,
            )
            stack.callback(process.communicate, timeout=60)
            stack.callback(process.kill)
            processes.append(process)
        up.wait_for_run(run)
        page = open_page(f"{up.server}/r/{run}")
        console = page.locator(".logged", has_text="Console")
        console.locator("summary").click()
        shown = console.get_by_role("log")
        expect(shown).to_contain_text("before")
        expect(shown.locator("code", has_text="before")).to_be_in_viewport()
        assert processes[0].stdin is not None
        processes[0].stdin.write("\n")
        processes[0].stdin.flush()
        expect(shown.locator("code", has_text="afterwards")).to_be_in_viewport()
        expect(shown.locator(".stderr")).to_have_text("<b>trouble</b>")
        first = shown.locator("code", has_text=re.compile("^line 0$"))
        expect(first).to_have_count(0)
        shown.get_by_role("button", name="Earlier").click()
        expect(first).to_have_count(1)
        expect(shown.locator("code")).to_have_count(1203)
        console.get_by_role("searchbox").fill("TROUBLE")
        expect(shown.locator("code")).to_have_count(1)
        console.get_by_role("searchbox").fill("")
        console.get_by_role("combobox").select_option("rank 3")
        expect(shown.locator("code", has_text="before")).to_be_in_viewport()
        expect(shown).not_to_contain_text("afterwards")


def test_a_run_is_asked_to_stop_by_a_button_that_asks_back(up: Pipeline, open_page: Callable[..., Page]) -> None:
    """Nothing is asked before that is confirmed; then the run answers, ends, and the page says by whom and why."""
    run = runwire.init("stops", "stopped-here", id=f"stop-{uuid.uuid4().hex[:6]}", dir=up.home, reinit="create_new")
    run.log({"loss": 1.0})
    up.wait_for_run(run.id)
    page = open_page(f"{up.server}/r/{run.id}")
    page.get_by_role("button", name="Stop…").click()
    page.get_by_role("button", name="Leave it running").click()
    assert not run.should_stop
    page.get_by_role("button", name="Stop…").click()
    page.get_by_label("Why").fill("the loss is flat")
    page.get_by_role("button", name="Ask it to stop").click()
    expect(page.get_by_role("status").filter(has_text="It has answered")).to_be_visible()
    until(lambda: run.should_stop, "the run is asked")
    run.finish()
    header = page.locator("header").last
    expect(header).to_contain_text("stopped")
    expect(header).to_contain_text("the page: the loss is flat")
    expect(page.get_by_role("button", name="Stop…")).to_have_count(0)
