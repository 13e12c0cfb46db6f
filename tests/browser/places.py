"""Where something is on a page, for the mouse."""

from playwright.sync_api import FloatRect, Locator


def steady_box(locator: Locator) -> FloatRect:
    """Return its box once it stays in its place: what loads above it moves it."""
    box = locator.bounding_box()
    for _ in range(50):
        locator.page.wait_for_timeout(100)
        before, box = box, locator.bounding_box()
        if box == before:
            break
    assert box is not None
    return box
