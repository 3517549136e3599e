"""What the tags, class names and ids of news pages say of the text inside."""

import re
from functools import lru_cache
from itertools import pairwise

from newsstand.page_tokens import word_set

# Never a story: it may hold the headline, or a whole page that its author left unclosed.
APART_TAGS = word_set(
    "nav footer aside noscript template dialog figure figcaption button form fieldset menu head"
)
APART_ROLES = word_set(
    "navigation banner contentinfo complementary search dialog alertdialog alert menu menubar "
    "toolbar tablist tooltip"
)

# A class or id is read as its words: `c-relatedStories` is c, related, stories.
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_COMMENTS = word_set(
    "comment comments commentlist comentarios commentaires kommentare kommentar commenti disqus "
    "livefyre viafoura respond replies reader readers"
)
_APART = word_set(
    "share sharing sharebar sharedaddy sharethis addthis social sociable socials teilen partage "
    "compartir related relateds relatedposts recommended recommendation recommendations "
    "recommend trending popular mostread mostviewed mostpopular newsletter newsletters signup "
    "subscribe subscription subscriptions cookie cookies consent gdpr onetrust ad ads adv advert "
    "adverts advertisement advertising adsense adslot dfp sponsor sponsored promo promos "
    "promotion outbrain taboola zergnet revcontent mgid breadcrumb breadcrumbs crumbs sidebar "
    "rail nav navbar navigation menu menus submenu toolbar masthead footer bottombar popup modal "
    "lightbox tooltip toast banner login signin register registration search searchform "
    "pagination pager teaser teasers carousel ticker skip donate donation whatsapp telegram "
    "readmore morestories morenews alsoread seealso upnext outlook tools toolbox feedback poll "
    "quiz survey weather widget noprint player playlist hidden toc hotwords"
)
# Two words that say it only together.
_PAIRS = word_set(
    "most-read most-viewed most-popular read-more more-stories more-news more-from more-on "
    "also-read see-also read-also read-next next-article next-story up-next sign-up log-in "
    "sign-in app-download follow-us site-header page-header global-header main-header "
    "header-top top-bar about-author author-bio author-box author-info author-profile "
    "no-print print-hide dont-miss latest-news latest-stories top-stories editors-picks "
    "photo-credit image-credit image-caption wp-caption media-caption story-links "
    "further-reading key-words tag-list tags-list post-tags entry-tags article-tags tag-cloud "
    "post-navigation tweet-button post-meta entry-meta article-meta meta-data"
)
# Only where little text is inside: a byline, not a column with its author's name in the class.
_SMALL = word_set(
    "byline bylines author authors credit credits caption captions tags tag taglist keywords "
    "topics meta metadata info infos date dateline datetime timestamp time published pubdate "
    "updated kicker eyebrow overline rubric label labels category categories copyright "
    "disclaimer source sources print email count counter views rating votes copy icon icons "
    "button buttons btn link links"
)
# The beginnings of names that tell of the page, not of the element: `has-sidebar`, `tag-comments`.
_STATE = re.compile(
    r"(?:has|with|without|no|is|not|js-no|tag|category|cat|post|postid|page-id|author|single|type|"
    r"format|status|elementor|wp-block-group|columns?|col|layout|template|theme|hide-for|"
    r"show-for)(?=[-_]|$)|hentry|.*(?:enabled|disabled|open|closed|wrapper-with.*|-on|-off|true|"
    r"false|visible)$",
    re.I,
)
_ELEMENTOR_CONTENT = re.compile(r"post-?content|text-?editor", re.I)
_STORY = re.compile(
    r"(?:article|story|post|entry|news|artikel|art|single|noticia|articulo|articolo|haber|detail|"
    r"content|main|text|item|field-?name|field|page)"
    r"[-_]{0,2}(?:main|full|page|detail|inner)?[-_]{0,2}"
    r"(?:body|content|contents|text|txt|copy|bodycopy|cuerpo|contenido|texto|inhalt|metni|corps|"
    r"testo|paragraphs?)(?![a-z])"
    r"|body-?(?:copy|content|text)|full-?text|rich-?text|story-?area|caas-body|wysiwyg"
    r"|td-post-content|cuerpo|contenido|^(?:articleBody|story|storytext|article|texte?|texto|"
    r"testo|prose|noticia|artikel|bodytext|maintext)$",
    re.I,
)


@lru_cache(maxsize=1 << 14)
def kind_of_name(names: str) -> str:
    """What a class, id or similar value says: `comments`, `apart`, `small` or nothing.

    >>> kind_of_name("c-relatedStories"), kind_of_name("story-body has-sidebar")
    ('apart', '')
    """
    kinds = {_kind(name) for name in names.split()[:20]}
    return next((kind for kind in ("comments", "apart", "small") if kind in kinds), "")


def _kind(name: str) -> str:
    if _STATE.match(name):
        return ""
    words = [word.lower() for word in _WORDS.findall(name[:80])]
    if _COMMENTS.intersection(words):
        return "comments"
    pairs = {f"{one}-{two}" for one, two in pairwise(words)}
    if _APART.intersection(words) or _PAIRS & pairs or "mostread" in name.lower():
        return "apart"
    return "small" if _SMALL.intersection(words) else ""


@lru_cache(maxsize=1 << 14)
def names_a_story(names: str) -> bool:
    """Whether a class or id is one that publishing systems give to a story's text.

    >>> names_a_story("td-post-content"), names_a_story("post-12 list")
    (True, False)
    """
    return any(_STORY.search(name[:80]) for name in names.split()[:20])
