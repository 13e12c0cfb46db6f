"""Bounces, complaints and automatic replies that come back by email: bytes in, a value out.

reading          classifies an email, by the strongest evidence in it
mime             its parts and texts, bounded whatever it contains
delivery_status  reports about deliveries (RFC 3464)
complaints       reports about complaints (RFC 5965)
amazon           notifications of Amazon SES
signs            who wrote it: a mail server, a program, a person
notice           whom a notice in words names, and what it says
phrases          the words of notices, in many languages
replies          the reply of a server in it, and its class
detectors        the detectors of flufl.bounce
traces           our token, and the Message-IDs of the returned email
values           the result: a verdict, with a report for each recipient
feedback         the result as `events.feedback.Feedback`, which webhooks produce too
addresses        email addresses in texts
"""
