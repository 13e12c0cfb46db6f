"""A connection that breaks after the server has done what it was asked."""

from playwright.sync_api import Page, Route


def lose_an_answer(page: Page, address: str) -> None:
    """Send the next request for `address`, a glob pattern, but lose the answer."""

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route(address, lose, times=1)
