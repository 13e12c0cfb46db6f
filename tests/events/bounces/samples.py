"""Notices by format: what each mail server or mailbox provider writes, in our own words.

Each names its recipients, and the outcome of the email.
"""

from dataclasses import dataclass

from tests.events.bounces.emails import RETURNED, email

ADA = "ada@example.org"


@dataclass(frozen=True)
class Sample:
    """A notice, and what is to be read in it. `author` and `subject` are its headers."""

    name: str
    author: str
    subject: str
    text: str
    kind: str = "bounce"
    hardness: str = "hard"
    recipients: tuple[str, ...] = (ADA,)
    headers: tuple[tuple[str, str], ...] = ()
    html: bool = False

    @property
    def raw(self) -> bytes:
        """The email."""
        headers = {"Return_Path": "<>", "From": self.author, "To": "news@example.com"}
        headers |= {"Subject": self.subject, **dict(self.headers)}
        if self.html:
            headers["Content_Type"] = "text/html; charset=utf-8"
        else:
            headers.setdefault("Content_Type", "text/plain; charset=utf-8")
        return email(self.text.replace("{copy}", RETURNED), **headers)


DAEMON = "MAILER-DAEMON@mx.example.net"
POSTMASTER = "postmaster@example.net"

SAMPLES = [
    Sample(
        "qmail, several recipients",
        DAEMON,
        "failure notice",
        """Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ada@example.org>:
192.0.2.1 does not like recipient.
Remote host said: 550 unknown user
Giving up on 192.0.2.1.

<bob@example.org>:
Sorry, I couldn't find any host named example.org. (#5.1.2)

--- Below this line is a copy of the message.

{copy}""",
        recipients=(ADA, "bob@example.org"),
    ),
    Sample(
        "qmail, queue time over",
        DAEMON,
        "failure notice",
        """Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ada@example.org>:
Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)
I'm not going to try again; this message has been in the queue too long.

--- Below this line is a copy of the message.

{copy}""",
        hardness="soft",
    ),
    Sample(
        "vpopmail",
        DAEMON,
        "failure notice",
        """Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.

<ada@example.org>:
user does not exist, but will deliver to /var/vpopmail/domains/postmaster
The mailbox is over quota. (#5.2.2)

--- Below this line is a copy of the message.

{copy}""",
        hardness="soft",
    ),
    Sample(
        "Exim, no route",
        "Mail Delivery System <Mailer-Daemon@mx.example.net>",
        "Mail delivery failed: returning message to sender",
        """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ada@example.org
    Unrouteable address

------ This is a copy of the message, including all the headers. ------

{copy}""",
    ),
    Sample(
        "Exim, colon and quota",
        "Mail Delivery System <Mailer-Daemon@mx.example.net>",
        "Mail delivery failed: returning message to sender",
        """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to all of its recipients.
The following address(es) failed:

  ada@example.org:
    mailbox is full: retry timeout exceeded

------ This is a copy of the message's headers. ------

{copy}""",
        hardness="soft",
    ),
    Sample(
        "Exim, still trying",
        "Mail Delivery System <Mailer-Daemon@mx.example.net>",
        "Warning: message 1abcDE-000001-Aa delayed 24 hours",
        """This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mx.example.net.

The address to which the message has not yet been delivered is:

  ada@example.org
    Delay reason: Connection timed out

No action is required on your part. Delivery attempts will continue for
some time, and this warning may be repeated at intervals if the message
remains undelivered.
""",
        kind="delay",
        hardness="soft",
    ),
    Sample(
        "Postfix without a report",
        "MAILER-DAEMON@mx.example.net (Mail Delivery System)",
        "Undelivered Mail Returned to Sender",
        """This is the Postfix program at host mx.example.net.

I'm sorry to have to inform you that your message could not be
be delivered to one or more recipients. It's attached below.

For further assistance, please send mail to <postmaster@mx.example.net>

                        The Postfix program

<ada@example.org>: host mx.example.org[192.0.2.1] said: 550 <ada@example.org>:
    User unknown (in reply to RCPT TO command)
""",
    ),
    Sample(
        "Postfix, host not found",
        "MAILER-DAEMON@mx.example.net (Mail Delivery System)",
        "Undelivered Mail Returned to Sender",
        """This is the mail system at host mx.example.net.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients.

<ada@example.org>: Host or domain name not found. Name service error for
    name=example.org type=A: Host not found
""",
    ),
    Sample(
        "sendmail, host unknown",
        "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.net>",
        "Returned mail: Host unknown (Name server: example.org: host not found)",
        """The original message was received at Mon, 1 Jun 2026 09:00:00 GMT
from app.example.com [192.0.2.9]

   ----- The following addresses had permanent fatal errors -----
<ada@example.org>

   ----- Transcript of session follows -----
550 <ada@example.org>... Host unknown (Name server: example.org: host not found)

   ----- Original message follows -----
{copy}""",
    ),
    Sample(
        "sendmail, still trying",
        "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.net>",
        "Warning: could not send message for past 4 hours",
        """    **********************************************
    **      THIS IS A WARNING MESSAGE ONLY      **
    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **
    **********************************************

The original message was received at Mon, 1 Jun 2026 09:00:00 GMT

   ----- Transcript of session follows -----
<ada@example.org>... Deferred: Connection timed out with mx.example.org.
Warning: message still undelivered after 4 hours
Will keep trying until message is 5 days old
""",
        kind="delay",
        hardness="soft",
    ),
    Sample(
        "Exchange 5.5",
        "System Administrator <postmaster@example.net>",
        "Undeliverable: June offers",
        """Your message

  To:      ada@example.org
  Subject: June offers
  Sent:    Mon, 1 Jun 2026 09:00:00 +0000

did not reach the following recipient(s):

ada@example.org on Mon, 1 Jun 2026 09:00:05 +0000
    The recipient name is not recognized
        The MTS-ID of the original message is: c=us;a= ;p=example;l=MX-1
    MSEXCH:IMS:EXAMPLE:SITE:MX 0 (000C05A6) Unknown Recipient
""",
    ),
    Sample(
        "Exchange 2003",
        "System Administrator <postmaster@example.net>",
        "Undeliverable: June offers",
        """Your message did not reach some or all of the intended recipients.

      Subject:  June offers
      Sent:     01/06/2026 09:00

The following recipient(s) could not be reached:

      ada@example.org on 01/06/2026 09:00
            The e-mail account does not exist at the organization this message was sent to.
            Check the e-mail address, or contact the recipient directly to find out the correct
            address.
            <mx.example.net #5.1.1>
""",
    ),
    Sample(
        "Exchange in German",
        "Systemadministrator <postmaster@example.net>",
        "Unzustellbar: June offers",
        """Ihre Nachricht hat einige oder alle Empfänger nicht erreicht.

      Betreff:  June offers
      Gesendet am:      01.06.2026 09:00

Folgende(r) Empfänger konnte(n) nicht erreicht werden:

      ada@example.org am 01.06.2026 09:00
            Dieses E-Mail-Konto existiert nicht in der Organisation, an die die Nachricht
            gesendet wurde.
            <mx.example.net #5.1.1>
""",
    ),
    Sample(
        "Exchange Online, as HTML",
        "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.net>",
        "Undeliverable: June offers",
        """<html><head><style>p { color: red }</style></head><body>
<h1>Your message to ada@example.org couldn't be delivered.</h1>
<p>ada wasn't found at example.org.</p>
<p>Remote server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient
ada@example.org not found by SMTP address lookup'</p></body></html>""",
        html=True,
    ),
    Sample(
        "Exchange in French",
        "Microsoft Outlook <postmaster@example.net>",
        "Non remis : June offers",
        """Échec de la remise aux destinataires ou groupes suivants :

ada@example.org
Boîte aux lettres pleine. Réessayez plus tard.

Informations de diagnostic pour les administrateurs :

ada@example.org
Remote Server returned '554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceeded'
""",
        hardness="soft",
    ),
    Sample(
        "Exchange in Spanish",
        "Microsoft Outlook <postmaster@example.net>",
        "No se puede entregar: June offers",
        """No se pudo entregar el mensaje a los siguientes destinatarios o grupos:

ada@example.org
No se encontró la dirección de correo electrónico que especificó.

#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##
""",
    ),
    Sample(
        "Gmail, address not found",
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        """** Address not found **

Your message wasn't delivered to ada@example.org because the address couldn't be found, or is
unable to receive mail.

Learn more here: https://support.google.com/mail/answer/6596

The response was:

550 5.1.1 The email account that you tried to reach does not exist.
""",
        headers=(("X_Failed_Recipients", ADA),),
    ),
    Sample(
        "Gmail, older",
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        """Delivery to the following recipient failed permanently:

     ada@example.org

Technical details of permanent failure:
Google tried to deliver your message, but it was rejected by the server for the recipient domain
example.org by mx.example.org. [192.0.2.1].

The error that the other server returned was:
552 5.2.2 Over quota

----- Original message -----

{copy}""",
        hardness="soft",
    ),
    Sample(
        "Gmail, delay",
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Delay)",
        """** Delivery incomplete **

There was a temporary problem delivering your message to ada@example.org. Gmail will retry for 46
more hours. You'll be notified if the delivery fails permanently.

The response was:

451 4.3.0 Temporary lookup failure
""",
        kind="delay",
        hardness="soft",
        headers=(("X_Failed_Recipients", ADA),),
    ),
    Sample(
        "Gmail in German",
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        """** Adresse nicht gefunden **

Ihre Nachricht wurde nicht an ada@example.org zugestellt, weil die Adresse nicht gefunden wurde.

Die Antwort lautete:

550 5.1.1 User unknown
""",
        headers=(("X_Failed_Recipients", ADA),),
    ),
    Sample(
        "Yahoo",
        "MAILER-DAEMON@yahoo.example",
        "Failure Notice",
        """Sorry, we were unable to deliver your message to the following address.

<ada@example.org>:
554: delivery error: dd This user doesn't have a example.org account (ada@example.org) [0]

--- Below this line is a copy of the message.

{copy}""",
    ),
    Sample(
        "Yahoo, disabled",
        "MAILER-DAEMON@yahoo.example",
        "Failure Notice",
        """Sorry, we were unable to deliver your message to the following address.

<ada@example.org>:
554: delivery error: dd Sorry, your message to ada@example.org cannot be delivered. This
mailbox is
disabled (554.30).

--- Below this line is a copy of the message.

{copy}""",
        hardness="soft",
    ),
    Sample(
        "GMX",
        '"GMX Mailer Daemon" <mailer-daemon@gmx.example>',
        "Mail delivery failed: returning message to sender",
        """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of
its recipients. This is a permanent error. The following address
failed:

"ada@example.org":
SMTP error from remote server after RCPT command:
host: mx.example.org
5.1.1 <ada@example.org>: Recipient address rejected: User unknown

--- The header of the original message is following. ---

{copy}""",
    ),
    Sample(
        "web.de",
        "mailer-daemon@web.example",
        "Mail delivery failed: returning message to sender",
        """Diese Nachricht wurde automatisch erzeugt.

Ihre Nachricht konnte an folgende Empfänger nicht zugestellt werden:

ada@example.org:
Das Postfach ist voll. (552 Quota exceeded)

--- Der Header der ursprünglichen Nachricht ---

{copy}""",
        hardness="soft",
    ),
    Sample(
        "mail.ru",
        "mailer-daemon@corp.example",
        "Ваше сообщение не доставлено. Mail failure.",
        """Это письмо создано автоматически сервером, отвечать на него не нужно.

К сожалению, Ваше письмо не может быть доставлено одному или нескольким получателям:

ada@example.org
    SMTP error from remote mail server after RCPT TO:<ada@example.org>:
    host mx.example.org [192.0.2.1]: 550 5.1.1 no such user
""",
    ),
    Sample(
        "Japanese",
        POSTMASTER,
        "=?iso-2022-jp?B?GyRCQXc/LiUoJWkhPBsoQg==?=",
        """以下のメールアドレスへの配信ができませんでした。

<ada@example.org>: 550 5.1.1 User unknown

""",
    ),
    Sample(
        "Chinese",
        POSTMASTER,
        "系统退信",
        """抱歉，您的邮件被退回来了，无法投递到以下收件人。

收件人：ada@example.org
退信原因：550 5.1.1 User not found
""",
    ),
    Sample(
        "Portuguese",
        POSTMASTER,
        "Falha na entrega da mensagem",
        """A mensagem não foi entregue ao destinatário: ada@example.org

550 5.1.1 Usuário desconhecido
""",
    ),
    Sample(
        "Italian",
        POSTMASTER,
        "Mancata consegna",
        """Non è stato possibile recapitare il messaggio al destinatario ada@example.org:
550 5.2.2 casella piena
""",
        hardness="soft",
    ),
    Sample(
        "Dutch",
        POSTMASTER,
        "Onbestelbaar: June offers",
        """Uw bericht kon niet worden bezorgd aan:

ada@example.org
550 5.1.1 onbekende gebruiker
""",
    ),
    Sample(
        "Polish",
        POSTMASTER,
        "Nie dostarczono: June offers",
        """Wiadomość nie została dostarczona do następujących odbiorców:

ada@example.org: 550 5.1.1 User unknown
""",
    ),
    Sample(
        "Lotus Domino",
        POSTMASTER,
        "DELIVERY FAILURE: User ada (ada@example.org) not listed in Domino Directory",
        """Your message

  Subject: June offers

was not delivered to:

  ada@example.org

because:

  User ada (ada@example.org) not listed in Domino Directory
""",
    ),
    Sample(
        "GroupWise",
        "Mailer-Daemon@example.net",
        "Message status - undeliverable",
        """The message that you sent was undeliverable to the following:
        ada@example.org (550 No such user)

Possibly truncated original message follows:

{copy}""",
        hardness="soft",
    ),
    Sample(
        "IMail",
        "Postmaster <postmaster@example.net>",
        "Undeliverable Mail",
        """Unknown user: ada@example.org


Original message follows.

{copy}""",
    ),
    Sample(
        "OpenSMTPD",
        "Mailer Daemon <MAILER-DAEMON@mx.example.net>",
        "Delivery status notification: error",
        """    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this e-mail.

    An error has occurred while attempting to deliver a message for
    the following list of recipients:

ada@example.org: 550 5.7.1 Message rejected due to its content

    Below is a copy of the original message:

{copy}""",
        hardness="soft",
    ),
    Sample(
        "OpenSMTPD, still trying",
        "Mailer Daemon <MAILER-DAEMON@mx.example.net>",
        "Delivery status notification: warning",
        """    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this e-mail.

    A message is delayed for more than 4 hours for the following
    list of recipients:

ada@example.org: Network error on destination MXs

    Please note that this is only a temporary failure report.
    Below is a copy of the original message:

{copy}""",
        kind="delay",
        hardness="soft",
    ),
    Sample(
        "DragonFly",
        "MAILER-DAEMON <>",
        "Mail delivery failed",
        """This is the DragonFly Mail Agent v0.13 at mx.example.net.

There was an error delivering your mail to <ada@example.org>.

mx.example.org [192.0.2.1] did not like our RCPT TO:
550 5.1.1 User unknown

Message headers follow.

{copy}""",
    ),
    Sample(
        "Courier",
        DAEMON,
        "NOTICE: mail delivery status.",
        """This is a delivery status notification from mx.example.net,
running the Courier mail server.

The original message was received from app.example.com.

---------------------------------------------------------------------------

                           UNDELIVERABLE MAIL

Your message to the following recipients cannot be delivered:

<ada@example.org>:
    mx.example.org [192.0.2.1]:
>>> RCPT TO:<ada@example.org>
<<< 550 User <ada@example.org> unknown

---------------------------------------------------------------------------

{copy}""",
    ),
    Sample(
        "MDaemon",
        "MDaemon@mx.example.net",
        "WARNING: MDaemon could not deliver message",
        """The following data may contain sections which represent BASE64 encoded
file attachments.

--> RCPT To:<ada@example.org>
<-- 550 5.1.1 Recipient unknown

The attached message failed delivery to: ada@example.org
""",
    ),
    Sample(
        "MailEnable",
        "postmaster@mx.example.net",
        "Message Delivery Failure",
        """MailEnable: Message Delivery Failure.

Your message could not be delivered to some recipients.

Reason: ME-E0105: Recipient could not be found

Recipient:
[SMTP:ada@example.org]
550 No such user

Message headers follow:

{copy}""",
        hardness="soft",
    ),
    Sample(
        "Zimbra",
        "MAILER-DAEMON@mail.example.net (Mail Delivery System)",
        "Undelivered Mail Returned to Sender",
        """This is the mail system at host mail.example.net.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients.

<ada@example.org>: host mail.example.org[192.0.2.1] said: 550 5.1.1
    <ada@example.org>: Recipient address rejected: example.org (in reply to
    RCPT TO command)
""",
    ),
    Sample(
        "Mimecast",
        "MAILER-DAEMON@mimecast.example",
        "[Postmaster] Email Delivery Failure",
        """The following email to ada@example.org has not been delivered.

Reason: 550 Invalid Recipient - https://community.mimecast.example/docs/550#invalid-recipient
Remote server replied to RCPT TO: 550 5.1.1 Invalid Recipient
""",
    ),
    Sample(
        "Barracuda",
        "MAILER-DAEMON@barracuda.example",
        "Undelivered Mail Returned to Sender",
        """This is the Spam & Virus Firewall at barracuda.example.

I'm sorry to inform you that the message below could not be delivered.
When delivery was attempted, the following error was returned.

<ada@example.org>: host mx.example.org[192.0.2.1] said: 550 permanent failure for one
    or more recipients (ada@example.org:blocked) (in reply to end of DATA command)
""",
        hardness="soft",
    ),
    Sample(
        "Proofpoint",
        "Mail Delivery Subsystem <MAILER-DAEMON@pphosted.example>",
        "Returned mail: see transcript for details",
        """   ----- The following addresses had permanent fatal errors -----
<ada@example.org>
    (reason: 554 5.7.1 Blocked - see https://ipcheck.example/?ip=192.0.2.9)

   ----- Transcript of session follows -----
... while talking to mx.example.org.:
>>> MAIL From:<news@example.com>
<<< 554 5.7.1 Blocked - see https://ipcheck.example/?ip=192.0.2.9
554 5.0.0 Service unavailable
""",
        hardness="soft",
    ),
    Sample(
        "Zoho",
        "mailer-daemon@mail.example.net",
        "Undelivered Mail Returned to Sender",
        """This message was created automatically by mail delivery software.
A message that you sent could not be delivered to one or more of its recipients. This is a
permanent error.

ada@example.org User does not exist - <5.1.1>, ERROR_CODE :550
""",
    ),
    Sample(
        "Messaging Server",
        POSTMASTER,
        "Delivery Notification: Delivery has failed",
        """This report relates to a message you sent with the following header fields:

  Message-id: <1@example.com>
  Date: Mon, 1 Jun 2026 09:00:00 +0000
  From: news@example.com
  To: ada@example.org
  Subject: June offers

Your message cannot be delivered to the following recipients:

  Recipient address: ada@example.org
  Reason: Remote SMTP server has rejected address
  Diagnostic code: smtp;550 5.1.1 User unknown
  Remote system: dns;mx.example.org
""",
    ),
    Sample(
        "Amazon WorkMail",
        "MAILER-DAEMON@amazonses.example",
        "Delivery Status Notification (Failure)",
        """An error occurred while trying to deliver the mail to the following recipients:
ada@example.org

Technical report:

Reporting-MTA: dsn; mx.example.net

Action: failed
Final-Recipient: rfc822; ada@example.org
Diagnostic-Code: smtp; 550 5.1.1 user unknown
Status: 5.1.1
""",
    ),
    Sample(
        "KDDI",
        "Postmaster@example.net",
        "Mail System Error - Returned Mail",
        """Each of the following recipients was rejected by a remote
mail server.

    Recipient: <ada@example.org>
    >>> RCPT TO:<ada@example.org>
    <<< 550 <ada@example.org>: User unknown
""",
    ),
    Sample(
        "WebSphere and Java servers",
        POSTMASTER,
        "Delivery Failure Notification",
        """Hi. This is the James mail server at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out. Below
I include the list of recipients and the reason why I was unable to deliver
your message.

Failed recipient(s):
ada@example.org

Error message:
550 5.1.1 Mailbox unknown
""",
    ),
    Sample(
        "Symantec gateway",
        "Mail Delivery System <postmaster@gateway.example>",
        "Delivery failure",
        """Your message could not be delivered to the following recipient(s):

 ada@example.org

 The message was rejected because it contains a virus.
""",
        hardness="soft",
    ),
    Sample(
        "Trend Micro gateway",
        "postmaster@gateway.example",
        "Mail could not be delivered",
        """****** Message from InterScan Messaging Security Suite ******

Sent <<< RCPT TO:<ada@example.org>
Received >>> 550 5.1.1 <ada@example.org>... User unknown

Unable to deliver message to <ada@example.org>.

************************     End of message     **********************
""",
    ),
    Sample(
        "Amazon SES, as JSON",
        "SES <no-reply@sns.amazonaws.example>",
        "AWS Notification Message",
        '{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General",'
        '"bouncedRecipients":[{"emailAddress":"ada@example.org","action":"failed","status":"5.1.1",'
        '"diagnosticCode":"smtp; 550 5.1.1 user unknown"}]},"mail":{"messageId":"1"}}\n\n--\nIf you'
        " wish to stop receiving notifications, click below.",
    ),
    Sample(
        "Amazon SES complaint, as JSON",
        "SES <no-reply@sns.amazonaws.example>",
        "AWS Notification Message",
        '{"notificationType":"Complaint","complaint":{"complainedRecipients":[{"emailAddress":'
        '"ada@example.org"}],"complaintFeedbackType":"abuse"},"mail":{"messageId":"1"}}',
        kind="complaint",
        hardness="none",
    ),
    Sample(
        "Amazon SES delivery, as JSON",
        "SES <no-reply@sns.amazonaws.example>",
        "AWS Notification Message",
        '{"notificationType":"Delivery","delivery":{"recipients":["ada@example.org"],'
        '"smtpResponse":"250 2.6.0 received"},"mail":{"messageId":"1"}}',
        kind="delivered",
        hardness="none",
    ),
    Sample(
        "AOL, moved",
        DAEMON,
        "Returned mail: Delivery failure",
        """The following addresses had delivery problems:

<ada@example.org>   (reason: 551 5.1.6 The recipient has moved, please try bob@example.org)
""",
    ),
    Sample(
        "null MX",
        "Mail Delivery System <Mailer-Daemon@mx.example.net>",
        "Mail delivery failed: returning message to sender",
        """A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ada@example.org
    all relevant MX records point to non-existent hosts or (invalidly) to IP addresses
    556 5.1.10 Domain example.org does not accept mail (nullMX)
""",
    ),
    Sample(
        "mailbox exceeds its size",
        "Postmaster <postmaster@example.net>",
        "Undeliverable Mail",
        """User mailbox exceeds allowed size: ada@example.org

Original message follows.

{copy}""",
        hardness="soft",
    ),
    Sample(
        "greylisted until the end",
        "MAILER-DAEMON@mx.example.net (Mail Delivery System)",
        "Undelivered Mail Returned to Sender",
        """This is the mail system at host mx.example.net.

Your message could not be delivered for more than 5 days.
It will not be retried.

<ada@example.org>: host mx.example.org[192.0.2.1] said: 450 4.7.1 <ada@example.org>:
    Recipient address rejected: Greylisted (in reply to RCPT TO command)
""",
        hardness="soft",
    ),
    Sample(
        "relaying denied",
        "Mail Delivery System <Mailer-Daemon@mx.example.net>",
        "Mail delivery failed: returning message to sender",
        """A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ada@example.org
    SMTP error from remote mail server after RCPT TO:<ada@example.org>:
    host mx.example.org [192.0.2.1]: 550 relay not permitted
""",
        hardness="soft",
    ),
    Sample(
        "loop",
        DAEMON,
        "Undelivered Mail Returned to Sender",
        """I'm sorry to have to inform you that your message could not be delivered.

<ada@example.org>: mail for example.org loops back to myself
""",
        hardness="soft",
    ),
    Sample(
        "InterMail",
        "Mail Administrator <Postmaster@mail.example.net>",
        "Mail System Error - Returned Mail",
        """This Message was undeliverable due to the following reason:

Each of the following recipients was rejected by a remote mail server.
The reasons given by the server are included to help you determine why
each recipient was rejected.

    Recipient: <ada@example.org>
    Reason:    5.1.1 <ada@example.org>... User unknown


Please reply to <Postmaster@mail.example.net>
if you feel this message to be in error.
""",
    ),
    Sample(
        "InterMail, quota",
        "Mail Administrator <Postmaster@mail.example.net>",
        "Mail System Error - Returned Mail",
        """This Message was undeliverable due to the following reason:

The user(s) account is temporarily over quota.

<ada@example.org>

Please reply to <Postmaster@mail.example.net>
if you feel this message to be in error.
""",
        hardness="soft",
    ),
    Sample(
        "InterMail, queue time over",
        "Mail Administrator <Postmaster@mail.example.net>",
        "Mail System Error - Returned Mail",
        """This Message was undeliverable due to the following reason:

Your message was not delivered because the destination computer was
not reachable within the allowed queue period.

Host mx.example.org is not responding.

The following recipients did not receive this message:

     <ada@example.org>

Please reply to <Postmaster@mail.example.net>
""",
        hardness="soft",
    ),
    Sample(
        "Exchange Online, as text",
        "Microsoft Outlook <postmaster@example.net>",
        "Undeliverable: June offers",
        """Delivery has failed to these recipients or groups:

ada@example.org<mailto:ada@example.org>
The email address you entered couldn't be found. Please check the recipient's email address
and try to resend the message.

Diagnostic information for administrators:

Generating server: AM0PR.example.net

ada@example.org
Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by
SMTP address lookup'

Original message headers:

{copy}""",
    ),
    Sample(
        "Exchange Online, policy",
        "Microsoft Outlook <postmaster@example.net>",
        "Undeliverable: June offers",
        """Delivery has failed to these recipients or groups:

ada@example.org
Your message wasn't delivered because the recipient's email provider rejected it.

Diagnostic information for administrators:

ada@example.org
Remote Server returned '550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by
organization policy'
""",
        hardness="soft",
    ),
    Sample(
        "Exchange 2007 in German",
        "Microsoft Exchange <MicrosoftExchange329e71@example.net>",
        "Unzustellbar: June offers",
        """Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Verteilerlisten:

ada@example.org
Die eingegebene E-Mail-Adresse wurde nicht gefunden.

Diagnoseinformationen für Administratoren:

ada@example.org
#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##
""",
    ),
    Sample(
        "AOL",
        "Mailer-Daemon@aol.example",
        "Mail Delivery Problem",
        """Your mail is not being delivered to
ada@example.org because the mailbox is full.
""",
        hardness="soft",
    ),
    Sample(
        "Mercury",
        "Electronic Postmaster <POSTMASTER@mx.example.net>",
        "Postmaster Notify: Delivery Failure.",
        """With regard to your message with the following details:

  Message subject:  June offers

The following addresses had delivery errors:

    ada@example.org
      550 5.1.1 User not known here
""",
    ),
    Sample(
        "Kerio",
        "postmaster@mail.example.net",
        "Undeliverable Mail: June offers",
        """Your mail message to the following address(es) could not be delivered. This is a
permanent error.

<ada@example.org>
Failed to deliver to domain example.org: mx.example.org[192.0.2.1] said: 550 5.1.1 No such user
""",
    ),
    Sample(
        "Merak",
        "MAILER-DAEMON@mx.example.net",
        "Returned mail: User unknown",
        """Hi, this is the mail server.
Unable to deliver the message to ada@example.org

SMTP error: 550 5.1.1 <ada@example.org> User unknown; rejecting
""",
    ),
    Sample(
        "Mailgun",
        "Mail Delivery System <postmaster@mg.example.net>",
        "Undelivered Mail Returned to Sender",
        """Your message was not delivered to ada@example.org.

Server response: 550 5.1.1 The email account does not exist
""",
    ),
    Sample(
        "Hotmail without a reason",
        "postmaster@mail.hotmail.example",
        "Delivery Status Notification (Failure)",
        """This is an automatically generated Delivery Status Notification.

Delivery to the following recipients failed.

       ada@example.org

""",
        hardness="soft",
    ),
    Sample(
        "Lotus Domino in German",
        "Postmaster@example.net",
        "ZUSTELLFEHLER: Der Benutzer ist nicht im Domino-Verzeichnis",
        """Ihre Nachricht

  Thema: June

konnte nicht zugestellt werden an:

  ada@example.org

weil:

  User ada (ada@example.org) not listed in Domino Directory
""",
    ),
    Sample(
        "IronPort, unknown address",
        "postmaster@example.net",
        "Delivery failure",
        """The following message to <ada@example.org> was undeliverable.
The reason for the problem:
5.1.0 - Unknown address error 550-'User unknown'
""",
    ),
    Sample(
        "IronPort, host",
        "MAILER-DAEMON@mx.example.net",
        "Delivery Status Notification (Failure)",
        """The following message to <ada@example.org> was undeliverable.
The reason for the problem:
5.1.2 - Bad destination host 'DNS Hard Error looking up example.org (MX):  NXDomain'
""",
    ),
    Sample(
        "mail loop of a gateway",
        "MAILER-DAEMON@mx.example.net",
        "Undelivered Mail Returned to Sender",
        """<ada@example.org>: mail forwarding loop for ada@example.org

could not be delivered""",
        hardness="soft",
    ),
    Sample(
        "Swedish",
        "postmaster@example.net",
        "Olevererat: June offers",
        """Meddelandet kunde inte levereras till följande mottagare:

ada@example.org
550 5.1.1 User unknown
""",
    ),
    Sample(
        "Turkish",
        "postmaster@example.net",
        "İleti teslim edilemedi",
        """İletiniz şu alıcıya teslim edilemedi: ada@example.org
550 5.1.1 User unknown
""",
    ),
    Sample(
        "Korean",
        "postmaster@example.net",
        "[반송] June offers",
        """메일이 전송되지 않았습니다. 수신자: ada@example.org
550 5.1.1 User unknown
""",
    ),
    Sample(
        "Chinese, other",
        "postmaster@qq.example",
        "系统退信/Systems bounce",
        """很抱歉您发送的邮件被退回，以下是该邮件的相关信息：
被退回邮件 主题：June offers
无法发送到 ada@example.org
退信原因 收件人邮件地址（ada@example.org）不存在，邮件无法送达。 host mx.example.org
said: 550 Mailbox not found
""",
        hardness="soft",
    ),
    Sample(
        "Japanese mobile operator",
        "mail-daemon@docomo.example",
        "Mail System Error - Returned Mail",
        """ada@example.org

この宛先へのメッセージはエラーのため送信できませんでした。
550 Unknown user ada@example.org
""",
        hardness="soft",
    ),
    Sample(
        "IIS without a subject",
        "MAILER-DAEMON@mx.example.net",
        "",
        """Unable to deliver message to the following recipients, due to being unable to connect
successfully to the destination mail server.

       ada@example.org
""",
        hardness="soft",
    ),
    Sample(
        "MDaemon, transcript",
        "MDaemon@mx.example.net",
        "Permanent Delivery Failure",
        """The attached message had PERMANENT fatal delivery errors!

Failed address: ada@example.org

--- Session Transcript ---
 --> RCPT To:<ada@example.org>
 <-- 550 <ada@example.org>: Recipient unknown
""",
    ),
    Sample(
        "MDaemon, still trying",
        "MDaemon@mx.example.net",
        "Warning: delayed mail",
        """The attached message had TRANSIENT delivery errors! It will be retried.

Address: ada@example.org
Could not connect
""",
        kind="delay",
        hardness="soft",
    ),
    Sample(
        "Comcast",
        "Mail Delivery System <Mailer-Daemon@mx.example.net>",
        "Permanent Error",
        """This is a permanent error notification. The message to <ada@example.org> could not be
delivered: 550 5.1.1 Not our Customer
""",
    ),
    Sample(
        "Barracuda, blocked",
        "postmaster@example.net",
        "Message blocked",
        """Your message to: ada@example.org was blocked by our Spam Firewall. The email you sent
with the following subject has NOT BEEN DELIVERED:

Subject: June
""",
        hardness="soft",
    ),
    Sample(
        "IMail without a reason",
        "Postmaster <postmaster@mx.example.net>",
        "Undeliverable Mail",
        """undeliverable to ada@example.org

Original message follows.

{copy}""",
        hardness="soft",
    ),
    Sample(
        "IMail, host",
        "Postmaster <postmaster@mx.example.net>",
        "Undeliverable Mail",
        """Unknown host: ada@example.org

Original message follows.

{copy}""",
    ),
    Sample(
        "IMail, attempts over",
        "Postmaster <postmaster@mx.example.net>",
        "Undeliverable Mail",
        """Delivery failed 20 attempts: ada@example.org

Original message follows.

{copy}""",
        hardness="soft",
    ),
    Sample(
        "GroupWise, user not found",
        "Postmaster@example.net",
        "Mail Delivery Failure",
        """The message that you sent was undeliverable to the following:
   ada@example.org (user not found)
""",
    ),
    Sample(
        "Plesk, closed address",
        "MAILER-DAEMON@mx.example.net",
        "failure notice",
        """Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ada@example.org>:
This address no longer accepts mail.

--- Below this line is a copy of the message.

{copy}""",
    ),
    Sample(
        "Plesk, quota",
        "MAILER-DAEMON@mx.example.net",
        "failure notice",
        """Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.

<ada@example.org>:
Mailbox quota usage exceeded

--- Below this line is a copy of the message.

{copy}""",
        hardness="soft",
    ),
    Sample(
        "junk report of Outlook.com",
        "staff@hotmail.example",
        "complaint about message from 192.0.2.9",
        """--a
Content-Type: message/rfc822

X-HmXmrOriginalRecipient: ada@example.org
{copy}
--a--""",
        kind="complaint",
        hardness="none",
        headers=(
            ("Content_Type", "multipart/mixed; boundary=a"),
            ("Return_Path", "<staff@hotmail.example>"),
        ),
    ),
    Sample(
        "complaint without a report",
        "abuse@fbl.example",
        "Email Feedback Report for IP 192.0.2.9",
        """--a
Content-Type: text/plain

This is an email abuse report
--a
Content-Type: message/rfc822

{copy}
--a--""",
        kind="complaint",
        hardness="none",
        headers=(
            ("Content_Type", "multipart/mixed; boundary=a"),
            ("Return_Path", "<abuse@fbl.example>"),
        ),
    ),
    Sample(
        "gateway, expired",
        DAEMON,
        "Delivery Status Notification (Failure)",
        """The following message to <ada@example.org> was undeliverable.
The reason for the problem:
5.4.7 - Delivery expired (message too old) 'timeout'
""",
        hardness="soft",
    ),
    Sample(
        "transcript that names the command",
        POSTMASTER,
        "Message undeliverable: June offers",
        """Your message did not reach some of the intended recipients:

ada@example.org
   Our server sent: RCPT TO:<ada@example.org>
   Remote server replied: 550 Unknown user
""",
    ),
    Sample(
        "contents follow",
        POSTMASTER,
        "Message Delivery Failure",
        """The following recipient(s) could not be reached:

  Recipient: [SMTP:ada@example.org]
  Reason: Remote server returned: 550 5.1.1 recipient unknown

Message contents follow:

{copy}""",
    ),
]
