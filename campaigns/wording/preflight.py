"""Preflight checks and their findings."""

from campaigns.wording.messages import N_, Message, Plural

SENTENCES: dict[str, Message] = {
    "preflight.audience": N_("Audience"),
    "preflight.sender": N_("Sender"),
    "preflight.signature": N_("Signature"),
    "preflight.subject": N_("Subject"),
    "preflight.preheader": N_("Preheader"),
    "preflight.content": N_("Content"),
    "preflight.merge_tags": N_("Merge tags"),
    "preflight.starter_text": N_("Starter text"),
    "preflight.size": N_("Size"),
    "preflight.links": N_("Links"),
    "preflight.placeholders": N_("Placeholders"),
    "preflight.images": N_("Images"),
    "preflight.unsubscribe": N_("Unsubscribe link"),
    "preflight.feed": N_("Data feed"),
    "preflight.segments": N_("Segments in the content"),
    "preflight.postal_address": N_("Postal address"),
    "preflight.public_address": N_("Public address"),
    "preflight.recipients": Plural("%(count)s recipient.", "%(count)s recipients."),
    "preflight.personal_values": N_("Recipients’ values"),
    "preflight.unrenderable": Plural(
        "%(count)s of %(people)s recipients cannot get this email, because one of their values"
        " does not fit.",
        "%(count)s of %(people)s recipients cannot get this email, because their values do not"
        " fit.",
    ),
    "preflight.unrenderable_in_sample": Plural(
        "%(count)s of the %(people)s recipients checked cannot get this email, because one of"
        " their values does not fit.",
        "%(count)s of the %(people)s recipients checked cannot get this email, because their"
        " values do not fit.",
    ),
    "preflight.list_archived": N_(
        "The list “%(list)s” is archived. Unarchive it, or choose another list."
    ),
    "preflight.no_list": N_("No list is chosen yet."),
    "preflight.no_recipients": N_(
        "There are no recipients: the lists are empty, or everyone on them is excluded or"
        " suppressed."
    ),
    "preflight.no_recipients_of_segments": N_(
        "There are no recipients: everyone in the segments who is subscribed to the lists is"
        " excluded or suppressed."
    ),
    "preflight.segments_empty": N_("There are no recipients: nobody is in the segments."),
    "preflight.nobody_subscribed": N_(
        "There are no recipients: nobody in the segments is subscribed to the lists."
    ),
    "preflight.segment_deleted": N_(
        "A segment of this campaign was deleted. Remove it from the audience or choose another."
    ),
    "preflight.segment_unusable": N_("The segment “%(segment)s” cannot be used. %(why)s"),
    "preflight.no_sender": N_("No sender address is chosen."),
    "preflight.no_sender_set_up": N_("No sender address is set up yet."),
    "preflight.trouble": N_("The account “%(account)s” is not working. %(why)s"),
    "preflight.from": N_("From %(sender)s."),
    "preflight.signed_by_service": N_(
        "Signed by “%(account)s”, once %(domain)s is confirmed there."
    ),
    "preflight.unsigned": N_(
        "Email from %(domain)s is not signed with DKIM. Gmail, Yahoo and Outlook"
        " require it from bulk senders."
    ),
    "preflight.signed": Plural(
        "Signed with DKIM for %(domain)s (selector %(selectors)s).",
        "Signed with DKIM for %(domain)s (selectors %(selectors)s).",
    ),
    "preflight.signed_not_in_dns": N_(
        "Signed with DKIM for %(domain)s, but the record is not in DNS as it should be, so"
        " receivers cannot verify the signature."
    ),
    "preflight.no_subject": N_("The subject is empty."),
    "preflight.subject_says_test": N_("The subject says “test”. Check that it is the right one."),
    "preflight.subject_short": Plural(
        "The subject is very short (%(count)s character). Say a little more.",
        "The subject is very short (%(count)s characters). Say a little more.",
    ),
    "preflight.subject_long": N_(
        "The subject has %(count)s characters. Most inboxes cut it off after about 78."
    ),
    "preflight.quoted": N_("“%(text)s”"),
    "preflight.no_preheader": N_(
        "No preheader. Inboxes show the first words of the email next to the subject."
    ),
    "preflight.no_content": N_("The campaign has no content yet."),
    "preflight.clipped": N_(
        "The email is %(size_bytes)s. Gmail cuts it off at %(limit_bytes)s and hides the footer."
    ),
    "preflight.nearly_clipped": N_(
        "The email is %(size_bytes)s, close to the %(limit_bytes)s at which Gmail cuts it off."
    ),
    "preflight.small": N_("%(size_bytes)s: small enough for every inbox."),
    "preflight.dead_links": Plural(
        "%(count)s link leads nowhere.", "%(count)s links lead nowhere."
    ),
    "preflight.hidden_images": Plural(
        "%(count)s image is not shown to everyone.",
        "%(count)s images are not shown to everyone.",
    ),
    "preflight.links_have_targets": Plural(
        "%(count)s link, with a target.", "%(count)s links, each with a target."
    ),
    "preflight.no_alternative_text": Plural(
        "%(count)s image has no alt text. Without images, nothing shows there.",
        "%(count)s images have no alt text. Without images, nothing shows there.",
    ),
    "preflight.alternative_text": Plural(
        "%(count)s image with alt text.", "%(count)s images with alt text."
    ),
    "preflight.no_subject_in": N_("The subject is missing in %(language)s."),
    "preflight.feed_fetched": N_("Fetched %(fetched_at)s. It is fetched again when you send."),
    "preflight.content_segments": N_(
        "Parts of this email depend on %(segments)s. Their members are determined when sending"
        " starts."
    ),
    "preflight.unsubscribe_everywhere": N_("In the footer and the header of every email."),
    "preflight.address_in_footer": N_("In the footer of every email, as the law requires."),
    "preflight.no_address": N_(
        "Your postal address is missing. The law requires it in every newsletter."
    ),
    "preflight.url_this_computer": N_(
        "Links lead to %(url)s. Only this computer can open them. Set PUBLIC_URL before you email"
        " anyone else."
    ),
    "preflight.url_own_network": N_(
        "Links lead to %(url)s. Only your own network can open them. Set PUBLIC_URL before you"
        " email anyone else."
    ),
    "preflight.url_not_encrypted": N_(
        "Links lead to %(url)s, without encryption. Change PUBLIC_URL to https."
    ),
    "preflight.url": N_("Links lead to %(url)s."),
}
