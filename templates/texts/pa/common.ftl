skip-link = ਸਿੱਧਾ ਮੁੱਖ ਲਿਖਤ ਤੇ ਜਾਓ
nav-home = ਮੁੱਖ ਪੰਨਾ
nav-languages = ਭਾਸ਼ਾ
footer-line = ਨਾ ਕੋਈ ਨਿਗਰਾਨੀ, ਨਾ ਕੋਈ ਇਸ਼ਤਿਹਾਰ। ਅਸੀਂ ਤੁਹਾਡੇ IP ਪਤੇ ਜਾਂ ਤੁਹਾਡੇ ਫ਼ੋਨ ਦਾ ਕੋਈ ਰਿਕਾਰਡ ਨਹੀਂ ਰੱਖਦੇ।
hosted-by = ਪ੍ਰਬੰਧਕ: { $name }
part-of = “{ $title }” ਮੁਹਿੰਮ ਦਾ ਹਿੱਸਾ
fallback-language = ਇਹ ਲਿਖਤ ਹਾਲੇ ਸਿਰਫ਼ ਇਸ ਭਾਸ਼ਾ ਵਿੱਚ ਹੈ: { $language }।

home-lead = ਦਸਤਖ਼ਤ ਕਰੋ। ਨਾਲ ਆਓ। ਫ਼ੈਸਲੇ ਕਰਨ ਵਾਲਿਆਂ ਨੂੰ ਲਿਖੋ। ਸਾਡੇ ਵਿੱਚੋਂ ਹਰ ਇੱਕ ਦੀ ਗਿਣਤੀ ਹੈ।
home-campaigns = ਸਾਡੀਆਂ ਮੁਹਿੰਮਾਂ
home-petitions = ਦਸਤਖ਼ਤ ਲਈ ਪਟੀਸ਼ਨਾਂ
home-events = ਆਓ ਇਕੱਠੇ ਹੋਈਏ
home-letters = ਲਿਖਣ ਲਈ ਚਿੱਠੀਆਂ
home-empty = ਇਸ ਵੇਲੇ ਕੁਝ ਨਹੀਂ ਚੱਲ ਰਿਹਾ। ਕਿਰਪਾ ਕਰਕੇ ਛੇਤੀ ਫਿਰ ਆਓ।

action-kind-petition = ਪਟੀਸ਼ਨ
action-kind-event = ਇਕੱਠ
action-kind-letter = ਚਿੱਠੀ
action-go-campaign = ਮੁਹਿੰਮ ਵੇਖੋ
action-go-petition = ਪੜ੍ਹੋ ਅਤੇ ਦਸਤਖ਼ਤ ਕਰੋ
action-go-event = ਵੇਰਵੇ ਵੇਖੋ ਅਤੇ ਨਾਂ ਦਰਜ ਕਰਾਓ
action-go-letter = ਆਪਣੀ ਚਿੱਠੀ ਲਿਖੋ

status-draft = ਖਰੜਾ
status-waitlist = ਉਡੀਕ ਸੂਚੀ
status-closed = ਬੰਦ
status-paused = ਰੁਕਿਆ ਹੋਇਆ
status-cancelled = ਰੱਦ
status-past = ਹੋ ਚੁੱਕਾ
status-won = ਜਿੱਤ
status-lost = ਖ਼ਤਮ
status-not_yet = ਛੇਤੀ ਖੁੱਲ੍ਹੇਗਾ
standing-not_yet = ਇਹ { $date } ਨੂੰ ਖੁੱਲ੍ਹੇਗਾ।
standing-paused = ਇਹ ਰੁਕਿਆ ਹੋਇਆ ਹੈ। ਕਿਰਪਾ ਕਰਕੇ ਛੇਤੀ ਫਿਰ ਆਓ।
standing-closed = ਇਹ ਬੰਦ ਹੋ ਚੁੱਕਾ ਹੈ। ਹਿੱਸਾ ਲੈਣ ਵਾਲੇ ਹਰ ਇੱਕ ਦਾ ਧੰਨਵਾਦ।
standing-won = ਅਸੀਂ ਜਿੱਤ ਗਏ। ਹਿੱਸਾ ਲੈਣ ਵਾਲੇ ਹਰ ਇੱਕ ਦਾ ਧੰਨਵਾਦ।
standing-lost = ਇਹ ਖ਼ਤਮ ਹੋ ਗਿਆ। ਇਸ ਵਾਰ ਅਸੀਂ ਆਪਣੇ ਟੀਚੇ ਤੱਕ ਨਹੀਂ ਪਹੁੰਚੇ। ਹਿੱਸਾ ਲੈਣ ਵਾਲੇ ਹਰ ਇੱਕ ਦਾ ਧੰਨਵਾਦ।
standing-cancelled = ਇਹ ਰੱਦ ਹੋ ਗਿਆ।
standing-since = { $date } ਤੋਂ
preview-banner = ਝਲਕ: ਇਹ ਸਫ਼ਾ ਸਿਰਫ਼ ਉਹੀ ਦੇਖਦੇ ਹਨ ਜਿਨ੍ਹਾਂ ਕੋਲ ਇਹ ਲਿੰਕ ਹੈ। ਇੱਥੋਂ ਕੁਝ ਵੀ ਭੇਜਿਆ ਨਹੀਂ ਜਾ ਸਕਦਾ।

campaign-actions = ਤੁਸੀਂ ਕੀ ਕਰ ਸਕਦੇ ਹੋ
campaign-updates = ਹੁਣ ਤੱਕ ਕੀ ਹੋਇਆ
campaign-chart = ਅੰਕੜੇ
update-kind-news = ਖ਼ਬਰ
update-kind-win = ਜਿੱਤ
update-kind-deadline = ਆਖ਼ਰੀ ਤਾਰੀਖ਼
update-kind-draw = ਡਰਾਅ
update-kind-press = ਅਖ਼ਬਾਰਾਂ ਵਿੱਚ
update-kind-story = ਇੱਕ ਕਹਾਣੀ
update-source = ਸਰੋਤ

optional = (ਜ਼ਰੂਰੀ ਨਹੀਂ)
form-errors-title = { $count ->
    [one] { $n } ਜਵਾਬ ਦੁਬਾਰਾ ਵੇਖਣ ਵਾਲਾ ਹੈ
   *[other] { $n } ਜਵਾਬ ਦੁਬਾਰਾ ਵੇਖਣ ਵਾਲੇ ਹਨ
}
field-given_name = ਪਹਿਲਾ ਨਾਂ
field-family_name = ਗੋਤ ਜਾਂ ਆਖ਼ਰੀ ਨਾਂ
field-email = ਈਮੇਲ ਪਤਾ
field-phone = ਫ਼ੋਨ ਨੰਬਰ
field-postal_code = ਡਾਕ ਕੋਡ
field-city = ਸ਼ਹਿਰ ਜਾਂ ਪਿੰਡ
field-country = ਦੇਸ਼
field-comments = ਤੁਸੀਂ ਦਸਤਖ਼ਤ ਕਿਉਂ ਕਰ ਰਹੇ ਹੋ?
field-display = ਕੀ ਤੁਹਾਡਾ ਨਾਂ ਵਿਖਾਇਆ ਜਾ ਸਕਦਾ ਹੈ?
field-updates = ਈਮੇਲ ਰਾਹੀਂ ਖ਼ਬਰਾਂ
field-party_size = ਤੁਹਾਡੇ ਸਮੇਤ ਕਿੰਨੇ ਜਣੇ ਆ ਰਹੇ ਹਨ?
field-interpretation = ਕੀ ਤੁਹਾਨੂੰ ਦੁਭਾਸ਼ੀਏ ਦੀ ਲੋੜ ਹੈ?
field-access_needs = ਹਿੱਸਾ ਲੈਣ ਲਈ ਤੁਹਾਨੂੰ ਕਿਸ ਚੀਜ਼ ਦੀ ਲੋੜ ਹੈ?
field-subject = ਵਿਸ਼ਾ
field-message = ਤੁਹਾਡੀ ਚਿੱਠੀ
field-show_email = ਚਿੱਠੀ ਵਿੱਚ ਤੁਹਾਡਾ ਈਮੇਲ ਪਤਾ
field-website = ਇਸ ਖ਼ਾਨੇ ਨੂੰ ਖ਼ਾਲੀ ਛੱਡੋ
updates-label = ਹਾਂ, ਮੈਨੂੰ ਇਸ ਮੁਹਿੰਮ ਦੀਆਂ ਖ਼ਬਰਾਂ ਈਮੇਲ ਰਾਹੀਂ ਭੇਜੋ। ਮੈਂ ਇਹ ਕਦੇ ਵੀ ਬੰਦ ਕਰ ਸਕਦਾ/ਸਕਦੀ ਹਾਂ।

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

data-title = ਤੁਹਾਡੀ ਜਾਣਕਾਰੀ ਦਾ ਕੀ ਹੁੰਦਾ ਹੈ
data-encrypted = ਤੁਹਾਡੇ ਵੇਰਵੇ ਤਾਲਾਬੰਦ ਕੋਡ (ਇਨਕ੍ਰਿਪਸ਼ਨ) ਵਿੱਚ ਰੱਖੇ ਜਾਂਦੇ ਹਨ। ਅਸੀਂ ਤੁਹਾਡੇ IP ਪਤੇ ਜਾਂ ਤੁਹਾਡੇ ਫ਼ੋਨ ਦਾ ਕੋਈ ਰਿਕਾਰਡ ਨਹੀਂ ਰੱਖਦੇ।
data-updates = ਹੋਰ ਗੱਲਾਂ ਬਾਰੇ ਅਸੀਂ ਤੁਹਾਨੂੰ ਸਿਰਫ਼ ਤਾਂ ਹੀ ਲਿਖਦੇ ਹਾਂ ਜੇ ਤੁਸੀਂ ਖ਼ਾਨੇ ਤੇ ਨਿਸ਼ਾਨ ਲਾਉਂਦੇ ਹੋ।
data-protected-list = ਇਸ ਸੂਚੀ ਦਾ ਆਪਣਾ ਤਾਲਾ ਹੈ। ਇਹ ਸਾਡੀਆਂ ਬਾਕੀ ਸਾਰੀਆਂ ਸੂਚੀਆਂ ਤੋਂ ਵੱਖ ਰੱਖੀ ਜਾਂਦੀ ਹੈ, ਅਤੇ ਸਮਾਂ ਪੂਰਾ ਹੋਣ ਤੇ ਇਸ ਦੀ ਚਾਬੀ ਨਸ਼ਟ ਕਰ ਦਿੱਤੀ ਜਾਂਦੀ ਹੈ।
data-protected-mail = ਸਾਡੀਆਂ ਈਮੇਲਾਂ ਇਹ ਨਹੀਂ ਦੱਸਦੀਆਂ ਕਿ ਉਹ ਕਿਸ ਬਾਰੇ ਹਨ।
protected-badge = ਖ਼ਾਸ ਸੁਰੱਖਿਆ

challenge-title = ਇੱਕ ਛੋਟੀ ਜਾਂਚ ਕਿ ਤੁਸੀਂ ਇਨਸਾਨ ਹੋ
challenge-wait = { $count ->
    [one] ਇਸ ਵੇਲੇ ਇੱਥੇ ਬਹੁਤ ਲੋਕ ਹਨ। ਕਿਰਪਾ ਕਰਕੇ { $n } ਸਕਿੰਟ ਉਡੀਕ ਕਰੋ, ਫਿਰ ਬਟਨ ਦੁਬਾਰਾ ਦਬਾਓ। ਤੁਸੀਂ ਜੋ ਲਿਖਿਆ ਹੈ, ਉਹ ਫ਼ਾਰਮ ਵਿੱਚ ਰਹਿੰਦਾ ਹੈ।
   *[other] ਇਸ ਵੇਲੇ ਇੱਥੇ ਬਹੁਤ ਲੋਕ ਹਨ। ਕਿਰਪਾ ਕਰਕੇ { $n } ਸਕਿੰਟ ਉਡੀਕ ਕਰੋ, ਫਿਰ ਬਟਨ ਦੁਬਾਰਾ ਦਬਾਓ। ਤੁਸੀਂ ਜੋ ਲਿਖਿਆ ਹੈ, ਉਹ ਫ਼ਾਰਮ ਵਿੱਚ ਰਹਿੰਦਾ ਹੈ।
}
challenge-working = ਤੁਹਾਡਾ ਫ਼ੋਨ ਜਾਂ ਕੰਪਿਊਟਰ ਇੱਕ ਛੋਟੀ ਬੁਝਾਰਤ ਹੱਲ ਕਰ ਰਿਹਾ ਹੈ। ਤੁਸੀਂ ਕੁਝ ਨਹੀਂ ਕਰਨਾ, ਅਤੇ ਤੁਹਾਡੇ ਬਾਰੇ ਕੁਝ ਨਹੀਂ ਭੇਜਿਆ ਜਾਂਦਾ।
challenge-done = ਹੋ ਗਿਆ। ਹੁਣ ਤੁਸੀਂ ਬਟਨ ਦਬਾ ਸਕਦੇ ਹੋ।

received-title-email = ਹੁਣ ਆਪਣੀ ਈਮੇਲ ਵੇਖੋ
received-title-none = ਧੰਨਵਾਦ
received-email-1 = ਸਾਨੂੰ ਤੁਹਾਡਾ ਫ਼ਾਰਮ ਮਿਲ ਗਿਆ ਹੈ। ਜੇ ਸਭ ਕੁਝ ਠੀਕ ਹੈ ਤਾਂ ਇੱਕ ਈਮੇਲ ਆ ਰਹੀ ਹੈ। ਉਸ ਨੂੰ ਖੋਲ੍ਹੋ, ਲਿੰਕ ਤੇ ਜਾਓ ਅਤੇ ਉੱਥੇ ਬਟਨ ਦਬਾਓ।
received-email-petition = ਇਹ ਕਰਦੇ ਹੀ ਤੁਹਾਡਾ ਦਸਤਖ਼ਤ ਗਿਣਿਆ ਜਾਂਦਾ ਹੈ।
received-email-event = ਇਹ ਕਰਦੇ ਹੀ ਤੁਹਾਡੀ ਥਾਂ ਲਈ ਬੇਨਤੀ ਦਰਜ ਹੋ ਜਾਂਦੀ ਹੈ।
received-email-letter = ਇਹ ਕਰਦੇ ਹੀ ਤੁਹਾਡੀ ਚਿੱਠੀ ਤੁਰ ਪੈਂਦੀ ਹੈ।
received-none-petition = ਸਾਨੂੰ ਤੁਹਾਡਾ ਦਸਤਖ਼ਤ ਮਿਲ ਗਿਆ ਹੈ। ਲੋਕਾਂ ਨੂੰ ਦਿਸਦੀ ਗਿਣਤੀ ਹਰ ਕੁਝ ਮਿੰਟਾਂ ਬਾਅਦ ਤਾਜ਼ਾ ਹੁੰਦੀ ਹੈ।
received-none-event = ਤੁਹਾਡਾ ਨਾਂ ਸਾਡੇ ਕੋਲ ਦਰਜ ਹੋ ਗਿਆ ਹੈ।
received-none-letter = ਸਾਨੂੰ ਤੁਹਾਡੀ ਚਿੱਠੀ ਮਿਲ ਗਈ ਹੈ।
received-spam = ਦਸ ਮਿੰਟ ਬਾਅਦ ਵੀ ਕੁਝ ਨਹੀਂ ਆਇਆ? ਆਪਣਾ ਸਪੈਮ ਫ਼ੋਲਡਰ ਵੇਖੋ, ਜਾਂ ਪਤਾ ਜਾਂਚ ਕੇ ਫ਼ਾਰਮ ਇੱਕ ਵਾਰ ਫਿਰ ਭਰੋ।
received-same = ਸਭ ਦੀ ਸੁਰੱਖਿਆ ਲਈ ਇਹ ਪੰਨਾ ਹਰ ਕਿਸੇ ਨੂੰ ਇੱਕੋ ਗੱਲ ਦੱਸਦਾ ਹੈ। ਕੋਈ ਵੀ ਇਸ ਤੋਂ ਇਹ ਨਹੀਂ ਜਾਣ ਸਕਦਾ ਕਿ ਕਿਸ ਨੇ ਹਿੱਸਾ ਲਿਆ।
received-back = “{ $title }” ਤੇ ਵਾਪਸ
received-mailbox = ਨਮੂਨਾ ਡਾਕਖ਼ਾਨਾ ਖੋਲ੍ਹੋ

token-details = ਜੋ ਭਰਿਆ ਗਿਆ ਸੀ
token-links = ਤੁਸੀਂ ਇਹ ਵੀ ਕਰ ਸਕਦੇ ਹੋ
token-share-title = ਹੁਣ ਇੱਕ ਹੋਰ ਸਾਥੀ ਨੂੰ ਨਾਲ ਲਿਆਓ
token-own-count = { $count ->
    [one] ਤੁਸੀਂ ਦਸਤਖ਼ਤ ਕਰਨ ਵਾਲੇ ਪਹਿਲੇ ਵਿਅਕਤੀ ਹੋ।
   *[other] ਤੁਹਾਡੇ ਸਮੇਤ ਅਸੀਂ { $n } ਜਣੇ ਹਾਂ।
}
token-not-me-link = ਇਹ ਮੈਂ ਨਹੀਂ ਸੀ
token-not-me-heading = ਕੀ ਇਹ ਤੁਸੀਂ ਨਹੀਂ ਸੀ?
token-not-me-line-1 = ਤਾਂ ਕਿਸੇ ਨੇ ਤੁਹਾਡਾ ਪਤਾ ਗ਼ਲਤੀ ਨਾਲ, ਜਾਂ ਤੁਹਾਨੂੰ ਪੁੱਛੇ ਬਿਨਾਂ ਭਰ ਦਿੱਤਾ।
token-not-me-line-2 = ਬਟਨ ਦਬਾਓ ਅਤੇ ਅਸੀਂ ਭਰੀ ਹੋਈ ਜਾਣਕਾਰੀ ਰੱਦ ਕਰ ਦੇਵਾਂਗੇ। ਤੁਹਾਡੇ ਨਾਂ ਤੇ ਕੁਝ ਵੀ ਗਿਣਿਆ ਜਾਂ ਭੇਜਿਆ ਨਹੀਂ ਗਿਆ।
token-not-me-button = ਇਹ ਮੈਂ ਨਹੀਂ ਸੀ
token-not-me-never-again = ਇਸ ਪਤੇ ਤੇ ਫਿਰ ਕਦੇ ਮੇਲ ਨਾ ਭੇਜੋ, ਭਾਵੇਂ ਇਹ ਕੋਈ ਵੀ ਭਰੇ
token-not-me-done-heading = ਠੀਕ ਹੈ, ਰੱਦ ਕਰ ਦਿੱਤਾ ਗਿਆ
token-not-me-done-line-1 = ਤੁਹਾਡੇ ਨਾਂ ਤੇ ਕੁਝ ਵੀ ਗਿਣਿਆ ਜਾਂ ਭੇਜਿਆ ਨਹੀਂ ਗਿਆ। ਤੁਸੀਂ ਹੋਰ ਕੁਝ ਨਹੀਂ ਕਰਨਾ।
token-never-heading = ਸਾਡੇ ਵੱਲੋਂ ਹੋਰ ਕੋਈ ਈਮੇਲ ਨਹੀਂ
token-never-line-1 = ਬਟਨ ਦਬਾਓ ਅਤੇ ਅਸੀਂ ਇਸ ਪਤੇ ਤੇ ਕਿਸੇ ਵੀ ਮੁਹਿੰਮ ਲਈ ਫਿਰ ਕਦੇ ਨਹੀਂ ਲਿਖਾਂਗੇ।
token-never-button = ਮੈਨੂੰ ਫਿਰ ਕਦੇ ਨਾ ਲਿਖੋ
token-never-done-heading = ਅਸੀਂ ਫਿਰ ਨਹੀਂ ਲਿਖਾਂਗੇ
token-never-done-line-1 = ਤੁਹਾਡਾ ਪਤਾ ਉਨ੍ਹਾਂ ਲੋਕਾਂ ਦੀ ਸੂਚੀ ਵਿੱਚ ਹੈ ਜਿਨ੍ਹਾਂ ਨੂੰ ਅਸੀਂ ਨਹੀਂ ਲਿਖਣਾ।
token-updates-heading = ਖ਼ਬਰਾਂ ਬੰਦ ਕਰੋ
token-updates-line-1 = ਬਟਨ ਦਬਾਓ ਅਤੇ ਅਸੀਂ ਤੁਹਾਨੂੰ ਹੋਰ ਖ਼ਬਰਾਂ ਨਹੀਂ ਭੇਜਾਂਗੇ। ਤੁਹਾਡੇ ਦਸਤਖ਼ਤ ਅਤੇ ਦਰਜ ਕਰਾਏ ਨਾਂ ਉਵੇਂ ਹੀ ਰਹਿਣਗੇ।
token-updates-button = ਮੈਨੂੰ ਖ਼ਬਰਾਂ ਭੇਜਣੀਆਂ ਬੰਦ ਕਰੋ
token-updates-done-heading = ਹੁਣ ਤੁਹਾਨੂੰ ਸਾਡੀਆਂ ਖ਼ਬਰਾਂ ਨਹੀਂ ਆਉਣਗੀਆਂ
token-updates-done-line-1 = ਤੁਹਾਡੇ ਦਸਤਖ਼ਤ ਅਤੇ ਦਰਜ ਕਰਾਏ ਨਾਂ ਉਵੇਂ ਹੀ ਰਹਿੰਦੇ ਹਨ।
token-neutral-confirm-heading = ਕਿਰਪਾ ਕਰਕੇ ਪੁਸ਼ਟੀ ਕਰੋ
token-neutral-confirm-line-1 = ਜੇ ਤੁਸੀਂ ਇਹ ਮੰਗਿਆ ਸੀ ਤਾਂ ਬਟਨ ਦਬਾਓ। ਜੇ ਨਹੀਂ, ਤਾਂ ਬੱਸ ਇਹ ਪੰਨਾ ਬੰਦ ਕਰ ਦਿਓ।
token-neutral-confirm-button = ਪੁਸ਼ਟੀ ਕਰੋ
token-neutral-confirm-done-heading = ਧੰਨਵਾਦ, ਪੁਸ਼ਟੀ ਹੋ ਗਈ
token-neutral-confirm-done-line-1 = ਹੁਣ ਤੁਸੀਂ ਇਹ ਪੰਨਾ ਬੰਦ ਕਰ ਸਕਦੇ ਹੋ।
token-neutral-manage-heading = ਤੁਹਾਡੀ ਜਾਣਕਾਰੀ
token-neutral-manage-line-1 = ਜੇ ਤੁਸੀਂ ਆਪਣੀ ਜਾਣਕਾਰੀ ਹਟਾਉਣੀ ਚਾਹੁੰਦੇ ਹੋ ਤਾਂ ਬਟਨ ਦਬਾਓ।
token-neutral-manage-button = ਮੇਰੀ ਜਾਣਕਾਰੀ ਹਟਾਓ
token-neutral-manage-done-heading = ਤੁਹਾਡੀ ਜਾਣਕਾਰੀ ਹਟਾ ਦਿੱਤੀ ਗਈ ਹੈ
token-neutral-manage-done-line-1 = ਹੁਣ ਤੁਸੀਂ ਇਹ ਪੰਨਾ ਬੰਦ ਕਰ ਸਕਦੇ ਹੋ।

detail-name = ਨਾਂ
detail-email = ਈਮੇਲ
detail-phone = ਫ਼ੋਨ
detail-postal_code = ਡਾਕ ਕੋਡ
detail-city = ਸ਼ਹਿਰ
detail-country = ਦੇਸ਼
detail-comments = ਟਿੱਪਣੀ
detail-display = ਵਿਖਾਇਆ ਜਾਣ ਵਾਲਾ ਨਾਂ
detail-updates = ਈਮੇਲ ਰਾਹੀਂ ਖ਼ਬਰਾਂ
detail-when = ਕਦੋਂ
detail-place = ਕਿੱਥੇ
detail-party_size = ਕਿੰਨੇ ਜਣੇ
detail-interpretation = ਦੁਭਾਸ਼ੀਆ
detail-access_needs = ਪਹੁੰਚ ਲਈ ਲੋੜਾਂ
detail-offices = ਕਿਸ ਨੂੰ ਜਾਂਦੀ ਹੈ
detail-subject = ਵਿਸ਼ਾ
detail-message = ਚਿੱਠੀ
detail-show_email = ਚਿੱਠੀ ਵਿੱਚ ਈਮੇਲ
detail-status = ਸਥਿਤੀ
value-yes = ਹਾਂ
value-no = ਨਹੀਂ
value-none = ਕੋਈ ਨਹੀਂ

share-whatsapp = WhatsApp ਤੇ ਸਾਂਝਾ ਕਰੋ
share-telegram = Telegram ਤੇ ਸਾਂਝਾ ਕਰੋ
share-facebook = Facebook ਤੇ ਸਾਂਝਾ ਕਰੋ
share-email = ਈਮੇਲ ਰਾਹੀਂ ਸਾਂਝਾ ਕਰੋ
share-sms = ਟੈਕਸਟ ਸੁਨੇਹੇ ਰਾਹੀਂ ਸਾਂਝਾ ਕਰੋ
share-link = ਸਾਂਝਾ ਕਰਨ ਵਾਲਾ ਪੰਨਾ ਖੋਲ੍ਹੋ
code-title = ਕੋਡ ਨਾਲ ਪੁਸ਼ਟੀ ਕਰੋ
code-lead = ਆਪਣਾ ਈਮੇਲ ਪਤਾ ਅਤੇ ਸਾਡੀ ਈਮੇਲ ਵਿਚਲਾ ਕੋਡ ਭਰੋ।
code-hint = ਅੱਠ ਅੱਖਰ ਅਤੇ ਅੰਕ
code-button = ਪੁਸ਼ਟੀ ਕਰੋ
field-code = ਕੋਡ
my-title = ਮੇਰੇ ਦਸਤਖ਼ਤ
my-lead = ਆਪਣਾ ਈਮੇਲ ਪਤਾ ਭਰੋ। ਜੇ ਇਸ ਨੇ ਇੱਥੇ ਦਸਤਖ਼ਤ ਕੀਤੇ ਹਨ ਤਾਂ ਅਸੀਂ ਇਸ ਨੂੰ ਉਸ ਪੰਨੇ ਦਾ ਲਿੰਕ ਭੇਜਦੇ ਹਾਂ ਜਿੱਥੇ ਤੁਸੀਂ ਇਹ ਵੇਖ, ਬਦਲ ਅਤੇ ਮਿਟਾ ਸਕਦੇ ਹੋ।
my-button = ਮੈਨੂੰ ਲਿੰਕ ਭੇਜੋ
my-asked-title = ਆਪਣੀ ਈਮੇਲ ਵੇਖੋ
my-asked-lead = ਜੇ ਇਸ ਪਤੇ ਨੇ ਇੱਥੇ ਦਸਤਖ਼ਤ ਕੀਤੇ ਹਨ ਤਾਂ ਲਿੰਕ ਵਾਲੀ ਈਮੇਲ ਆ ਰਹੀ ਹੈ। ਅਸੀਂ ਸਭ ਨੂੰ ਇਹੋ ਕਹਿੰਦੇ ਹਾਂ, ਤਾਂ ਜੋ ਕੋਈ ਪਤਾ ਨਾ ਲਾ ਸਕੇ ਕਿ ਕਿਸ ਨੇ ਦਸਤਖ਼ਤ ਕੀਤੇ।
own-display-link = ਮੇਰਾ ਨਾਂ ਕਿਵੇਂ ਦਿਸੇ, ਇਹ ਬਦਲੋ
own-display-heading = ਤੁਹਾਡਾ ਨਾਂ ਕਿਵੇਂ ਦਿਸਦਾ ਹੈ
own-display-line = “{ $title }” ਦੇ ਨਾਲ ਤੁਹਾਡਾ ਨਾਂ ਇਸ ਤਰ੍ਹਾਂ ਦਿਸਦਾ ਹੈ।
own-display-button = ਸੰਭਾਲੋ
own-display-done = ਸੰਭਾਲ ਲਿਆ
own-data-link = ਮੇਰੀ ਜਾਣਕਾਰੀ ਡਾਊਨਲੋਡ ਕਰੋ
own-data-heading = ਤੁਹਾਡੀ ਜਾਣਕਾਰੀ
own-data-line = ਤੁਹਾਨੂੰ ਇੱਕ ਫ਼ਾਈਲ ਮਿਲਦੀ ਹੈ ਜਿਸ ਵਿੱਚ ਉਹ ਸਭ ਹੈ ਜੋ ਅਸੀਂ ਤੁਹਾਡੇ ਦਸਤਖ਼ਤਾਂ ਬਾਰੇ ਰੱਖਦੇ ਹਾਂ।
own-data-button = ਡਾਊਨਲੋਡ ਕਰੋ
own-erase-link = ਮੈਨੂੰ ਮਿਟਾਓ
own-erase-heading = ਤੁਹਾਡੇ ਬਾਰੇ ਸਭ ਕੁਝ ਮਿਟਾਓ
own-erase-line-1 = ਜੋ ਕੁਝ ਅਸੀਂ ਤੁਹਾਡੇ ਦਸਤਖ਼ਤਾਂ ਬਾਰੇ ਰੱਖਦੇ ਹਾਂ ਉਹ ਮਿਟਾ ਦਿੱਤਾ ਜਾਂਦਾ ਹੈ: ਨਾਂ, ਪਤਾ, ਜੋ ਤੁਸੀਂ ਲਿਖਿਆ ਅਤੇ ਜਿਸ ਲਈ ਤੁਸੀਂ ਸਹਿਮਤ ਹੋਏ।
own-erase-line-2 = ਜਿਸ ਤੇ ਤੁਸੀਂ ਦਸਤਖ਼ਤ ਕੀਤੇ ਉਹ ਕੁੱਲ ਗਿਣਤੀ ਵਿੱਚ ਇੱਕ ਅੰਕ ਵਜੋਂ ਰਹਿੰਦਾ ਹੈ। ਸਮਾਗਮਾਂ ਦੀ ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਅਤੇ ਚਿੱਠੀਆਂ ਦੇ ਆਪਣੇ ਲਿੰਕ ਹਨ।
own-erase-button = ਮੈਨੂੰ ਮਿਟਾਓ
own-erase-done-heading = ਤੁਹਾਨੂੰ ਮਿਟਾ ਦਿੱਤਾ ਗਿਆ
own-erase-done-line = ਅਸੀਂ ਤੁਹਾਡੇ ਦਸਤਖ਼ਤਾਂ ਬਾਰੇ ਹੁਣ ਕੁਝ ਨਹੀਂ ਰੱਖਦੇ।
own-signed = ਦਸਤਖ਼ਤ ਕੀਤੇ
