from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from parts import Pipeline
from playwright.sync_api import Page, expect

import runwire

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("built")]


def test_a_runs_page_names_the_artifacts_that_it_made_and_used(up: Pipeline, open_page: Callable[..., Page]) -> None:
    """Each with its version, type and size; a run without any has no such list."""
    name = f"shown-{uuid.uuid4().hex[:8]}"
    with runwire.init("artifact-list", dir=up.home) as run:
        artifact = runwire.Artifact(name, "model")
        with artifact.new_file("model.bin", "wb") as file:
            file.write(bytes(1500))
        run.log_artifact(artifact).wait(60)
        run.use_artifact(f"{name}:v0")
    up.wait_for_run(run.id)
    page = open_page(f"{up.server}/r/{run.id}")
    summary = page.locator("summary", has_text="Artifacts")
    expect(summary).to_have_text("Artifacts 2 versions")
    summary.click()
    rows = page.locator("details", has=summary).locator("tbody tr")
    expect(rows).to_have_text([f"artifact-list/{name}:v0{action}model11.5 kB" for action in ("logged", "used")])
    with runwire.init("artifact-list", dir=up.home) as other:
        other.log({"loss": 1.0})
    up.wait_for_run(other.id)
    page = open_page(f"{up.server}/r/{other.id}")
    expect(page.get_by_text("loss").first).to_be_visible()
    expect(page.locator("summary", has_text="Artifacts")).to_have_count(0)
