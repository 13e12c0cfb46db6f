"""Mailbox groups: recipients by mailbox provider, to which limits and replies apply.

Large mailbox providers are known by their domains. Others are recognized by a domain's mail servers
(MX), whose names share a suffix for all customers of a host.
"""

from collections.abc import Iterable

OTHER = "other"

NAMES = {
    "google": "Gmail",
    "outlook": "Outlook.com",
    "office365": "Microsoft 365",
    "yahoo": "Yahoo",
    "apple": "iCloud",
    "gmx": "GMX and WEB.DE",
    "telekom": "Telekom",
    "orange": "Orange",
    "free": "Free",
    "laposte": "La Poste",
    "sfr": "SFR",
    "libero": "Libero",
    "tim": "TIM",
    "aruba": "Aruba",
    "comcast": "Comcast",
    "att": "AT&T",
    "charter": "Spectrum",
    "cox": "Cox",
    "bt": "BT",
    "sky": "Sky",
    "virgin": "Virgin Media",
    "talktalk": "TalkTalk",
    "ziggo": "Ziggo",
    "kpn": "KPN",
    "telenet": "Telenet",
    "bluewin": "Bluewin",
    "telia": "Telia",
    "telstra": "Telstra",
    "bell": "Bell",
    "rogers": "Rogers",
    "uol": "UOL",
    "mailru": "Mail.ru",
    "yandex": "Yandex",
    "seznam": "Seznam",
    "wp": "Wirtualna Polska",
    "onet": "Onet",
    "interia": "Interia",
    "qq": "QQ Mail",
    "netease": "NetEase",
    "naver": "Naver",
    "docomo": "Docomo",
    "proton": "Proton",
    "fastmail": "Fastmail",
    "zoho": "Zoho",
    "ionos": "IONOS",
    "strato": "Strato",
    "ovh": "OVH",
    "gandi": "Gandi",
    "infomaniak": "Infomaniak",
    "mailbox_org": "mailbox.org",
    "posteo": "Posteo",
    "godaddy": "GoDaddy",
    "rackspace": "Rackspace",
    "namecheap": "Namecheap",
    "hostinger": "Hostinger",
    "mimecast": "Mimecast",
    "proofpoint": "Proofpoint",
    "barracuda": "Barracuda",
    "cisco": "Cisco",
    "broadcom": "Symantec",
    "trendmicro": "Trend Micro",
    "sophos": "Sophos",
    "hornetsecurity": "Hornetsecurity",
    "cloudflare": "Cloudflare",
    OTHER: "",
}

_DOMAINS_OF = {
    "google": "gmail.com googlemail.com google.com",
    "outlook": (
        "outlook.com outlook.de outlook.fr outlook.es outlook.it outlook.be outlook.at outlook.dk"
        " outlook.ie outlook.pt outlook.jp outlook.in outlook.cl outlook.com.au outlook.com.br"
        " hotmail.com hotmail.de hotmail.fr hotmail.es hotmail.it hotmail.be hotmail.nl hotmail.ch"
        " hotmail.se hotmail.dk hotmail.no hotmail.fi hotmail.gr hotmail.ca hotmail.co.uk"
        " hotmail.com.br hotmail.com.ar hotmail.co.jp live.com live.de live.fr live.it live.nl"
        " live.be live.at live.ch live.se live.dk live.no live.ca live.co.uk live.com.au"
        " live.com.mx msn.com passport.com windowslive.com"
    ),
    "yahoo": (
        "yahoo.com yahoo.de yahoo.fr yahoo.es yahoo.it yahoo.ie yahoo.ca yahoo.in yahoo.gr"
        " yahoo.se yahoo.dk yahoo.no yahoo.ro yahoo.pl yahoo.at yahoo.co.uk yahoo.co.in"
        " yahoo.co.id yahoo.co.nz yahoo.com.br yahoo.com.ar yahoo.com.au yahoo.com.mx yahoo.com.sg"
        " yahoo.com.tr yahoo.com.vn ymail.com rocketmail.com myyahoo.com aol.com aol.de aol.fr"
        " aol.co.uk aim.com netscape.net verizon.net"
    ),
    "apple": "icloud.com me.com mac.com",
    "gmx": "gmx.de gmx.net gmx.at gmx.ch gmx.com gmx.org gmx.eu gmx.fr web.de email.de mail.com",
    "telekom": "t-online.de magenta.de",
    "orange": "orange.fr wanadoo.fr voila.fr",
    "free": "free.fr aliceadsl.fr",
    "laposte": "laposte.net",
    "sfr": "sfr.fr neuf.fr club-internet.fr numericable.fr",
    "libero": "libero.it virgilio.it inwind.it iol.it",
    "tim": "tim.it alice.it tin.it",
    "comcast": "comcast.net",
    "att": "att.net sbcglobal.net bellsouth.net pacbell.net ameritech.net swbell.net",
    "charter": "charter.net spectrum.net roadrunner.com rr.com",
    "cox": "cox.net",
    "bt": "btinternet.com btopenworld.com btconnect.com",
    "sky": "sky.com",
    "virgin": "virginmedia.com ntlworld.com blueyonder.co.uk",
    "talktalk": "talktalk.net tiscali.co.uk",
    "ziggo": "ziggo.nl home.nl chello.nl upcmail.nl",
    "kpn": "kpnmail.nl planet.nl hetnet.nl xs4all.nl",
    "telenet": "telenet.be",
    "bluewin": "bluewin.ch bluemail.ch",
    "telia": "telia.com",
    "telstra": "bigpond.com bigpond.net.au",
    "bell": "bell.net sympatico.ca",
    "rogers": "rogers.com",
    "uol": "uol.com.br bol.com.br",
    "mailru": "mail.ru bk.ru inbox.ru list.ru internet.ru",
    "yandex": "yandex.ru yandex.com ya.ru",
    "seznam": "seznam.cz email.cz post.cz",
    "wp": "wp.pl o2.pl tlen.pl",
    "onet": "onet.pl onet.eu op.pl vp.pl poczta.onet.pl",
    "interia": "interia.pl interia.eu poczta.fm",
    "qq": "qq.com foxmail.com",
    "netease": "163.com 126.com yeah.net",
    "naver": "naver.com",
    "docomo": "docomo.ne.jp",
    "proton": "proton.me protonmail.com pm.me protonmail.ch",
    "fastmail": "fastmail.com fastmail.fm",
    "zoho": "zoho.com zohomail.com",
    "posteo": "posteo.de posteo.net",
    "mailbox_org": "mailbox.org",
}

KNOWN_DOMAINS = {
    domain: group for group, domains in _DOMAINS_OF.items() for domain in domains.split()
}

_SERVERS_OF = {
    "google": "google.com googlemail.com",
    "outlook": "olc.protection.outlook.com hotmail.com",
    "office365": "mail.protection.outlook.com mail.eo.outlook.com mx.microsoft",
    "yahoo": "yahoodns.net",
    "apple": "icloud.com apple.com",
    "gmx": "gmx.net web.de mail.com",
    "telekom": "t-online.de",
    "orange": "orange.fr",
    "free": "free.fr",
    "laposte": "laposte.net",
    "sfr": "sfr.fr sfr.net",
    "libero": "libero.it",
    "tim": "tim.it",
    "aruba": "aruba.it",
    "comcast": "comcast.net",
    "charter": "charter.net rr.com",
    "cox": "cox.net",
    "bt": "bt.lon5.cpcloud.co.uk btinternet.com",
    "virgin": "virginmedia.com",
    "ziggo": "ziggo.nl",
    "kpn": "kpnmail.nl",
    "telenet": "telenet-ops.be",
    "bluewin": "bluewin.ch",
    "mailru": "mail.ru",
    "yandex": "yandex.ru yandex.net",
    "seznam": "seznam.cz",
    "qq": "qq.com",
    "netease": "netease.com 163.com",
    "naver": "naver.com",
    "proton": "protonmail.ch",
    "fastmail": "messagingengine.com",
    "zoho": "zoho.com zoho.eu zoho.in zohomail.com",
    "ionos": "kundenserver.de ionos.com ionos.co.uk 1and1.com perfora.net",
    "strato": "rzone.de",
    "ovh": "ovh.net ovh.ca",
    "gandi": "gandi.net",
    "infomaniak": "infomaniak.ch",
    "mailbox_org": "mailbox.org",
    "posteo": "posteo.de",
    "godaddy": "secureserver.net",
    "rackspace": "emailsrvr.com",
    "namecheap": "privateemail.com registrar-servers.com",
    "hostinger": "hostinger.com titan.email",
    "mimecast": "mimecast.com mimecast.co.za mimecast-offshore.com",
    "proofpoint": "pphosted.com ppe-hosted.com gpphosted.com",
    "barracuda": "barracudanetworks.com",
    "cisco": "iphmx.com",
    "broadcom": "messagelabs.com",
    "trendmicro": "trendmicro.com trendmicro.eu",
    "sophos": "sophos.com",
    "hornetsecurity": "hornetsecurity.com antispameurope.com",
    "cloudflare": "mx.cloudflare.net",
}

_KNOWN_SERVERS = {
    ending: group for group, endings in _SERVERS_OF.items() for ending in endings.split()
}


def name_of(group: str) -> str:
    """Return the name of a group as users know it."""
    return NAMES.get(group, group)


def group_of_servers(hosts: Iterable[str]) -> str:
    """Return the mailbox group of a domain by its mail servers, the preferred one first."""
    for host in hosts:
        labels = host.lower().rstrip(".").split(".")
        for first in range(len(labels)):
            group = _KNOWN_SERVERS.get(".".join(labels[first:]))
            if group is not None:
                return group
    return OTHER
