"""Notes of web sites: cookies and consent, subscriptions, log-in and comments, browsers.

A note is a line of sentences, each of which is one by its wording: it begins as a site speaks to
its readers ('We use cookies', 'You have read', 'To continue reading') and holds what it is about.
Sentences that may come along with a note ('Learn more.') are none by themselves. A line that tells
what somebody said is no note. In doubt, text stays.
"""

# ruff: noqa: RUF001  (typographic marks and scripts are what this module is about)

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from newsstand.boilerplate_wording import ALONG, SURE, TOLD

_LONGEST = 1200  # characters of a line

# The first word of a note, and after a common one the second: nearly all lines end their look here.
_SECOND = {
    "we": """use value respect care take are and have need ask may only also would store set process
        collect notice noticed detect detected see rely depend""",
    "this": """site website web page article story post section content video embed is piece
        report column edition browser""",
    "the": "full rest site website page media video",
    "to": """find learn read see get continue keep finish access unlock view enjoy watch play display
        load use comment""",
    "you": "can may must need have should are do agree",
    "it": "looks seems appears",
    "if": "you",
    "for": "more further subscribers members our the just only",
    "our": "site website websites sites partners app video player",
    "on": "this our the",
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
}
_FIRST = """
    accept agree allow reject decline deny refuse manage cookie cookies strictly necessary
    subscribe subscriber subscribers subscribed log login sign signed register registered
    create leave post add write submit view show see read load hide join comments comment be
    your required save share sound please forgot forgotten reset remember already upgrade pay
    continue become purchase get start begin try claim enjoy keep support help consider choose
    pick select cancel exclusive exclusively premium click press tap enable turn activate
    disable deactivate pause switch whitelist javascript adblock adblocker media video update
    unfortunately more further thank thanks welcome sorry hello quality advertising readers
    looks don't ok okay got close dismiss learn privacy terms settings we've you've logged
    free full unlimited alle nur akzeptieren ablehnen cookie-einstellungen wir diese dieser
    unsere durch wenn ihre externer hier ich bereits schon sind bist haben du jetzt
    weiterlesen exklusiv zum lesen unterstützen bitte melden loggen registrieren kommentar
    kommentare ad-blocker werbeblocker datenschutz anmelden tout accepter refuser continuer
    gérer nous ce notre votre cet réservé contenu déjà pas abonnez-vous soutenez
    connectez-vous identifiez-vous vous laisser poster ajouter publier écrire voir lire
    afficher créer veuillez merci pensez aceptar rechazar configurar política utilizamos
    usamos nosotros este esta contenido conteúdo exclusivo solo sólo restrito já aún
    suscríbete suscríbase regístrate regístrese assine cadastre-se has ha você apoya inicia
    inicie iniciar debes debe deja escribe publica ver mostrar faça deixe escreva activa
    active habilita habilite desactiva desactive ative desative aceitar rejeitar accetta
    rifiuta gestisci noi utilizziamo usiamo questo proseguendo continuando cliccando chiudendo
    navigando scorrendo articolo contenuto article sei hai abbonati accedi registrati devi
    lascia leggi vedi mostra attiva abilita disattiva disabilita мы наш этот данный на
    продолжая оставаясь нажимая эта материал только для у уже оформите купите подпишитесь
    чтобы войдите авторизуйтесь зарегистрируйтесь оставить добавить написать комментарии
    пожалуйста включите отключите принять نحن نستخدم يستخدم هذا باستمرارك بمتابعتك من اشترك هل
    مشترك سجل سجّل تسجيل اترك أضف اكتب يجب يرجى الرجاء قبول رفض ما این برای نظر دیدگاه ارسال
"""
_OPENINGS = dict.fromkeys(_FIRST.split()) | {a: frozenset(b.split()) for a, b in _SECOND.items()}

_SENTENCES = re.compile(r"[.!?…؟][\"”’»')\]]*+(?= |(?<=[?!؟])\w)")
_SHORT_FORMS = ("e.g.", "i.e.", "etc.")
_EDGES = " .!?…؟:;›>→»«*[]()|·•–—-¿¡"


@dataclass(frozen=True, slots=True)
class Notes:
    """The patterns of the rules in force; the name of the group that matched is the rule."""

    sure: re.Pattern[str]
    along: re.Pattern[str]

    def rule(self, line: str) -> str | None:
        """The rule that takes a whole line: the one of its first sentence that is sure."""
        if len(line) > _LONGEST or not _opens(line):
            return None
        rule = None
        line = line.lower().replace("’", "'")
        for sentence in _sentences(line):
            if found := self.sure.fullmatch(sentence):
                rule = rule or found.lastgroup
            elif sentence and not self.along.fullmatch(sentence):
                return None
        return None if rule is None or TOLD.search(line) else rule


def _opens(line: str) -> bool:
    """Whether the first words of a line may be those of a note."""
    first = line.partition(" ")[0].lower()
    if first not in _OPENINGS:
        if first.isalpha():  # nearly all lines
            return False
        line = line.lstrip(_EDGES).replace("’", "'")
        first = line[:50].lower().split(" ")[0].rstrip(_EDGES + ",")
        first = "one" if first.isdecimal() else first
        if first not in _OPENINGS:
            return False
    seconds = _OPENINGS[first]
    return not seconds or any(
        word.strip(_EDGES + ",") in seconds for word in line[:50].lower().split(" ")[1:2]
    )


def _sentences(line: str) -> Iterator[str]:
    at = 0
    for match in _SENTENCES.finditer(line):
        if not line.endswith(_SHORT_FORMS, at, match.end()):
            yield line[at : match.end()].strip(_EDGES)
            at = match.end()
    yield line[at:].strip(_EDGES)


@lru_cache(maxsize=32)
def notes(strip: frozenset[str]) -> Notes | None:
    """The patterns of the named rules; None if none of them is about notes."""
    groups = [f"(?P<{n}>{'|'.join(found)})" for n, found in SURE.items() if n in strip]
    if not groups:
        return None
    return Notes(re.compile("|".join(groups)), re.compile("|".join(ALONG)))
