"""A cache of the compiled contents of the campaigns that this process sends."""

from typing import TypeVar

from campaigns.campaign.expand_content import content_of
from campaigns.campaign.models import Campaign
from campaigns.content.library.storage import storage_of
from campaigns.content.mime.compile import Compiled, Content, TemplateProblemError, compile_content
from campaigns.content.mime.embedded_images import embed
from campaigns.context import services
from campaigns.engine.signing import Signing, signing_for
from campaigns.providers.base import UnusableAccountError
from campaigns.reason import Reason
from campaigns.secrets import SecretUnreadableError

T = TypeVar("T")


class RecentCache(dict[int, T]):
    """Values by campaign id; the oldest are evicted."""

    SIZE = 8

    def store(self, key: int, value: T) -> None:
        """Store a value as the newest."""
        self.pop(key, None)
        self[key] = value
        while len(self) > self.SIZE:
            self.pop(next(iter(self)))


_contents: RecentCache[tuple[tuple[Content, Signing | None], Compiled]] = RecentCache()


def compiled_content(campaign: Campaign) -> Compiled:
    """Return the campaign's compiled content; compiles it again only when it changed.

    Raises TemplateProblemError, SecretUnreadableError.
    """
    settings = services().settings
    content = content_of(campaign, base_url=settings.base_url, media_url=settings.media_url)
    signing = signing_for(content.sender_address, services().vault)
    cached = _contents.get(campaign.id)
    if cached is not None and cached[0] == (content, signing):
        return cached[1]
    storage = storage_of(settings)
    embedded = content.everywhere(lambda one: embed(one, storage))
    compiled = compile_content(embedded, services().signer, signing)
    _contents.store(campaign.id, ((content, signing), compiled))
    return compiled


def unusable(
    error: TemplateProblemError | SecretUnreadableError | UnusableAccountError,
) -> Reason:
    """Return why a campaign cannot be sent."""
    if isinstance(error, TemplateProblemError):
        problems = tuple(problem.located for problem in error.problems)
        return Reason("status.content_problem", {"problem": problems})
    return error.reason


def forget() -> None:
    """Empty the cache, at the end of a worker and between tests."""
    _contents.clear()
