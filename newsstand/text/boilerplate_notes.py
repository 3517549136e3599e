"""Finds notes of web sites: cookies and consent, subscriptions, log-in and comments, browsers.

A note is a line of sentences that a site addresses to its readers: the wording of each begins in a
typical way ('We use cookies', 'You have read', 'To continue reading') and names its subject.
Sentences that may accompany a note ('Learn more.') are not notes by themselves. A line with
reported speech is not a note. In doubt, text is kept.
"""

# ruff: noqa: RUF001  (typographic marks and scripts are what this module is about)

import re
from collections.abc import Iterator
from functools import cached_property, lru_cache

from newsstand.text.boilerplate_lexicon import COMPANIONS, NOTES, REPORTED

_LONGEST = 1200  # characters of a line

# The first word of a note, with the second if the first is common; rules out nearly all lines.
_SECOND = {
    "we": """use value respect care take are and have need ask may only also would store set process
        collect notice noticed detect detected see rely depend""",
    "this": """site website page article story post section content video embed is piece
        report column edition browser""",
    "the": "full rest site website page media video",
    "to": """find learn read see get continue keep finish access unlock view enjoy watch play
        display load use comment""",
    "you": "can may must need have should are do agree",
    "it": "looks seems appears",
    "if": "you",
    "for": "more further subscribers members our the just only",
    "our": "site website websites sites partners app video player",
    "on": "this our",
    "one": "free more of",
    "two": "free more of",
    "three": "free more of",
    "no": "comments free more thanks account",
    "not": "yet a an registered",
    "are": "you",
    "with": "a your",
    "have": "your",
    "what": "do",
    "in": "order",
    "new": "here",
    "ad": "blocker block",
    "let": "us",
    "tell": "us",
    "do": "not",
    "la": "suite",
    "en": "poursuivant continuant cliquant naviguant utilisant savoir",
    "il": "vous nostro",
    "pour": "lire continuer poursuivre accéder en",
    "para": "seguir continuar más saber mais",
    "per": "continuare leggere favore saperne maggiori",
    "por": "favor",
    "si": "continúa continúas sigue sigues",
    "se": "vuoi decidi connecter",
    "ya": "eres es soy estás está",
    "al": "continuar navegar pulsar hacer",
    "ao": "continuar navegar clicar utilizar prosseguir",
    "der": "ganze vollständige",
    "sie": "haben müssen können sind",
    "um": "weiterzulesen diesen den",
    "mit": "der dem",
    "auf": "dieser unserer",
    "an": "dieser",
    "by": """continuing using clicking closing going browsing visiting accessing navigating staying
        scrolling remaining selecting choosing tapping pressing accepting proceeding signing
        subscribing registering creating logging submitting""",
    "i": "accept agree",
    "be": "the",
    "наш": "сайт",
    "نظر": "خود",
    "log": "in into",
    "pay": "to for now",
    "tap": "accept here to",
    "got": "it",
    "nur": "notwendige essenzielle",
    "wir": "verwenden nutzen setzen speichern benutzen und haben",
    "ich": "bin",
    "du": "hast bist",
    "zum": "weiterlesen",
    "ce": "contenu site",
    "cet": "article",
    "pas": "encore",
    "já": "é sou",
    "aún": "no",
    "ha": "leído alcanzado agotado",
    "ver": "todos los os comentarios comentarios,",
    "noi": "e",
    "sei": "già",
    "hai": "già",
    "мы": "используем и",
    "на": "нашем этом сайте",
    "эта": "статья",
    "для": "подписчиков",
    "у": "вас",
    "уже": "подписаны есть зарегистрированы",
    "نحن": "نستخدم",
    "هذا": "المقال المحتوى الموقع",
    "من": "خلال",
    "هل": "أنت لديك",
    "سجل": "الدخول",
    "أضف": "تعليقا تعليقاً تعليقك",
    "يجب": "عليك تسجيل",
    "رفض": "الكل",
    "ما": "از",
    "این": "سایت وب‌سایت",
    "read": "our the comments all also this more",
    "see": "our the comments all more your subscription",
    "your": """privacy choices browser free trial subscription support contribution membership
        donation e-mail email california cookie""",
    "get": "a your unlimited full free complete instant started",
    "start": "your a our reading free",
    "begin": "your a our",
    "try": "a our free",
    "media": "could cannot",
    "has": "leído alcanzado agotado",
    "readers": "like",
    "write": "a your",
    "add": "a your",
    "leave": "a your",
    "more": "information details",
}
_FIRST = """
    accept agree allow reject decline deny refuse manage cookie cookies strictly necessary
    subscribe subscriber subscribers subscribed login sign signed register registered create
    post submit view show load hide join comments comment required save share sound please
    forgot forgotten reset remember already upgrade continue become purchase claim enjoy keep
    support help consider choose pick select cancel exclusive exclusively premium click press
    enable turn activate disable deactivate pause switch whitelist javascript adblock
    adblocker video update further thank thanks welcome sorry hello quality advertising looks
    don't okay close dismiss learn privacy terms settings we've you've logged free full
    unlimited alle akzeptieren ablehnen cookie-einstellungen diese dieser unsere durch wenn
    ihre externer hier bereits schon sind bist haben jetzt weiterlesen exklusiv lesen
    unterstützen bitte melden loggen registrieren kommentar kommentare ad-blocker werbeblocker
    datenschutz anmelden tout accepter refuser continuer gérer nous notre votre réservé
    contenu déjà abonnez-vous soutenez connectez-vous identifiez-vous vous laisser poster
    ajouter publier écrire voir lire afficher créer veuillez merci pensez aceptar rechazar
    configurar política utilizamos usamos nosotros este esta contenido conteúdo exclusivo solo
    sólo restrito suscríbete suscríbase regístrate regístrese assine cadastre-se você apoya
    inicia inicie iniciar debes debe deja escribe publica mostrar faça deixe escreva activa
    active habilita habilite desactiva desactive ative desative aceitar rejeitar accetta
    rifiuta gestisci utilizziamo usiamo questo proseguendo continuando cliccando chiudendo
    navigando scorrendo articolo contenuto article abbonati accedi registrati devi lascia
    leggi vedi mostra attiva abilita disattiva disabilita этот данный продолжая оставаясь
    нажимая материал только оформите купите подпишитесь чтобы войдите авторизуйтесь
    зарегистрируйтесь оставить добавить написать комментарии пожалуйста включите отключите
    принять نستخدم يستخدم باستمرارك بمتابعتك اشترك مشترك سجّل تسجيل اترك اكتب يرجى الرجاء قبول
    برای دیدگاه ارسال unfortunately
"""
_OPENINGS = dict.fromkeys(_FIRST.split()) | {a: frozenset(b.split()) for a, b in _SECOND.items()}
_OPENINGS |= {word.replace("'", "’"): seconds for word, seconds in _OPENINGS.items()}
_OPENINGS |= {f"{word},": seconds for word, seconds in _OPENINGS.items()}
_START = 5  # characters
_STARTS = {
    f"{first} {second}"[:_START]
    for first, seconds in _OPENINGS.items()
    for second in seconds or [""]
}

_SENTENCES = re.compile(r"[.!?…؟][\"”’»')\]]*+(?= |(?<=[?!؟])\w)")
_ABBREVIATIONS = ("e.g.", "i.e.", "etc.")
_EDGES = " .!?…؟:;›>→»«*[]()|·•–—-¿¡"

_ODD = frozenset(f"{_EDGES}0123456789")


class Notes:
    """The patterns of notes.

    They take 35 ms to compile and few articles have notes, so they are compiled on first use.

    Args:
        strip: The rules to apply.
    """

    def __init__(self, strip: frozenset[str]) -> None:
        self._strip = strip

    @cached_property
    def sentences(self) -> re.Pattern[str]:
        """Sentences that are a note; the name of the matching group is the rule."""
        rules = ((rule, texts) for rule, texts in NOTES.items() if rule in self._strip)
        return re.compile("|".join(f"(?P<{rule}>{'|'.join(texts)})" for rule, texts in rules))

    @cached_property
    def companions(self) -> re.Pattern[str]:
        """Sentences that may accompany a note."""
        return re.compile("|".join(COMPANIONS))

    @cached_property
    def reported(self) -> re.Pattern[str]:
        """Reported speech or the past."""
        return re.compile(REPORTED)

    def rule(self, line: str) -> str | None:
        """Returns the rule of the first sentence that is a note, if the whole line is one."""
        if line[:_START].lower() not in _STARTS and line[0] not in _ODD:  # nearly all lines
            return None
        if len(line) > _LONGEST or not _opens(line):
            return None
        rule = None
        line = line.lower().replace("’", "'")
        for sentence in _sentences(line):
            if match := self.sentences.fullmatch(sentence):
                rule = rule or match.lastgroup
            elif sentence and not self.companions.fullmatch(sentence):
                return None
        return None if rule is None or self.reported.search(line) else rule


def _opens(line: str) -> bool:
    """Whether the first words of a line may be those of a note."""
    if line[0] in _EDGES:
        line = line.lstrip(_EDGES)
    end = line.find(" ", 0, 24)
    first = line[: end if end >= 0 else 24].lower()
    if first not in _OPENINGS:
        if not first.isdecimal():
            return False
        first = "one"
    seconds = _OPENINGS[first]
    if not seconds:
        return True
    second = line[end + 1 : end + 20].lower().split(" ")[0].rstrip(_EDGES + ",")
    return end >= 0 and second in seconds


def _sentences(line: str) -> Iterator[str]:
    at = 0
    for match in _SENTENCES.finditer(line):
        if not line.endswith(_ABBREVIATIONS, at, match.end()):
            yield line[at : match.end()].strip(_EDGES)
            at = match.end()
    yield line[at:].strip(_EDGES)


@lru_cache(maxsize=32)
def notes(strip: frozenset[str]) -> Notes | None:
    """Returns the patterns of the named rules; None if none of these are rules of notes."""
    return None if strip.isdisjoint(NOTES) else Notes(strip)
