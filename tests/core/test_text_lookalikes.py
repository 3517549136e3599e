"""Sentences that resemble boilerplate are kept.

The sentences are invented.
"""

# ruff: noqa: RUF001  (the dashes and scripts are the point)

import pytest

from newsstand.text.article import Article
from newsstand.text.normalize import TextSpec, normalise
from sentences import LEAD, REST, TWO

LOOKALIKES = [
    "Write to jane@example.org, the wife begged.",
    "Thank you for signing up to a war nobody wanted, he wrote to them",
    "Subscribe to our theory and the channel is gone",
    "Click here and your savings are gone, fraudsters know",
    "File: the bureau had one on him since 1962",
    "NATO (North Atlantic Treaty Organization) - for short, the alliance - met.",
    "The Press/Media: a study of two trades.",
    "Photo: a word that the Greeks made of light. It has lasted.",
    "For immediate release of the men they offered a ransom.",
    # prose that begins with a place, a date or an agency
    "Tehran - IRNA - the state agency - said so.",
    "Paris - the city of light - slept.",
    "IRAN 2-1 IRAQ - the report.",
    "Iran 2-1 Iraq (AP) - the score stood.",
    "TEHRAN - BAGHDAD 2-1",
    "LONDON - PARIS - ROME: a tour by train.",
    "Iran - Iraq - Syria: three capitals.",
    "“Paris – no, Rome – is lovely,” she said.",
    "- Paris is lovely, she said.",
    "— Tehran, he said, was asleep.",
    "May 3rd - the day it began - was cold.",
    "3rd May was a cold day.",
    "Rome, May 12 was warm.",
    "The Press/ Media: a study of two trades.",
    "The Iran Press/Media deal fell through.",
    "- Iran: 2\n- Iraq: 1",
    "• LONDON - 12 points\n• PARIS - 10 points",
    "- PARIS, May 3 - Olympia\n- ROME, May 5 - Arena",
    "* PARIS, France - The Louvre\n* ROME, Italy - The Forum",
    "به گزارش ایرنا، قیمت گندم کاهش یافت.",
    "به گزارش خبرگزاری ایرنا - قیمت گندم کاهش یافت.",
    "تهران - پایتخت ایران - بزرگ است.",
    "ایرنا - خبرگزاری رسمی - اعلام کرد.",
    "در این استان، فارس - جنوب ایران - باران بارید.",
    # prose at the start, in the middle and at the end of an article
    "Read more books, the minister urged.",
    "Read more carefully and you will find the clause, the judge said.",
    "The photo showed a flooded street in the old town.",
    "(The photo was taken in March, the museum said.)",
    "Photo finishes are rare in rowing, but Sunday brought two.",
    "He signed up for the army at eighteen.",
    "Sign up for the draft, the poster read.",
    "Sign up for flood alerts, residents were warned by e-mail.",
    "By Monday the river had risen by two metres.",
    "By Monday Night",
    "By land, sea and air they came.",
    "Related companies fell on the exchange.",
    "Copyright law was debated in parliament for three hours.",
    "Copyright 2019 reforms were debated in parliament",
    "The court held that all rights reserved to the state had lapsed.",
    "Score: 3-2",
    "Open 24/7",
    "9/11",
    "2020/21",
    "The season of 2020/21 ended early.",
    "The shop is open 24/7.",
    "NATO — the alliance of thirty states — met in Brussels.",
    "UNESCO: the heritage list grows.",
    "AMY GOODE: Well, we begin with wheat.",
    "LONDON — the city of bankers — slept.",
    "Paris is worth a mass, said the king.",
    "Agence France-Presse (AFP) said its reporter had been freed.",
    "The Associated Press (AP) has asked for the files.",
    "Alcoholics Anonymous (AA): The fellowship turned ninety.",
    "(AP) said that its reporter had been freed.",
    "Follow the money: it leads to the harbour.",
    "Follow the leader was the game of the evening.",
    "Subscribe to that theory and you must accept the rest, she said.",
    "Get rid of the newsletter, critics demanded.",
    "Share prices fell on the exchange.",
    "Print is not dead.",
    "Comments by the minister drew laughter.",
    "Updated rules take effect in May.",
    "Updated at 10:55 p.m. - Crowd cheers",
    "Published poets rarely live from poems.",
    "Reporting by the agency found that the wells were dry.",
    "Editing is half of writing.",
    "Many officials contributed to the plan.",
    "Years of drought contributed to this reporter's despair.",
    "File-sharing sites were shut on Monday.",
    "Media source close to the talks: no deal yet.",
    "More on the economy later in the week",
    "More from the study:",
    "More than 30 people were hurt.",
    "Close to the border, shops reopened.",
    "Ends justify nothing, the bishop said.",
    "Watch out: the ice is thin.",
    "See also how the other half lives.",
    "Code is law, the programmers say.",
    "Code: a history of signals",
    "Advertisement revenue fell by a tenth.",
    "Opinion: divided.",
    "Image is everything in this trade.",
    "Video of the accident was shown in court.",
    "All rights activists were freed.",
    "From New Delhi With Love",
    "Special for the season",
    "Dawn broke over the harbour.",
    "The Hill was quiet.",
    "It is 10:42 and the hall is empty.",
    "May 3 was a cold day.",
    "The mail went to press@example.org and nobody answered.",
    "His handle, @graindesk, has four followers.",
    "See https://example.org/report for the whole report.",
    "“Thank you for reading it to me,” he said.",
    # cookies, privacy and consent
    "We use cookies as currency in our house, and the children bargain.",
    "We use cookies to teach fractions, and nobody complains about the crumbs.",
    "We use cookies to track our readers, the publisher admitted in court.",
    "“We use cookies to improve your experience on our site,” the banner said.",
    "The bakery uses cookies to lure commuters to its website.",
    "Cookies on the counter cost a euro each.",
    "The site uses cookies that its visitors never agreed to, the regulator found.",
    "Accept all of this and you have lost, the mediator told them.",
    "Your privacy was sold for nine cents, the report says.",
    "Your privacy is what the ministers bargain with.",
    "By signing this treaty you agree to open the borders, he told the envoys.",
    "By using the quarry you accept the risk of collapse, a sign at the gate warns.",
    "By clicking a link you agree to nothing, the judges held.",
    "We value your privacy, the firm wrote, and then it sold the data.",
    "If you live in California you may not see the eclipse.",
    "This article contains content of a kind that parliament wants to ban.",
    "Privacy fines rose to a record last year.",
    "Wir verwenden Cookies nicht, sagte der Verleger, und doch fand man sie.",
    "Die Website verwendet Cookies ohne Einwilligung, wie das Gericht feststellte.",
    "Wir nutzen die Seite der Straße, an der die Bäume stehen.",
    "Nous utilisons des cookies, a déclaré l'éditeur, comme tout le monde sur ce site.",
    "En poursuivant la grève, vous acceptez la ruine, selon le maire.",
    "Utilizamos cookies en la merienda, dijo la maestra, y nadie navega.",
    "Al continuar la huelga, el sindicato acepta perder un mes de salario.",
    "Utilizziamo biscotti e cookie per la merenda, ha detto la maestra del sito.",
    "Мы используем cookies, сказал издатель, как и все сайты.",
    "نستخدم ملفات تعريف الارتباط، قال الناشر أمام المحكمة.",
    # paywalls and subscribers
    "This article of the treaty is for members that pay, the lawyers say.",
    "This story is for readers who like ghosts.",
    "You have one story left in you, her editor told her.",
    "You have read all the books in the library, and still you want more.",
    "Already a member of the alliance, the country wants a seat on the council.",
    "Already a subscriber to the theory, he needed no proof.",
    "Subscribers sued the paper over its paywall.",
    "Subscribers help themselves to the archive, and the paper lets them.",
    "To read the article of the law is to doubt it, said the counsel.",
    "To continue reading the meters, the inspectors need a court order.",
    "Support for quality journalism is growing in parliament.",
    "Support local newspapers or lose them, the bishop urged.",
    "Your trial ends when the jury is back.",
    "Start the trial without him, the judge ordered.",
    "If you value our coast, consider what the port would cost, she wrote.",
    "Dieser Artikel des Grundgesetzes ist nur einmal geändert worden.",
    "Cet article de loi est réservé aux cas graves.",
    "Para seguir con vida, los náufragos bebieron agua de lluvia.",
    "Questo articolo del codice è riservato ai casi più gravi.",
    "Чтобы читать дальше, ему понадобились очки.",
    "هذا المقال من الدستور مخصص لحماية الصحافة.",
    # log-in, comments, browsers
    "Please register to vote by Friday, the county clerk said.",
    "You must register to vote by the end of May.",
    "You must be registered to sell milk at the farm gate.",
    "Log in and you may find your money gone, the bank told its customers.",
    "Sign in the window: closed for good",
    "Register to get a flu jab, pensioners are told.",
    "Create an account of the war that your children can read.",
    "Comments are free, but facts are sacred.",
    "Comments are closed to interpretation only in theory.",
    "Join the debate club and you will learn to lose.",
    "JavaScript is required reading for the prison's new course.",
    "JavaScript is disabled by a third of the agency's own staff.",
    "Ad blockers cost the paper a fifth of its income.",
    "Your browser knows more about you than your doctor.",
    "We noticed you're not dancing, the bandleader said.",
    "Sie nutzen Werbeblocker, weil ihnen Anzeigen lästig sind.",
    "Sie müssen registriert sein, um in der Gemeinde zu wählen.",
    "Vous devez être connecté au réseau d'eau avant l'hiver.",
    "Debes estar en la plaza a las ocho, decía la carta.",
    "Войдите в любой дом, и вам нальют чаю.",
    "You can use cookies instead of biscuits for the base.",
    "Press the cookies into the tin and chill them for an hour.",
    "The site uses cookies and shares what it learns with advertising partners.",
    "Try the free trial of any app before you pay for it.",
    "Get unlimited access to the beach with a pass for the season.",
    "To access the content of the safe, you must sign in at the desk.",
    "To read the articles of the treaty, delegates must register first.",
    "To continue reading the meters, inspectors must register at the gate.",
    "Pay for the full coverage of your car, or walk.",
    "You must register to continue farming after the reform.",
    "You must register for the discussion at the town hall.",
    "Turn off your ad blocker before you file your taxes, as the form breaks.",
    "This video is from a third party and shows the crash.",
    "For members",
    "Pour accéder au contenu du coffre, il faut s'identifier à la mairie.",
    # headings
    "Trending upwards since May",
    "Most read the sentence twice.",
    "Recommended doses were exceeded in nine wards.",
    "Top stories and bottom lines",
    "%",
    "…",
    "👏👏👏",
    "خبر",
]


@pytest.mark.parametrize("line", LOOKALIKES)
@pytest.mark.parametrize("place", ["alone", "first", "middle", "last"])
def test_lookalikes_are_kept(line: str, place: str) -> None:
    body = {
        "alone": line,
        "first": f"{line}\n\n{TWO}",
        "middle": f"{LEAD}\n\n{line}\n\n{REST}",
        "last": f"{TWO}\n\n{line}",
    }[place]
    prepared = normalise(Article(body=body), TextSpec())
    assert prepared.removed == ()
    assert prepared.body.text == body


TRAILING = [
    "The alliance is open to all. See also the treaty of 1949.",
    "He gave one piece of advice. Follow the money: it leads to the top.",
    "The firms are related. Related firms must file together.",
    "It never closes. 24/7",
    "“Sign up now!” the poster said. Sign up they did.",
    "She had two wishes. Read more and sleep more.",
    "He tested the link. The link (AP) was dead.",
]


@pytest.mark.parametrize("line", TRAILING)
def test_lookalikes_at_the_end_of_a_paragraph_are_kept(line: str) -> None:
    prepared = normalise(Article(body=f"{LEAD}\n\n{line}"), TextSpec())
    assert prepared.removed == ()


@pytest.mark.parametrize(
    "lines",
    [
        ["LONDON - Rain", "PARIS - Sun", "ROME - Cloud", "OSLO - Snow", "DUBLIN - Hail"],
        ["May 3, LONDON - Hall", "May 4, PARIS - Olympia", "May 5, ROME - Arena"],
        ["Agence (AFP) - a file", "Press (AP) - a file"],
    ],
)
def test_lists_below_the_first_lines_are_kept(lines: list[str]) -> None:
    labels = ["Programme", "Weather", "Trains", "Ferries"]
    body = "\n".join([*labels, *lines, "Nothing else is known."])
    prepared = normalise(Article(body=body), TextSpec())
    assert prepared.removed == ()
    assert prepared.body.text == body
