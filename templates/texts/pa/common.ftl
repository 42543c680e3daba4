skip-link = ਮੁੱਖ ਸਮੱਗਰੀ ’ਤੇ ਜਾਓ
nav-home = ਮੁੱਖ ਪੰਨਾ
nav-languages = ਭਾਸ਼ਾ
language-en = ਅੰਗਰੇਜ਼ੀ
language-fr = ਫ਼ਰਾਂਸੀਸੀ
language-es = ਸਪੇਨੀ
language-pa = ਪੰਜਾਬੀ
footer-line = ਨਾ ਕੋਈ ਟਰੈਕਿੰਗ, ਨਾ ਕੋਈ ਇਸ਼ਤਿਹਾਰ। ਅਸੀਂ ਤੁਹਾਡੇ IP ਪਤੇ ਜਾਂ ਤੁਹਾਡੇ ਡਿਵਾਈਸ ਦਾ ਕੋਈ ਰਿਕਾਰਡ ਨਹੀਂ ਰੱਖਦੇ।
hosted-by = ਪ੍ਰਬੰਧਕ: { $name }
part-of = ਮੁਹਿੰਮ: { $title }
fallback-language = ਇਸ ਲਿਖਤ ਦਾ ਹਾਲੇ ਅਨੁਵਾਦ ਨਹੀਂ ਹੋਇਆ। ਇਹ ਇਸ ਭਾਸ਼ਾ ਵਿੱਚ ਹੈ: { $language }।

home-lead = ਪਟੀਸ਼ਨ ’ਤੇ ਦਸਤਖ਼ਤ ਕਰੋ। ਸਮਾਗਮ ਵਿੱਚ ਆਓ। ਫ਼ੈਸਲੇ ਕਰਨ ਵਾਲਿਆਂ ਨੂੰ ਲਿਖੋ। ਸਾਡੇ ਵਿੱਚੋਂ ਹਰ ਇੱਕ ਦੀ ਗਿਣਤੀ ਹੈ।
home-campaigns = ਸਾਡੀਆਂ ਮੁਹਿੰਮਾਂ
home-petitions = ਪਟੀਸ਼ਨਾਂ
home-events = ਆਉਣ ਵਾਲੇ ਸਮਾਗਮ
home-letters = ਚਿੱਠੀ ਲਿਖੋ
home-empty = ਇਸ ਵੇਲੇ ਕੋਈ ਕਾਰਵਾਈ ਖੁੱਲ੍ਹੀ ਨਹੀਂ ਹੈ। ਕਿਰਪਾ ਕਰਕੇ ਛੇਤੀ ਫਿਰ ਆਓ।

action-kind-petition = ਪਟੀਸ਼ਨ
action-kind-event = ਸਮਾਗਮ
action-kind-letter = ਚਿੱਠੀ
action-go-campaign = ਮੁਹਿੰਮ ਵੇਖੋ
action-go-petition = ਪੜ੍ਹੋ ਅਤੇ ਦਸਤਖ਼ਤ ਕਰੋ
action-go-event = ਵੇਰਵੇ ਵੇਖੋ ਅਤੇ ਰਜਿਸਟਰ ਕਰੋ
action-go-letter = ਚਿੱਠੀ ਲਿਖੋ

status-draft = ਖਰੜਾ
status-waitlist = ਉਡੀਕ ਸੂਚੀ
status-closed = ਬੰਦ
status-paused = ਰੋਕਿਆ ਹੋਇਆ
status-cancelled = ਰੱਦ
status-past = ਸਮਾਪਤ
status-won = ਜਿੱਤ ਗਏ
status-lost = ਸਮਾਪਤ
status-not_yet = ਛੇਤੀ ਖੁੱਲ੍ਹੇਗਾ
standing-not_yet = ਇਹ { $date } ਨੂੰ ਖੁੱਲ੍ਹੇਗਾ।
standing-paused = ਇਹ ਕਾਰਵਾਈ ਰੋਕੀ ਹੋਈ ਹੈ। ਕਿਰਪਾ ਕਰਕੇ ਛੇਤੀ ਫਿਰ ਆਓ।
standing-closed = ਇਹ ਕਾਰਵਾਈ ਬੰਦ ਹੋ ਚੁੱਕੀ ਹੈ। ਹਿੱਸਾ ਲੈਣ ਵਾਲੇ ਹਰ ਇੱਕ ਦਾ ਧੰਨਵਾਦ।
standing-won = ਅਸੀਂ ਜਿੱਤ ਗਏ! ਹਿੱਸਾ ਲੈਣ ਵਾਲੇ ਹਰ ਇੱਕ ਦਾ ਧੰਨਵਾਦ।
standing-lost = ਇਹ ਕਾਰਵਾਈ ਸਮਾਪਤ ਹੋ ਗਈ। ਇਸ ਵਾਰ ਅਸੀਂ ਨਹੀਂ ਜਿੱਤੇ। ਹਿੱਸਾ ਲੈਣ ਵਾਲੇ ਹਰ ਇੱਕ ਦਾ ਧੰਨਵਾਦ।
standing-cancelled = ਇਹ ਕਾਰਵਾਈ ਰੱਦ ਕਰ ਦਿੱਤੀ ਗਈ।
standing-since = { $date } ਤੋਂ
preview-banner = ਝਲਕ: ਇਹ ਪੰਨਾ ਸਿਰਫ਼ ਉਹੀ ਦੇਖ ਸਕਦੇ ਹਨ ਜਿਨ੍ਹਾਂ ਕੋਲ ਇਹ ਲਿੰਕ ਹੈ। ਫ਼ਾਰਮ ਭੇਜਿਆ ਨਹੀਂ ਜਾ ਸਕਦਾ।

campaign-actions = ਕਾਰਵਾਈ ਕਰੋ
campaign-updates = ਤਾਜ਼ਾ ਜਾਣਕਾਰੀ
campaign-chart = ਮੁੱਖ ਅੰਕੜੇ
update-kind-news = ਖ਼ਬਰ
update-kind-win = ਜਿੱਤ
update-kind-deadline = ਆਖ਼ਰੀ ਤਾਰੀਖ਼
update-kind-draw = ਸੱਦਿਆਂ ਦਾ ਗੇੜ
update-kind-press = ਪ੍ਰੈੱਸ ਬਿਆਨ
update-kind-story = ਆਪਬੀਤੀ
update-source = ਸਰੋਤ

optional = (ਜ਼ਰੂਰੀ ਨਹੀਂ)
form-errors-title = { $count ->
    [one] { $n } ਜਵਾਬ ਵਿੱਚ ਸਮੱਸਿਆ ਹੈ
   *[other] { $n } ਜਵਾਬਾਂ ਵਿੱਚ ਸਮੱਸਿਆ ਹੈ
}
field-given_name = ਪਹਿਲਾ ਨਾਂ
field-family_name = ਗੋਤ ਜਾਂ ਆਖ਼ਰੀ ਨਾਂ
field-email = ਈਮੇਲ ਪਤਾ
field-phone = ਫ਼ੋਨ ਨੰਬਰ
field-postal_code = ਡਾਕ ਕੋਡ
field-city = ਸ਼ਹਿਰ ਜਾਂ ਪਿੰਡ
field-country = ਦੇਸ਼
field-comments = ਤੁਸੀਂ ਦਸਤਖ਼ਤ ਕਿਉਂ ਕਰ ਰਹੇ ਹੋ?
field-display = ਕੀ ਮੇਰਾ ਨਾਂ ਜਨਤਕ ਤੌਰ ’ਤੇ ਵਿਖਾਇਆ ਜਾਵੇ?
field-updates = ਈਮੇਲ ਅੱਪਡੇਟ
field-party_size = ਤੁਹਾਡੇ ਸਮੇਤ ਕਿੰਨੇ ਜਣੇ ਆ ਰਹੇ ਹਨ?
field-interpretation = ਕੀ ਤੁਹਾਨੂੰ ਦੁਭਾਸ਼ੀਏ ਦੀ ਲੋੜ ਹੈ?
field-access_needs = ਕੀ ਪਹੁੰਚਯੋਗਤਾ ਲਈ ਤੁਹਾਡੀਆਂ ਕੋਈ ਲੋੜਾਂ ਹਨ?
field-subject = ਵਿਸ਼ਾ
field-message = ਤੁਹਾਡੀ ਚਿੱਠੀ
field-show_email = ਚਿੱਠੀ ਵਿੱਚ ਤੁਹਾਡਾ ਈਮੇਲ ਪਤਾ
field-website = ਇਸ ਖ਼ਾਨੇ ਨੂੰ ਖ਼ਾਲੀ ਛੱਡੋ
updates-label = ਹਾਂ, ਮੈਨੂੰ ਇਸ ਮੁਹਿੰਮ ਬਾਰੇ ਈਮੇਲ ਅੱਪਡੇਟ ਭੇਜੋ। ਮੈਂ ਕਦੇ ਵੀ ਅਨਸਬਸਕ੍ਰਾਈਬ ਕਰ ਸਕਦਾ/ਸਕਦੀ ਹਾਂ।

country-CA = ਕੈਨੇਡਾ
country-US = ਅਮਰੀਕਾ
country-MX = ਮੈਕਸੀਕੋ
country-GT = ਗੁਆਟੇਮਾਲਾ
country-CO = ਕੋਲੰਬੀਆ
country-HT = ਹੈਤੀ
country-JM = ਜਮੈਕਾ
country-PH = ਫਿਲੀਪੀਨਜ਼
country-IN = ਭਾਰਤ
country-PK = ਪਾਕਿਸਤਾਨ
country-BD = ਬੰਗਲਾਦੇਸ਼
country-NG = ਨਾਈਜੀਰੀਆ
country-FR = ਫ਼ਰਾਂਸ
country-GB = ਬਰਤਾਨੀਆ
country-other = ਕੋਈ ਹੋਰ ਦੇਸ਼

data-title = ਅਸੀਂ ਤੁਹਾਡਾ ਡਾਟਾ ਕਿਵੇਂ ਵਰਤਦੇ ਹਾਂ
data-encrypted = ਤੁਹਾਡੇ ਨਿੱਜੀ ਵੇਰਵੇ ਇਨਕ੍ਰਿਪਟ ਕਰਕੇ ਰੱਖੇ ਜਾਂਦੇ ਹਨ। ਅਸੀਂ ਤੁਹਾਡੇ IP ਪਤੇ ਜਾਂ ਤੁਹਾਡੇ ਡਿਵਾਈਸ ਦਾ ਕੋਈ ਰਿਕਾਰਡ ਨਹੀਂ ਰੱਖਦੇ।
data-updates = ਹੋਰ ਗੱਲਾਂ ਬਾਰੇ ਅਸੀਂ ਤੁਹਾਨੂੰ ਸਿਰਫ਼ ਤਾਂ ਹੀ ਲਿਖਦੇ ਹਾਂ ਜੇ ਤੁਸੀਂ ਈਮੇਲ ਅੱਪਡੇਟ ਲਈ ਸਹਿਮਤੀ ਦਿੰਦੇ ਹੋ।
data-protected-list = ਇਹ ਸੂਚੀ ਆਪਣੀ ਵੱਖਰੀ ਕੁੰਜੀ ਨਾਲ ਇਨਕ੍ਰਿਪਟ ਕੀਤੀ ਹੈ ਅਤੇ ਸਾਡੀਆਂ ਬਾਕੀ ਸੂਚੀਆਂ ਤੋਂ ਵੱਖ ਰੱਖੀ ਜਾਂਦੀ ਹੈ। ਕਾਰਵਾਈ ਖ਼ਤਮ ਹੋਣ ਤੋਂ ਬਾਅਦ ਅਸੀਂ ਕੁੰਜੀ ਨਸ਼ਟ ਕਰ ਦਿੰਦੇ ਹਾਂ; ਫਿਰ ਸੂਚੀ ਕੋਈ ਨਹੀਂ ਪੜ੍ਹ ਸਕਦਾ।
data-protected-mail = ਸਾਡੀਆਂ ਈਮੇਲਾਂ ਇਹ ਨਹੀਂ ਦੱਸਦੀਆਂ ਕਿ ਉਹ ਕਿਸ ਬਾਰੇ ਹਨ।
protected-badge = ਵਾਧੂ ਗੁਪਤਤਾ

challenge-title = ਛੋਟੀ ਸੁਰੱਖਿਆ ਜਾਂਚ
challenge-wait = { $count ->
    [one] ਇਸ ਵੇਲੇ ਇੱਥੇ ਬਹੁਤ ਲੋਕ ਹਨ। ਕਿਰਪਾ ਕਰਕੇ { $n } ਸਕਿੰਟ ਉਡੀਕ ਕਰੋ, ਫਿਰ ਬਟਨ ਦੁਬਾਰਾ ਦਬਾਓ। ਤੁਸੀਂ ਜੋ ਲਿਖਿਆ ਹੈ, ਉਹ ਫ਼ਾਰਮ ਵਿੱਚ ਰਹਿੰਦਾ ਹੈ।
   *[other] ਇਸ ਵੇਲੇ ਇੱਥੇ ਬਹੁਤ ਲੋਕ ਹਨ। ਕਿਰਪਾ ਕਰਕੇ { $n } ਸਕਿੰਟ ਉਡੀਕ ਕਰੋ, ਫਿਰ ਬਟਨ ਦੁਬਾਰਾ ਦਬਾਓ। ਤੁਸੀਂ ਜੋ ਲਿਖਿਆ ਹੈ, ਉਹ ਫ਼ਾਰਮ ਵਿੱਚ ਰਹਿੰਦਾ ਹੈ।
}
challenge-working = ਤੁਹਾਡਾ ਡਿਵਾਈਸ ਸੁਰੱਖਿਆ ਜਾਂਚ ਕਰ ਰਿਹਾ ਹੈ। ਤੁਸੀਂ ਕੁਝ ਨਹੀਂ ਕਰਨਾ, ਅਤੇ ਤੁਹਾਡੇ ਬਾਰੇ ਕੋਈ ਜਾਣਕਾਰੀ ਨਹੀਂ ਭੇਜੀ ਜਾਂਦੀ।
challenge-done = ਹੋ ਗਿਆ। ਹੁਣ ਤੁਸੀਂ ਬਟਨ ਦਬਾ ਸਕਦੇ ਹੋ।

received-title-email = ਆਪਣੀ ਈਮੇਲ ਵੇਖੋ
received-title-none = ਧੰਨਵਾਦ
received-email-1 = ਸਾਨੂੰ ਤੁਹਾਡਾ ਫ਼ਾਰਮ ਮਿਲ ਗਿਆ ਹੈ। ਕੁਝ ਮਿੰਟਾਂ ਵਿੱਚ ਤੁਹਾਨੂੰ ਸਾਡੀ ਈਮੇਲ ਆ ਜਾਣੀ ਚਾਹੀਦੀ ਹੈ। ਉਸ ਨੂੰ ਖੋਲ੍ਹੋ, ਲਿੰਕ ’ਤੇ ਜਾਓ ਅਤੇ ਪੁਸ਼ਟੀ ਕਰਨ ਲਈ ਉੱਥੇ ਬਟਨ ਦਬਾਓ।
received-email-petition = ਤੁਹਾਡਾ ਦਸਤਖ਼ਤ ਪੁਸ਼ਟੀ ਤੋਂ ਬਾਅਦ ਹੀ ਗਿਣਿਆ ਜਾਂਦਾ ਹੈ।
received-email-event = ਤੁਹਾਡੀ ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਪੁਸ਼ਟੀ ਤੋਂ ਬਾਅਦ ਹੀ ਹੁੰਦੀ ਹੈ।
received-email-letter = ਤੁਹਾਡੀ ਚਿੱਠੀ ਪੁਸ਼ਟੀ ਤੋਂ ਬਾਅਦ ਹੀ ਭੇਜੀ ਜਾਂਦੀ ਹੈ।
received-none-petition = ਸਾਨੂੰ ਤੁਹਾਡਾ ਦਸਤਖ਼ਤ ਮਿਲ ਗਿਆ ਹੈ। ਜਨਤਕ ਕੁੱਲ ਹਰ ਕੁਝ ਮਿੰਟਾਂ ਬਾਅਦ ਤਾਜ਼ਾ ਹੁੰਦਾ ਹੈ।
received-none-event = ਸਾਨੂੰ ਤੁਹਾਡੀ ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਮਿਲ ਗਈ ਹੈ।
received-none-letter = ਸਾਨੂੰ ਤੁਹਾਡੀ ਚਿੱਠੀ ਮਿਲ ਗਈ ਹੈ।
received-spam = ਦਸ ਮਿੰਟ ਬਾਅਦ ਵੀ ਈਮੇਲ ਨਹੀਂ ਆਈ? ਆਪਣਾ ਸਪੈਮ ਫ਼ੋਲਡਰ ਵੇਖੋ। ਜੇ ਉੱਥੇ ਵੀ ਨਹੀਂ, ਤਾਂ ਭਰਿਆ ਹੋਇਆ ਪਤਾ ਜਾਂਚੋ ਅਤੇ ਫ਼ਾਰਮ ਦੁਬਾਰਾ ਭੇਜੋ।
received-same = ਸਭ ਦੀ ਸੁਰੱਖਿਆ ਲਈ ਇਹ ਪੰਨਾ ਹਰ ਕਿਸੇ ਲਈ ਇੱਕੋ ਜਿਹਾ ਹੈ, ਤਾਂ ਜੋ ਕੋਈ ਇਸ ਤੋਂ ਇਹ ਨਾ ਜਾਣ ਸਕੇ ਕਿ ਕਿਸ ਨੇ ਹਿੱਸਾ ਲਿਆ।
received-back = “{ $title }” ’ਤੇ ਵਾਪਸ
received-mailbox = ਡੈਮੋ ਇਨਬਾਕਸ ਖੋਲ੍ਹੋ

token-details = ਤੁਹਾਡੇ ਵੇਰਵੇ
token-links = ਹੋਰ ਵਿਕਲਪ
token-share-title = ਕਿਸੇ ਦੋਸਤ ਨੂੰ ਦਸਤਖ਼ਤ ਕਰਨ ਲਈ ਕਹੋ
token-own-count = { $count ->
    [one] ਤੁਸੀਂ ਦਸਤਖ਼ਤ ਕਰਨ ਵਾਲੇ ਪਹਿਲੇ ਵਿਅਕਤੀ ਹੋ।
   *[other] ਤੁਹਾਡੇ ਸਮੇਤ { $n } ਲੋਕਾਂ ਨੇ ਦਸਤਖ਼ਤ ਕੀਤੇ ਹਨ।
}
token-not-me-link = ਇਹ ਮੈਂ ਨਹੀਂ ਸੀ
token-not-me-heading = ਕੀ ਇਹ ਤੁਸੀਂ ਨਹੀਂ ਸੀ?
token-not-me-line-1 = ਹੋ ਸਕਦਾ ਹੈ ਕਿਸੇ ਨੇ ਤੁਹਾਡਾ ਪਤਾ ਗ਼ਲਤੀ ਨਾਲ ਜਾਂ ਤੁਹਾਨੂੰ ਪੁੱਛੇ ਬਿਨਾਂ ਭਰਿਆ ਹੋਵੇ।
token-not-me-line-2 = ਬਟਨ ਦਬਾਓ ਅਤੇ ਅਸੀਂ ਭਰੀ ਹੋਈ ਜਾਣਕਾਰੀ ਮਿਟਾ ਦੇਵਾਂਗੇ। ਤੁਹਾਡੇ ਨਾਂ ’ਤੇ ਕੁਝ ਵੀ ਗਿਣਿਆ ਜਾਂ ਭੇਜਿਆ ਨਹੀਂ ਗਿਆ।
token-not-me-button = ਇਹ ਮੈਂ ਨਹੀਂ ਸੀ
token-not-me-never-again = ਇਸ ਪਤੇ ’ਤੇ ਫਿਰ ਕਦੇ ਈਮੇਲ ਨਾ ਭੇਜੋ, ਭਾਵੇਂ ਇਹ ਕੋਈ ਵੀ ਭਰੇ
token-not-me-done-heading = ਮਿਟਾ ਦਿੱਤਾ ਗਿਆ
token-not-me-done-line-1 = ਤੁਹਾਡੇ ਨਾਂ ’ਤੇ ਕੁਝ ਵੀ ਗਿਣਿਆ ਜਾਂ ਭੇਜਿਆ ਨਹੀਂ ਗਿਆ। ਤੁਸੀਂ ਹੋਰ ਕੁਝ ਨਹੀਂ ਕਰਨਾ।
token-neutral-confirm-heading = ਕਿਰਪਾ ਕਰਕੇ ਪੁਸ਼ਟੀ ਕਰੋ
token-neutral-confirm-line-1 = ਜੇ ਤੁਸੀਂ ਇਹ ਮੰਗਿਆ ਸੀ ਤਾਂ ਬਟਨ ਦਬਾਓ। ਜੇ ਨਹੀਂ, ਤਾਂ ਬੱਸ ਇਹ ਪੰਨਾ ਬੰਦ ਕਰ ਦਿਓ।
token-neutral-confirm-button = ਪੁਸ਼ਟੀ ਕਰੋ
token-neutral-confirm-done-heading = ਧੰਨਵਾਦ, ਪੁਸ਼ਟੀ ਹੋ ਗਈ
token-neutral-confirm-done-line-1 = ਹੁਣ ਤੁਸੀਂ ਇਹ ਪੰਨਾ ਬੰਦ ਕਰ ਸਕਦੇ ਹੋ।
token-neutral-manage-heading = ਤੁਹਾਡੀ ਬੇਨਤੀ
token-neutral-manage-line-1 = ਜੇ ਤੁਸੀਂ ਆਪਣੀ ਬੇਨਤੀ ਵਾਪਸ ਲੈਣਾ ਚਾਹੁੰਦੇ ਹੋ ਤਾਂ ਬਟਨ ਦਬਾਓ।
token-neutral-manage-button = ਮੇਰੀ ਬੇਨਤੀ ਵਾਪਸ ਲਓ
token-neutral-manage-done-heading = ਤੁਹਾਡੀ ਬੇਨਤੀ ਵਾਪਸ ਲੈ ਲਈ ਗਈ ਹੈ
token-neutral-manage-done-line-1 = ਹੁਣ ਤੁਸੀਂ ਇਹ ਪੰਨਾ ਬੰਦ ਕਰ ਸਕਦੇ ਹੋ।

detail-name = ਨਾਂ
detail-email = ਈਮੇਲ
detail-phone = ਫ਼ੋਨ
detail-postal_code = ਡਾਕ ਕੋਡ
detail-city = ਸ਼ਹਿਰ
detail-country = ਦੇਸ਼
detail-comments = ਟਿੱਪਣੀ
detail-display = ਨਾਂ ਜਨਤਕ ਤੌਰ ’ਤੇ
detail-updates = ਈਮੇਲ ਅੱਪਡੇਟ
detail-when = ਕਦੋਂ
detail-place = ਕਿੱਥੇ
detail-party_size = ਕਿੰਨੇ ਜਣੇ
detail-interpretation = ਦੁਭਾਸ਼ੀਆ
detail-access_needs = ਪਹੁੰਚਯੋਗਤਾ ਲਈ ਲੋੜਾਂ
detail-offices = ਪ੍ਰਾਪਤਕਰਤਾ
detail-subject = ਵਿਸ਼ਾ
detail-message = ਚਿੱਠੀ
detail-show_email = ਚਿੱਠੀ ਵਿੱਚ ਈਮੇਲ
detail-status = ਸਥਿਤੀ
value-yes = ਹਾਂ
value-no = ਨਹੀਂ

share-whatsapp = WhatsApp ’ਤੇ ਸਾਂਝਾ ਕਰੋ
share-telegram = Telegram ’ਤੇ ਸਾਂਝਾ ਕਰੋ
share-facebook = Facebook ’ਤੇ ਸਾਂਝਾ ਕਰੋ
share-email = ਈਮੇਲ ਰਾਹੀਂ ਸਾਂਝਾ ਕਰੋ
code-title = ਕੋਡ ਨਾਲ ਪੁਸ਼ਟੀ ਕਰੋ
code-lead = ਆਪਣਾ ਈਮੇਲ ਪਤਾ ਅਤੇ ਸਾਡੀ ਈਮੇਲ ਵਿਚਲਾ ਕੋਡ ਭਰੋ।
code-hint = 8 ਅੱਖਰ ਅਤੇ ਅੰਕ
code-button = ਪੁਸ਼ਟੀ ਕਰੋ
field-code = ਕੋਡ
my-title = ਮੇਰਾ ਪੰਨਾ
my-lead = ਆਪਣਾ ਈਮੇਲ ਪਤਾ ਭਰੋ। ਜੇ ਇਸ ਨਾਲ ਇੱਥੇ ਦਸਤਖ਼ਤ, ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਜਾਂ ਚਿੱਠੀ ਹੋਈ ਹੈ ਤਾਂ ਅਸੀਂ ਤੁਹਾਨੂੰ ਉਸ ਪੰਨੇ ਦਾ ਲਿੰਕ ਭੇਜਦੇ ਹਾਂ ਜਿੱਥੇ ਤੁਸੀਂ ਸਭ ਕੁਝ ਵੇਖ, ਬਦਲ ਅਤੇ ਮਿਟਾ ਸਕਦੇ ਹੋ।
my-button = ਮੈਨੂੰ ਲਿੰਕ ਭੇਜੋ
my-asked-title = ਆਪਣੀ ਈਮੇਲ ਵੇਖੋ
my-asked-lead = ਜੇ ਇਹ ਪਤਾ ਇੱਥੇ ਵਰਤਿਆ ਗਿਆ ਹੈ ਤਾਂ ਲਿੰਕ ਵਾਲੀ ਈਮੇਲ ਆ ਰਹੀ ਹੈ। ਸਭ ਨੂੰ ਇਹੀ ਸੁਨੇਹਾ ਦਿਸਦਾ ਹੈ, ਤਾਂ ਜੋ ਕੋਈ ਪਤਾ ਨਾ ਲਾ ਸਕੇ ਕਿ ਕਿਸ ਨੇ ਹਿੱਸਾ ਲਿਆ।
own-display-link = ਮੇਰਾ ਨਾਂ ਕਿਵੇਂ ਦਿਸੇ, ਇਹ ਬਦਲੋ
own-display-heading = ਤੁਹਾਡਾ ਨਾਂ ਕਿਵੇਂ ਦਿਸਦਾ ਹੈ
own-display-line = ਚੁਣੋ ਕਿ “{ $title }” ’ਤੇ ਤੁਹਾਡੇ ਦਸਤਖ਼ਤ ਨਾਲ ਤੁਹਾਡਾ ਨਾਂ ਕਿਵੇਂ ਦਿਸੇ।
own-display-button = ਸੇਵ ਕਰੋ
own-display-done = ਸੇਵ ਹੋ ਗਿਆ
own-data-link = ਮੇਰਾ ਡਾਟਾ ਡਾਊਨਲੋਡ ਕਰੋ
own-data-heading = ਤੁਹਾਡਾ ਡਾਟਾ
own-data-line = ਤੁਹਾਨੂੰ ਇੱਕ ਫ਼ਾਈਲ ਮਿਲਦੀ ਹੈ ਜਿਸ ਵਿੱਚ ਉਹ ਸਭ ਹੈ ਜੋ ਅਸੀਂ ਤੁਹਾਡੇ ਬਾਰੇ ਰੱਖਦੇ ਹਾਂ।
own-data-button = ਡਾਊਨਲੋਡ ਕਰੋ
own-delete-link = ਮੇਰਾ ਡਾਟਾ ਮਿਟਾਓ
own-delete-heading = ਆਪਣਾ ਡਾਟਾ ਮਿਟਾਓ
own-delete-line-1 = ਅਸੀਂ ਤੁਹਾਡੇ ਬਾਰੇ ਸਾਰਾ ਡਾਟਾ ਮਿਟਾ ਦਿੰਦੇ ਹਾਂ: ਨਾਂ ਅਤੇ ਪਤਾ, ਦਸਤਖ਼ਤ, ਸਮਾਗਮਾਂ ਦੀ ਰਜਿਸਟ੍ਰੇਸ਼ਨ, ਚਿੱਠੀਆਂ, ਟਿੱਪਣੀਆਂ ਅਤੇ ਸਹਿਮਤੀਆਂ।
own-delete-line-2 = ਤੁਹਾਡੇ ਦਸਤਖ਼ਤ ਅਤੇ ਭੇਜੀਆਂ ਚਿੱਠੀਆਂ ਕੁੱਲ ਵਿੱਚ ਸਿਰਫ਼ ਗਿਣਤੀ ਵਜੋਂ ਰਹਿੰਦੇ ਹਨ। ਤੁਹਾਡੀਆਂ ਸੀਟਾਂ ਹੋਰਾਂ ਨੂੰ ਮਿਲਦੀਆਂ ਹਨ। ਭੇਜੀਆਂ ਚਿੱਠੀਆਂ ਵਾਪਸ ਨਹੀਂ ਹੋ ਸਕਦੀਆਂ।
own-delete-button = ਮੇਰਾ ਡਾਟਾ ਮਿਟਾਓ
own-delete-done-heading = ਤੁਹਾਡਾ ਡਾਟਾ ਮਿਟਾ ਦਿੱਤਾ ਗਿਆ ਹੈ
own-delete-done-line = ਅਸੀਂ ਤੁਹਾਡੇ ਬਾਰੇ ਹੁਣ ਕੋਈ ਡਾਟਾ ਨਹੀਂ ਰੱਖਦੇ।
own-signed = ਦਸਤਖ਼ਤ ਕੀਤੀ ਪਟੀਸ਼ਨ
own-registered = ਰਜਿਸਟ੍ਰੇਸ਼ਨ
own-wrote = ਲਿਖੀ ਚਿੱਠੀ
share-bluesky = Bluesky ’ਤੇ ਸਾਂਝਾ ਕਰੋ
share-x = X ’ਤੇ ਸਾਂਝਾ ਕਰੋ
poster-scan-petition = ਦਸਤਖ਼ਤ ਕਰਨ ਲਈ ਸਕੈਨ ਕਰੋ
poster-scan-event = ਰਜਿਸਟਰ ਕਰਨ ਲਈ ਸਕੈਨ ਕਰੋ
poster-scan-letter = ਚਿੱਠੀ ਭੇਜਣ ਲਈ ਸਕੈਨ ਕਰੋ
update-told-by = { $name } ਦੀ ਜ਼ੁਬਾਨੀ (ਨਾਂ ਬਦਲਿਆ ਗਿਆ)
update-media-contact = ਮੀਡੀਆ ਲਈ ਸੰਪਰਕ
