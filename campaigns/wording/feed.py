"""Reasons why the data feed of a campaign cannot be used."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "feed.internal_address": N_(
        "This host has an address inside a private network. Use one that is public."
    ),
    "feed.locked": N_("This campaign is no longer a draft, so its data feed cannot be changed."),
    "feed.no_object": N_("The feed is a single value. It must be a JSON object or list."),
    "feed.no_such_host": N_("There is no host of this name. Check the address."),
    "feed.not_fetched": N_("The data feed has not been fetched. Fetch it on the content page."),
    "feed.not_fetched_because": N_("The data feed could not be fetched. %(problem)s"),
    "feed.not_json": N_(
        "The server did not answer with JSON that can be used. Check it with a JSON validator."
    ),
    "feed.redirect": N_("The server redirects to another address. Enter that one instead."),
    "feed.refused": N_("The server answered with the status %(status)s instead of 200."),
    "feed.too_large": N_("The feed is larger than %(most_bytes)s. Make it smaller."),
    "feed.too_slow": N_("The server did not answer in time. Try again later."),
    "feed.unreachable": N_("The server could not be reached: %(error)s."),
    "feed.untrusted_certificate": N_("The certificate of the server cannot be trusted: %(error)s."),
    "feed.wrong_type": N_(
        "The server says that the feed is %(type)s. It must be sent as application/json."
    ),
}
