"""Notes of web sites, and lists of other stories with their headings, are stripped.

The conventions are real; the sentences are invented.
"""

# ruff: noqa: RUF001, E501  (typographic marks and scripts are the point)

import time

import pytest

from newsstand.text.article import Article
from newsstand.text.boilerplate_notes import notes
from newsstand.text.normalize import TextSpec, normalise
from sentences import LEAD, REST, TWO

NOTES = {
    "consent": [
        "We use cookies and similar technologies to improve your experience on our site.",
        "This website uses cookies. By continuing to use this site you agree to their use.",
        "This site uses cookies to analyse traffic and show ads. Learn more. Accept",
        "By clicking “Accept all”, you agree to the storing of cookies on your device.",
        "Accept all / Reject all / Manage preferences",
        "Accept all cookies",
        "Manage cookies",
        "Cookie settings",
        "We value your privacy",
        "Your privacy is important to us. We and our 412 partners store and access information on a "
        "device, such as unique identifiers in cookies, to process personal data. You may accept or "
        "manage your choices by clicking below, or at any time in the privacy policy.",
        "If you are a California resident, you may opt out of the sale of your personal information.",
        "Do not sell or share my personal information",
        "We have updated our privacy policy. Please read our privacy notice.",
        "Allow Chirper content? This article contains content provided by Chirper. We ask for your "
        "permission before anything is loaded, as they may be using cookies and other technologies. "
        "To view this content choose accept and continue.",
        "To view this video, please accept marketing cookies in your settings.",
        "Our website is currently unavailable in most European countries.",
        "For more information, see our cookie policy.",
        "Wir verwenden Cookies, um Ihnen auf unserer Website das beste Erlebnis zu bieten.",
        "Diese Website verwendet Cookies zur Analyse der Zugriffe. Mehr erfahren. Alle akzeptieren",
        "Mit der Nutzung unserer Website stimmen Sie der Verwendung von Cookies zu.",
        "Nous utilisons des cookies pour améliorer votre expérience sur notre site.",
        "En poursuivant votre navigation, vous acceptez l'utilisation de cookies.",
        "Tout accepter",
        "Utilizamos cookies propias y de terceros para mejorar la experiencia de navegación.",
        "Al continuar navegando, usted acepta el uso de cookies.",
        "Utilizziamo i cookie per migliorare la tua esperienza di navigazione.",
        "Continuando la navigazione accetti l'uso dei cookie.",
        "Usamos cookies para melhorar a sua experiência de navegação.",
        "Мы используем файлы cookie. Продолжая работу с сайтом, вы соглашаетесь с этим.",
        "نستخدم ملفات تعريف الارتباط لتحسين تجربتك.",
        "ما از کوکی‌ها استفاده می‌کنیم.",
    ],
    "paywall": [
        "You have 2 free articles left this month.",
        "You've read all of your free stories for this month. Already a subscriber? Sign in",
        "You’ve reached your limit of free articles. Subscribe now for unlimited access.",
        "This is your last free article this month.",
        "3 of 5 free articles read",
        "This article is for subscribers only",
        "The full article is available to premium members. Log in or subscribe.",
        "For subscribers only",
        "Subscribe to continue reading",
        "Already a subscriber? Log in",
        "Not a subscriber? Subscribe now",
        "To read this article in full, please log in or start a subscription.",
        "To continue reading this story, create a free account.",
        "Start your free trial today. Cancel any time.",
        "Your free trial has ended. Choose a plan",
        "Subscribe for just $1 a week. Cancel at any time.",
        "Support quality journalism",
        "Support independent local journalism for as little as £2 a month.",
        "If you value our reporting, please consider becoming a subscriber.",
        "Dieser Artikel ist nur für Abonnenten zugänglich. Jetzt anmelden",
        "Sie sind bereits Abonnent? Hier anmelden",
        "Jetzt weiterlesen",
        "Cet article est réservé aux abonnés. Déjà abonné ? Connectez-vous",
        "Il vous reste 70% de cet article à lire.",
        "Este artículo es exclusivo para suscriptores. ¿Ya eres suscriptor? Inicia sesión",
        "Suscríbete para seguir leyendo",
        "Questo articolo è riservato agli abbonati. Sei già abbonato? Accedi",
        "Este conteúdo é exclusivo para assinantes. Já é assinante? Faça login",
        "Этот материал доступен только подписчикам",
        "Подпишитесь, чтобы читать дальше",
        "هذا المقال متاح فقط للمشتركين",
        "اشترك الآن لمتابعة القراءة",
        "برای ادامه مطلب وارد شوید",
    ],
    "login": [
        "Please log in to comment",
        "Sign in to continue",
        "You must be registered to comment.",
        "You need to be logged in to leave a comment. Log in",
        "Log in with Facebook",
        "Continue with Google",
        "Create a free account",
        "Don't have an account? Create an account to join the discussion.",
        "Leave a comment",
        "View all 14 comments",
        "Join the conversation",
        "Comments are closed",
        "Be the first to comment",
        "Your email address will not be published. Required fields are marked *",
        "This site uses Akismet to reduce spam. Learn how your comment data is processed.",
        "What do you think? Let us know in the comments below.",
        "Forgot your password?",
        "Bitte melden Sie sich an, um zu kommentieren.",
        "Kommentar schreiben",
        "Connectez-vous pour commenter",
        "Laisser un commentaire",
        "Inicia sesión para comentar",
        "Deja un comentario",
        "Faça login para comentar",
        "Lascia un commento",
        "Войдите, чтобы оставить комментарий",
        "Оставить комментарий",
        "يجب عليك تسجيل الدخول لإضافة تعليق",
        "نظر خود را بنویسید",
    ],
    "browser": [
        "Please enable JavaScript to view this page.",
        "JavaScript is disabled in your browser.",
        "This site requires JavaScript",
        "Your browser does not support this video",
        "We noticed you're using an ad blocker. Advertising helps us keep our news free. Please "
        "disable your ad blocker for this site.",
        "It looks like you have an ad blocker switched on.",
        "Ad blocker detected",
        "Bitte aktivieren Sie JavaScript in Ihrem Browser.",
        "Veuillez activer JavaScript dans votre navigateur.",
        "Por favor, activa JavaScript en tu navegador.",
        "Пожалуйста, включите JavaScript",
        "يرجى تفعيل جافا سكريبت",
    ],
}
EVERY = [(rule, note) for rule, found in NOTES.items() for note in found]


@pytest.mark.parametrize(("rule", "note"), EVERY, ids=[note[:40] for _, note in EVERY])
def test_notes_are_stripped(rule: str, note: str) -> None:
    for body in (f"{note}\n\n{TWO}", f"{LEAD}\n\n• {note}\n\n{REST}", f"{TWO}\n\n{note}"):
        prepared = normalise(Article(body=body), TextSpec())
        assert prepared.body.text == TWO
        taken = {span.rule for span in prepared.removed}
        # A consent form also mentions accounts, and some short notes match the rule of prompts.
        assert taken <= {rule, "prompt", "login", "paywall"}


def test_only_the_given_rules_strip_notes() -> None:
    body = f"Accept all cookies\n\n{TWO}\n\nSubscribe to continue reading"
    old = TextSpec(strip=("byline", "related"))
    assert normalise(Article(body=body), old).removed == ()
    spec = TextSpec(strip=("consent",))
    assert [x.rule for x in normalise(Article(body=body), spec).removed] == ["consent"]


HEADLINES = ["Rye follows wheat down", "Grain board names a chief", "Mills hope for a dry May"]
HEADS = [
    *("Related stories", "Related articles:", "Read more:", "More from Farming", "Most read"),
    *("Trending", "Recommended", "You may also like", "Lesen Sie auch", "Meistgelesen"),
    *("Sur le même sujet", "Te puede interesar", "Articoli correlati", "Читайте также"),
    *("Материалы по теме", "اقرأ أيضا", "الأكثر قراءة", "مطالب مرتبط", "Mais lidas"),
]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("marks", ["", "• "])
def test_headlines_are_stripped_with_their_heading(head: str, marks: str) -> None:
    block = "\n".join([head, *(f"{marks}{line}" for line in HEADLINES)])
    for body in (f"{TWO}\n\n{block}", f"{LEAD}\n\n{block}\n\n{REST}"):
        prepared = normalise(Article(body=body), TextSpec())
        assert prepared.body.text == TWO
        [rule] = {span.rule for span in prepared.removed}
        assert rule in ("related", "lists")


@pytest.mark.parametrize(
    "body",
    [
        # a paragraph ends a list, and the line under a button may be a heading of the story
        "{LEAD}\n\nMost read\n\n{REST}",
        "{LEAD}\n\nTrending\n\nWhat the board found\n\n{REST}",
        "{LEAD}\n\nRead more\n\nWhat the board found\n\n{REST}",
        # names and ingredients are not headlines
        "{LEAD}\n\nMost popular\n\nVanilla\n\nChocolate\n\nStrawberry ice\n\n{REST}",
        # a list that is too long for a box
        "{LEAD}\n\nRelated stories\n\n"
        + "\n".join(f"Mill number {i} in the plains" for i in range(12))
        + "\n\n{REST}",
        "{LEAD}\n\nStory highlights\n\nRye follows wheat down\n\nMills hope for a dry May\n\n{REST}",
    ],
)
def test_doubtful_lines_under_a_heading_are_kept(body: str) -> None:
    body = body.format(LEAD=LEAD, REST=REST)
    prepared = normalise(Article(body=body), TextSpec())
    gone = [span.text for span in prepared.removed]
    assert len(gone) == 1
    assert prepared.body.text == body.replace(f"{gone[0]}\n\n", "")


def hostile() -> list[str]:
    pieces = [
        *("we use cookies ", "you have ", "accept all ", "to continue reading ", "subscribe to "),
        *("a. ", "accept all. ", "learn more. ", "we and our partners ", "free articles "),
        *("accept accept all ", "?! ", "e.g. ", "“", "cookies, ", "nous utilisons ", "чтобы "),
    ]
    heads = ["", "We use cookies to ", "You have ", "Accept all ", "Subscribe or ", "By using "]
    return [f"{head}{piece * (1100 // len(piece))}"[:1150] for head in heads for piece in pieces]


def test_hostile_notes_are_fast() -> None:
    rules = notes(frozenset(NOTES))
    assert rules is not None
    lines = hostile()
    start = time.process_time()
    for line in lines:
        rules.rule(line)
        rules.rule(f"{line} he said")
    assert time.process_time() - start < 0.01 * len(lines) + 1
