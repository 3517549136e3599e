"""Patterns of agencies, outlets, places, times and persons, for `boilerplate_rules`."""

# ruff: noqa: RUF001  (typographic marks are what this module is about)

AGENCIES = (
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
OUTLETS = (
    "ABC News|AP News|BBC(?: News| Sport)?|Breitbart|CBC News|CBS News|CNN(?: Politics)?|DW|Dawn"
    "|El País(?: English)?|Euronews|Financial Times|Fox News|France 24|Hindustan Times|HuffPost"
    "|Le Monde|Los Angeles Times|NBC News|NPR|National Review|Newsmax|Newsweek|POLITICO|Politico"
    "|Sky News|South China Morning Post|TIME|The (?:Atlantic|Daily Beast|Economist|Guardian|Hill"
    "|Hindu|Independent|Japan Times|New York Times|Straits Times|Telegraph|Times of India"
    "|Washington Post|Washington Times|Wall Street Journal)|Townhall|WSJ|Reuters|AP|AFP|UPI"
    "|Associated Press|Bloomberg(?: News)?|Al Jazeera|USA TODAY|Xinhua|Anadolu Agency|CNBC"
)
# A bare 'CITY -' is a dateline only for these; other places need a region, date or agency.
PLACES = frozenset(
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
SITES = "twitter|x|facebook|instagram|telegram|youtube|whatsapp|linkedin|tiktok|flipboard"
MONTH = (
    "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|abr|ago|dic|gen|mag|giu|lug|set|ott"
    "|fév|avr|mai|juin|juil|août|déc|mär|okt|dez|янв|фев|мар|апр|мая|июн|июл|авг|сен|окт|ноя|дек)"
)
DAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b"
NAME = r"[^\W\d_a-z][\w.'’-]*"  # a capitalised word, or one of a script without case
TIME = (
    r"(?i:(?:janu|febru)ary|march|august|(?:septem|octo|novem|decem)ber"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day)"
)
PERSON = rf"(?!{TIME}\b){NAME}(?: (?:{NAME}|de|van|von|bin|al)\b\.?){{1,3}}+"
PERSONS = rf"{PERSON}(?:(?:, and |, | and | & ){PERSON})*+"
TITLED = (
    rf"(?:(?:{NAME}|in|and|by|for|from|with|at|of|the|staff|writers?|reporters?|correspondents?"
    r"|@\w+)[ ,;&./:]*+)++"
)
# A time stamp and nothing else.
STAMP = (
    rf"(?:[ :,.|•·–—()/-]|\d[\d:.]*(?:st|nd|rd|th|am|pm|h)?\b|{DAY}|(?:{MONTH}[a-zé]*|a\.?m"
    r"|p\.?m|gmt|utc|bst|ist|[ecmp][sd]?t|cest|cet|at|on|ago|an?|hours?|hrs?|min(?:ute)?s?|days?"
    r"|weeks?|months?|years?|today|yesterday|local time|paris|published|updated|modified)\b)++"
)
WHEN = rf"(?=.*(?:\d[:.]\d\d|\d ?[ap]\.?m|\b{MONTH}|\b{DAY}|ago\b))(?=.*\d)"
