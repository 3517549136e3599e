"""Wordings of the notes of web sites, in the languages of the other rules.

Patterns of whole sentences, in lower case and without final punctuation, for `boilerplate_notes`.
Each is matched in full and has at most one '.*' after another, and one more in a lookahead.
"""

# ruff: noqa: RUF001, E501  (typographic marks and scripts are what this module is about)

from collections.abc import Mapping

_COOKIE = "(?:cookies?|tracking technologies|similar technologies|device identifiers)"
_READ = "(?:articles?|stor(?:y|ies))"
_OUR_TEXT = rf"(?:this|the (?:full|rest of this)|unlimited|more|our|all our) (?:premium )?(?:{_READ}|content)\b"
_ENTER = "(?:log(?:ged)?[ -]?in|sign(?:ed)?[ -]?(?:in|up)|register(?:ed)?|subscribed?)"
_SITE = "(?:(?:this|our) (?:web)?(?:site|page)s?)"
_READING = (
    "(?:continue|keep|finish) reading(?=,| this| for| please| by| subs| log| sign| you| and|$)"
)
_BUTTON = (
    "(?:accept|allow|reject|decline|deny|refuse|agree to) (?:all|only|cookies|non-essential|and "
    "(?:continue|close))(?: (?:cookies|necessary|essential|selected|and (?:continue|close)))*+"
    "|manage (?:my |your )?(?:cookies?|consent|preferences|choices|settings|options)"
    "|cookies? (?:settings|preferences|choices)|cookie (?:policy|notice)|(?:strictly )?necessary "
    "(?:cookies )?only|alle (?:cookies )?(?:akzeptieren|ablehnen|zulassen)|nur (?:notwendige"
    "|essenzielle)(?: cookies)?(?: akzeptieren| zulassen)?|cookie-einstellungen"
    "|tout (?:accepter|refuser)|(?:accepter|refuser) (?:tout|les cookies)|continuer sans accepter"
    "|gérer (?:mes|les|vos) (?:cookies|préférences|choix)|(?:aceptar|rechazar) (?:todo|todas"
    "|(?:las )?cookies)(?: las cookies)?|configurar cookies|política de cookies"
    "|(?:accetta|rifiuta) (?:tutti|tutto|i cookie)(?: i cookie)?|gestisci (?:le )?preferenze"
    "|(?:aceitar|rejeitar) (?:todos|tudo|(?:os )?cookies)(?: os cookies)?"
    "|принять все(?: (?:cookies?|куки))?|قبول الكل|رفض الكل"
)
_ALONG_BUTTON = (
    "(?:i )?(?:accept|agree|decline|reject|deny)|got it|ok(?:ay)?|continue|close|dismiss"
    "|(?:learn|find out|read|see) more|more (?:information|options|details)|no,? thanks|settings"
    "|customi[sz]e|preferences|privacy (?:policy|notice|statement|settings)|terms(?: of (?:use"
    "|service)| and conditions)?|(?:log|sign) ?in|sign up|register|subscribe(?: now| today)?"
    "|create (?:an )?account|mehr erfahren|datenschutz(?:erklärung)?|impressum|ablehnen"
    "|(?:(?:hier|jetzt) )?(?:anmelden|einloggen|registrieren)|en savoir plus|se connecter|s'(?:identifier|abonner)"
    "|(?:connectez|identifiez|abonnez|inscrivez)-vous|más información|saber más|aceptar|rechazar"
    "|inicia(?:r)? sesión|suscríbete|regístrate|maggiori informazioni|scopri di più|accetta|accedi"
    "|abbonati|registrati|saiba mais|aceitar|assine(?: já| agora)?|(?:faça|fazer) login|entrar"
    "|подробнее|принять|войти|войдите|подписаться|تسجيل الدخول|سجل الدخول|اشترك الآن|المزيد"
    "|وارد شوید|ثبت ?نام"
)

# Sentences that are a note by themselves, by rule.
NOTES: Mapping[str, tuple[str, ...]] = {
    "consent": (
        # English
        rf"(?:on {_SITE},? )?(?:we|{_SITE}|we and our (?:\d[\d,.]* )?(?:\w+ ){{0,2}}(?:partners"
        r"|vendors|affiliates))(?: (?:may|also|only|would like to))*+ (?:use|store|set|place"
        rf"|process|collect)s?\b(?=.*\b{_COOKIE}\b)"
        r"(?=.*\b(?:sites?|website|(?:your|user|browsing|best|better|possible|online) experience"
        r"|browser|traffic|ads|adverts?|advertising|personali[sz]\w+|analytics|analy[sz]e"
        r"|your device|a device|consent|partners|preferences|privacy|policy|essential|our services"
        r"|usage)\b).*",
        r"we and our (?:\d[\d,.]* )?(?:\w+ ){0,2}(?:partners|vendors)\b(?=.*\b(?:process|store"
        r"|access|use)\b).*\b(?:your device|a device|cookies|personal data|identifiers|consent)\b.*",
        rf"(?:we use|(?:this|our) (?:web)?site uses) {_COOKIE}",
        rf"by (?:\w+ing|going on)\b(?=.*\byou(?:'re| are)? (?:\w+ )?(?:accept|agree|consent"
        rf"|acknowledge|allow|agreeing|consenting|confirm)\b)(?=.*\b(?:this|our) (?:web)?site\b"
        rf"|.*\b{_COOKIE}\b|.*\b(?:our|the) (?:privacy|terms|cookie)\b).*",
        r"(?:(?:to|for) (?:find out|learn|read|see|get) more|(?:for )?(?:more|further) (?:information"
        r"|details)|(?:you can )?(?:find out|learn|read) more|(?:please )?(?:see|read|view|review"
        r"|check))\b.{0,80}\bour (?:\w+ ){0,2}(?:cookies?|privacy|data protection) (?:and \w+ )?"
        r"(?:polic(?:y|ies)|notice|statement|settings)\b.*",
        rf"(?:you (?:can|may)|click|press|select|tap|choose)\b(?=.*\b(?:settings|preferences|policy"
        rf"|browser|consent|disable|manage|accept|agree|reject)\b).*\b{_COOKIE}\b.*",
        r"(?:we (?:value|respect|care about|take|are committed to(?: protecting)?)|your) (?:your )?"
        r"privacy(?: (?:is important to us|matters(?: to us)?|(?:very )?seriously|choices|rights"
        r"|(?:and|is) .{0,20}(?:to us|priority)|settings))?(?<!^your privacy)",
        r"do not sell(?: or share)? my (?:personal )?(?:info|information|data)",
        r"if you (?:are|live|reside)\b(?=.*\b(?:california|e\.?u|eea|european economic area)\b)"
        r".*\b(?:opt out|your personal (?:data|information)|cookies)\b.*",
        r"we(?:'ve| have) (?:recently )?(?:updated|changed|revised) our (?:privacy|cookie|terms)"
        r"\b.*",
        r"(?:unfortunately,? )?(?:our|this) (?:web)?site is (?:currently |temporarily )?(?:unavailable"
        r"|not available)\b.*\b(?:countr(?:y|ies)|regions?|european|gdpr|location)\b.*",
        r"allow [\w &.’'/-]{1,40} content",
        r"this (?:article|page|story|section|post) (?:contains|includes|features) content"
        r" (?:provided|hosted|supplied) by .{1,60}",
        r"we (?:ask for|need) your (?:permission|consent) (?:before|to (?:load|show|display))\b.*",
        r"to (?:view|see|watch|play|display|load) this (?:content|video|post|tweet|map|player)\b"
        r".*\b(?:accept|cookies|consent|your settings)\b.*",
        r"this (?:content|embed|video) (?:is|was|cannot|could not|can't)\b.*\b(?:your (?:privacy |"
        r"cookie )?(?:preferences|consent|settings|choices)|cookies|hosted by a third[- ]party)\b.*",
        rf"(?:{_BUTTON})(?:(?: ?[/|·•,] ?| )(?:{_BUTTON}|{_ALONG_BUTTON}))*+",
        # German
        r"(?:wir|wir und unsere (?:\d[\d.]* )?partner|(?:diese|unsere) (?:website|webseite|seite"
        r"|internetseite)|auf (?:dieser|unserer) (?:website|webseite|seite)\b.{0,20}) (?:verwenden"
        r"|verwendet|nutzen|nutzt|setzen|setzt|benutzt|speichern)\b(?=.*\bcookies\b)"
        r"(?=.*(?:website|webseite|seite|erlebnis|anzeigen|werbung|zugriffe|personalisier|gerät"
        r"|nutzung|technologien|einwilligung|angebot|dienste)).*",
        r"(?:durch die (?:weitere )?nutzung|mit (?:der (?:weiteren )?nutzung|dem klick)|wenn sie)\b"
        r"(?=.*\b(?:stimmen|erklären|akzeptieren|willigen) sie\b).*\b(?:cookies|website|webseite"
        r"|seite|datenschutz\w*)\b.*",
        r"ihre privatsphäre ist uns wichtig|externer inhalt",
        r"(?:an dieser stelle|hier) (?:finden|sehen) sie\b.*\bexterne[nr]? inhalte?\b.*",
        r"ich bin damit einverstanden, dass mir externe inhalte angezeigt werden",
        # French
        r"(?:nous|nous et nos (?:\d[\d ]* )?partenaires|(?:ce|notre) site(?: web| internet)?)"
        r" (?:utilis|stock|dépos)\w+\b(?=.*\bcookies\b)(?=.*\b(?:sites?|expérience|audience"
        r"|publicit\w+|trafic|navigation|appareil|terminal|services|consentement)\b).*",
        r"en (?:poursuivant|continuant|cliquant|naviguant|utilisant)\b(?=.*\bvous (?:acceptez"
        r"|consentez|autorisez)\b).*\b(?:cookies|site|navigation|confidentialité)\b.*",
        r"(?:nous respectons votre vie privée|votre vie privée (?:nous importe|est (?:importante"
        r"|notre priorité))\b.{0,30})",
        # Spanish, Portuguese
        r"(?:nosotros y nuestros (?:\d[\d.]* )?socios )?(?:utilizamos|usamos) (?=.*\bcookies\b)"
        r"(?=.*\b(?:sitio|site|web|experiencia|experiência|publicidad\w*|anuncios|anúncios"
        r"|navega\w+|tráfico|tráfego|servicios|serviços)\b).*",
        r"est[ea] (?:sitio|página|web|portal|site)(?: web)? (?:utiliza|usa) cookies\b.*",
        r"(?:al (?:continuar|navegar|pulsar|hacer)|si (?:continúa|continúas|sigue|sigues)|ao"
        r" (?:continuar|navegar|clicar|utilizar|prosseguir))\b(?=.*\b(?:acepta|aceptas|consiente"
        r"|concorda|aceita|entendemos que)\b).*\b(?:cookies|sitio|site|web|privacidad\w*"
        r"|navegando)\b.*",
        # Italian
        r"(?:(?:noi e i nostri partner )?(?:utilizziamo|usiamo)|(?:questo|il nostro) sito(?: web)?"
        r" (?:utilizza|usa|fa uso di)) (?=.*\bcookie\b)(?=.*\b(?:sito|esperienza|annunci"
        r"|pubblicità|traffico|navigazione|servizi|profilazione|tecnici)\b).*",
        r"(?:proseguendo|continuando|cliccando|chiudendo|navigando|scorrendo|se vuoi|se decidi)\b"
        r"(?=.*\b(?:acconsenti|accetti|si accetta|presti il consenso)\b).*\b(?:cookie|sito"
        r"|navigazione|banner)\b.*",
        # Russian, Arabic, Persian
        r"(?:мы|(?:наш|этот|данный) сайт|на (?:нашем |этом )?сайте мы) использу\w+ (?:файлы )?"
        r"(?:cookies?|куки)\b.*",
        r"(?:продолжая|оставаясь|нажимая)\b(?=.*\bвы (?:соглашаетесь|даете|даёте|принимаете)\b)"
        r".*\b(?:сайт\w*|cookies?|куки|конфиденциальности)\b.*",
        r"(?:نحن )?نستخدم ملفات (?:تعريف )?(?:الارتباط|الكوكيز)\b.*",
        r"(?:يستخدم هذا الموقع|هذا الموقع يستخدم|يستخدم موقعنا) ملفات (?:تعريف )?الارتباط\b.*",
        r"(?:باستمرارك|بمتابعتك|من خلال الاستمرار)\b(?=.*\b(?:توافق|موافقتك)\b).*\b(?:الموقع"
        r"|التصفح|الارتباط|الخصوصية)\b.*",
        r"(?:ما|این (?:سایت|وب\u200cسایت)) از کوکی.{0,4} استفاده می.?کن\w+\b.*",
    ),
    "paywall": (
        rf"you(?:'ve| have)\b(?=.*\b(?:free|complimentary|monthly|gift) (?:\w+ ){{0,2}}(?:{_READ}"
        rf"|views|content|allowance|limit)\b|.*\blimit of (?:\w+ )*+{_READ}|.*\b{_READ} (?:left"
        rf"|remaining) this (?:week|month)$|.*\barticle limit\b).*",
        rf"this is (?:your (?:last|final|only)|(?:\d+|one) of your)\b.{{0,30}}\bfree {_READ}\b"
        r".{0,40}",
        rf"(?:\d+|one|two|three|four|five|no)(?: of \d+)?(?: more)? (?:free|complimentary)"
        rf" {_READ} (?:left|remaining|read)\b.{{0,30}}",
        r"(?:this|the full|the rest of this) (?:article|story|content|post|piece|report|column|video"
        r"|edition) is (?=.*\b(?:subscri\w+|members|premium|registered|paying|paywall)\b)(?:only "
        r"|exclusively |now |currently )*+(?:for|available|reserved|exclusive|limited|restricted"
        r"|behind|premium|subscriber)\b.*",
        r"exclusive(?:ly)? (?:for|to) (?:our )?(?:subscribers|members)|for (?:our )?subscribers(?: only)?"
        r"|for members only"
        r"|subscribers?[ -](?:only|exclusive)(?: content| article| story)?|premium (?:article"
        r"|content|story)",
        r"(?:are you )?already (?:an? )?(?:subscribed|registered|(?:\w+ )?(?:subscriber|member)"
        r"|have an? (?:account|subscription))(?: (?:please )?(?:log|sign) ?in\b.{0,40})?",
        r"not (?:yet )?an? (?:subscriber|member)(?: yet)?|(?:don't|do not) have an?"
        r" (?:account|subscription)(?: yet)?",
        rf"(?:please )?(?:{_ENTER}|join|upgrade|pay|continue|become an? (?:member|subscriber)|purchase"
        rf" a subscription|get a subscription)(?: (?:now|today|here|free|for free|or|{_ENTER}))*+ "
        rf"(?:to|and|for)\b(?=.*\b(?:{_READING}|{_OUR_TEXT}|our (?:journalism|coverage)|unlimited"
        r" (?:digital )?access|full access to (?:our|this|all our))).*",
        r"subscribe (?:now )?(?:for|from|and)\b.*(?:[$€£]\d|\d%|per (?:week|month|year)|unlimited"
        r"|free trial).*",
        rf"to (?:continue|keep|finish|read|access|unlock|view|enjoy)\b(?=.*\b(?:{_READING}"
        rf"|{_OUR_TEXT})).*\b(?:subscribe|subscription|become an? (?:member|subscriber)|premium"
        r"|log ?in|sign (?:in|up)|register|(?:your|an|free) account)\b.*",
        r"to (?:continue|keep) reading(?: this (?:article|story)| for free)?"
        rf"|to read (?:the rest of )?this {_READ}(?: in full)?|(?:continue|keep) reading (?:for free"
        r"|with (?:a|your) .{0,40}(?:trial|subscription|account))",
        r"(?:start|begin|try|get|claim|enjoy)(?: (?:your|a|our|my))?\b.{0,30}\b(?:free trial|trial"
        r" subscription|digital (?:subscription|access)|unlimited (?:digital )?access)(?: (?:now|today"
        r"|here|for (?:free|just|only|as|\W?\d)|to (?:our|all our|every (?:article|story)|this)|of"
        r" our|and (?:get|read|enjoy|unlock|continue))\b.{0,80})?",
        r"your (?:free )?trial (?:has (?:ended|expired)|(?:will )?(?:end|expire)s? (?:on|in|soon"
        r"|today|tomorrow)\b.*|period has .*)|your subscription has (?:expired|lapsed|ended)\b.*",
        r"(?:your (?:subscription|support|contribution|membership|donation)|subscribers?|readers"
        r" like you) (?:helps?|makes?|supports?|allows?|keeps?|enables?|funds?|powers?)\b.*\b(?:us"
        r"|our)\b.*\b(?:journalis\w+|newsroom|reporting|work)\b.*",
        r"(?:please )?(?:help |consider )?support(?:ing)? (?:our|independent|quality|local|free|public"
        r"|investigative|trusted|honest|fearless|real)\b(?: [\w-]+){0,4} (?:journalism|newsroom"
        r"|reporting)(?: (?:today|now|by|with a|for|from)\b.{0,80})?",
        r"if you (?:value|like|enjoy|appreciate|believe in|rely on)\b(?=.*\b(?:journalism|reporting"
        r"|newsroom|our)\b).*\b(?:consider|subscribe|donate|become a (?:member|subscriber)"
        r"|support (?:us|our))\b.*",
        r"(?:choose|pick|select|view|see) (?:your|a|our|the) (?:subscription )?(?:plans?"
        r"|subscription(?: (?:plan|options?|offers?))?)",
        r"cancel (?:at )?any ?time,? .{0,20}subscription.{0,20}",
        # German
        r"(?:dieser|der (?:ganze|vollständige)) (?:artikel|beitrag|text|inhalt) (?:ist|steht)\b.*\b"
        r"(?:abonnent\w*|abonnement|abo|registrierten?)\b.*",
        r"(?:(?:sie|du|sie sind|du bist|sind sie|bist du|haben sie|sie haben) )?(?:bereits|schon) (?:abonnent(?:in)?"
        r"|registriert|(?:ein )?(?:abo|abonnement|konto)|kunde|mitglied)(?: \w+)?",
        r"jetzt (?:abonnieren|weiterlesen|kostenlos testen|(?:gratis|kostenlos) .{2,40}|abo .{2,40})"
        r"|weiterlesen mit .{2,40}|exklusiv für abonnenten",
        r"(?:um|zum)\b.{0,60}\b(?:weiterzulesen|weiterlesen)\b.*|lesen sie (?:diesen artikel |jetzt )?"
        r"(?:weiter )?mit\b.*\b(?:abo|probemonat|plus)\b.*",
        r"sie haben\b.*\b(?:kostenlose[nr]?|gratis)\b.{0,20}(?:artikel|beiträge)\b.*",
        r"unterstützen sie (?:unabhängigen|unseren|guten|kritischen) journalismus\b.{0,60}",
        # French
        r"(?:cet article|ce contenu|la suite(?: de cet article)?) est (?:exclusivement )?réservée?"
        r" (?:aux|à nos) abonnés|(?:article |contenu )?réservé (?:aux|à nos) abonnés",
        r"(?:vous êtes )?déjà (?:abonné|inscrit)(?:e|\(e\)|·e)?|pas encore abonné(?:e|\(e\)|·e)?",
        r"abonnez-vous (?:pour|à partir de|dès|et|maintenant)\b.{0,120}",
        r"pour (?:lire|continuer|poursuivre|accéder)\b(?=.*\b(?:la suite|cet article|ce contenu|lecture"
        r"|à lire|nos (?:articles|contenus))\b).*\b(?:abonn\w+|connect\w+|identifi\w+|inscri\w+|compte)\b.*",
        r"il vous reste \d+ ?(?:%|articles?\b).{0,40}(?:lire|article|gratuits?).{0,20}",
        r"vous avez\b.*\b(?:articles? (?:gratuits?|offerts?)|limite d'articles)\b.*",
        r"soutenez (?:un |notre |le )?(?:journalisme|média) (?:indépendant|de qualité|libre)\b.{0,60}",
        # Spanish, Portuguese
        r"(?:este|esta) (?:artículo|contenido|noticia|conteúdo|matéria|artigo|reportagem) (?:es|está"
        r"|é)\b.*\b(?:suscriptor\w*|suscritos|abonados|assinantes|registrados)\b.*",
        r"(?:contenido |conteúdo )?(?:exclusivo|solo|sólo|restrito) (?:para|a) (?:los )?"
        r"(?:suscriptores|abonados|assinantes)",
        r"ya (?:eres|es|soy|estás|está) (?:suscriptor|suscriptora|suscrito|suscrita|registrado)"
        r"|já (?:é|sou) assinante|aún no (?:eres|es) suscriptor",
        r"(?:suscríbe(?:te|se)|regístrate|regístrese|assine|cadastre-se)\b.*\b(?:para (?:seguir"
        r"|continuar|leer|ler)|leyendo|lendo|acceder|ilimitado)\b.*",
        r"para (?:seguir|continuar) (?:leyendo|lendo)\b.*\b(?:suscr\w+|regístr\w+|inicia\w*|assin\w+"
        r"|login|cadastr\w+|hazte)\b.*",
        r"(?:has|ha|você) (?:leído|alcanzado|agotado|atingiu|já leu|leu)\b.*\b(?:artículos?"
        r" (?:gratuitos?|gratis)|límite de artículos|(?:matérias?|artigos?) gratuit\w+|limite de"
        r" (?:matérias|artigos))\b.*",
        r"apoya (?:el|al|nuestro) periodismo (?:independiente|libre|de calidad)\b.{0,60}",
        # Italian
        r"(?:questo )?(?:articolo|contenuto) (?:è )?(?:riservato|disponibile solo|accessibile solo)"
        r"\b.*\babbonat[io]\b.*",
        r"(?:sei|hai) già (?:abbonat[oa]|registrat[oa]|un (?:account|abbonamento))",
        r"abbonati (?:per|a|da|ora|subito|e)\b.*\b(?:leggere|accedere|contenuti|articol[oi]|mese)\b"
        r".*|per (?:continuare a leggere|leggere l'articolo)\b.*\b(?:abbon\w+|acced\w+"
        r"|registr\w+)\b.*",
        # Russian, Arabic, Persian
        r"(?:эта|этот|данный) (?:статья|материал|текст) доступ(?:на|ен) только\b.{0,20}\bподписчи\w+"
        r"|(?:материал |только )+для подписчиков|(?:у вас )?уже (?:подписаны|есть подписка)",
        r"(?:оформите|купите) подписку\b.*\b(?:читать|чтение|доступ\w*|материал\w*)\b.*"
        r"|подпишитесь,? чтобы (?:читать|продолжить|дочитать)\b.*",
        r"чтобы (?:читать|прочитать|продолжить чтение|дочитать)\b.*\b(?:подпи\w+|войдите"
        r"|зарегистрируйтесь|авторизуйтесь)\b.*",
        r"هذا (?:المقال|المحتوى) (?:متاح|مخصص|حصري) (?:فقط )?للمشتركين\b.*",
        r"اشترك (?:الآن )?(?:لمتابعة|لقراءة|لمواصلة) .*|هل أنت مشترك(?: بالفعل)?|مشترك بالفعل",
        r"برای (?:ادامه|خواندن)\b.*\b(?:وارد شوید|ثبت ?نام کنید|مشترک شوید)\b.*",
    ),
    "login": (
        r"(?:log|sign) ?in (?:with|using|via) (?:facebook|google|apple|twitter|x|linkedin|microsoft"
        r"|your (?:\w+ ){0,2}account)\b.{0,40}|(?:continue|sign up|register|join) (?:with|using|via)"
        r" (?:facebook|google|apple|twitter|linkedin|microsoft|e-?mail)\b.{0,20}",
        r"create (?:a|an|your|my) (?:free |new )*+(?:[\w.]+ )?account(?: (?:now|today|here|for free|or"
        r" (?:log|sign) ?in|to (?:continue|read|comment|access|keep|save|join|unlock|view)\b.*"
        r"|and (?:read|enjoy|start|continue|join)\b.*))?",
        r"(?:please )?(?:log|sign) ?in(?: or (?:register|sign up|create an account|subscribe))?"
        r" to (?:continue|comment|(?:leave|post|add|write) a (?:comment|reply)|reply|join the"
        r" (?:conversation|discussion)|(?:view|see|read|access) this (?:page|content|article|story))",
        rf"(?:please|you (?:must|need to|have to|should)) (?:be )?(?:{_ENTER}|create an account)\b(?:.*"
        r"\b(?:to (?:continue|reply)(?=,| reading|$)|to comment|(?:a|your|to) comments?$"
        r"|this (?:article|page|content|story))\b.*)|you are not (?:logged|signed) in",
        r"(?:leave|post|add|write|submit) (?:a|your) (?:comment|reply)(?: (?:below|here|now|cancel"
        r" reply))?|(?:view|show|see|read|load|hide)(?: all| the| more| \d+)* comments?"
        r"(?: ?\(\d+\))?",
        r"join the (?:conversation|discussion)(?: (?:below|on|in the comments)\b.{0,40})?"
        r"|(?:have your say|tell us what you think)(?: (?:in the comments|below).{0,20})?",
        r"comments (?:are|have been) (?:now )?(?:closed|disabled|turned off|moderated)(?: (?:on|for"
        r" this)\b.{0,40})?|(?:no comments(?: yet)?|comments ?\(\d+\))|be the first to (?:comment"
        r"|leave a (?:comment|reply))\b.{0,30}",
        r"your e-?mail address will not be published\b.*|required fields are marked\b.{0,5}"
        r"|save my name,? e-?mail\b.*|this site uses akismet\b.*|learn how your comment data is"
        r" processed",
        r"(?:let us know|tell us|share your (?:thoughts|views|opinion)|sound off)\b.{0,60}\b(?:in the"
        r" comments?|comments? (?:section|below))\b.{0,30}",
        r"(?:please )?(?:read|review|see|follow|respect) our (?:comment(?:ing|s)?|community"
        r"|moderation|house) (?:policy|guidelines|rules|standards)\b.{0,60}",
        r"(?:forgot(?:ten)?|reset) (?:your )?password",
        # German, French
        r"(?:bitte )?(?:melden|loggen|registrieren) sie sich\b.*\b(?:kommentar\w*|kommentieren"
        r"|weiterzulesen|fortzufahren)\b.*|sie müssen (?:angemeldet|eingeloggt|registriert) sein,"
        r" um\b.*\b(?:kommentar\w*|kommentieren|weiterzulesen)\b.*|kommentar (?:schreiben|verfassen"
        r"|hinterlassen)|(?:alle )?kommentare (?:anzeigen|lesen)",
        r"(?:(?:connectez|identifiez)-vous|vous devez (?:être connecté\w*|vous connecter))\b.*\b"
        r"(?:comment\w+|réagir|cet article|ce contenu|continuer)\b.*|(?:laisser|poster|ajouter"
        r"|publier|écrire) un commentaire|(?:voir|lire|afficher) (?:tous )?les commentaires"
        r"|créer un compte(?: gratuit\w*)?",
        # Spanish, Portuguese, Italian
        r"(?:inicia|inicie|iniciar) sesión (?:para|o)\b.*\b(?:comentar\w*|continuar|leyendo"
        r"|regístr\w+)\b.*|debes? (?:iniciar sesión|estar (?:registrado|conectado))\b.*\bcomentar\w*"
        r"\b.*|(?:deja|escribe|publica) (?:un|tu) comentario|(?:ver|mostrar)(?: los| todos los)?"
        r" comentarios",
        r"(?:faça (?:seu )?login|você precisa (?:estar logado|fazer login))\b.*\b(?:coment\w+"
        r"|continuar)\b.*|(?:deixe|escreva) (?:um|seu) comentário|ver (?:todos )?os comentários",
        r"(?:accedi|registrati|devi (?:effettuare il login|essere (?:registrato|connesso)))\b.*\b"
        r"(?:comment\w+|continuare a leggere)\b.*|lascia un commento|(?:leggi|vedi|mostra)(?: tutti)?"
        r" i commenti",
        # Russian, Arabic, Persian
        r"(?:войдите|авторизуйтесь|зарегистрируйтесь)\b.*\b(?:комментар\w+|комментировать|продолжить"
        r" чтение)\b.*|(?:оставить|добавить|написать) комментарий|комментарии (?:закрыты|отключены)"
        r"|чтобы оставить комментарий\b.*",
        r"(?:سجل|سجّل|تسجيل) الدخول (?:للتعليق|لإضافة تعليق|لمتابعة القراءة)\b.*|(?:اترك|أضف|اكتب)"
        r" (?:تعليقا|تعليقاً|تعليقك)|يجب (?:عليك )?تسجيل الدخول\b.*\b(?:للتعليق|تعليق)\b.*",
        r"(?:نظر|دیدگاه) خود را (?:بنویسید|ثبت کنید|وارد کنید)|ارسال (?:نظر|دیدگاه)",
    ),
    "browser": (
        r"(?:to (?:use|view|watch|play|see)\b.{0,40} )?(?:please )?(?:enable|turn on|activate)"
        r" (?:javascript|js|cookies in your browser)\b.{0,120}",
        r"(?:please )?(?:consider )?(?:disabl|turn(?:ing)? off|deactivat|paus|switch(?:ing)? off"
        r"|whitelist)\w*\b.{0,30}\bad[- ]?block\w*(?: (?:and (?:refresh|reload|try)|to (?:continue|read"
        r"|view|watch|access|support|see)|for (?:this|our)|on (?:this|our)|or)\b.{0,80})?",
        r"javascript (?:is|must be|seems to be|has been|appears to be) (?:currently )?(?:disabled"
        r"|not enabled|turned off|enabled|required to (?:view|use|see|run|display|play) this .{2,20})(?:(?: in| on) your"
        r" .{2,30}|, .{2,60})?",
        r"(?:this|our) (?:site|page|website|app|video|player) (?:requires|needs|works best with)"
        r" (?:javascript|a (?:modern|newer|different) browser)\b.{0,60}|you need to (?:enable|turn"
        r" on) javascript\b.{0,60}",
        r"(?:your|this) (?:web )?browser (?:does not|doesn't|is (?:not|out of date|no longer"
        r"|outdated|too old))\b.{0,20}(?:support|javascript|cookies|$).{0,60}",
        r"(?:please )?(?:update|upgrade) (?:your|to a) .{0,20}browser\b.{0,60}",
        r"(?:it (?:looks|seems|appears)(?: like| as if| that)?|looks like|we(?:'ve| have)? (?:notice"
        r"|noticed|detected?|see)(?: that)?) (?:you(?:'re| are|'ve| have|r)) .*\b(?:ad[- ]?"
        r"block\w*|javascript|private (?:mode|browsing)|incognito|outdated browser)\b.*",
        r"ad[- ]?block(?:er)? (?:detected|enabled)|(?:media|video) (?:could not|cannot) be (?:loaded"
        r"|played)\b.{0,60}",
        r"bitte (?:aktivieren|schalten|deaktivieren) sie\b.*\b(?:javascript|ad-?blocker|adblock"
        r"|werbeblocker)\b.*|wir haben (?:festgestellt|bemerkt), dass sie\b.*\b(?:ad-?blocker"
        r"|werbeblocker)\b.*|(?:ad-?blocker|werbeblocker) erkannt",
        r"(?:veuillez|merci (?:de |d')|pensez à )\s?(?:activer|désactiver)\b.*\b(?:javascript"
        r"|bloqueur|adblock)\b.*",
        r"(?:por favor,? )?(?:activ[ae]|habilit[ae]|desactiv[ae]|ative|desative|habilite)\b.*\b"
        r"(?:javascript|bloqueador (?:de (?:anuncios|anúncios|publicidad))?|adblock)\b.*",
        r"(?:per favore,? )?(?:attiva|abilita|disattiva|disabilita)\b.*\b(?:javascript|adblock"
        r"|ad ?blocker)\b.*",
        r"(?:пожалуйста,? )?(?:включите|отключите)\b.*\b(?:javascript|блокировщик\w*|adblock)\b.*",
        r"(?:يرجى|الرجاء) (?:تفعيل|تمكين) (?:جافا ?سكريبت|javascript)\b.*",
    ),
}
# Sentences that may accompany a note.
COMPANIONS = (
    rf"(?:{_ALONG_BUTTON})(?: (?:here|now|below))?",
    rf"(?:please )?(?:{_ENTER}|subscribe)(?: (?:now|here|today|or|for free|{_ENTER}))*+",
    r"(?:by (?:\w+ing|going on)\b.{0,60}|if you continue\b.{0,80})\byou(?:'re| are)? (?:accept"
    r"|agree|consent|agreeing|happy)\b.{0,80}",
    r"(?:these|they|some|such (?:cookies|technologies)|the cookies)\b.{0,20}\b(?:are|help|allow|let"
    r"|may|enable|can)\b.{0,160}",
    r"you (?:can|may)(?: \w+)? (?:change|manage|withdraw|update|adjust|opt|revoke|object|choose|accept|read"
    r"|set|cancel|want|disable|review|find)\b.{0,160}",
    r"(?:click|press|tap|select|choose)\b.{0,120}",
    r"(?:(?:to|for) (?:find out|learn|read|see|get) more|for (?:more|further) (?:information|details)"
    r"|(?:find out|learn|read) more)\b.{0,120}",
    r"(?:we|our partners) (?:use|share|also|may|need|rely|depend|and our)\b.{0,160}",
    r"(?:thank you|thanks|welcome|sorry|hello)\b.{0,60}|(?:it's|it is) (?:free|easy|quick)\b.{0,40}",
    r"(?:cancel|no commitment|billed|then|only|just|from|for (?:just|only|as little as))\b.{0,60}",
    r"(?:unlimited|full|get|enjoy|choose|pick) (?:\w+ ){0,4}(?:access|plan|content|articles)\b"
    r".{0,60}",
    r"(?:quality|good|independent) journalism (?:costs|is expensive|is not free|isn't free|takes)"
    r"\b.{0,40}",
    r"advertis(?:ing|ements?) (?:helps?|allows?|enables?|lets?|funds?|pays?|keeps?)\b.{0,80}",
    r"(?:consider|please consider|try|then|and) .{0,80}\b(?:browser|page|site|javascript)\b.{0,40}",
    r"what do you think|have your say|remember me|no account(?: yet)?|new here|not registered(?: yet)?",
    r"damit können personenbezogene daten an drittplattformen übermittelt werden",
    r"(?:mehr dazu|weitere informationen|details|informationen)\b.{0,80}\b(?:datenschutz\w*|cookies?)"
    r"\b.{0,20}",
    r"(?:sie können|melden sie sich|hier)\b.{0,40}\b(?:an|ein|ändern|widerrufen|anpassen|kündbar"
    r"|anmelden)\b.{0,40}|(?:jederzeit|monatlich) kündbar",
    r"(?:pour en savoir plus|vous pouvez)\b.{0,120}|sans engagement",
    r"(?:para (?:más|saber|mais)|puede[ns]?|puedes|você pode|consulte)\b.{0,120}",
    r"(?:per (?:saperne|maggiori)|puoi)\b.{0,120}",
    r"вы можете\b.{0,120}|هل لديك حساب|لديك حساب(?: بالفعل)?",
)

# Words of reported speech or the past, and endings of speech: such a line is not a note.
REPORTED = (
    r"\b(?:said|says|say (?:experts|officials|police)|told|adds?|added|wrote|writes|warn(?:s|ed)|urge[sd]|argue[sd]|according to"
    r"|admit(?:s|ted)|claim(?:s|ed)|insist(?:s|ed)|explain(?:s|ed)|announced|complain(?:s|ed)|jokes?"
    r"|joked|recall(?:s|ed)|testified|was|were|had|did|(?:banner|sign|notice|note|message|poster"
    r"|leaflet|screen|pop-?up|letter|mail|text) (?:reads?|says)|sagte|sagt|sagen|erklärte|erklärt"
    r"|laut|hieß|heißt|schrieb|warnte|war|waren|hatte|(?:a|ont) (?:dit|déclaré|expliqué|affirmé"
    r"|annoncé|écrit)|dit|disait|selon|explique|était|étaient|dijo|dice|decía|según|afirmó|explicó"
    r"|era|eran|fue|fueron|ha (?:detto|spiegato|scritto)|secondo|spiega|disse|diz|segundo|afirmou"
    r"|explicou|foi|сказал\w*|говор\w+|заявил\w*|сообщил\w*|словам|написал\w*|был[аои]?|قال\w*|يقول"
    r"|وفق\w*|حسب|گفت|گفته|به گزارش)\b"
    r"|[,.!?][\"”»“]$"
)
