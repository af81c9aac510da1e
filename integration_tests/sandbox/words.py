"""Words that records are made of: plain ones and ones that break careless readers."""

FIRST_NAMES = ("Ada", "Zoë", "José", "Li", "Олена", "Noor", "Björn", "Chiara", "さくら", "Kofi", "O'Neil", "Anaïs")
LAST_NAMES = ("Lovelace", "Müller", "García", "Wang", "Шевченко", "Khan", "Åberg", "Rossi", "田中", "Mensah")
MAIL_NAMES = ("ada", "zoe", "jose", "li", "olena", "noor", "bjorn", "chiara", "sakura", "kofi", "oneil", "anais")
MAIL_DOMAINS = ("example.com", "example.org", "mail.example.net", "пошта.example")
PLACES = (
    ("Berlin", "BE", "DE", "Europe/Berlin"),
    ("São Paulo", "SP", "BR", "America/Sao_Paulo"),
    ("Kyiv", "30", "UA", "Europe/Kyiv"),
    ("大阪", "27", "JP", "Asia/Tokyo"),
    ("New York", "NY", "US", "America/New_York"),
    ("Zürich", "ZH", "CH", "Europe/Zurich"),
)
LOCALES = ("de-DE", "pt-BR", "uk-UA", "ja-JP", "en-US", "de-CH")
AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
    "Mozilla/5.0 (via ggpht.com GoogleImageProxy)",
)
DEVICES = ("iPhone", "Windows", "Gmail", "Android", "Mac")
THINGS = (
    "Welcome",
    "Win back",
    "Summer sale ☀️",
    "Панель",
    "Rabatt für Übermütige",
    "新着情報",
    "Cart, abandoned",
    'The "big" one',
)
PRODUCTS = ("Hammer", "Säge", 'Nail 5" box', "ノート", "Kettle", "Шафа")
EVENT_NAMES = ("pageView", "search performed", "quiz.finished", "Größe gewählt", "🎉 party", "checkout-started")
REASONS = (
    "FrequencyCapped",
    "Unsubscribed",
    "EmailNotSubscribed",
    "SuppressedByList",
    "MissingMergeParam",
    "DuplicateMessage",
)
STATUSES = ("HardBounce", "SoftBounce", "Complaint", "550 5.1.1 mailbox unavailable")
SIGNUP_SOURCES = ("API", "Import", "WebForm", "Workflow")

# Text that is legal inside a JSON string and that line readers, terminals and encoders get wrong: U+2028, U+2029 and
# U+0085 are line ends to str.splitlines() but not to JSON lines.
ODD_TEXTS = (
    "line\u2028separator",
    "paragraph\u2029separator",
    "next\u0085line",
    "👩‍👩‍👧‍👦 family \U0001f1fa\U0001f1e6",
    'quote " and backslash \\ and {"json": true}',
    "tab\tand\nnewline",
    "مرحبا بالعالم",
    "e\u0301 decomposed",
    "",
    " \u00a0spaces ",
    "null",
    "\ufefffirst a byte order mark",
)
