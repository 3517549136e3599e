"""Boilerplate of news: what agencies and papers put around their text, and how it is found.

A line rule must match a whole short line; inside a paragraph only its very start (a dateline) and
its very end (a prompt with a colon or a link, a reference code) are touched. In doubt, text stays.
"""

# ruff: noqa: RUF001  (typographic marks are what this module is about)

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

# Start, end and replacement; sorted and disjoint within a list.
Edit = tuple[int, int, str]

# The order in which a sweep tries them on a line.
RULES: Mapping[str, str] = MappingProxyType(
    {
        "outlet": "the outlet's name after the headline: 'Grain falls | Reuters'",
        "byline": "who wrote, edited or contributed: 'By Jane Roe, Staff Writer'",
        "dateline": "place, date and agency before the first sentence: 'PARIS, May 3 (AFP) -'",
        "timestamp": "publication, update and reading times: 'Updated 10:42 GMT'",
        "share": "share buttons and counts: 'Share this article'",
        "caption": "photo credits and the captions they come with: '(Getty Images)'",
        "related": "pointers to other stories: 'Read more: Minister quits'",
        "prompt": "newsletter, subscription, follow, app and contact prompts",
        "advert": "advertising marks: 'Story continues below'",
        "copyright": "copyright lines and disclaimers: 'All rights reserved.'",
        "link": "lines that are only a link, an address or a handle",
        "code": "bare reference codes: '211/104', 'ND/77-B', 'Code: 4321/12'",
        "endmark": "end marks, release marks, ornaments: '-- ends --', '###', '/More/'",
    }
)

_SHORT = 200  # characters; a longer line is prose
_HEADLINE = 150

# Patterns are bounded: they see one short line, the first 120 or the last 300 characters of a
# paragraph, and a repeated group is possessive, so that a failing match never explores.

_AGENCIES = (
    "(?:The )?Associated Press|AP|(?:Thomson )?Reuters(?: Foundation)?|REUTERS|AFP(?:-Jiji)?"
    "|Agence France-Presse|dpa(?:-AFX)?|DPA|EFE|ANSA|(?:ITAR-)?TASS|RIA(?: Novosti)?|Sputnik"
    "|Interfax(?:-Ukraine)?|Ukrinform|Xinhua|XINHUA|Kyodo(?: News)?|KYODO|Jiji(?: Press)?|Yonhap"
    "|PTI|ANI|IANS|UNI|IRNA|ISNA|MNA|Mehr|Tasnim|Fars|FNA|Iran Press|IP|Anadolu(?: Agency)?|AA"
    "|Al Jazeera|BBC(?: News)?|CNN(?:Money| Business)?|UPI|Bernama|BERNAMA|SANA|MENA|PAP|APA|ATS"
    "|SDA|Belga|ANP|Ritzau|NTB|TT|STT|BNS|LETA|ELTA|[CČ]TK|MTI|Agerpres|HINA|Tanjug|BTA|ANA|AMNA"
    "|Lusa|LUSA|Ag[eê]ncia Brasil|T[eé]lam|Notimex|Antara|ANTARA|VNA|TNA|PNA|APP|BSS|UNB|INA|KUNA"
    "|QNA|WAM|SPA|BNA|ONA|Petra|WAFA|NNA|APS|MAP|TAP|GNA|NAN|PANA|AAP|Bloomberg|BLOOMBERG|JTA|RNS"
    r"|CNSNews\.com|CNA|VOA|RFE/RL|KCNA|CNBC|USA TODAY|BUSINESS WIRE|PRNewswire|ТАСС|Интерфакс"
    "|РИА Новости|Укринформ|رويترز|أ ف ب|د ب أ|سانا|ايرنا|إيرنا"
)
_OUTLETS = (
    "ABC News|AP News|BBC(?: News| Sport)?|Breitbart|CBC News|CBS News|CNN(?: Politics)?|DW|Dawn"
    "|El País(?: English)?|Euronews|Financial Times|Fox News|France 24|Hindustan Times|HuffPost"
    "|Le Monde|Los Angeles Times|NBC News|NPR|National Review|Newsmax|Newsweek|POLITICO|Politico"
    "|Sky News|South China Morning Post|TIME|The (?:Atlantic|Daily Beast|Economist|Guardian|Hill"
    "|Hindu|Independent|Japan Times|New York Times|Straits Times|Telegraph|Times of India"
    "|Washington Post|Washington Times|Wall Street Journal)|Townhall|WSJ|Reuters|AP|AFP|UPI"
    "|Associated Press|Bloomberg(?: News)?|Al Jazeera|USA TODAY|Xinhua|Anadolu Agency|CNBC"
)
# A bare 'CITY -' is a dateline only for these; any other place needs a region, date or agency.
_PLACES = frozenset(
    """ABIDJAN|ABU DHABI|ABUJA|ACCRA|ADDIS ABABA|ADEN|ALGIERS|ALMATY|AMMAN|AMSTERDAM|ANKARA|ASTANA
    ASUNCION|ATHENS|ATLANTA|AUCKLAND|AUSTIN|BAGHDAD|BAKU|BALTIMORE|BAMAKO|BANGKOK|BARCELONA|BASRA
    BEIJING|BEIRUT|BELFAST|BELGRADE|BENGALURU|BERLIN|BERN|BOGOTA|BOGOTÁ|BOSTON|BRASILIA|BRATISLAVA
    BRUSSELS|BUCHAREST|BUDAPEST|BUENOS AIRES|CAIRO|CANBERRA|CAPE TOWN|CARACAS|CHENNAI|CHICAGO
    CINCINNATI|CLEVELAND|COLOMBO|COPENHAGEN|DAKAR|DALLAS|DAMASCUS|DAVOS|DENVER|DETROIT|DHAKA|DOHA
    DUBAI|DUBLIN|EDINBURGH|FRANKFURT|GAZA|GAZA CITY|GENEVA|GLASGOW|GUATEMALA CITY|HANOI|HARARE
    HAVANA|HELSINKI|HO CHI MINH CITY|HONG KONG|HONOLULU|HOUSTON|HYDERABAD|INDIANAPOLIS|ISLAMABAD
    ISTANBUL|JAKARTA|JERUSALEM|JOHANNESBURG|JUBA|KABUL|KAMPALA|KANSAS CITY|KARACHI|KATHMANDU
    KHARKIV|KHARTOUM|KIEV|KIGALI|KINSHASA|KOLKATA|KUALA LUMPUR|KUWAIT CITY|KYIV|LA PAZ|LAGOS
    LAHORE|LAS VEGAS|LIMA|LISBON|LJUBLJANA|LONDON|LOS ANGELES|LUANDA|LUSAKA|LVIV|MADRID|MANAGUA
    MANAMA|MANILA|MAPUTO|MELBOURNE|MEXICO CITY|MIAMI|MILAN|MILWAUKEE|MINNEAPOLIS|MINSK|MOGADISHU
    MONTEVIDEO|MONTREAL|MOSCOW|MUMBAI|MUNICH|MUSCAT|NAIROBI|NASHVILLE|NEW DELHI|NEW ORLEANS
    NEW YORK|NIAMEY|NICOSIA|OKLAHOMA CITY|OSLO|OTTAWA|OUAGADOUGOU|PANAMA CITY|PARIS|PESHAWAR
    PHILADELPHIA|PHNOM PENH|PHOENIX|PITTSBURGH|PODGORICA|PORT-AU-PRINCE|PRAGUE|PRETORIA|PRISTINA
    PYONGYANG|QUETTA|QUITO|RABAT|RAMALLAH|RAWALPINDI|REYKJAVIK|RIGA|RIO DE JANEIRO|RIYADH|ROME
    SACRAMENTO|SALT LAKE CITY|SAN ANTONIO|SAN DIEGO|SAN FRANCISCO|SAN JOSE|SAN JUAN|SAN SALVADOR
    SANAA|SANTIAGO|SAO PAULO|SÃO PAULO|SARAJEVO|SEATTLE|SEOUL|SHANGHAI|SINGAPORE|SKOPJE|SOFIA
    SRINAGAR|ST. LOUIS|STOCKHOLM|STRASBOURG|SYDNEY|TAIPEI|TALLINN|TASHKENT|TBILISI|TEHRAN|TEL AVIV
    TIRANA|TOKYO|TORONTO|TRIPOLI|TUNIS|ULAANBAATAR|UNITED NATIONS|VANCOUVER|VATICAN CITY|VIENNA
    VIENTIANE|VILNIUS|WARSAW|WASHINGTON|WELLINGTON|WINDHOEK|YANGON|YAOUNDE|YEREVAN|ZAGREB
    ZURICH""".replace("\n    ", "|").split("|")
)
_SITES = "twitter|x|facebook|instagram|telegram|youtube|whatsapp|linkedin|tiktok|flipboard"
_MONTH = (
    "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|abr|ago|dic|gen|mag|giu|lug|set|ott"
    "|fév|avr|mai|juin|juil|août|déc|mär|okt|dez|янв|фев|мар|апр|мая|июн|июл|авг|сен|окт|ноя|дек)"
)
_DAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b"
_NAME = r"[^\W\d_a-z][\w.'’-]*"  # a capitalised word, or one of a script without case
_TIME = (
    r"(?i:(?:janu|febru)ary|march|august|(?:septem|octo|novem|decem)ber"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day)"
)
_PERSON = rf"(?!{_TIME}\b){_NAME}(?: (?:{_NAME}|de|van|von|bin|al)\b\.?){{1,3}}+"
_PERSONS = rf"{_PERSON}(?:(?:, and |, | and | & ){_PERSON})*+"
_TITLED = (
    rf"(?:(?:{_NAME}|in|and|by|for|from|with|at|of|the|staff|writers?|reporters?|correspondents?"
    r"|@\w+)[ ,;&./:]*+)++"
)
# What a time stamp is made of, and nothing else.
_STAMP = (
    rf"(?:[ :,.|•·–—()/-]|\d[\d:.]*(?:st|nd|rd|th|am|pm|h)?\b|{_DAY}|(?:{_MONTH}[a-zé]*|a\.?m"
    r"|p\.?m|gmt|utc|bst|ist|[ecmp][sd]?t|cest|cet|at|on|ago|an?|hours?|hrs?|min(?:ute)?s?|days?"
    r"|weeks?|months?|years?|today|yesterday|local time|paris|published|updated|modified)\b)++"
)
_WHEN = rf"(?=.*(?:\d[:.]\d\d|\d ?[ap]\.?m|\b{_MONTH}|\b{_DAY}|ago\b))(?=.*\d)"
# A call to act has no speaker: 'Sign up for the newsletter, he said' is prose.
_CALL = (
    r"(?!.*\b(?:said|says|told|asked|urged|added|wrote|ordered|warned|advised|demanded|insisted"
    r"|declared|promised|announced|pleaded|reads?|begged|knows?|is|are|was|were|had)\b)"
)
_MORE = (
    "(?:read|see|watch|learn|click for|view) more(?: (?:here|below|stories|news|coverage))?"
    "|(?:read|see) also|also (?:read|see)|read next|further reading|(?:read )?more on this"
    "(?: story| topic)?|related (?:stor(?:y|ies)|articles?|coverage|topics|content|links|news)"
    "|see related|recommended reading|you may also like|up next|must read|don['’]t miss"
    "|more (?:news|stories|coverage)|also in the news|in case you missed it|[àa] lire aussi"
    "|lire aussi|le[ae] también|leggi anche|leia (?:também|mais)|lesen sie auch|mehr zum thema"
    "|читайте также|اقرأ أيضا"
)

# Whole lines, in lower case and without leading bullets; anywhere in the body.
_LOWER = {
    "timestamp": (
        rf"\(?(?:(?:first|last|originally|this|story|article|post|was|has|been) )*+(?:published"
        rf"|updated|posted|modified|issued|filed)\b{_STAMP}(?:(?<=ist - )[a-z ]{{3,30}})?",
        rf"published in [\w.'’ -]{{2,30}},{_STAMP}",
        r"this article is more than \d+ \w+ old",
        r"(?:estimated )?(?:reading time:? )?\d+[- ]min(?:ute)?s?(?: read| reading time)",
        r"reading time:? \d+ min(?:ute)?s?",
        r"\((?:adds|corrects|updates|recasts|refiles|repeats|rewrites)\b[^()]*\)",
        r"xinhua ?\| ?[\w:. -]{6,40}",
    ),
    "share": (
        r"(?:share|tweet|email|print|comments?|link copied|copy link|listen to article)"
        r"(?:[ :,|/0-9]|this|article|story|share|tweet|post|email|print|on|via|facebook|twitter"
        r"|whatsapp|linkedin|reddit|telegram|comments?|copy|link|save)*+",
        r"\d[\d.,]*k? (?:shares?|comments?|retweets|likes)",
        r"(?:read or )?share this (?:story|article|post): \S+",
    ),
    "caption": (
        r"(?:photos?|pictures?|images?|videos?|gallery|slideshow|graphic|file photo|getty images)"
        r"(?: ?\(\d+ (?:images|photos)\)| \d+ of \d+)?",
        r"(?:photo|picture|image|video|graphic)s? ?-?(?:credits?|courtesy)\b ?(?:of|:)? .{2,100}",
        # A second sentence makes it prose; an initial, as in "J. Roe", does not.
        r"(?:photo|photographs?|images?|illustration|pictures?) ?: (?!.*\w\w\. \w).{2,100}",
        r"(?:image (?:copyright|caption|source)|media (?:copyright|caption))\b.{2,}",
        r"media playback is unsupported on your device.*|enlarge this image.*",
        r"file(?: photo| image| picture)? ?[-–—]+ .{10,}|file (?:photo|image|picture) ?: ?.{10,}",
        r"(?:prev|next) image \d+ of \d+",
    ),
    "related": (
        rf"(?:{_MORE})(?: ?[:|>»–—-]+ ?.{{1,150}}|[:.…»>→ ]*)",
        rf"(?:{_MORE})\b[^.]{{0,60}}https?://\S+",
        r"(?:more|watch|listen|gallery|photos|related|recommended) ?:(?: ?.{2,110}(?<![.!\"”]))?",
        r"\( ?(?:photos|videos?|gallery|podcast|timeline|watch|related|also on \w+|see also|more"
        r"|read more) ?:[^()]*\)|(?:full|complete) coverage(?: of [^.]{3,60}|: .{2,80})",
        r"related[.…]*|story highlights|just watched .* must watch .*",
        r"this article tagged under: .*",
        r"\[(?:story|article|video|audio|pull-?quote|audio-clip|embed)\]",
    ),
    "prompt": (
        rf"(?:please )?(?:sign(?:ing)? up|subscribe|register) (?:for|to|here|now|today)\b{_CALL}"
        r"(?=.*\b(?:newsletters?|inbox|e-?mails?|alerts?|briefings?|updates|digest)\b).*",
        rf"(?:get|receive|want|never miss|stay|join|enjoy) {_CALL}.*\b(?:your inbox|to your e-?mail"
        r"|(?:our|free|daily|weekly)(?: \w+){0,2} newsletters?)\b.*",
        rf"(?:download|get) (?:the|our) {_CALL}.{{0,40}}\bapp\b.*",
        r"(?:sign up|subscribe|sign in|log in|register|donate)(?: (?:here|now|today|to|for|free"
        r"|read|continue))*+[.!:]?",
        rf"subscribe (?:to|now|today|on|via|for)\b{_CALL}.*\b(?:podcasts?|channel|youtube|apple"
        r"|spotify|magazine|little as|premium|edition)\b.*",
        rf"follow {_CALL}(?:@\w+|us(?: on| at|:|$)|[^.,;]{{2,60}} on (?:{_SITES})\b).*",
        rf"(?:join|like|find|connect with|visit) us on (?:{_SITES})\b{_CALL}.*",
        rf"(?:click|tap) (?:here|for more|to (?:read|get|subscribe))\b{_CALL}.*",
        rf"(?:send|submit|email|contact|write|got|have|reach) {_CALL}.*"
        r"(?:\S@\S|\[email\W+protected\]).*",
        r"(?:have|got|send) a (?:news )?tip\b.*",
        r"support (?:our|independent|[\w.]+['’]s) (?:\w+ )?journalism\W*",
        r"become a (?:member|subscriber|supporter)(?: today| now)?\W*",
        r"(?:subscribers|members) only|newsletters?(?: sign-?up)?",
        r"visit .{2,30} homepage for more.*",
        rf"thank(?:s| you) for (?:reading|subscribing|signing up)\b{_CALL}(?! to a)\W*.{{0,80}}",
    ),
    "advert": (
        r"(?:ad|advert|close|loading|sponsored(?: content)?|promoted|paid content)\W*",
        r"advertisement(?:\W+advertisement|\W+continue reading the main story)*+\W*",
        r"continue reading(?: below| the main story)?\W*",
        r"(?:story|article|content|post)s? continue[sd]?(?: reading)? below(?: advertisement)?\W*",
        r"(?:scroll (?:down )?to continue|skip (?:past |to )?(?:ad|newsletter|main))\b.{0,40}",
        r"(?:analysis|opinion|commentary)(?:/opinion)?:",
    ),
    "copyright": (
        r"(?:\(c\)|copyright)(?: |:|©|\(c\)|copyright|by)*+(?:19|20)\d\d\b"
        r"(?![^.]*\b(?:act|laws?|is|are|was|were|has|have|had|will|would|said|says)\b).*",
        r"(?:©|copyright (?:©|\(c\))).*|copyright .*all rights reserved.*",
        r"all rights reserved(?:\.(?: .*)?)?",
        r"this (?:material|article|content) may not be (?:published|reproduced)\b.*",
        r"the (?:opinions|views) expressed (?:by|in|here) .*(?:(?:their|his|her|author['’]s) own"
        r"|those of the authors?)\b.*",
        r"this is a rush transcript\b.*|our standards: .{0,20}trust principles\W*",
        r"translation of an original article published in \w+ on .*",
        r"(?:reproduction|republication) (?:without|is) .{0,30}(?:permission|prohibited)\b.*",
    ),
    "link": (
        r"(?:(?:link|source|url|web|website) ?: ?)?(?:https?://|www\.)\S+",
        r"@\w{2,30}|(?:bit\.ly|pic\.twitter\.com)/\w+",
    ),
    "code": (
        r"(?:(?:news |story )?code|ref(?:erence)?(?: no)?|(?:story|news) id) ?[.:#]+ ?"
        r"[\w/.-]*\d[\w/.-]*",
        r"(?!(?:19|20)\d\d/\d\d$)\d{3,6}/\d{2,6}|ap-[a-z]{2}-\d\d-\d\d-\d\d(?: \d{4}gmt)?",
    ),
    "endmark": (
        r"[(\[/]?(?:ends?|more|eom|30) ?[)\]/-]+|for immediate release\W*",
        r"[-–—―_*•·~=#|+◆■●○ ]+",
    ),
}
_CREDIT = "(?:[Rr]eporting|[Ww]riting|[Ee]diting|Compiled|Translat(?:ed|ion)|Edited|Reported)"
_PICTURES = f"(?:{_AGENCIES}|Getty(?: Images)?|EPA|Pool|Shutterstock|iStock|Pixabay)"
# Whole lines as written, without leading bullets; anywhere in the body.
_CASED = {
    "byline": (
        rf"[(\[]?(?:(?:Additional|Further) )?{_CREDIT} by:? {_TITLED}"
        rf"(?:(?:additional )?{_CREDIT} {_TITLED})*+[)\]]?\.?",
        r"\(?[Ww]ith (?:assistance|reporting|inputs?|files|contributions?|agency inputs)"
        rf"(?: (?:by|from) {_TITLED})?\)?\.?",
        rf"Contribut(?:ing|ors?): ?{_TITLED}|\((?:{_AGENCIES})(?:[/,] ?(?:{_AGENCIES}))*+\)",
    ),
    "caption": (
        r"(?:(?:Photo|Image|Picture|Video|Graphic)s?|PHOTOS?|Photograph(?:s|y)?|Illustration)"
        rf" (?:by|BY) {_TITLED}",
        r"\((?:[A-Za-z]\w+ )?(?:[Ff]ile )?(?:[Pp]hoto|PHOTO|[Ii]mage|Illustration)"
        r"(?: [Ii]llustration| credits?)?"
        r"(?:(?: ?[:/]| by| courtesy| via) ?[^()]{1,80})?\)",
        rf"\((?:Credit: ?|via )?(?:{_PERSON} ?[/,|] ?)?(?:{_PICTURES}(?: via |[/, ]*))++\)",
        rf"(?:AP Photo|REUTERS|Getty Images|EPA)(?:/| ?\| ?){_TITLED}",
    ),
    "related": (r"More (?:on|from|about) (?:the |The )?[A-Z][^.,:;?!]{1,40}[:.…]{0,3}",),
    "code": (r"[A-Z]{1,3}/\d{1,4}(?:-[A-Z\d]{1,3})?",),
}
# The same, for patterns that begin with anything: tried on lines that hold one of the words.
_HOLDING = re.compile("contributed|/|@|All rights|can be reached").search
_WITHIN = {
    "byline": (
        rf"{_TITLED}contributed(?: reporting)?(?: from {_TITLED}|,? (?:to|for) (?:this|the)"
        r" (?:report|story|article|piece|post|column|project))?\.?",
    ),
    "caption": (rf"{_PERSON} ?/ ?{_PICTURES}(?:[ /,]+{_TITLED})?",),
    "prompt": (r".{2,80} can be reached (?:at|on|via) .*",),
    "copyright": (
        r"[^.]{0,80}\b(?:(?:19|20)\d\d|Inc|LLC|Ltd)\W{1,3}All rights reserved(?:\.(?: .*)?)?",
    ),
    "link": (r"(?:E-?mail ?: ?)?[\w.+-]+@[\w-]+\.[\w.-]+",),
}
_ROLE = "(?:[Ww]riter|[Cc]orrespondent|[Rr]eporter|[Cc]ontributor|[Ee]ditor)s?"
_BY_OUR = rf"By Our (?:[A-Z]\w+ ){{0,2}}{_ROLE}(?: in [^.:]{{2,40}})?"
# Whole lines that are boilerplate only before or after the prose.
_EDGE = {
    "byline": (
        rf"(?:By|BY|by):? (?:{_PERSONS}|(?:{_AGENCIES}|{_OUTLETS})(?: {_NAME}| staff){{0,2}})"
        rf"(?: ?\( ?@\w+ ?\))?(?:(?:,| \||,? for| in| –| -| /) ?[^.!?]{{2,60}})?",
        rf"(?:(?:Text|Words|Author|Reporter|Writer):|Written by:?) (?:{_PERSONS}|(?:{_AGENCIES}))",
        rf"{_BY_OUR}:?",
        rf"(?:(?:Source|SOURCE): ?)?(?:{_AGENCIES}|{_OUTLETS})"
        r"(?: staff|, [A-Z][^.,]{1,30}| and (?:news )?agencies)?",
        r"PTI(?: [A-Z]{2,4}){1,5}",
        rf"(?:(?:Staff|Special|Senior|Chief|Political|Opinion|Foreign) )++{_ROLE}",
        r"[Ss]pecial (?:for|to) (?:[Tt]he )?[A-Z][^.,]{1,40}",
    ),
    "timestamp": (rf"(?i:(?=[\d(]|{_MONTH}|{_DAY}){_WHEN}{_STAMP})",),
}
_LAST = {  # only the last line
    "endmark": ("ENDS?|[Ee]nds|Enditem|30",),
    "code": ("[A-Za-z]{2,4}(?:-[a-z]{2,4})?(?:/[A-Za-z]{2,4}){1,4}",),
}
# After the last sentence, on its line.
_TAIL = {
    "byline": (
        rf"[(\[](?:Additional )?{_CREDIT} by [^()\[\]]{{2,200}}[)\]]",
        r"Reporting by [^.]{2,150}[;,] [Ee]diting by [^.]{2,60}\.?",
        r"\([Ww]ith (?:reporting|inputs?|files|agency|agencies)[^()]{0,100}\)",
        rf"(?:[-–—]{{1,2}} ?|/|==?)(?:{_AGENCIES})/?",
        rf"\((?:{_AGENCIES})(?:[/, ]+(?:{_AGENCIES}))*+\)",
    ),
    "share": (r"(?:Read or )?[Ss]hare this (?:story|article|post): \S+",),
    "related": (
        r"(?:Read [Mm]ore|READ MORE|Read [Aa]lso|Also [Rr]ead|See [Aa]lso|More on this(?: story)?"
        r"|Related(?: (?:story|stories|articles?|coverage))?)"
        r"(?: ?: ?.{2,150}|\b[^.]{0,60}https?://\S+)",
    ),
    "prompt": (
        r"(?:Follow|Subscribe|Sign up|Download|Click here)\b[^.:]{0,80}:? ?"
        r"(?:https?://\S+|www\.\S+|@\w+)\.?|Follow us on [^.]{2,60}\.?",
        r"(?:Subscribe|Sign up)\b[^.:]{0,60}\bnewsletter\b[^.]{0,60}\.?",
    ),
    "copyright": (r"(?:©|Copyright (?:©|\(c\)|(?:19|20)\d\d)).{0,150}",),
    "link": (r"https?://\S+",),
    "code": (
        r"(?:News |Story )?Code ?: ?[\w/.-]+|\d{3,6}/\d{2,6}|[A-Z]{1,3}/\d{1,4}(?:-[A-Z\d]{1,3})?",
    ),
    "endmark": (
        r"-- ?(?i:ends?) ?--|\(E(?:NDS?|nds?)\)|ENDS|Enditem|# ?# ?#|-30-|/(?:More|MORE)/"
        r"|\(MORE\)|[■◼]",
    ),
}

_WORD = rf"(?:{_NAME}|\d{{1,4}}|[a-z]{{3,5}}(?=\.? \d)|(?<=\d )\w{{3,5}}|d[aeo]l?|of|the|la|and)"
_MARKED_DATELINE = re.compile(
    rf"(?P<place>(?:{_WORD}(?:[ ,.]{{1,2}}|/)){{0,9}}?)(?:\((?P<agency>{_AGENCIES})(?:[/,; &-]+"
    rf"(?:and )?(?:{_AGENCIES}))*+\)|/(?:{_AGENCIES})/|(?<=, )(?:{_AGENCIES})(?=\s?[-–—:]))"
    r"[.,]*(?P<mark>\s?[-–—―:=_]+)?\s*"
)
_BARE_DATELINE = re.compile(
    r"(?P<city>[A-ZÀ-ÞĀ-Ž][A-ZÀ-ÞĀ-Ž.'’ -]+?[A-ZÀ-ÞĀ-Ž.])(?:/[A-ZÀ-ÞĀ-Ž .'-]+?)?"
    rf"(?P<region>, (?!(?i:{_MONTH}[a-z]*\b)){_NAME}(?: {_NAME}){{0,2}}?)?"
    rf"(?P<date>,? (?i:{_MONTH}[a-z]*\.? \d{{1,2}}|\d{{1,2}} {_MONTH}[a-z]*)(?:, \d{{4}})?)?"
    rf"(?P<agency> \((?:{_NAME}[ ./&]?){{1,4}}\))?"
    r"(?:\s?(?P<mark>--|[-–—―:](?=\s)|[–—―])\s*|$)"
)
_OTHER_DATELINES = re.compile(
    rf"(?:(?:{_NAME} ){{1,3}}(?:Agency|News|Press|Service|Telegram|Wire)|[A-Z]{{3,4}}A|Mehr|Tasnim"
    rf"|Fars|TASS)/{_NAME}(?: {_NAME}){{0,2}}:\s*"
    r"|【[^】]{2,20}】|新华社[^\s，。]{1,16}电(?:[（(][^)）]{1,20}[)）])?\s*"
    r"|\([가-힣]{2,5}=[가-힣]{2,6}\)(?: [가-힣]{2,4} 기자)?(?: =)?\s*"
)
_OUR_OWN = re.compile(rf"{_BY_OUR}:\s*")
_OUTLET = re.compile(rf"(?<=\S) (?:[|–—-]|--) (?:{_OUTLETS})$")
_SENTENCE_END = ".!?…\"”’'»)]。؟।"
_BULLETS = "-–—•*>»·= "


@dataclass(frozen=True, slots=True)
class Rules:
    """The patterns of the rules in force; the name of the group that matched is the rule."""

    names: frozenset[str]
    lower: re.Pattern[str]
    cased: re.Pattern[str]
    within: re.Pattern[str]
    edge: re.Pattern[str]
    last: re.Pattern[str]
    tail: re.Pattern[str]

    def line(self, line: str) -> str | None:
        """The rule that takes a whole line, or None."""
        bare = line.lstrip(_BULLETS) or line
        match = self.lower.fullmatch(bare.lower()) or self.cased.fullmatch(bare)
        if not match and _HOLDING(bare):
            match = self.within.fullmatch(bare)
        return match.lastgroup if match else None


@lru_cache(maxsize=32)
def compiled(strip: tuple[str, ...]) -> Rules:
    """The patterns of the named rules; compiled on first use, which takes about 30 ms."""

    def union(table: Mapping[str, tuple[str, ...]]) -> str:
        groups = (f"(?P<{n}>{'|'.join(table[n])})" for n in RULES if n in table and n in strip)
        return "|".join(groups) or r"(?!)"

    return Rules(
        names=frozenset(strip),
        lower=re.compile(union(_LOWER)),
        cased=re.compile(union(_CASED)),
        within=re.compile(union(_WITHIN)),
        edge=re.compile(union(_EDGE)),
        last=re.compile(union(_LAST)),
        tail=re.compile(rf"[{re.escape(_SENTENCE_END)}] ?(?:{union(_TAIL)})$"),
    )


def _dateline(line: str, rules: Rules) -> tuple[int, str] | None:
    """Where a dateline at the start of a line ends, and its rule."""
    head = line[:120]
    if "byline" in rules.names and (match := _OUR_OWN.match(head)):
        return match.end(), "byline"
    if "dateline" not in rules.names:
        return None
    if (match := _MARKED_DATELINE.match(head)) and _is_place(match):
        end = match.end()
    elif match := _BARE_DATELINE.match(head):
        dashed = match["mark"] not in (None, ":")
        named = (match["region"] or match["agency"]) and dashed
        sure = match["city"] in _PLACES or match["date"] or named
        end = match.end() if sure else 0
    else:
        end = 0
    if not end and (match := _OTHER_DATELINES.match(head)):
        end = match.end()
    return (end, "dateline") if end and not line[end : end + 1].islower() else None


def is_boilerplate(line: str) -> bool:
    """Whether a rule takes the whole of an article's first line, or a dateline begins it.

    >>> is_boilerplate("By Jane Roe"), is_boilerplate("By Monday the river had risen")
    (True, False)
    """
    rules = compiled(tuple(RULES))
    taken = rules.line(line) or rules.edge.fullmatch(line) or _dateline(line, rules)
    return taken is not None


def _is_place(match: re.Match[str]) -> bool:
    """Whether what stands before an agency is a place: 'Alcoholics Anonymous (AA)' is none."""
    place, agency = match["place"].strip(" ,./"), match["agency"] or ""
    if not place:
        return True
    if re.search("Press|Agenc|News", place):
        return False
    if place.split()[0].isupper() or re.search(r"[,\d]", place) or place.upper() in _PLACES:
        return True
    known = not agency.isupper() or agency in {"AP", "AFP", "ANSA", "CNN", "EFE", "PTI", "UPI"}
    return bool(match["mark"]) and known


class Lines:
    """One sweep over a part's lines, collecting the spans that the rules take."""

    def __init__(self, text: str, rules: Rules) -> None:
        self.text = text
        self.rules = rules
        self.bounds: list[tuple[int, int]] = []  # of each line that is not blank
        self.taken: dict[int, str] = {}  # line number: rule
        self.found: list[tuple[int, int, str]] = []
        self.cuts: list[Edit] = []
        self.starts: dict[int, int] = {}  # where lines that lost a dateline now start

    def outlet(self) -> None:
        """The title's rule: an outlet's name after the headline."""
        end = len(self.text)
        while "outlet" in self.rules.names and (match := _OUTLET.search(self.text, 0, end)):
            end = match.start()
        if end < len(self.text):
            self.found.append((end + 1, len(self.text), "outlet"))
            self.cuts.append((end, len(self.text), ""))

    def sweep(self) -> None:
        """The body's rules: every line, then the head, then the tail."""
        at, line_rule = 0, self.rules.line
        for line in self.text.split("\n"):
            if line:
                if len(line) <= _SHORT and (rule := line_rule(line)):
                    self.taken[len(self.bounds)] = rule
                self.bounds.append((at, at + len(line)))
            at += len(line) + 1
        self._pointers()
        self._head()
        self._tail()
        self.found += [(*self.bounds[i], rule) for i, rule in self.taken.items()]
        self.found.sort()

    def _pointers(self) -> None:
        """Headlines listed under a label such as 'Read more:', from there to the end."""
        label = None
        for i in range(len(self.bounds) - 1, -1, -1):
            line = self.text[slice(*self.bounds[i])]
            if self.taken.get(i) == "related" and line.endswith(":"):
                label = i
            elif i not in self.taken and (len(line) > _HEADLINE or line[-1] in ".!?…"):
                break
        if label is not None:
            for i in range(label + 1, len(self.bounds)):
                self.taken.setdefault(i, "related")

    def _window(self, numbers: Iterable[int], size: int) -> Iterator[int]:
        """Up to `size` lines not taken, and none after a long one; takes edge lines on the way.

        Edge rules hold only as long as no line was a sentence: a date among paragraphs is text.
        """
        prose = False
        for i in numbers:
            if i in self.taken:
                continue
            start, end = self.bounds[i]
            short = end - start <= _SHORT
            if short and not prose and i not in self.starts:
                bare = self.text[start:end].lstrip(_BULLETS)
                if m := self.rules.edge.fullmatch(bare):
                    self.taken[i] = str(m.lastgroup)
                    continue
            yield i
            if i not in self.taken:
                size -= 1
                prose = prose or self.text[end - 1] in _SENTENCE_END
            if not short or not size:
                return

    def _head(self) -> None:
        """Datelines, at the start of the first lines."""
        for i in self._window(range(len(self.bounds)), 4):
            start, end = self.bounds[i]
            at, cuts = start, []
            while at < end and (cut := _dateline(self.text[at : min(at + 200, end)], self.rules)):
                length, rule = cut
                cuts.append((at, at + len(self.text[at : at + length].rstrip()), rule))
                at += length
            if at == end:
                self.taken[i] = cuts[0][2]
            elif cuts:
                self.found += cuts
                self.starts[i] = at
                self.cuts.append((start, at, ""))

    def _tail(self) -> None:
        """Prompts, codes and end marks behind the last sentence."""
        for i in self._window(range(len(self.bounds) - 1, -1, -1), 1):
            start, full = self.bounds[i]
            if i not in self.starts and (m := self.rules.last.fullmatch(self.text, start, full)):
                self.taken[i] = str(m.lastgroup)
                continue
            start, end = self.starts.get(i, start), full
            while m := self.rules.tail.search(self.text, max(start, end - 300), end):
                rule = str(m.lastgroup)
                self.found.append((m.start(rule), m.end(rule), rule))
                end = m.start() + 1
            if end < full:
                self.cuts.append((end, full, ""))

    def edits(self) -> list[Edit]:
        """Deletions; between the lines that stay, the wider of the two breaks is kept."""
        edits, i, count = list(self.cuts), 0, len(self.bounds)
        while i < count:
            if i not in self.taken:
                i += 1
                continue
            first = i
            while i < count and i in self.taken:
                i += 1
            start, end = self.bounds[first][0], self.bounds[i - 1][1]
            before = self.bounds[first - 1][1] if first else 0
            after = self.bounds[i][0] if i < count else len(self.text)
            if first and (i == count or after - end > start - before):
                edits.append((before, end if i < count else after, ""))
            else:
                edits.append((start if first else 0, after, ""))
        return sorted(edits)
