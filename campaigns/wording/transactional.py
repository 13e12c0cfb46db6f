"""Outcomes of an email to one person: a confirmation, a test email, an alert."""

from campaigns.wording.messages import N_, Message, Plural

SENTENCES: dict[str, Message] = {
    "transactional.accepted": N_("The server replied: %(reply)s"),
    "transactional.campaign_deleted": N_("The campaign has been deleted."),
    "transactional.template_deleted": N_("The template has been deleted."),
    "transactional.crashed": N_(
        "An unexpected error stopped this email. The log of the worker has the details."
    ),
    "transactional.deferred": N_("The server asked to try again later. It said: %(reply)s"),
    "transactional.gave_up": Plural(
        "Sending failed after %(count)s attempt.", "Sending failed after %(count)s attempts."
    ),
    "transactional.handing_over": N_("The email is being handed over to the server."),
    "transactional.link_expired": N_("The link expired before the email could be sent."),
    "transactional.no_answer": N_(
        "The connection broke before the server answered. The email may have arrived."
    ),
    "transactional.no_sender": N_("There is no sender address. Add one in Settings, Sending."),
    "transactional.not_pending": N_("The subscription no longer needs to be confirmed."),
    "transactional.not_repeated": N_(
        "Not sent again after the database was restored from a backup. The email may have arrived."
    ),
    "transactional.not_subscribed": N_("The subscriber has left the list."),
    "transactional.not_taken": N_("The server did not accept the email. It said: %(reply)s"),
    "transactional.refused": N_("The server refused the email. It said: %(reply)s"),
    "transactional.restored": N_(
        "On hold: the database was restored from a backup, so the email may already have been sent."
    ),
    "transactional.subscriber_deleted": N_("The list or the subscriber has been deleted."),
    "transactional.suppressed": N_(
        "The address is on the suppression list, so nothing is sent to it."
    ),
    "transactional.test_subject": N_("[Test] %(subject)s"),
}
