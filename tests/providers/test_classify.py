"""Replies of servers in many wordings, and their classes."""

import time

import pytest

from campaigns.messages import Step
from campaigns.providers.classify import ReplyClass, classify

REPLIES: list[tuple[Step, int, str, ReplyClass]] = [
    # --- nonexistent mailboxes----------------------------------------------------------------
    ("rcpt", 550, "5.1.1 <bob@mail.example>: this user is unknown at our site", "hard"),
    ("rcpt", 550, "5.1.1 NoSuchUser the address you wrote to is not one of ours", "hard"),
    ("rcpt", 550, "No such user here", "hard"),
    ("rcpt", 550, "Unknown local part bob in <bob@mail.example>", "hard"),
    ("rcpt", 550, "Invalid recipient bob@mail.example", "hard"),
    ("rcpt", 550, "5.1.1 <bob@mail.example> Recipient address rejected: user unknown", "hard"),
    ("rcpt", 550, "bob@mail.example: mailbox not found", "hard"),
    ("dot", 554, "<spam.virus@mail.example>: transaction failed", "refused"),
    ("rcpt", 550, "5.7.1 the client IP address was not found in our list of guests", "policy"),
    ("rcpt", 550, "Requested action not taken: mailbox unavailable", "hard"),
    ("rcpt", 550, "5.5.0 Requested action not taken: mailbox unavailable (S2017)", "hard"),
    ("rcpt", 551, "5.1.6 The recipient has moved away and left no address", "hard"),
    ("rcpt", 553, "5.1.2 We do not know the domain mail.example", "hard"),
    ("rcpt", 550, "5.1.2 Host unknown (name server: mail.example: host not found)", "hard"),
    ("rcpt", 550, "5.4.4 No such host as nowhere.example", "hard"),
    ("rcpt", 556, "5.1.10 nomail.example publishes a null MX", "hard"),
    ("rcpt", 550, "The account bob does not exist", "hard"),
    ("rcpt", 550, "That mailbox doesn't exist any more", "hard"),
    ("rcpt", 550, "5.7.1 no mailbox by that name; mail refused", "hard"),
    ("rcpt", 554, "delivery error: this account has been deleted", "hard"),
    ("rcpt", 550, "5.4.1 Recipient address rejected: Access denied. [x1.prod.example]", "hard"),
    ("rcpt", 550, "Unrouteable address", "hard"),
    ("rcpt", 550, "5.0.0 bob no longer works at this company", "hard"),
    ("rcpt", 554, "5.7.1 <bob@mail.example>: invalid mailbox", "hard"),
    ("rcpt", 550, "not a valid mailbox", "hard"),
    ("rcpt", 550, "EMPFAENGER UNBEKANNT", "hard"),
    ("rcpt", 550, "5.1.1 Kein Postfach dieses Namens", "hard"),
    ("rcpt", 550, "Aucun compte de ce nom ici", "hard"),
    ("rcpt", 550, "Destinatario sconosciuto presso il nostro server", "hard"),
    ("rcpt", 550, "A conta não foi encontrada: endereço inexistente", "hard"),
    ("rcpt", 550, "Odbiorca bob@poczta.example nie istnieje", "hard"),
    ("rcpt", 550, "Такой адрес не найден", "hard"),
    ("rcpt", 550, "指定されたアドレスは存在しません", "hard"),
    ("rcpt", 550, "收件人地址不存在", "hard"),
    ("rcpt", 552, "La boîte du destinataire est pleine", "mailbox_full"),
    ("rcpt", 552, "Postfach von bob@post.example ist voll", "mailbox_full"),
    ("rcpt", 552, "A caixa do usuário está cheia", "mailbox_full"),
    ("rcpt", 552, "Ящик получателя переполнен", "mailbox_full"),
    ("rcpt", 550, "Le compte du destinataire est bloqué", "disabled"),
    ("rcpt", 550, "La casella è stata disattivata", "disabled"),
    ("rcpt", 550, "该邮箱已被停用", "disabled"),
    ("mail", 550, "Absenderadresse unbekannt", "sender"),
    ("rcpt", 550, "L'adresse de l'expéditeur est invalide", "sender"),
    ("rcpt", 550, "Adresse IP inconnue de nos services", "refused"),
    ("rcpt", 554, "Blocked for mailing too many invalid recipients", "policy"),
    ("rcpt", 550, "5.1.2 Refused by the user", "policy"),
    ("rcpt", 550, "#5.1.0 Address rejected.", "hard"),
    ("dot", 550, "Address rejected", "refused"),
    ("dot", 550, "user not found: rejected by a rule of the mailbox", "refused"),
    ("rcpt", 550, "5.2.1 Mailbox not available", "disabled"),
    ("rcpt", 550, "BAD_RECIPIENT", "hard"),
    ("dot", 421, "sending limit reached; for our users, it is temporarily rejected", "throttle"),
    ("rcpt", 550, "this address takes no valid tokens of yours", "refused"),
    ("rcpt", 550, "the address you wrote is wrong", "hard"),
    ("rcpt", 550, "no MX or A data for mail.example", "hard"),
    ("mail", 550, "no MX or A data for the sender's domain", "sender"),
    ("rcpt", 550, "Diese Adresse existiert bei uns nicht", "hard"),
    ("rcpt", 550, "we don't handle mail for mail.example", "sender"),
    ("rcpt", 550, "RecipientNotFound", "hard"),
    ("rcpt", 550, "5.1.0 we do not want this one", "hard"),
    ("dot", 550, "5.1.0 we do not want this one", "refused"),
    ("mail", 550, "5.1.0 we do not want this one", "sender"),
    ("rcpt", 553, "bob was replaced by eve; the mailbox was replaced by another", "hard"),
    ("rcpt", 554, "Sending address not accepted", "refused"),
    ("rcpt", 550, "Brak takiego konta", "hard"),
    ("rcpt", 550, "No such post box", "hard"),
    ("rcpt", 550, "We don't receive mail from strangers", "refused"),
    ("rcpt", 550, "user unkown", "hard"),
    ("rcpt", 550, "bob isn't a valid recipient name", "hard"),
    ("rcpt", 550, "mail-box not in our directory", "hard"),
    ("rcpt", 550, "Diese Mailbox ist uns nicht bekannt", "hard"),
    ("rcpt", 550, "Cette adresse n'est pas connue chez nous", "hard"),
    ("rcpt", 550, "Nie ma takiej skrzynki", "hard"),
    ("rcpt", 550, "Schránka neexistuje", "hard"),
    ("rcpt", 550, "Mottagaren finns inte hos oss", "hard"),
    ("rcpt", 550, "That is not our user", "hard"),
    ("rcpt", 550, "We cannot find a mailbox for bob", "hard"),
    ("rcpt", 550, "We cannot find your hostname, client host not found", "policy"),
    ("rcpt", 550, "Le compte a été bloqué", "disabled"),
    ("rcpt", 550, "Su dirección IP está bloqueada", "policy"),
    ("rcpt", 550, "The address bob@mail.example is not in use", "hard"),
    ("rcpt", 551, "bob is not one of our customers", "hard"),
    ("rcpt", 550, "bob does not have a mailbox here", "hard"),
    ("rcpt", 550, "Account closed due to inactivity", "disabled"),
    ("rcpt", 550, "Mailbox closed temporarily", "transient"),
    ("rcpt", 450, "Recipient address rejected: unverified address: no such user", "transient"),
    ("rcpt", 511, "no valid MX for the sender domain (#5.1.1)", "sender"),
    ("rcpt", 556, "We take no mail for that domain", "hard"),
    ("rcpt", 550, "Empfänger bob@post.example unbekannt", "hard"),
    ("rcpt", 550, "Der Benutzer existiert nicht", "hard"),
    ("rcpt", 550, "5.1.1 Adresse introuvable: le destinataire n'existe pas", "hard"),
    ("rcpt", 550, "El usuario no existe en este servidor", "hard"),
    ("rcpt", 550, "La casella di posta non esiste", "hard"),
    ("rcpt", 550, "O usuário não existe", "hard"),
    ("rcpt", 550, "gebruiker onbekend", "hard"),
    ("dot", 550, "5.1.1 User bob@mail.example not known here", "hard"),
    ("rcpt", 550, "5.1.3 that is not how an address is written", "hard"),
    ("rcpt", 550, "5.1.1", "hard"),
    ("rcpt", 554, "this user doesn't have a mail.example account", "hard"),
    ("rcpt", 550, "the following addresses were unknown", "hard"),
    ("rcpt", 550, "<bob@mail.example> not found", "hard"),
    ("rcpt", 550, "nobody here: no bob in the name directory", "hard"),
    ("rcpt", 550, "this account is not a local one", "hard"),
    # --- disabled mailboxes--------------------------------------------------------------------
    ("rcpt", 550, "5.2.1 The mailbox you try to reach is disabled", "disabled"),
    ("rcpt", 550, "5.2.1 This account is inactive", "disabled"),
    ("rcpt", 554, "5.7.1 account suspended by its owner", "disabled"),
    ("rcpt", 550, "User bob has been deactivated", "disabled"),
    ("rcpt", 552, "5.2.2 This mailbox is out of storage and inactive", "disabled"),
    ("rcpt", 550, "mailbox frozen since spring", "disabled"),
    ("rcpt", 550, "5.2.1", "disabled"),
    # --- full mailboxes------------------------------------------------------------------------
    ("rcpt", 552, "5.2.2 Mailbox is full", "mailbox_full"),
    ("rcpt", 452, "4.2.2 The recipient's inbox is out of storage space", "mailbox_full"),
    ("rcpt", 550, "5.1.1 bob is over quota", "mailbox_full"),
    ("rcpt", 552, "Requested mail action aborted: exceeded storage allocation", "mailbox_full"),
    ("dot", 554, "quota exceeded for <bob@mail.example>", "mailbox_full"),
    ("dot", 552, "5.7.0 message would exceed the user's storage", "mailbox_full"),
    ("rcpt", 550, "Das Postfach ist voll", "mailbox_full"),
    ("rcpt", 550, "boîte pleine", "mailbox_full"),
    ("rcpt", 422, "mailbox full, try when bob has tidied up", "mailbox_full"),
    ("rcpt", 552, "no", "mailbox_full"),
    ("rcpt", 550, "bob has no quota left", "mailbox_full"),
    ("rcpt", 552, "there is not enough space for bob", "mailbox_full"),
    # --- temporary trouble-------------------------------------------------------------------
    ("rcpt", 450, "4.7.1 Greylisted, come again in 300 seconds", "transient"),
    ("rcpt", 451, "grey-listing is active for you", "transient"),
    ("rcpt", 451, "4.3.0 a local error; nothing was done", "transient"),
    ("rcpt", 452, "4.3.1 insufficient system storage", "transient"),
    ("dot", 451, "4.3.5 we cannot read our own settings", "transient"),
    ("rcpt", 450, "4.1.1 user unknown (looks so, ask again)", "transient"),
    ("rcpt", 450, "4.1.8 sender domain did not resolve just now", "transient"),
    ("dot", 451, "4.6.0 the content scanner is not up", "transient"),
    ("rcpt", 451, "4.4.1 no answer from the host behind us", "transient"),
    ("rcpt", 450, "Requested mail action not taken: mailbox unavailable", "transient"),
    ("rcpt", 450, "4.2.0 the mailbox is being moved", "transient"),
    ("rcpt", 451, "temporary lookup failure", "transient"),
    ("dot", 554, "5.4.7 the message waited until it expired", "transient"),
    ("rcpt", 451, "please try again later", "transient"),
    # --- rate limits --------------------------------------------------------------------------
    ("rcpt", 421, "4.7.28 an unusual rate of mail comes from your network", "throttle"),
    ("rcpt", 421, "4.7.0 [TSS04] mail from 192.0.2.7 is put off for a while", "throttle"),
    ("mail", 454, "Throttling failure: the sending rate is above its maximum", "throttle"),
    ("mail", 454, "Throttling failure: daily message quota exceeded", "throttle"),
    ("rcpt", 452, "4.5.3 too many recipients", "throttle"),
    ("rcpt", 450, "4.2.1 this person gets mail at a rate that is too high", "transient"),
    ("mail", 550, "5.4.5 your daily sending limit is used up", "throttle"),
    ("mail", 421, "RP-001 some messages were not taken because of rate limits", "throttle"),
    ("", 421, "too many connections from 192.0.2.7", "throttle"),
    ("mail", 432, "4.3.2 concurrent connections limit reached", "throttle"),
    ("rcpt", 451, "4.7.500 Server busy", "throttle"),
    ("rcpt", 451, "4.7.650 the mail server 192.0.2.7 is slowed for its standing", "throttle"),
    ("rcpt", 421, "service not available", "throttle"),
    ("dot", 421, "closing", "throttle"),
    ("rcpt", 550, "5.1.90 your organisation wrote to its limit of outside people", "throttle"),
    ("dot", 550, "5.7.233 limit of recipients outside reached", "throttle"),
    ("rcpt", 451, "4.7.1 blocked by zen.spamhaus.example for some time", "throttle"),
    ("mail", 451, "not now", "throttle"),
    ("rcpt", 550, "hourly quota of messages exceeded", "throttle"),
    ("rcpt", 450, "slow down, please", "throttle"),
    ("mail", 450, "4.7.1 max messages per hour: rate limit", "throttle"),
    ("mail", 452, "quota exceeded", "throttle"),
    ("mail", 550, "you have used up your quota", "throttle"),
    # --- policy blocks ------------------------------------------------------------------------
    ("mail", 550, "5.7.26 This mail is unauthenticated: SPF and DKIM did not pass", "policy"),
    ("dot", 550, "5.7.515 Access denied, news.example lacks the authentication level", "policy"),
    ("dot", 550, "5.7.509 Access denied, news.example fails DMARC and asks for refusal", "policy"),
    ("rcpt", 554, "5.7.1 service unavailable; client host [192.0.2.7] blocked", "policy"),
    ("rcpt", 550, "blocked using zen.spamhaus.example; see their page", "policy"),
    ("mail", 550, "5.7.1 your network is on our block list (S3140)", "policy"),
    ("mail", 550, "SC-001 mail from 192.0.2.7 was refused for policy reasons", "policy"),
    ("mail", 550, "DY-001 the address range is dynamic", "policy"),
    ("dot", 550, "OU-002 looks like mail nobody asked for", "policy"),
    ("", 554, "no service: your host has a poor reputation", "policy"),
    ("rcpt", 554, "5.7.1 rejected: the reputation of the sender is bad", "policy"),
    ("rcpt", 550, "5.7.25 the sending IP has no PTR record", "policy"),
    ("rcpt", 550, "reverse DNS of 192.0.2.7 is missing", "policy"),
    ("rcpt", 554, "IP listed in a DNSBL", "policy"),
    ("dot", 550, "5.7.606 Access denied, banned sending IP [192.0.2.7]", "policy"),
    ("dot", 554, "5.7.9 not taken for policy reasons, see our help", "policy"),
    ("dot", 550, "we refuse unsolicited mail from this network", "policy"),
    ("dot", 550, "5.7.1 too many complaints about you", "throttle"),
    ("rcpt", 550, "5.7.1 delivery not wanted", "policy"),
    ("mail", 550, "5.7.1 your IP 192.0.2.7 has been blacklisted", "policy"),
    ("rcpt", 550, "5.7.29 this connection was not encrypted", "policy"),
    ("rcpt", 504, "<relay.example>: HELO command rejected: host not found", "policy"),
    ("rcpt", 450, "client host rejected: cannot find your hostname", "throttle"),
    ("rcpt", 554, "client host rejected: cannot find your hostname", "policy"),
    ("rcpt", 550, "no spam here, please", "policy"),
    ("rcpt", 554, "open proxy", "policy"),
    ("rcpt", 550, "dynamic IP addresses are not let in", "policy"),
    # --- refused content ----------------------------------------------------------------------
    ("dot", 552, "5.7.0 this message was blocked: its content is a security issue", "content"),
    ("dot", 552, "5.3.4 message size exceeds the fixed limit", "content"),
    ("mail", 552, "message too big for us", "content"),
    ("dot", 554, "5.7.1 the message looks like spam", "content"),
    ("dot", 550, "spam message rejected, score 17.2", "content"),
    ("dot", 554, "5.7.1 rejected: high probability of spam", "content"),
    ("dot", 550, "a virus was found in your message", "content"),
    ("dot", 554, "5.6.0 the message is malformed", "content"),
    ("dot", 550, "5.7.1 messages missing a valid Message-ID header are not taken", "content"),
    ("dot", 550, "5.7.1 the URL in the message is on the SURBL", "content"),
    ("dot", 554, "content filter says no", "content"),
    ("dot", 550, "attachments of this kind are not allowed: attachment blocked", "content"),
    ("dot", 500, "line too long", "content"),
    ("dot", 552, "5.2.3 message length is above what the recipient takes", "content"),
    ("dot", 554, "5.7.1 not taken under suspicion of spam", "content"),
    ("dot", 550, "the headers fail our syntax check", "content"),
    ("dot", 550, "your mail is spam to us", "content"),
    ("dot", 554, "this e-mail holds an invalid attachment name", "refused"),
    ("dot", 552, "the message size exceeds the limit", "content"),
    # --- our account -------------------------------------------------------------------------
    ("mail", 530, "5.7.0 Authentication required", "sender"),
    ("", 535, "5.7.8 user name and password do not fit", "sender"),
    ("", 534, "5.7.90 an application-specific password is needed", "sender"),
    ("mail", 550, "5.7.30 Basic authentication is not supported any more", "sender"),
    ("mail", 530, "5.7.57 client not authenticated to send mail", "sender"),
    ("dot", 554, "5.2.252 SendAsDenied; news@news.example may not be used", "sender"),
    ("rcpt", 554, "5.7.1 <bob@mail.example>: Relay access denied", "sender"),
    ("rcpt", 550, "relaying not permitted", "sender"),
    ("mail", 553, "5.1.8 sender domain does not exist", "sender"),
    ("mail", 550, "5.1.7 that is no good return path", "sender"),
    ("mail", 553, "Sender address rejected: not owned by user news", "sender"),
    ("dot", 554, "Message rejected: the e-mail address is not verified", "sender"),
    ("dot", 550, "your account was suspended from sending", "sender"),
    ("dot", 550, "5.7.705 tenant went over its threshold", "sender"),
    ("mail", 503, "5.5.1 log in first", "sender"),
    ("mail", 550, "no", "sender"),
    ("mail", 523, "5.7.10 encryption needed", "sender"),
    ("rcpt", 550, "sender verification failed", "sender"),
    ("rcpt", 553, "that domain isn't in my list of allowed rcpthosts (#5.7.1)", "sender"),
    ("rcpt", 550, "your account has been suspended, please call us", "sender"),
    ("rcpt", 550, "your account is locked", "sender"),
    ("rcpt", 550, "you are no longer allowed to send mail", "sender"),
    ("mail", 550, "unroutable sender address", "sender"),
    ("rcpt", 550, "From: domain is invalid", "sender"),
    # --- other refusals -----------------------------------------------------------------------
    ("dot", 554, "transaction failed", "refused"),
    ("rcpt", 550, "no", "refused"),
    ("rcpt", 550, "5.7.133 only members may write to this group", "refused"),
    ("dot", 554, "5.4.6 the mail goes round in circles", "refused"),
    ("dot", 554, "5.0.0 something went wrong with bob's server", "refused"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "code", "words", "meant"), REPLIES)
def test_replies_are_classified(step: Step, code: int, words: str, meant: ReplyClass) -> None:
    assert classify(code, f"{code} {words}", step=step, scope="recipient") == meant
    assert classify(code, words.upper(), step=step, scope="recipient") == meant, (
        "in any letter case"
    )


def test_a_broken_connection_is_temporary_trouble() -> None:
    assert classify(0, "connection reset by peer", scope="connection", step="") == "transient"
    assert classify(0, "no such user", scope="connection", step="rcpt") == "transient"


@pytest.mark.parametrize("code", [421, 450, 451, 452, 454, 471])
@pytest.mark.parametrize("step", ["", "mail", "rcpt", "data", "dot"])
def test_a_temporary_reply_is_never_permanent(code: int, step: Step) -> None:
    for words in ("user unknown", "blocked by spamhaus", "virus", "relay denied", "disabled", ""):
        found = classify(code, words, step=step, scope="recipient")
        assert found in ("transient", "throttle", "mailbox_full")


@pytest.mark.parametrize("words", ["", "5.1.1", "no such user", "5.2.1 account disabled"])
def test_m4_a_reply_before_rcpt_is_not_the_recipients_fault(words: str) -> None:
    assert classify(550, words, step="mail", scope="sender") == "sender"


@pytest.mark.parametrize(
    "name", ["RP-001", "RP-002", "RP-003", "SC-001", "SC-004", "DY-001", "OU-001"]
)
def test_m4_network_codes_are_not_the_recipients_fault(name: str) -> None:
    for code in (421, 550):
        assert classify(code, name, step="rcpt", scope="recipient") in ("throttle", "policy")


def test_an_ip_address_is_not_an_enhanced_code() -> None:
    assert classify(550, "said to 5.1.1.9 and 192.5.1.1: no", step="rcpt") == "refused"


def test_long_and_odd_texts_are_classified_quickly() -> None:
    texts = [letter * 500 for letter in "a 5.-:<é"] + ["user " * 100, "recipient: " * 45]
    started = time.process_time()
    for text in texts:
        classify(550, text, step="rcpt")
    assert time.process_time() - started < 4
