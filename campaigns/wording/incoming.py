"""Why a webhook post or an email that came back led to nothing."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "incoming.known": N_("Everything in it was known already."),
    "incoming.harmless": N_("It has no consequences, such as an automatic reply."),
    "incoming.nothing": N_("It reports no event of an email."),
    "incoming.deleted": N_("The email that it is about was deleted."),
    "incoming.test": N_("It is about a bounce test, so it changes nothing."),
    "incoming.no_token": N_(
        "It does not carry the signature of one of your emails, so it changes nothing."
    ),
}
