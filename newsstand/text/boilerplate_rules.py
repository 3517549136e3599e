"""The rules of boilerplate: the patterns of each, and where in a text they apply."""

# ruff: noqa: RUF001  (typographic marks are what this module is about)

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

from newsstand.text.boilerplate_names import (
    AGENCIES,
    DAY,
    MONTH,
    NAME,
    OUTLETS,
    PERSON,
    PERSONS,
    SITES,
    STAMP,
    TITLED,
    WHEN,
)
from newsstand.text.boilerplate_notes import Notes, notes

# In the order in which they are tried on a line.
RULES: Mapping[str, str] = MappingProxyType(
    {
        "outlet": "the outlet's name after the headline: 'Grain falls | Reuters'",
        "byline": "who wrote, edited or contributed: 'By Jane Roe, Staff Writer'",
        "dateline": "place, date and agency before the first sentence: 'PARIS, May 3 (AFP) -'",
        "timestamp": "publication, update and reading times: 'Updated 10:42 GMT'",
        "share": "share buttons and counts: 'Share this article'",
        "caption": "photo credits and the captions they come with: '(Getty Images)'",
        "related": "pointers to other stories: 'Read more: Minister quits'",
        "lists": "other stories under their heading: 'Most read' and the headlines below it",
        "prompt": "newsletter, subscription, follow, app and contact prompts",
        "consent": "cookie, privacy and consent notes: 'We use cookies to ...', 'Accept all'",
        "paywall": "subscription and article-limit notes: 'You have 2 free articles left'",
        "login": "log-in, registration and comment notes: 'Please log in to comment'",
        "browser": "JavaScript and ad-blocker notes: 'Please enable JavaScript'",
        "advert": "advertising marks: 'Story continues below'",
        "copyright": "copyright lines and disclaimers: 'All rights reserved.'",
        "link": "lines that are only a link, an address or a handle",
        "code": "bare reference codes: '211/104', 'ND/77-B', 'Code: 4321/12'",
        "endmark": "end marks, release marks, ornaments: '-- ends --', '###', '/More/'",
    }
)

# Patterns are bounded: they see one short line, the first 120 or the last 300 characters of a
# paragraph, and repeated groups are possessive, so that a failing match does not backtrack.

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
# Headings that occur only over lists of other stories.
_LISTS = (
    "most (?:read|popular|viewed|watched|shared|commented)(?: (?:stories|articles|news|today))?"
    "|trending(?: now| stories| topics| news)?|popular (?:now|stories|articles|posts)"
    "|top stories|latest (?:news|stories|articles|headlines)|editor['’]?s['’]? (?:picks?|choice)"
    "|recommended(?: for you| stories| articles)?|you (?:may|might) also (?:like|be interested in)"
    "|(?:what to )?read this next|what to read next|(?:other|similar) (?:stories|articles)"
    "|meistgelesen|am meisten gelesen|das könnte sie auch interessieren"
    "|weitere (?:artikel|meldungen)|les plus lus|à lire également|sur le même sujet"
    "|lo más (?:leído|visto)|noticias relacionadas|te puede interesar|leia também|mais lidas"
    "|i più letti|articoli correlati|potrebbe interessarti|самое читаемое|материалы по теме"
    "|по теме|новости по теме|الأكثر قراءة|مواضيع ذات صلة|أخبار ذات صلة|اقرأ المزيد|بیشتر بخوانید"
    "|مطالب مرتبط|اخبار مرتبط|همچنین بخوانید"
)
# Headings that are certain to have a headline below; others may be buttons, with one line below
# that is a heading of the story itself.
_POINTS = (
    "related (?:stor(?:y|ies)|articles?|coverage|content|links|news)|more (?:from|about) .{2,40}"
    "|(?:read|see) also|also (?:read|see)|further reading|recommended (?:reading|stories|articles)"
    "|(?:read )?more on this (?:story|topic)|you (?:may|might) also like|[àa] lire aussi"
    "|lire aussi|le[ae] también|leggi anche|leia (?:também|mais)|lesen sie auch|mehr zum thema"
    "|читайте также|اقرأ أيضا|most (?:read|popular|viewed)"
)
_AFTER = "[.…»>→ ]*"
_LONGEST_HEADING = 50


@cache
def headings() -> re.Pattern[str]:
    """Returns the pattern of headings over headlines, in lower case; compiled on first use."""
    return re.compile(
        rf"(?P<sure>(?:{_POINTS})[:.…»>→ ]*|(?:{_MORE}|{_LISTS}) ?:{_AFTER})"
        rf"|(?:{_MORE}|{_LISTS}){_AFTER}"
    )


# Whole lines, in lower case and without leading bullets; anywhere in the body.
_LOWER = {
    "timestamp": (
        rf"\(?(?:(?:first|last|originally|this|story|article|post|was|has|been) )*+(?:published"
        rf"|updated|posted|modified|issued|filed)\b{STAMP}(?:(?<=ist - )[a-z ]{{3,30}})?",
        rf"published in [\w.'’ -]{{2,30}},{STAMP}",
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
        rf"follow {_CALL}(?:@\w+|us(?: on| at|:|$)|[^.,;]{{2,60}} on (?:{SITES})\b).*",
        rf"(?:join|like|find|connect with|visit) us on (?:{SITES})\b{_CALL}.*",
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
        r"(?:(?:news |story )?code|ref(?:erence)?(?: no)?|(?:story|news) id) ?[.:#]++ ?"
        r"(?=(?:[^\W\d]|[/.-])*+\d)[\w/.-]++",
        r"(?!(?:19|20)\d\d/\d\d$)\d{3,6}/\d{2,6}|ap-[a-z]{2}-\d\d-\d\d-\d\d(?: \d{4}gmt)?",
    ),
    "endmark": (
        r"[(\[/]?(?:ends?|more|eom|30) ?[)\]/-]+|for immediate release\W*",
        r"[-–—―_*•·~=#|+◆■●○ ]+",
    ),
}
_CREDIT = "(?:[Rr]eporting|[Ww]riting|[Ee]diting|Compiled|Translat(?:ed|ion)|Edited|Reported)"
_PICTURES = f"(?:{AGENCIES}|Getty(?: Images)?|EPA|Pool|Shutterstock|iStock|Pixabay)"
# Whole lines as written, without leading bullets; anywhere in the body.
_CASED = {
    "byline": (
        rf"[(\[]?(?:(?:Additional|Further) )?{_CREDIT} by:? {TITLED}"
        rf"(?:(?:additional )?{_CREDIT} {TITLED})*+[)\]]?\.?",
        r"\(?[Ww]ith (?:assistance|reporting|inputs?|files|contributions?|agency inputs)"
        rf"(?: (?:by|from) {TITLED})?\)?\.?",
        rf"Contribut(?:ing|ors?): ?{TITLED}|\((?:{AGENCIES})(?:[/,] ?(?:{AGENCIES}))*+\)",
    ),
    "caption": (
        r"(?:(?:Photo|Image|Picture|Video|Graphic)s?|PHOTOS?|Photograph(?:s|y)?|Illustration)"
        rf" (?:by|BY) {TITLED}",
        r"\((?:[A-Za-z]\w+ )?(?:[Ff]ile )?(?:[Pp]hoto|PHOTO|[Ii]mage|Illustration)"
        r"(?: [Ii]llustration| credits?)?"
        r"(?:(?: ?[:/]| by| courtesy| via) ?[^()]{1,80})?\)",
        rf"\((?:Credit: ?|via )?(?:{PERSON} ?[/,|] ?)?(?:{_PICTURES}(?: via |[/, ]*))++\)",
        rf"(?:AP Photo|REUTERS|Getty Images|EPA)(?:/| ?\| ?){TITLED}",
    ),
    "related": (r"More (?:on|from|about) (?:the |The )?[A-Z][^.,:;?!]{1,40}[:.…]{0,3}",),
    "code": (r"[A-Z]{1,3}/\d{1,4}(?:-[A-Z\d]{1,3})?",),
}
# The same, for patterns with any beginning: tried on lines that contain one of these words.
_HOLDING = re.compile("contributed|/|@|All rights|can be reached").search
_WITHIN = {
    "byline": (
        rf"{TITLED}contributed(?: reporting)?(?: from {TITLED}|,? (?:to|for) (?:this|the)"
        r" (?:report|story|article|piece|post|column|project))?\.?",
    ),
    "caption": (rf"{PERSON} ?/ ?{_PICTURES}(?:[ /,]+{TITLED})?",),
    "prompt": (r".{2,80} can be reached (?:at|on|via) .*",),
    "copyright": (
        r"[^.]{0,80}\b(?:(?:19|20)\d\d|Inc|LLC|Ltd)\W{1,3}All rights reserved(?:\.(?: .*)?)?",
    ),
    "link": (r"(?:E-?mail ?: ?)?[\w.+-]+@[\w-]+\.[\w.-]+",),
}
_ROLE = "(?:[Ww]riter|[Cc]orrespondent|[Rr]eporter|[Cc]ontributor|[Ee]ditor)s?"
BY_OUR = rf"By Our (?:[A-Z]\w+ ){{0,2}}{_ROLE}(?: in [^.:]{{2,40}})?"
# Whole lines that are boilerplate only before or after the prose.
_EDGE = {
    "byline": (
        rf"(?:By|BY|by):? (?:{PERSONS}|(?:{AGENCIES}|{OUTLETS})(?: {NAME}| staff){{0,2}})"
        rf"(?: ?\( ?@\w+ ?\))?(?:(?:,| \||,? for| in| –| -| /) ?[^.!?]{{2,60}})?",
        rf"(?:(?:Text|Words|Author|Reporter|Writer):|Written by:?) (?:{PERSONS}|(?:{AGENCIES}))",
        rf"{BY_OUR}:?",
        rf"(?:(?:Source|SOURCE): ?)?(?:{AGENCIES}|{OUTLETS})"
        r"(?: staff|, [A-Z][^.,]{1,30}| and (?:news )?agencies)?",
        r"PTI(?: [A-Z]{2,4}){1,5}",
        rf"(?:(?:Staff|Special|Senior|Chief|Political|Opinion|Foreign) )++{_ROLE}",
        r"[Ss]pecial (?:for|to) (?:[Tt]he )?[A-Z][^.,]{1,40}",
    ),
    "timestamp": (rf"(?i:(?=[\d(]|{MONTH}|{DAY}){WHEN}{STAMP})",),
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
        rf"(?:[-–—]{{1,2}} ?|/|==?)(?:{AGENCIES})/?",
        rf"\((?:{AGENCIES})(?:[/, ]+(?:{AGENCIES}))*+\)",
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

OUTLET = re.compile(rf"(?<=\S) (?:[|–—-]|--) (?:{OUTLETS})$")
SENTENCE_END = ".!?…\"”’'»)]。؟।"
BULLETS = "-–—•*>»·= "


@dataclass(frozen=True, slots=True)
class Rules:
    """The patterns of the rules to apply; the name of the matching group is the rule."""

    names: frozenset[str]
    lower: re.Pattern[str]
    cased: re.Pattern[str]
    within: re.Pattern[str]
    edge: re.Pattern[str]
    last: re.Pattern[str]
    tail: re.Pattern[str]
    lists: re.Pattern[str]
    notes: Notes | None

    def line(self, line: str) -> str | None:
        """Returns the rule that matches a whole line, or None."""
        bare = line.lstrip(BULLETS) or line
        match = self.lower.fullmatch(bare.lower()) or self.cased.fullmatch(bare)
        if not match and len(bare) <= _LONGEST_HEADING:
            match = self.lists.fullmatch(bare.lower())
        if not match and _HOLDING(bare):
            match = self.within.fullmatch(bare)
        return match.lastgroup if match else None


@lru_cache(maxsize=32)
def compiled(strip: tuple[str, ...]) -> Rules:
    """Returns the patterns of the named rules; compiling them takes about 30 ms."""

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
        tail=re.compile(rf"[{re.escape(SENTENCE_END)}] ?(?:{union(_TAIL)})$"),
        lists=re.compile(rf"(?P<lists>(?:{_LISTS})[:.…»>→ ]*)" if "lists" in strip else r"(?!)"),
        notes=notes(frozenset(strip)),
    )
