"""The real Chromium of the tests in a browser: where it is, what it is started with, and its start."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-quic",
]  # fmt: skip

_OF_ITSELF = (
    "the server responded with a status of",  # a page or an answer that was refused on purpose
    "Autofocus processing was blocked",  # a test types before the page has put the cursor somewhere
)


def is_complaint(text: str) -> bool:
    """Say whether a line of the browser's console complains of a page."""
    return not any(words in text for words in _OF_ITSELF)


def complaints_of(page: Page) -> list[str]:
    """Return what the browser will complain of at a page: the list grows as it does."""
    found: list[str] = []

    def keep(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and is_complaint(message.text):
            found.append(message.text)

    page.on("console", keep)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """Start the browser, and close it when the block ends; ``need(CHROMIUM, …)`` comes before."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def follow(page: Page, selector: str) -> None:
    """Click what leads to another page, and wait until that page is there: a click alone may return before it."""
    with page.expect_navigation():
        page.click(selector)
